# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the suites of attacks share: a container that is a process, without a runtime, with all walls that need no disk, so
# that what a runtime would never do can be done to the hook. A suite has
#
#   setup() { attack_setup; }
#   teardown() { attack_teardown; }
#
#   victim_start [ID]           a bundle that asks for 16 MiB of /dev/shm, 20 processes and the segment x, and a process in
#                               namespaces and a cgroup of its own: $victim
#   victim_told [ID]            the same, and $work/stdin is what a runtime says of it
#   victim_end                  the process is no more
#   victim_over                 it has left nothing, and there can be another one
#   create [COMMAND...]         createRuntime of it, run by COMMAND (prlimit, env, ...); leaves $status and $output. In at
#                               most 20 s
#   stop [COMMAND...]           poststop of it
#   collect [COMMAND...]        gc
#   expect_walls                it has what it asks for
#   expect_no_walls             it has nothing of that, and there is no receipt
#   expect_refused_with CODE REGEX   createRuntime said so, and has left nothing
#   expect_clean                after the process has ended and gc has run nothing is left but what is no leftover
#   create_until CALL N         createRuntime in the background, $!; hook_is_stopped once it has come there, and then
#   create_goes_on PID          until it is over; leaves $status, and what it said in $work/said
#   victim_process [COMMAND...] another process of the same bundle, started by COMMAND
#   fixture_kill PID            end a process of the test's, and wait until it is gone
#
# and may set $propagation, of the mounts of that process (unshare(1)); private if it does not.
# shellcheck disable=SC2154,SC2034,SC2119,SC2120 # set in helpers.bash, used in suites

attack_setup() {
    harness_setup
    victim='' others=()
}

attack_teardown() {
    victim_end
    if ((${#others[@]} > 0)); then kill -KILL "${others[@]}" 2>/dev/null || true; fi
    mounts_remove # a state directory that is full or read-only, first of all
    harness_teardown
}

victim_cgroups() {
    local place
    for place in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/{memory,pids}/cgroup.procs; do
        [[ ! -e $place ]] || printf '%s\n' "${place%/*}$cgroup_parent/$id"
    done
}

victim_start() { # [ID]
    bundle_new "${1:-c1}"
    bundle_ask shm-size 16Mi pids-max 20 segment.x 'path=/mnt/x,size=1Mi'
    mkdir -p "$bundle/rootfs"/{dev/shm,mnt}
    victim_process
}

victim_told() { # [ID]
    victim_start "$@"
    hook_state creating "$victim" >"$work/stdin"
}

victim_process() { # [COMMAND...]
    local cgroups
    mapfile -t cgroups < <(victim_cgroups)
    mkdir -p "${cgroups[@]}"
    rm -f "$bundle/ready"
    # shellcheck disable=SC2016 # the other shell's
    "$@" unshare --mount --propagation "${propagation:-private}" bash -c '
        for cgroup in "${@:3}"; do echo $$ >"$cgroup/cgroup.procs"; done
        mount -t tmpfs -o size=64m shm "$1/dev/shm"; echo $$ >"$2.new"; mv "$2.new" "$2"; exec sleep 1000' \
        bash "$bundle/rootfs" "$bundle/ready" "${cgroups[@]}" </dev/null >/dev/null 2>&1 3>&- &
    wait_until 5 test -e "$bundle/ready"
    victim=$(cat "$bundle/ready")
}

victim_end() {
    if [[ -n $victim ]]; then fixture_kill "$victim"; fi
    victim=''
}

fixture_kill() { # PID
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    wait_until 5 process_is_gone "$1"
}

# The state is read from a file, as COMMAND may close or replace what the hook is started with.
hook_with() { # STAGE [COMMAND...]
    local stage=$1
    shift
    run timeout --signal=KILL 20 "$@" "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" "$stage" <"$work/stdin"
    [[ $status != 137 ]] || complain "it hangs, or was killed" "$output"
}

create() { # [COMMAND...]
    hook_state creating "$victim" >"$work/stdin"
    hook_with createRuntime "$@"
}

stop() { # [COMMAND...]
    hook_state stopped >"$work/stdin"
    hook_with poststop "$@"
}

collect() { # [COMMAND...]
    run timeout --signal=KILL 20 "$@" "$BULKHEAD" --config "$config" --state-dir "$state_dir" gc
    [[ $status != 137 ]] || complain "gc hangs, or was killed" "$output"
}

# In the background, stopped when it comes to the N-th call of that name.
create_until() { # CALL N
    hook_state creating "$victim" >"$work/stdin"
    rm -f "$work/trace"
    strace --output="$work/trace" --inject="$1:signal=STOP:when=$2" \
        "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" createRuntime <"$work/stdin" >"$work/said" 2>&1 3>&- &
    others+=("$!")
}

hook_is_stopped() { grep --quiet 'stopped by SIGSTOP' "$work/trace" 2>/dev/null; }

create_goes_on() { # PID OF STRACE
    pkill -CONT --parent "$1" || true
    status=0
    wait "$1" || status=$?
}

victim_shm() { awk -v at="$bundle/rootfs/dev/shm" '$5 == at { print $NF }' "/proc/$victim/mountinfo"; }

victim_pids() { cat "$(cgroup_directory pids "$victim")/pids.max"; }

victim_segment() { awk -v at="$bundle/rootfs/mnt/x" '$5 == at { print $NF }' "/proc/$victim/mountinfo"; }

victim_has() { printf '%s %s %s\n' "$(grep -o 'size=[0-9]*k' <<<"$(victim_shm)")" "$(victim_pids)" "$(grep -o 'size=[0-9]*k' <<<"$(victim_segment)" || true)"; }

expect_walls() { expect_eq 'size=16384k 20 size=1024k' "$(victim_has)" "walls, with $status $output"; }

receipts() { find "$state_dir/containers" -type f 2>/dev/null || true; }

expect_no_walls() {
    expect_eq 'size=65536k max ' "$(victim_has)" "walls, with $status $output"
    expect_empty "$(receipts)" "receipts"
    expect_empty "$(find "$state_dir/segments" -mindepth 1 2>/dev/null)" "segments"
}

expect_refused_with() { # CODE REGEX
    expect_eq "$1" "$status" "exit status, with $output"
    expect_match "$2" "$output"
    expect_no_walls
}

# What is left that belongs to a container: mounts where PID 1 is, receipts, members, files that were being written.
leftovers() {
    awk -v under="$state_dir/" 'index($5, under) == 1 { print $5 }' /proc/1/mountinfo
    find "$state_dir"/{containers,segments} -mindepth 1 2>/dev/null || true
    find "$state_dir" -name '.*' 2>/dev/null || true
}

expect_clean() {
    victim_end
    collect
    expect_eq 0 "$status" "gc, with $output"
    expect_empty "$(leftovers)" "left over"
}

victim_over() {
    expect_clean
    rm -rf "$bundle"
}
