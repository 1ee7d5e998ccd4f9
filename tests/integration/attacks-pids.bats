#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# Process ids that are none, or somebody else's by now; times that jump.
# shellcheck disable=SC2016 # jq's variables
load helpers
load attacks

setup() {
    attack_setup
    victim_start
}
teardown() { attack_teardown; }

# createRuntime of a state with this text for a pid.
create_with_pid() { # TEXT
    hook_state creating 4711 | sed "s/\"pid\":4711/\"pid\":$1/" >"$work/stdin"
    hook_with createRuntime
}

@test "numbers that are no process id" {
    local pid
    for pid in -1 2147483648 4294967297 9223372036854775807 9223372036854775808 -9223372036854775809 1.0 1e1 1E999 0x10 \
        '\"5\"' true '[1]' '{}' 99999999999999999999999 +5; do
        create_with_pid "$pid"
        expect_refused_with 65 '^bulkhead: pid (-?[0-9]+ is not a process id|is not an integer, or out of range)$'
    done
    for pid in 0 1 -0 null; do
        create_with_pid "$pid"
        expect_refused_with 65 'the state names no process'
    done
    create_with_pid 2147483647
    expect_refused_with 71 'process 2147483647 of the container is gone$'
}

@test "a zombie, and a process that ends between the state and the hook" {
    perl -e 'if (!fork) { exit 0 } sleep 1000' >/dev/null 2>&1 3>&- &
    others+=("$!")
    wait_until 5 pgrep --parent "$!" --runstates Z >/dev/null
    create_with_pid "$(pgrep --parent "$!")"
    expect_refused_with 71 'process [0-9]+ of the container is gone$'
    hook_state creating "$victim" >"$work/stdin"
    victim_end
    hook_with createRuntime
    expect_eq 71 "$status" "exit status with $output"
    expect_match 'process [0-9]+ of the container is gone$' "$output"
    expect_clean
}

@test "a process that ends while the hook works leaves nothing" {
    local call
    for call in openat2 fspick open_tree setns move_mount; do
        [[ -n $victim ]] || victim_start
        create_until "$call" 1
        wait_until 10 hook_is_stopped || complain "it does not come to $call" "$(cat "$work/said")"
        victim_end
        create_goes_on "$!"
        victim_over
    done
}

@test "the number of a thread, and the hook's own" {
    "$checkout/build/release/tests/thread" >"$work/tid" 2>/dev/null 3>&- &
    others+=("$!")
    wait_until 5 test -s "$work/tid"
    create_with_pid "$(cat "$work/tid")"
    expect_refused_with 65 'process [0-9]+ of the state is a thread of one$'
    hook_state creating 4711 >"$work/stdin"
    run bash -c 'sed "s/4711/$$/" "$1" >"$1.own" && exec "${@:2}" <"$1.own"' bash "$work/stdin" \
        "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" createRuntime
    expect_refused_with 65 "process [0-9]+ of the state is the hook's own, not the container's\$"
}

# With the runtime that would have kept it a zombie: a process of the node's that gets its number is not limited.
@test "a number that another process got after the hook was started" {
    local cgroup pid
    cgroup=$(victim_cgroups | tail -n 1)/other
    bundle_edit '.annotations = {"io.bulkhead.pids-max": "20"}'
    mkfifo "$work/fifo"
    "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" createRuntime <"$work/fifo" >"$work/said" 2>&1 3>&- &
    pid=$!
    exec 4>"$work/fifo"
    sleep 0.1 # start times are in hundredths of a second
    mkdir "$cgroup"
    sleep 1000 >/dev/null 2>&1 3>&- 4>&- &
    others+=("$!")
    echo "$!" >"$cgroup/cgroup.procs"
    hook_state creating "$!" >&4
    exec 4>&-
    status=0
    wait "$pid" || status=$?
    expect_eq "71 bulkhead: c1: process $! of the container is gone, and another one has its number" "$status $(cat "$work/said")"
    expect_eq max "$(cat "$cgroup/pids.max")"
    expect_no_walls
    fixture_kill "$!"
    rmdir "$cgroup"
}

# --- A receipt whose number is another's by now -------------------------------------------------------------------------

receipt_edit() { # FILTER
    local file
    file=$(receipts)
    jq "$1" "$file" >"$work/receipt"
    cat "$work/receipt" >"$file"
}

@test "a receipt's number that another process has by now: the container is gone" {
    create
    expect_walls
    local pid=$victim
    sleep 0.02
    sleep 1000 >/dev/null 2>&1 3>&- &
    others+=("$!")
    receipt_edit ".pid = $!" # with the start time of the container
    fixture_kill "$pid"
    victim=''
    collect
    expect_match '^0 released containers/c1/' "$status $output"
    expect_empty "$(leftovers)"
    kill -0 "${others[0]}"
}

@test "receipts with numbers that no process can have, or of another boot: gone, and gc frees what they held" {
    local edit
    for edit in '.pid = 0' '.pid = 2147483647' '.startTime = 0' '.startTime = 9007199254740991' \
        '.bootId = "00000000-0000-0000-0000-000000000000"' '.bootId = ""'; do
        [[ -n $victim ]] || victim_start
        create
        expect_walls
        receipt_edit "$edit"
        victim_end
        collect
        expect_match '^0 released containers/c1/' "$status $output" "of $edit"
        expect_empty "$(leftovers)" "left of $edit"
        rm -rf "$bundle"
    done
    for edit in '.pid = -1' '.pid = 4294967296' '.pid = 1.5' '.startTime = 1e999' '.pid = "1"'; do
        victim_start
        create
        receipt_edit "$edit" || sed -i 's/"startTime": [0-9]*/"startTime": 1e999/' "$(receipts)"
        collect
        expect_match '^1 failed containers/c1/.*receipt .*; remove it when its container is gone' "$status $output" "of $edit"
        expect_walls
        rm "$(receipts)"
        victim_over
    done
}

# --- Times --------------------------------------------------------------------------------------------------------------

@test "files from 1970 and from the future change nothing" {
    local time
    for time in @0 @4102444800 @-1; do
        [[ -n $victim ]] || victim_start
        create
        expect_walls
        find "$state_dir" -exec touch --no-dereference --date="$time" {} +
        create # the second run changes nothing
        expect_eq '0 ' "$status $output"
        collect
        expect_eq '0 ' "$status $output"
        expect_walls
        run bulkhead list
        expect_eq 0 "$status"
        expect_match 'c1 .*running' "$output"
        victim_end
        stop
        expect_empty "$(leftovers)" "left by poststop at $time"
        rm -rf "$bundle"
    done
}

# Start times are told by the clock of the reader's time namespace; the hook's and gc's are the node's.
@test "a container in a time namespace of its own, whose clocks are days off" {
    unshare --time --fork true 2>/dev/null || skip_because "this kernel has no time namespaces"
    victim_end
    victim_process unshare --fork --kill-child --time --boottime 864000 --monotonic 864000
    create
    expect_walls
    collect
    expect_eq '0 ' "$status $output"
    expect_walls
    expect_clean
}
