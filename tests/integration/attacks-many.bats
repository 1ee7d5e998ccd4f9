#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# createRuntime, poststop, the shim's create and gc of one id, all at once and again and again, while the container lives and
# while it dies: no receipt is torn, one of them has it, and nothing is left. Each for ATTACK_SECONDS (default 6).
# shellcheck disable=SC2016 # other shells'
load helpers
load attacks
load shim

seconds=${ATTACK_SECONDS:-6}

setup() {
    shim_setup
    victim='' others=() jobs=() dies=''
}
teardown() {
    finish
    attack_teardown
    shim_teardown
}

# Whoever opens the receipt finds all of one. `cat` has it open once.
read_receipts() {
    local file text
    while [[ ! -e $work/enough ]]; do
        for file in "$state_dir"/containers/c1/*.json; do
            text=$(cat "$file" 2>/dev/null) || continue
            jq --exit-status '.formatVersion and .pid and .bundle' <<<"$text" >/dev/null 2>&1 || printf '%s\n' "torn: $text" >>"$work/wrong"
            echo >>"$work/looks"
        done
    done
}

# What each may answer: it is done, somebody else has it, or the process is no more.
may_answer() { # WHAT STATUS OUTPUT
    case $1.$2 in
    create.0 | stop.0 | gc.0 | shim.0) [[ -z $3 || $1 == gc && $3 == "released "* ]] ;;
    create.75 | shim.1) [[ $3 =~ (is running \(process [0-9]+\); stop it first|is being created by process [0-9]+ already; wait until that is done|another bulkhead process holds it)$ ]] ;;
    create.69 | create.71) # what /proc says of a process that dies while it is looked at
        [[ -n $dies && $3 =~ (of the container is gone|No such process|No such file or directory|let the engine make one)$ ]]
        ;;
    *) false ;;
    esac
}

attempt() { # WHAT
    local said status=0
    case $1 in
    create) said=$(timeout --signal=KILL 20 "$BULKHEAD_HOOK" createRuntime <"$work/creating" 2>&1) || status=$? ;;
    stop) said=$(timeout --signal=KILL 20 "$BULKHEAD_HOOK" poststop <"$work/stopped" 2>&1) || status=$? ;;
    gc) said=$(timeout --signal=KILL 20 "$BULKHEAD" gc 2>&1) || status=$? ;;
    shim) said=$(timeout --signal=KILL 20 "$BULKHEAD_RUNTIME" create --bundle "$bundle" c1 </dev/null 2>&1) || status=$? ;;
    esac
    echo "$1 $status" >>"$work/answers"
    may_answer "$1" "$status" "$said" || printf '%s\n' "$1: $status $said" >>"$work/wrong"
}

again_and_again() { # WHAT
    while [[ ! -e $work/enough ]]; do attempt "$1"; done
}

all_at_once() { # TIMES WHAT...
    local i what
    for what in "${@:2}"; do
        for ((i = 0; i < $1; i++)); do
            again_and_again "$what" 3>&- &
            jobs+=("$!")
        done
    done
    read_receipts 3>&- &
    jobs+=("$!")
}

finish() {
    touch "$work/enough"
    if ((${#jobs[@]} > 0)); then wait "${jobs[@]}" || true; fi
    jobs=()
}

prepare_victim() {
    # The shim's runtime does nothing, and so dies: what it prepared is nobody's at once.
    node_config '{"runtime": {"path": ["/bin/true"]}}'
    victim_start
    bundle_edit 'del(.linux.resources)'
    hook_state creating "$victim" >"$work/creating"
    hook_state stopped >"$work/stopped"
}

expect_nothing_wrong() { # LEAST NUMBER OF ANSWERS
    finish
    expect_empty "$(sort "$work/wrong" 2>/dev/null | uniq -c | head -n 20)"
    [[ -s $work/looks ]] || complain "no receipt was looked at"
    sort "$work/answers" | uniq -c | sed 's/^ */# /' >&3
    (($(wc -l <"$work/answers") >= $1))
}

@test "32 of them, while the container lives: it has its walls all the time, and one receipt" {
    local until i
    prepare_victim
    attempt create
    expect_walls
    all_at_once 8 create stop gc shim
    until=$((SECONDS + seconds))
    while ((SECONDS < until)); do
        expect_walls
        expect_eq "$victim running" "$(jq --raw-output '"\(.pid) \(.phase)"' "$(receipts)")"
    done
    expect_nothing_wrong 100
    expect_eq 1 "$(receipts | wc -l)"
    expect_walls
    expect_clean
}

@test "32 of them, while it dies and lives again: in the end nothing is left" {
    local until lives=0
    dies=yes
    prepare_victim
    all_at_once 8 create stop gc shim
    until=$((SECONDS + seconds))
    while ((SECONDS < until)); do
        sleep 0.3
        victim_end
        rm -rf "$bundle.old"
        victim_again
        lives=$((lives + 1))
    done
    expect_nothing_wrong 100
    echo "# $lives lives" >&3
    expect_clean
}

# The same bundle, another process: config.json is the shim's to edit meanwhile.
victim_again() {
    umount --recursive --lazy "$bundle/rootfs/dev/shm" 2>/dev/null || true
    victim_process
    hook_state creating "$victim" >"$work/creating.new"
    mv "$work/creating.new" "$work/creating"
}
