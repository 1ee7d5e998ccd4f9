#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain
# smp: 4
# matrix: a minute and more
#
# Members that join and leave one segment at random, some without a word, with gc beside: none is without its mount,
# nothing is freed under a member, and nothing is left. The hook is called as a runtime would, by hand, with a process
# for each container: with real ones (tests/integration/segments-race.bats) four processors would only wait for the
# runtime. RACE_SECONDS=60 and RACE_WORKERS=24 by hand.
load ../helpers

race=/run/race
segment=/run/bulkhead/segments/local/x
bulkhead=$(dirname "$BULKHEAD_HOOK")/bulkhead

wrong() { printf '%s: %s\n' "$member" "$*" >>"$race/wrong"; }

# With few programs, and those static: see disk-claims.bats. The hook's state is its standard input.
hook_as() { # STAGE STATUS PID
    "$BULKHEAD_HOOK" "$1" <<<"{\"ociVersion\":\"1.0.2\",\"id\":\"$member\",\"status\":\"$2\",\"pid\":$3,\"bundle\":\"$race/bundle\",
        \"annotations\":{\"io.bulkhead.segment.x\":\"\"}}" >"$race/said.$member" 2>&1 ||
        wrong "$1 ended with $?: $(<"$race/said.$member")"
}

nap() { read -rt "0.$((RANDOM % 10))" <"$race/never" || true; }

# What it has is the node's segment, with what it put there.
look() { # PID
    local there=/proc/$1/root$race/root/mnt/race/x text=
    [[ $there -ef $segment ]] || wrong "is not on the node's segment"
    read -r text <"$there/$member" || true
    [[ $text == "$1" ]] || wrong "its file is gone"
}

one_life() { # NUMBER
    local pid
    member=m$1
    busybox unshare -m busybox sleep 1000 &
    pid=$!
    until [[ ! /proc/$pid/ns/mnt -ef /proc/self/ns/mnt ]]; do nap; done
    hook_as createRuntime creating "$pid"
    echo "$pid" >"/proc/$pid/root$race/root/mnt/race/x/$member"
    look "$pid"
    nap
    look "$pid"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    if ((RANDOM % 8 == 0)); then
        echo killed >>"$race/lives"
    else
        hook_as poststop stopped 0
        echo left >>"$race/lives"
    fi
}

live() { # WORKER
    local life=0
    RANDOM=$1
    exec 0</dev/null
    while ((SECONDS < until)); do
        one_life "$1-$((++life))"
        nap
    done
}

setup_file() {
    mkdir -p "$race/bundle" "$race/root/mnt"
    mkfifo "$race/never"
    sleep 10000 >"$race/never" 2>/dev/null 3>&- & # somebody who could write, so that a read waits
    echo $! >"$race/writer"
    printf '{"ociVersion":"1.0.2","root":{"path":"%s"},"annotations":{"io.bulkhead.segment.x":"path=/mnt/race/x size=64Mi"}}' \
        "$race/root" >"$race/bundle/config.json"
    awk '/^Shmem:/ { print $2 }' /proc/meminfo >"$race/shmem"
    local worker until=$((SECONDS + ${RACE_SECONDS:-60})) workers=()
    for ((worker = 1; worker <= ${RACE_WORKERS:-24}; worker++)); do
        live "$worker" >/dev/null 2>>"$race/noise" 3>&- &
        workers+=($!)
    done
    while ((SECONDS < until)); do
        "$bulkhead" gc >>"$race/gc" 2>&1 || true
        nap
    done
    wait "${workers[@]}"
    kill "$(<"$race/writer")"
}
setup() { :; }
teardown() { :; }

@test "no member was without its mount, and none lost what it had put there" {
    expect_empty "$(cat "$race/wrong" 2>/dev/null)"
    expect_empty "$(grep -v Killed "$race/noise")"
    echo "# $(nproc) processors: $(grep -c left "$race/lives") left, $(grep -c killed "$race/lives") were killed, gc found $(grep -c released "$race/gc")" >&3
    (($(wc -l <"$race/lives") > 50))
    expect_empty "$(grep -v '^released ' "$race/gc")"
}

@test "gc finds the rest, and nothing is left" {
    "$bulkhead" gc
    expect_empty "$(find /run/bulkhead -mindepth 2)"
    [[ ! -e ${segment%/local/x} ]]
    expect_empty "$(grep -F /run/bulkhead /proc/1/mountinfo)"
    expect_empty "$(ls "$race/root/mnt/race/x")"
    wait_until 10 eval "((\$(awk '/^Shmem:/ { print \$2 }' /proc/meminfo) - $(<"$race/shmem") < 2000))"
}
