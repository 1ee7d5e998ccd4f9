#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# The hook, and gc, as a parent may leave them: limits at 0, descriptors closed, full or endless, signals ignored or
# blocked, an odd environment, no memory. A refusal in words or all of the walls; nothing half, no crash, no hang.
# shellcheck disable=SC2016 # other shells' variables
load helpers
load attacks

setup() { attack_setup; }
teardown() { attack_teardown; }

# createRuntime, and poststop afterwards, under COMMAND: it works as ever.
works_under() { # COMMAND...
    victim_start
    create "$@"
    expect_eq '0 ' "$status $output" "under $*"
    expect_walls
    victim_end
    stop "$@"
    expect_eq '0 ' "$status $output" "poststop under $*"
    expect_empty "$(leftovers)" "left by poststop under $*"
    rm -rf "$bundle"
}

refused_under() { # CODE REGEX COMMAND...
    victim_start
    create "${@:3}"
    expect_refused_with "$1" "$2"
    victim_over
}

# --- Limits ------------------------------------------------------------------------------------------------------------

@test "limits at 0 that it does without" {
    local limit
    for limit in --core=0 --nproc=0 --memlock=0 --rss=0 --sigpending=0 --msgqueue=0 --nice=0 --rtprio=0; do
        works_under prlimit "$limit" --
    done
}

@test "few descriptors: refused with the reason, as long as there are not enough" {
    local limit
    for limit in 0 1 3 4 5 6 8; do
        refused_under 71 '^bulkhead: c1: .*: Too many open files$' prlimit --nofile="$limit" --
    done
    works_under prlimit --nofile=64 --
}

@test "a limit on the size of files is an error, not a death" {
    local limit
    for limit in 0 1 100; do
        refused_under 71 '^bulkhead: c1: receipt: .*/containers/c1: write: File too large$' prlimit --fsize="$limit" --
    done
    works_under prlimit --fsize=4096 --
    victim_start
    create
    expect_walls
    victim_end
    collect prlimit --fsize=0 --
    expect_match '^0 released containers/c1/' "$status $output"
    expect_empty "$(leftovers)"
}

# What is so small that libc does not come up ends by a signal before main(): then nothing is begun.
@test "little memory: a refusal in words, and never an exception that nobody caught" {
    local limit told=0
    [[ $BULKHEAD_HOOK != */coverage/* ]] || skip_because "what counts there takes memory of its own"
    victim_start
    # Annotations of the engine's, which the hook has to read.
    bundle_edit --rawfile text <(head -c 3000000 /dev/zero | tr '\0' x) '.annotations.large = $text'
    hook_state creating "$victim" | jq --compact-output 'del(.annotations.large)' >"$work/stdin"
    for limit in 100000 500000 1000000 2000000 3000000; do
        hook_with createRuntime prlimit --data="$limit" --
        expect_no_walls
        if [[ $status == 71 ]]; then
            told=$((told + 1))
            expect_match '^bulkhead: .*the hook has no memory left; raise the limits that it inherits' "$output"
        else
            expect_match '^(127|139)$' "$status" "with $limit and $output"
        fi
    done
    ((told >= 3))
    hook_with createRuntime
    expect_walls
    victim_end
    hook_state stopped | jq --compact-output '.annotations = {large: ("x" * 900000)}' >"$work/stdin"
    for limit in 300000 600000; do
        hook_with poststop prlimit --data="$limit" --
        expect_eq '0 ' "$status $output"
    done
    expect_clean
}

# The kernel ends it wherever it is then, as SIGKILL would.
@test "a cgroup at its limit of memory: all of the walls, or a kill after which gc leaves nothing" {
    require_version_1
    local limit group=/sys/fs/cgroup/memory$cgroup_parent/hook killed=0
    mkdir -p "$group"
    for limit in 100 200 250 300 350 400 500 600 800 4000; do
        echo $((limit << 10)) >"$group/memory.limit_in_bytes"
        victim_told
        run timeout 20 sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" \
            "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" createRuntime <"$work/stdin"
        case $status in
        0) expect_walls ;;
        71) expect_no_walls ;;
        137) killed=$((killed + 1)) ;;
        *) complain "with $limit KiB it ends with $status" "$output" ;;
        esac
        victim_over
    done
    rmdir "$group"
    echo "# killed $killed times" >&3
    ((killed > 0))
}

@test "a small stack" {
    local limit
    works_under prlimit --stack=65536 --
    for limit in 0 4096 16384; do # the kernel ends it, in main() or before
        victim_start
        create prlimit --stack="$limit" --
        expect_match '^(0|139)$' "$status"
        victim_over
    done
}

# --- Descriptors -------------------------------------------------------------------------------------------------------

# A file that is opened where stderr should be would be written to with it.
@test "descriptors 1 and 2 closed or full, in each combination: it works, and refuses as ever" {
    local out err
    for out in '' '>&-' '>/dev/full'; do
        for err in '' '2>&-' '2>/dev/full'; do
            works_under bash -c 'exec "$@" '"$out $err" bash
            victim_start
            bundle_ask pids-max many
            create bash -c 'exec "$@" '"$out $err" bash
            expect_eq 64 "$status" "exit status with $out $err"
            expect_no_walls
            expect_match 'does not begin with a digit' "$(jq .line "$state_dir"/errors/*.json)"
            expect_empty "$(grep -rl 'does not begin' "$work" | grep -v "^$state_dir/errors/")" "where it was written, too"
            expect_clean
            rm -rf "$bundle" "$state_dir"
        done
    done
}

@test "a thousand descriptors that leaked in: none of them is there when the state is read" {
    mkfifo "$work/fifo"
    victim_told
    prlimit --nofile=2000:2000 bash -c 'for ((i = 3; i < 1000; i++)); do eval "exec $i<>/dev/null"; done; exec "$@"' bash \
        "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" createRuntime <"$work/fifo" 3>&- &
    exec 4>"$work/fifo"
    wait_until 10 eval "[[ \$(ls /proc/$!/fd | wc -l) == 3 ]]"
    expect_eq $'0\n1\n2' "$(ls "/proc/$!/fd")"
    cat "$work/stdin" >&4
    exec 4>&-
    wait "$!"
    expect_walls
    expect_clean
}

expect_stdin_refused() { # CODE REGEX REDIRECTION
    local stage
    victim_start
    for stage in createRuntime ''; do
        # shellcheck disable=SC2086 # no stage is one of the cases
        run timeout --signal=KILL 20 bash -c 'exec "$@" '"$3" bash "$BULKHEAD_HOOK" --config "$config" \
            --state-dir "$state_dir" $stage
        expect_refused_with "$1" "$2"
    done
    run timeout --signal=KILL 20 bash -c 'exec "$@" '"$3" bash "$BULKHEAD_HOOK" --config "$config" \
        --state-dir "$state_dir" poststop
    expect_eq '0 ' "$status $output" "poststop with $3"
    victim_over
}

@test "no state on standard input: the container does not start without its walls" {
    local empty
    for empty in '<&-' '</dev/null' '< <(exec true)'; do
        expect_stdin_refused 65 'there is no state on it$' "$empty"
    done
}

@test "standard input that is a directory, or has no end" {
    expect_stdin_refused 71 'read: Is a directory$' '</'
    expect_stdin_refused 65 'standard input has no end; a runtime writes its state there$' '</dev/zero'
}

@test "standard input that is a socket or a terminal" {
    victim_told
    run timeout --signal=KILL 20 perl -MSocket -e '
        socketpair(my $ours, my $its, AF_UNIX, SOCK_STREAM, 0) or die;
        if (!fork) { close $its; print $ours do { local (@ARGV, $/) = "'"$work/stdin"'"; <> }; close $ours; exit 0 }
        close $ours; open(STDIN, "<&", $its) or die; exec @ARGV' \
        "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" createRuntime
    expect_eq '0 ' "$status $output"
    expect_walls
    victim_over
    # On a terminal a line is at most 4096 bytes, and ^D at the beginning of one is the end.
    victim_told
    run timeout --signal=KILL 20 script --quiet --return --command \
        "'$BULKHEAD_HOOK' --config '$config' --state-dir '$state_dir' createRuntime" /dev/null < <(cat "$work/stdin"; printf '\n\004')
    expect_eq 0 "$status" "exit status with $output"
    expect_walls
    expect_clean
}

# The runtime has a timeout, and kills it.
@test "standard input that is never closed: nothing is begun before it is" {
    victim_told
    mkfifo "$work/fifo"
    "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" createRuntime <"$work/fifo" 3>&- &
    others+=("$!")
    exec 4>"$work/fifo"
    cat "$work/stdin" >&4
    sleep 0.3
    [[ ! -e $state_dir ]]
    fixture_kill "$!"
    exec 4>&-
    [[ ! -e $state_dir ]]
    expect_no_walls
}

# --- Signals, environment, place -----------------------------------------------------------------------------------------

@test "signals ignored and blocked" {
    works_under env --ignore-signal
    works_under env --block-signal
    works_under env --ignore-signal --block-signal
}

@test "an environment that would change other programs, and none" {
    works_under env -i
    works_under env LD_PRELOAD=/not/there.so LD_LIBRARY_PATH=/tmp LD_DEBUG=all LD_AUDIT=/not/there.so LC_ALL=xx_YY TMPDIR=/not/there \
        PATH= LOCPATH=/ TZ=/dev/zero MALLOC_PERTURB_=165 MALLOC_CHECK_=3 MALLOC_TOP_PAD_=99999999999999999999 \
        GLIBC_TUNABLES=glibc.malloc.perturb=165:glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=1:glibc.cpu.x=y:=::
}

@test "umask, a working directory that is gone, no name of its own, a session of its own" {
    local umask
    for umask in 0777 0; do
        works_under bash -c "umask $umask"' && exec "$@"' bash
        expect_empty "$(find "$state_dir" -perm /022 2>/dev/null)" "writable by others with umask $umask"
        rm -rf "$state_dir"
    done
    works_under bash -c 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"' bash "$work/gone"
    works_under bash -c 'exec -a "" "$@"' bash
    works_under setsid --wait
}

@test "in a chroot without /proc it refuses, and gives nothing back that may be in use" {
    local root=$work/root
    mkdir -p "$root$work"
    victim_start
    create
    expect_walls
    mount --bind "$work" "$root$work"
    cp "$BULKHEAD_HOOK" "$root/hook"
    hook_state stopped >"$work/stdin"
    run chroot "$root" /hook --config "$config" --state-dir "$state_dir" poststop <"$work/stdin"
    expect_eq '0 ' "$status $output"
    expect_walls
    hook_state creating "$victim" >"$work/stdin"
    run chroot "$root" /hook --config "$config" --state-dir "$state_dir" createRuntime <"$work/stdin"
    [[ $status == 71 || $status == 70 ]] || complain "it says $status" "$output"
    expect_walls
    umount "$root$work"
    expect_clean
}

@test "gc that cannot say what it did has done it, and is no success" {
    local redirection
    for redirection in '>/dev/full' '>&-'; do
        victim_start
        create
        victim_end
        collect bash -c '"$@" '"$redirection" bash
        expect_eq 1 "$status" "exit status with $redirection and $output"
        expect_empty "$(leftovers)"
        rm -rf "$bundle"
    done
}
