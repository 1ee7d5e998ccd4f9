#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# The shim as a parent may leave it: limits at 0, descriptors closed or full, a reader that is gone, signals, umask. Either
# the runtime is started, as it would have been without us, or there is one line, nothing is edited, and nothing is left.
# shellcheck disable=SC2016 # other shells'
load helpers
load attacks
load shim

setup() {
    shim_setup
    victim='' others=()
    # What the real runtime finds: its standard descriptors, and its signals. (Perl would open those that are missing.)
    cat >"$work/runtime-that-tells" <<EOF
#!/bin/sh
for fd in 0 1 2; do
    if [ -e /proc/\$\$/fd/\$fd ]; then echo "fd \$fd open" >&9; else echo "fd \$fd closed" >&9; fi
done 9>"$work/found.new"
mv "$work/found.new" "$work/found"
exec grep -E '^Sig(Ign|Blk)' /proc/self/status >>"$work/found"
EOF
    chmod 755 "$work/runtime-that-tells"
}
teardown() {
    attack_teardown
    shim_teardown
}

asks() { # [VALUE]
    asking pids-max "${1:-20}" disk-size/other 10Mi
    cp "$bundle/config.json" "$work/old"
    node_config "{\"runtime\": {\"path\": [\"$work/runtime-that-tells\"]}}"
    rm -f "$work/found"
}

create() { # [COMMAND...]
    cp "$work/old" "$bundle/config.json"
    run timeout --signal=KILL 20 "$@" "$BULKHEAD_RUNTIME" --log "$work/log" create --bundle "$bundle" c1
    [[ $status != 137 ]] || complain "it hangs, or was killed" "$output"
}

expect_started() {
    expect_eq '0 ' "$status $output"
    [[ -e $work/found ]]
    expect_different "$work/old" "$bundle/config.json"
    run bulkhead gc
    expect_eq 0 "$status" "gc, with $output"
    expect_nothing_left
}

expect_unchanged() {
    [[ ! -e $work/found ]] || complain "the runtime was started"
    cmp "$work/old" "$bundle/config.json"
    run bulkhead gc
    expect_eq 0 "$status" "gc, with $output"
    expect_nothing_left
}

expect_refused_in_log() { # REGEX
    expect_eq '1 ' "$status $output"
    expect_match "$1" "$(cat "$work/log")"
    expect_eq 1 "$(wc -l <"$work/log")"
    rm "$work/log"
    expect_unchanged
}

@test "limits at 0 that it does without" {
    local limit
    asks
    for limit in --core=0 --nproc=0 --memlock=0 --rss=0 --sigpending=0 --msgqueue=0; do
        create prlimit "$limit" --
        expect_started
        rm "$work/found"
    done
}

@test "a limit on the size of files is an error in its log, and no death with half an edit" {
    local limit
    asks
    for limit in 200 400 1000; do
        create prlimit --fsize="$limit" --
        expect_refused_in_log 'write: File too large'
    done
    create prlimit --fsize=0 -- # nor a log
    expect_match '^1 bulkhead: c1: .*write: File too large$' "$status $output"
    rm -f "$work/log"
    expect_unchanged
}

@test "few descriptors" {
    local limit
    asks
    for limit in 6 7; do
        create prlimit --nofile="$limit" --
        expect_refused_in_log 'Too many open files'
    done
    for limit in 0 3; do # nor a log
        create prlimit --nofile="$limit" --
        expect_match '^1 bulkhead: .*Too many open files$' "$status $output"
        expect_unchanged
    done
}

@test "no memory: one line, and no exception that nobody caught" {
    local limit told=0
    asks
    bundle_edit --rawfile text <(head -c 3000000 /dev/zero | tr '\0' x) '.annotations.large = $text'
    cp "$bundle/config.json" "$work/old"
    for limit in 500000 1000000 2000000 3000000; do
        create prlimit --data="$limit" --
        if [[ $status == 1 ]]; then
            told=$((told + 1))
            expect_refused_in_log 'the shim has no memory left'
        else
            expect_match '^(127|139)$' "$status" "with $limit and $output"
        fi
    done
    ((told >= 2))
}

@test "descriptors that are closed, in each combination: the runtime has them closed as well" {
    local closed number
    asks
    for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '0<&- 2>&-' '1>&- 2>&-' '0<&- 1>&- 2>&-'; do
        create bash -c 'exec "$@" '"$closed" bash
        for number in 0 1 2; do
            [[ $closed != *"$number"[\<\>]* ]] || expect_match "^fd $number closed\$" "$(grep "^fd $number" "$work/found")" "$closed"
        done
        expect_started
        rm "$work/found"
    done
    asks many
    for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&- 2>&-' '>/dev/full' '2>/dev/full'; do
        create bash -c 'exec "$@" '"$closed" bash
        expect_refused_in_log 'does not begin with a digit'
    done
}

@test "a refusal whose reader is gone, or that has no room, is a refusal" {
    asks many
    run perl -e 'pipe(my $r, my $w) or die; close $r; open(STDERR, ">&", $w) or die; exec @ARGV' \
        "$BULKHEAD_RUNTIME" create --bundle "$bundle" c1
    expect_eq '1 ' "$status $output"
    run perl -e 'open(STDERR, ">", "/dev/full") or die; exec @ARGV' "$BULKHEAD_RUNTIME" create --bundle "$bundle" c1
    expect_eq '1 ' "$status $output"
    run "$BULKHEAD_RUNTIME" --log /dev/full create --bundle "$bundle" c1
    expect_match '^1 bulkhead: c1: .*does not begin with a digit' "$status $output"
    expect_unchanged
}

@test "what is ignored and blocked is so for the runtime, and nothing besides" {
    local before
    asks
    for before in 'env --default-signal' 'env --ignore-signal=XFSZ --ignore-signal=CHLD --ignore-signal=PIPE' 'env --block-signal=TERM'; do
        # shellcheck disable=SC2086 # a command
        run $before "$work/runtime-that-tells"
        mv "$work/found" "$work/wanted"
        # shellcheck disable=SC2086 # a command
        create $before
        expect_eq "$(grep ^Sig "$work/wanted")" "$(grep ^Sig "$work/found")" "with $before"
        expect_started
    done
}

@test "umask, a working directory that is gone, no name of its own, an empty environment" {
    local umask
    asks
    for umask in 0777 0; do
        create bash -c "umask $umask"' && exec "$@"' bash
        expect_started
        expect_empty "$(find "$state_dir" -mindepth 1 -perm /022)"
    done
    create bash -c 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"' bash "$work/gone"
    output=${output#*getcwd() failed: No such file or directory} # the shell's that is the runtime
    expect_started
    create bash -c 'exec -a "" "$@"' bash
    expect_started
    create env -i
    expect_started
}

# A receipt of a process that lives, as createRuntime leaves it.
receipt_of_another() {
    sleep 1000 >/dev/null 2>&1 3>&- &
    others+=("$!")
    mkdir -m 700 "$state_dir/containers" "$state_dir/containers/c1"
    jq --null-input --arg bundle "$bundle" --argjson pid "$!" --arg boot "$(cat /proc/sys/kernel/random/boot_id)" \
        --argjson start "$(sed 's/.*) //' "/proc/$!/stat" | cut -d ' ' -f 20)" '
        {formatVersion: 1, id: "c1", $bundle, $pid, startTime: $start, bootId: $boot, phase: "running",
         promises: {"pids-max": 20}, asked: {}, cgroup: []}' >"$state_dir/containers/c1/x.json"
}

@test "an update whose standard input is closed has its resources from the file" {
    asks
    receipt_of_another
    printf '{"pids": {"limit": 1000}}' >"$work/resources"
    printf '#!/bin/sh\ncat >"%s"\n' "$work/handed-on" >"$work/runtime-that-tells"
    run bash -c 'exec "$@" <&-' bash "$BULKHEAD_RUNTIME" update --resources "$work/resources" c1
    expect_eq '0 ' "$status $output"
    expect_eq 20 "$(jq .pids.limit "$work/handed-on")"
}
