# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the suites of `bulkhead doctor` share:
#
#   unwell [ENGINE...]                 "VERDICT ID" of each check that is not well
#   expect_failed ID [ENGINE...]       this one has failed, nothing else is wrong, and it is said what mends it
#   expect_warning ID [ENGINE...]
#   exits STATUS CMD...
#   ran ENGINE                         "ID VERDICT: WHAT" of all that a throw-away container of it was looked at for
# shellcheck disable=SC2154 # set in helpers.bash

bulkhead=$checkout/build/release/bin/bulkhead

unwell() { # [ENGINE...]
    "$bulkhead" doctor -o json "$@" | jq --raw-output '.checks[] | select(.verdict == "warning" or .verdict == "failed")
        | "\(.verdict) \(.id)"'
}

exits() { # STATUS CMD...
    run "${@:2}"
    expect_eq "$1" "$status" "$output"
}

expect_failed() { # ID [ENGINE...]
    run unwell "${@:2}"
    expect_eq "failed $1" "$output"
    exits 1 "$bulkhead" doctor "${@:2}"
    expect_match "mend: " "$output"
}

expect_warning() { # ID [ENGINE...]
    run unwell "${@:2}"
    expect_eq "warning $1" "$output"
    exits 0 "$bulkhead" doctor "${@:2}"
}

ran() { # ENGINE
    "$bulkhead" doctor --run -o json "$1" | jq --raw-output '.checks[] | select(.id | test("[.]run(-|$)"))
        | "\(.id) \(.verdict): \(if .reason == "" then .looked else .reason end)"'
}
