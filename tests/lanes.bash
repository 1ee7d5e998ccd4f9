# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Suites of bats, several at a time, for tests/run, which has `count`, `fail` and `tell`, and a directory $scratch/lanes.
#
#   in_lane WHAT COMMAND...   runs COMMAND, whose output is TAP, when a lane is free
#   finish_lanes              until all of them are done and counted
#
# shellcheck disable=SC2154 # scratch

# How many at a time. A node takes a processor, and up to 2 GB of memory.
lanes=$(nproc)
if ((lanes < 2)); then lanes=2; elif ((lanes > 4)); then lanes=4; fi
begun=0 running=0 told=0

in_lane() { # WHAT COMMAND... (its output is TAP)
    if ((running == lanes)); then await_lane; fi
    begun=$((begun + 1)) running=$((running + 1))
    run_in_lane "$scratch/lanes/$begun" "$@" &
}

finish_lanes() {
    while ((running > 0)); do await_lane; done
    if ((told < begun)); then fail "$((begun - told)) of the suites above ended without a result"; fi
    told=$begun
}

# Leaves OUTPUT.tap and, last of all, OUTPUT.done with the exit status, the time it took, and whose they are.
run_in_lane() { # OUTPUT WHAT COMMAND...
    local pid status=0 began=$SECONDS
    "${@:3}" >"$1.tap" 2>&1 </dev/null &
    pid=$!
    trap 'kill "$pid"; exit 1' TERM
    wait "$pid" || status=$?
    echo "$status $((SECONDS - began)) $2" >"$1.new"
    mv "$1.new" "$1.done"
}

await_lane() {
    local result status seconds what
    wait -n || true
    running=$((running - 1))
    for result in "$scratch"/lanes/*.done; do
        [[ -f $result ]] || continue
        read -r status seconds what <"$result"
        count_tap "$what" "${result%.done}.tap" "$status" "$seconds"
        rm "$result"
        told=$((told + 1))
    done
}

# Reads what bats said. Prints "passed failed skipped", then each failure and each skip in words of ours, and what a
# suite has to say besides.
digest_tap() {
    awk '
        /^1\.\.[0-9]+$/ && plan == "" { plan = substr($0, 4); next }
        /^ok [0-9]+ .*# skip/ {
            skips++; details = 0; split($0, part, / # skip ?/); sub(/^ok [0-9]+ /, "", part[1])
            text = text "    SKIP " part[1] ": " (part[2] == "" ? "(no reason given)" : part[2]) "\n"; next
        }
        /^ok [0-9]+/ { oks++; details = 0; next }
        /^not ok [0-9]+/ { fails++; details = 1; text = text "    FAILED " substr($0, index($0, "ok ") + 3) "\n"; next }
        details { text = text "      " $0 "\n"; next }
        /^# / { text = text "    " substr($0, 3) "\n" }
        END {
            sum = oks + fails + skips
            # bats that dies half-way, or never came up, must not pass for a suite with fewer tests.
            if (plan == "" || plan == 0 || sum != plan) broken = "planned " (plan == "" ? "nothing" : plan) ", ran " sum + 0
            print oks + 0, fails + 0, skips + 0, broken
            printf "%s", text
        }' "$1"
}

count_tap() { # WHAT OUTPUT STATUS SECONDS
    local ok not_ok skip broken
    read -r ok not_ok skip broken < <(digest_tap "$2")
    count "$ok" "$not_ok" "$skip"
    tell "$1" "$ok" "$not_ok" "$skip" "$4"
    digest_tap "$2" | tail -n +2
    if [[ -n $broken ]]; then
        fail "$1: did not run to its end (exit status $3): $broken" "$2"
    elif ((not_ok == 0 && $3 != 0)); then
        fail "$1: exit status $3 though no test failed" "$2"
    fi
}
