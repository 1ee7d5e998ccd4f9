#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# matrix: a minute of it with each runtime
#
# 50 containers that join and leave one segment at random for a minute, some killed together with what the runtime knows
# of them, with gc beside: none is without its mount, nothing is freed under a member, and nothing is left.
# RACE_SECONDS=60 and RACE_CONTAINERS=50 by hand.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load segments

setup() { :; }
teardown() { :; }

# One root for all, so that they race for the mount point as well.
prepare() {
    bundle_new root
    local i
    for ((i = 1; i <= containers; i++)); do
        bundle_use "m$i"
        mkdir "$bundle"
        cp "$work/bundles/root/config.json" "$bundle"
        bundle_edit --arg root "$work/bundles/root/rootfs" --arg cgroup "$cgroup_parent/$id" \
            '.root.path = $root | .linux.cgroupsPath = $cgroup | .linux.namespaces = [.linux.namespaces[] | select(.type != "network")]'
        bundle_hook
        bundle_annotate io.bulkhead.segment.x 'path=/mnt/race/x size=64Mi'
    done
}

wrong() { printf '%s: %s\n' "$id" "$*" >>"$work/wrong"; }

# The segment that this container has is the node's, which is where it was, with what this container put there.
look() { # PID DEVICE
    local there=/proc/$1/root/mnt/race/x
    [[ $(stat -c %d "$there" 2>&1) == "$2" ]] || wrong "is not on its segment"
    [[ $(cat "$there/$id" 2>&1) == "$1" ]] || wrong "its file is gone"
    [[ $(stat -c %d "$(segment_root)" 2>&1) == "$2" ]] || wrong "the node has another segment"
}

one_life() {
    local pid device
    container_start >"$bundle/said" 2>&1 || { wrong "did not start: $(cat "$bundle/said")"; return; }
    pid=$(container_pid)
    device=$(stat -c %d "/proc/$pid/root/mnt/race/x")
    grep -q ' /mnt/race/x .* tmpfs bulkhead ' "/proc/$pid/mountinfo" || wrong "has no mount"
    echo "$pid" >"/proc/$pid/root/mnt/race/x/$id"
    dd if=/dev/zero of="/proc/$pid/root/mnt/race/x/$id.data" bs=64k count=8 2>/dev/null
    sleep "0.$((RANDOM % 10))"
    look "$pid" "$device"
    rm "/proc/$pid/root/mnt/race/x/$id.data"
    if ((RANDOM % 8 == 0)); then # with its runtime: no poststop
        kill -KILL "$pid"
        wait_until 10 process_is_gone "$pid"
        rm -rf "${work:?}/runtime/$id"
        echo killed >>"$work/lives"
    else
        container_delete >"$bundle/said" 2>&1 || wrong "was not deleted: $(cat "$bundle/said")"
        echo left >>"$work/lives"
    fi
}

live() { # NUMBER
    bundle_use "m$1"
    RANDOM=$1
    while ((SECONDS < until)); do
        one_life
        sleep "0.$((RANDOM % 10))"
    done
}

setup_file() {
    containers=${RACE_CONTAINERS:-50}
    harness_setup
    export work state_dir config cgroup_parent
    prepare
    memory_before=$(memory_kib)
    export memory_before
    local i until=$((SECONDS + ${RACE_SECONDS:-60}))
    for ((i = 1; i <= containers; i++)); do live "$i" >/dev/null 2>&1 3>&- & done
    while ((SECONDS < until)); do
        bulkhead gc >>"$work/gc" 2>&1 || true
        sleep 0.3
    done
    wait
}

teardown_file() { harness_teardown; }

@test "no member was without its mount, and none lost what it had put there" {
    expect_empty "$(cat "$work/wrong" 2>/dev/null)"
    echo "# $RUNTIME: $(grep -c left "$work/lives") left, $(grep -c killed "$work/lives") were killed, gc found $(grep -c released "$work/gc")" >&3
    (($(wc -l <"$work/lives") > 100))
    expect_empty "$(grep -v '^released ' "$work/gc")"
}

@test "gc finds the rest, and nothing is left" {
    bulkhead gc
    expect_nothing_left
    expect_empty "$(grep -F bulkhead-tests /proc/1/mountinfo | grep -F /segments)"
    wait_until 40 eval '(($(memory_kib) - memory_before < 2000))' || complain "$memory_before KiB before, $(memory_kib) KiB after"
}
