#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: runc
#
# The hook's own seccomp filter: when it is put up, and that its list is what the sources need, no more and no less. What
# it refuses is tests/unit/hooks/filter_test.cpp's; that nothing needed is missing all the other suites show, as what is
# not on the list ends the hook with 70.
load helpers
load attacks

setup() { attack_setup; }
teardown() { attack_teardown; }

list=$checkout/hooks/system_calls.h

without_sanitizers() {
    [[ $BULKHEAD_HOOK != */asan-ubsan/* ]] || skip_because "the sanitizers make calls of their own: there is no filter"
}

# The names of the calls that strace wrote into a file.
names_in() { sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$1"; }

@test "it is put up before anything is opened, and after the capabilities are given up" {
    without_sanitizers
    [[ $BULKHEAD_HOOK != */coverage/* ]] || skip_because "what counts there opens a file of its own"
    victim_start
    hook_state created "$victim" >"$work/created"
    strace --quiet=all --output="$work/calls" "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" \
        <"$work/created"
    # With PR_SET_NO_NEW_PRIVS, the state, and the handler of what is refused between.
    expect_eq 'capset prctl read read rt_sigaction seccomp' \
        "$(names_in "$work/calls" | sed -n '/^capset$/,/^seccomp$/p' | paste --serial --delimiters=' ')"
    expect_empty "$(names_in "$work/calls" | sed '/^seccomp$/,$d' | grep '^open')"
    expect_eq 1 "$(names_in "$work/calls" | grep -cx seccomp)"
    expect_walls
}

@test "it is in force when config.json is opened" {
    without_sanitizers
    victim_start
    hook_state created "$victim" >"$work/created"
    # It stops there; strace does not let go of it before it goes on.
    strace --quiet=all --output="$work/calls" --trace-path="$bundle/config.json" --inject=openat,openat2:signal=STOP:when=1 \
        "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" <"$work/created" 3>&- &
    wait_until 10 grep -qs SIGSTOP "$work/calls"
    stopped=$(pgrep --parent "$!")
    grep -qx 'Seccomp:	2' "/proc/$stopped/status" || complain "no filter" "$(grep Seccomp "/proc/$stopped/status")"
    kill -CONT "$stopped"
    wait "$!"
}

@test "a container for which there is nothing to do does not pay for it" {
    bundle_new
    hook_state created $$ >"$work/created"
    strace --quiet=all --output="$work/calls" "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" \
        createRuntime <"$work/created"
    expect_empty "$(names_in "$work/calls" | grep -x seccomp)"
}

@test "who is stopped while it waits, as by a debugger, goes on" {
    bundle_new
    bundle_annotate io.bulkhead.shm-size 16Mi
    bundle_hook
    container_start
    hook_state stopped >"$work/stopped"
    # Its receipt's directory is held by somebody else.
    exec 4<"$(find "$state_dir/containers" -mindepth 1 -type d | head -n 1)"
    flock 4
    "$BULKHEAD_HOOK" --state-dir "$state_dir" poststop <"$work/stopped" 3>&- 4>&- &
    for _ in 1 2 3 4 5 6; do
        kill -STOP "$!"
        sleep 0.1
        kill -CONT "$!"
    done
    exec 4<&-
    wait "$!"
}

# --- The list -----------------------------------------------------------------------------------------------------------

# The numbers, in hexadecimal, that the program hands to sys::call: constants in the first argument's register. As the
# linker leaves out what nothing reaches, they are those that the hook may make.
numbers_in_program() {
    objdump --disassemble --no-show-raw-insn "$BULKHEAD_HOOK" | awk '
        /push +\$0x/ { pushed = $NF; sub(/.*\$0x/, "", pushed) }
        /pop +%rdi/ { number = pushed }
        /mov +\$0x[0-9a-f]+,%edi/ { number = $NF; sub(/.*\$0x/, "", number); sub(/,.*/, "", number) }
        /xor +%edi,%edi/ { number = 0 }
        /call .*<_ZN8bulkhead3sys(6detail5enter|4call)/ && number != "" { print number }
        /call |^[0-9a-f]+ </ { number = "" }'
}

# "NUMBER NAME", as the kernel's headers have them, and for those that are too new the list.
names() {
    echo '#include <sys/syscall.h>' | gcc -E -dM - | sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/\2 \1/p'
    sed -n 's/.*number_of_\([a-z_]*\) = \([0-9]*\);/\2 \1/p' "$list"
}

in_program() {
    local number
    numbers_in_program | sort -u | while read -r number; do echo "$((16#$number))"; done |
        awk 'NR == FNR { name[$1] = $2; next } { print name[$1] }' <(names) - | sort
}
on_list() { sed -n 's/^    {\(SYS_\|number_of_\)\([a-z0-9_]*\).*/\2/p' "$list" | sort; }

# Before it. (chdir and umask are for what a caller left on us.)
before=(capget capset chdir close_range seccomp umask)
# libc makes them: what of it can be missed on this kernel the tests of the filter miss.
of_libc=(brk clock_gettime close exit_group getpid gettid mmap mremap munmap restart_syscall rt_sigprocmask tgkill writev)

@test "on the list is what the program can call, and nothing else" {
    [[ $BULKHEAD_HOOK == */release/* && $(uname -m) == x86_64 ]] ||
        skip_because "the code is read as GCC writes it for x86-64"
    expect_empty "$(diff <(sort <(in_program) <(printf '%s\n' "${of_libc[@]}")) \
        <(sort <(on_list) <(printf '%s\n' "${before[@]}")))" "the program (<) and the list (>)"
}
