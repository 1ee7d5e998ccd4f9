#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: runc
#
# bulkhead top on a terminal, tmux's.
# shellcheck disable=SC2030,SC2031 # each test is a subshell
load helpers
load ../tmux

setup() {
    harness_setup
    tmux_setup
}

teardown() {
    tmux_teardown
    harness_teardown
}

containers() { # ID...
    local each
    for each in "$@"; do
        bundle_new "$each"
        bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
        bundle_hook
        bundle_annotate io.bulkhead.shm-size 16Mi
        container_start
    done
}

top() { screen_run "$BULKHEAD --config $config --state-dir $state_dir top $*"; } # OPTION...

# The ids in the order of the screen.
order() { screen | sed -n 's/^\([a-z][0-9]*\) .*\[.*/\1/p' | paste -sd ' '; }

order_is() { [[ $(order) == "$*" ]]; }

@test "it shows bars, again and again, and quits" {
    containers a
    top -d 0.2
    screen_shows '^bulkhead top - [0-9:]+, 1 container, 0 segments; by memory$'
    screen_shows '^CONTAINER +SHM +DISK +MEMORY +PIDS$'
    screen_shows '^a +\[ +0/16Mi\]'
    container_exec dd if=/dev/zero of=/dev/shm/zeroes bs=1M count=12 2>/dev/null
    screen_shows '^a +\[\|+ 12Mi/16Mi\]'
    screen_shows '^q quit  \? help'
    containers b
    screen_shows '^b '
    container_delete
    bundle_use a
    container_delete
    screen_shows '^no container has a receipt$'
    screen_type q
    screen_shows_prompt 0
}

@test "it sorts, reverses, filters and helps" {
    containers a1 b2 c3
    container_exec dd if=/dev/zero of=/dev/shm/zeroes bs=1M count=2 2>/dev/null # c3
    bundle_use b2
    container_exec dd if=/dev/zero of=/dev/shm/zeroes bs=1M count=1 2>/dev/null
    top
    screen_shows '^bulkhead top .* by memory$'
    screen_type h
    screen_shows 'by shm$'
    expect_eq 'c3 b2 a1' "$(order)"
    screen_type r
    screen_shows 'by shm, reversed$'
    expect_eq 'a1 b2 c3' "$(order)"
    screen_type r
    screen_type i
    screen_shows 'by id$'
    expect_eq 'a1 b2 c3' "$(order)"
    screen_type /
    screen_shows '^/_$'
    screen_type b2
    screen_shows '^/b2_$'
    wait_until 5 order_is b2 || complain "$(screen)"
    screen_type Enter
    screen_shows 'with "b2"$'
    screen_type Escape
    wait_until 5 order_is a1 b2 c3 || complain "$(screen)"
    screen_type '?'
    screen_shows '^m d p h +sort by memory'
    screen_type x
    wait_until 5 order_is a1 b2 c3 || complain "$(screen)"
    screen_type q
    screen_shows_prompt 0
}

@test "it scrolls, and fits when the terminal changes its size" {
    containers a1 a2 a3 a4 a5
    screen_resize 80 6
    top -d 60
    screen_type i
    wait_until 5 order_is a1 a2 a3 || complain "$(screen)"
    screen_type Down
    wait_until 5 order_is a2 a3 a4 || complain "$(screen)"
    screen_type j
    wait_until 5 order_is a3 a4 a5 || complain "$(screen)"
    screen_type j # there is no more
    screen_type k
    wait_until 5 order_is a2 a3 a4 || complain "$(screen)"
    screen_type Home
    wait_until 5 order_is a1 a2 a3 || complain "$(screen)"
    screen_type NPage
    wait_until 5 order_is a3 a4 a5 || complain "$(screen)"
    screen_resize 120 12
    wait_until 5 order_is a1 a2 a3 a4 a5 || complain "$(screen)"
    screen_shows '^CONTAINER +SHM +DISK +INODES +MEMORY +PIDS$'
    screen_resize 30 4
    screen_shows '^CONTAINER +MEMORY$'
    screen_type q
    screen_shows_prompt 0
}

# The alternate screen is left, the cursor is back and typing is seen.
@test "the terminal is as it was before, however it ends" {
    containers a
    local before end
    before=$(screen_settings)
    for end in q INT TERM HUP; do
        screen_run 'clear; echo BEFORE'
        screen_shows '^BEFORE$'
        top
        screen_shows '^bulkhead top'
        expect_eq '1 0' "$(screen_format '#{alternate_on} #{cursor_flag}')" "while it runs"
        case $end in
        q) screen_type q ;;
        INT) screen_type C-c ;;
        *) kill "-$end" "$(pgrep --parent "$(screen_format '#{pane_pid}')")" ;;
        esac
        screen_shows_prompt 0
        screen_shows '^BEFORE$'
        expect_eq '0 1' "$(screen_format '#{alternate_on} #{cursor_flag}')" "after $end"
        expect_eq "$before" "$(screen_settings)" "after $end"
    done
}

@test "it is stopped and goes on" {
    containers a
    top
    screen_shows '^bulkhead top'
    screen_type C-z
    screen_shows 'Stopped'
    expect_eq '0 1' "$(screen_format '#{alternate_on} #{cursor_flag}')"
    screen_run fg
    screen_shows '^bulkhead top'
    screen_type q
    screen_shows_prompt 0
}

@test "colours, and none with NO_COLOR" {
    containers a
    container_exec dd if=/dev/zero of=/dev/shm/zeroes bs=1M count=16 2>/dev/null
    top
    screen_shows '^a +\[\|+'
    expect_match $'\e\\[[0-9;]*31m(\e\\[49m)?\\|' "$(screen_escapes)"
    screen_type q
    screen_shows_prompt 0
    screen_run 'export NO_COLOR=1'
    top
    screen_shows '^a +\[\|+'
    expect_empty "$(screen_escapes | grep -oE $'\e\\[([0-9;]*;)?(3|4|9|10)[0-7](;[0-9;]*)?m' || true)" "colours"
    screen_type q
    screen_shows_prompt 0
}

@test "a terminal that cannot be drawn on, or none to type on: once, and no escape" {
    containers a
    local how
    for how in 'TERM=dumb' 'TERM=' ''; do
        screen_run "clear; $how $BULKHEAD --state-dir $state_dir top $([[ $how ]] || echo '</dev/null')"
        screen_shows '^a +\['
        screen_shows_prompt 0
        expect_eq 0 "$(screen_format '#{alternate_on}')"
    done
}

@test "a list is in colours on a terminal alone, and not with NO_COLOR" {
    containers a
    kill -KILL "$(container_pid)"
    wait_until 5 process_is_gone "$(container_pid)"
    screen_run "clear; $BULKHEAD --state-dir $state_dir list"
    screen_shows '^a .* gone '
    expect_match $'\e\\[2mgone' "$(screen_escapes)"
    screen_run "clear; NO_COLOR=1 $BULKHEAD --state-dir $state_dir list"
    screen_shows '^a .* gone '
    expect_empty "$(screen_escapes | grep -o $'\e\\[2m' || true)"
    screen_run "clear; $BULKHEAD --state-dir $state_dir list | cat -v"
    screen_shows '^a .* gone '
    expect_empty "$(screen | grep -F '^[' || true)"
}

@test "its terminal is stopped (^S): it ends all the same, and the terminal goes on" {
    top -d 0.1
    screen_shows '^bulkhead top'
    screen_type C-s
    sleep 1 # it would draw
    kill "$(pgrep --parent "$(screen_format '#{pane_pid}')")"
    screen_shows_prompt 0
}

# A terminal that is never read: help and back, until it takes no more.
unread_top() {
    python3 - "$BULKHEAD" --state-dir "$state_dir" top <<'EOF'
import os, pty, select, signal, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], ["bulkhead"] + sys.argv[2:])
os.read(terminal, 1)
for key in b"?x" * 2000:
    if select.select([], [terminal], [], 0.1)[1]:
        os.write(terminal, bytes([key]))
    time.sleep(0.002)
os.kill(pid, signal.SIGTERM)
time.sleep(5)
ended, status = os.waitpid(pid, os.WNOHANG)
os.kill(pid, signal.SIGKILL) if ended == 0 else None
print("ended" if ended else "it waits")
EOF
}

@test "its terminal is never read: it ends all the same" {
    expect_eq ended "$(unread_top)"
}

@test "its terminal goes away, and who started it had hangups ignored: it ends" {
    local pid
    screen_run "trap '' HUP; exec $BULKHEAD --state-dir $state_dir top -d 60"
    screen_shows '^bulkhead top'
    pid=$(screen_format '#{pane_pid}')
    screen_tmux kill-server
    wait_until 5 process_is_gone "$pid" || { kill -KILL "$pid"; complain "it is still there"; }
}
