#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The runtime shim and accidents: killed in the middle of an edit, a runtime that fails or is killed after the shim's
# work, two creates of one container at once. What is left is whole, and gc finds what nobody needs any more.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load shim

setup() {
    shim_setup
    others=()
}

teardown() {
    if ((${#others[@]} > 0)); then kill "${others[@]}" 2>/dev/null || true; fi
    shim_teardown
}

gc() { "$BULKHEAD" gc; }

expect_clean_after_gc() { # WHEN
    run gc
    expect_eq 0 "$status" "gc after $1 with $output"
    expect_empty "$(find "$state_dir/containers" "$state_dir/segments" /var/lib/bulkhead/disk -type f 2>/dev/null)" \
        "left after $1"
}

create() { runtime create --bundle "$bundle" --pid-file "$bundle/pid" "$id" </dev/null >"$bundle/log" 2>&1; }

# As engines do with what did not come to life.
remove() { plain delete --force "$id" >/dev/null 2>&1 || true; }

expect_second_try_works() {
    container_start
    expect_eq 20 "$(cgroup_value pids.max)"
    expect_eq "running $(container_pid) 1" "$(receipt | jq --raw-output '"\(.phase) \(.pid) \(.guard.putUp)"')"
    expect_eq 1 "$(filters_of "$(container_pid)")"
    container_delete
    expect_nothing_left
}

both_kinds() { asking disk-size/other 10Mi pids-max 20; }

# --- Killed in the middle of the edit --------------------------------------------------------------------------------

# The calls of the shim from when it has read config.json until it becomes the runtime, as lines "NAME N": its N-th call
# of that name (strace counts each name by itself).
calls_of_edit() {
    strace --quiet=all --output="$work/calls" --string-limit=200 env PATH="$shims:$PATH" \
        "$RUNTIME" --root "$work/runtime" run --bundle "$bundle" "$id" </dev/null 3>&-
    awk -F'(' -v config="\"$bundle/config.json\"" '
        /^execve/ && ++programs == 3 { exit }
        $1 ~ /^[a-z0-9_]+$/ { ++n[$1]; if (from) print $1, n[$1] }
        index($0, config) { from = 1 }' "$work/calls"
}

kill_shim_at() { # NAME N
    local status=0
    # In a shell that ends quietly, where this one would tell each death.
    (exec 2>/dev/null; strace --quiet=all --output="$work/calls" --inject="$1:signal=KILL:when=$2" \
        env PATH="$shims:$PATH" "$RUNTIME" --root "$work/runtime" run --bundle "$bundle" "$id" </dev/null 3>&-
        exit "$?") || status=$?
    expect_eq 137 "$status" "killed at $1 $2"
}

@test "killed at each call of the edit: config.json is the old one or the new one, and the next start works" {
    both_kinds
    bundle_edit '.process.args = ["true"]'
    cp "$bundle/config.json" "$work/old"
    local calls call name n old=0 new=0 temporary=0
    mapfile -t calls < <(calls_of_edit)
    cp "$bundle/config.json" "$work/new"
    expect_different "$work/old" "$work/new"
    for call in "${calls[@]}"; do
        read -r name n <<<"$call"
        cp "$work/old" "$bundle/config.json"
        kill_shim_at "$name" "$n"
        if cmp --quiet "$work/old" "$bundle/config.json"; then
            old=$((old + 1))
        else
            cmp "$work/new" "$bundle/config.json" || complain "after $call"
            new=$((new + 1))
        fi
        [[ ! -e $bundle/.config.json.tmp ]] || temporary=$((temporary + 1))
        runtime run --bundle "$bundle" "$id" </dev/null
        cmp "$work/new" "$bundle/config.json"
        expect_nothing_left
    done
    echo "# killed at ${#calls[@]} calls: the old one $old times, the new one $new, a temporary file $temporary" >&3
    ((old >= 20 && new >= 2 && temporary >= 3))
}

# --- A runtime that fails --------------------------------------------------------------------------------------------

# Refused by the runtime: what it then leaves, and that the hook ran or did not.
refused() { # WHAT FILTER
    both_kinds
    cp "$bundle/config.json" "$work/good"
    bundle_edit "$2"
    run create
    if [[ $status == 0 ]]; then # crun looks for the program at start
        run runtime start "$id"
    fi
    [[ $status != 0 ]] || complain "$1: it started"
    remove
    expect_clean_after_gc "$1"
    cp "$work/good" "$bundle/config.json"
    expect_second_try_works
}

@test "a runtime that refuses, before createRuntime and after it" {
    refused "a program that is not there" '.process.args = ["/not/there"]'
    refused "a namespace that is not there" '(.linux.namespaces[] | select(.type == "network")).path = "/not/there"'
    refused "a mount that is not possible" \
        '.mounts += [{destination: "/x", type: "none", source: "/not/there", options: ["bind"]}]'
    refused "a hook of somebody else's that fails" '.hooks.createRuntime = [{path: "/bin/false"}]'
    refused "a later hook that fails" '.hooks.createContainer = [{path: "/bin/false"}]'
}

@test "a runtime that cannot be executed: nothing is left" {
    both_kinds
    cp "$bundle/config.json" "$work/good"
    mkdir "$work/broken"
    printf '\177ELF' >"$work/broken/$RUNTIME"
    chmod 755 "$work/broken/$RUNTIME"
    run env PATH="$work/broken" "$shims/$RUNTIME" --root "$work/runtime" create --bundle "$bundle" "$id" </dev/null
    expect_eq "1 bulkhead: c1: execute $work/broken/$RUNTIME: Exec format error" "$status $output"
    expect_nothing_left
    local there_is_none="bulkhead: c1: no runtime to become: looked for \"$RUNTIME\" in"
    run env PATH="$work" "$shims/$RUNTIME" --root "$work/runtime" create --bundle "$bundle" "$id" </dev/null
    expect_match "^1 $there_is_none" "$status $output"
    run env PATH="$work" "$shims/$RUNTIME" --log "$work/log" --log-format json create --bundle "$bundle" "$id" </dev/null
    expect_eq "1 " "$status $output"
    expect_match "^$there_is_none" "$(jq --raw-output .msg "$work/log")"
    expect_nothing_left
    expect_second_try_works
}

@test "an option that is not known may name another container: refused, where ours asks for something" {
    both_kinds
    run runtime create --new-option --bundle "$bundle" "$id" </dev/null
    expect_eq "1 bulkhead: c1: the runtime's command line has an option that is not known, so that it cannot be told which container it is about; write its value behind \"=\"" \
        "$status $output"
    expect_nothing_left
    asking
    run runtime create --new-option --bundle "$bundle" "$id" </dev/null
    [[ $status != 0 && $output != *bulkhead:* ]]
    expect_match 'new-option' "$output"
}

@test "crun's --config, of another file than the hook would read" {
    [[ $RUNTIME == crun ]] || skip_because "runc has no such option"
    both_kinds
    cp "$bundle/config.json" "$work/other.json"
    run runtime create --config "$work/other.json" --bundle "$bundle" "$id" </dev/null
    expect_eq "1 bulkhead: c1: the hook reads config.json in the bundle, and --config is about another file; put it into the bundle" \
        "$status $output"
    expect_nothing_left
    runtime create --config "$bundle/config.json" --bundle "$bundle" --pid-file "$bundle/pid" "$id" </dev/null \
        >"$bundle/log" 2>&1
    expect_eq 1 "$(filters_of "$(container_pid)")"
}

# The hook, and the container's first process, learn of it a moment later than the runtime.
hook_and_process_are_gone() {
    ! pgrep --exact bulkhead-hook >/dev/null || return 1
    process_is_gone "$(receipt 2>/dev/null | jq .pid)"
}

# The container may have come to life by then: only its removal tells the runtime that nobody waits for it.
@test "a runtime that is killed at any time after the shim's work" {
    local round pid phase prepared=0 running=0
    both_kinds
    cp "$bundle/config.json" "$work/old"
    for round in {1..16}; do
        cp "$work/old" "$bundle/config.json"
        runtime create --bundle "$bundle" "$id" </dev/null >"$bundle/log" 2>&1 &
        pid=$!
        sleep "0.$((round % 2 * (RANDOM % 3)))$((RANDOM % 10))"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        phase=$(receipt 2>/dev/null | jq --raw-output .phase) || true
        if [[ $phase == prepared ]]; then prepared=$((prepared + 1)); fi
        if [[ $phase == running ]]; then running=$((running + 1)); fi
        remove
        rm -rf "$work/runtime"
        wait_until 5 hook_and_process_are_gone
        expect_clean_after_gc "round $round"
        rm -f "$bundle/.config.json.tmp"
    done
    echo "# in 16 rounds the receipt was prepared $prepared times and running $running times" >&3
    ((prepared + running >= 4))
    expect_second_try_works
}

# --- Two creates -----------------------------------------------------------------------------------------------------

@test "a second create of a container that lives: it exists, and the first is as it was" {
    both_kinds
    container_start
    local before
    before=$(receipt)
    cp "$bundle/config.json" "$work/before"
    run plain create --bundle "$bundle" "$id" </dev/null
    local real=$status said
    said=$(sed -E 's/time="[^"]*"|^[0-9T:.Z-]+//' <<<"$output")
    [[ $real != 0 ]]
    run create
    expect_eq "$real" "$status"
    expect_eq "$said" "$(sed -E 's/time="[^"]*"|^[0-9T:.Z-]+//' "$bundle/log")"
    expect_match 'exist' "$said"
    expect_eq "$before" "$(receipt)"
    cmp "$work/before" "$bundle/config.json"
    expect_eq 20 "$(cgroup_value pids.max)"
    expect_eq running "$(runtime state "$id" | jq --raw-output .status)"
    container_delete
    expect_nothing_left
}

create_in_background() { # N
    (status=0
     runtime create --bundle "$bundle" --pid-file "$work/pid.$1" "$id" </dev/null >"$work/log.$1" 2>&1 || status=$?
     echo "$status" >"$work/status.$1") &
    creates+=("$!")
}

gc_beside() { while [[ ! -e $work/enough ]]; do gc >/dev/null || echo "gc failed: $?" >>"$work/gc-failed"; done; }

one_wins() { # ROUND
    local creates=() won winner
    cp "$work/old" "$bundle/config.json"
    create_in_background 1
    create_in_background 2
    wait "${creates[@]}"
    won=$(grep -lx 0 "$work"/status.[12]) || true
    winner=${won##*.}
    expect_match "^$work/status.[12]\$" "$won" "who won round $1: $(cat "$work"/log.[12])"
    expect_match 'exist|^bulkhead: c1: is being created by process [0-9]+ already; wait until that is done$' \
        "$(<"$work/log.$((3 - winner))")" "what the other was told in round $1"
    cmp "$work/new" "$bundle/config.json"
    cp "$work/pid.$winner" "$bundle/pid"
    expect_eq "running $(container_pid) 1" "$(receipt | jq --raw-output '"\(.phase) \(.pid) \(.guard.putUp)"')"
    expect_eq 20 "$(cgroup_value pids.max)"
    expect_eq 1 "$(filters_of "$(container_pid)")"
    runtime start "$id"
    container_delete
    expect_nothing_left
}

@test "two creates of the same container at once, with gc beside: one wins and is whole" {
    local round collector
    both_kinds
    cp "$bundle/config.json" "$work/old"
    create
    cp "$bundle/config.json" "$work/new"
    container_delete
    gc_beside 3>&- &
    collector=$!
    others=("$collector")
    for round in {1..10}; do one_wins "$round"; done
    touch "$work/enough"
    wait "$collector"
    [[ ! -e $work/gc-failed ]]
}
