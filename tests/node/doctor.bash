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

unwell() { unwell_in "$("$bulkhead" doctor -o json "$@")"; } # [ENGINE...]

unwell_in() { # JSON
    jq --raw-output '.checks[] | select(.verdict == "warning" or .verdict == "failed") | "\(.verdict) \(.id)"' <<<"$1"
}

exits() { # STATUS CMD...
    run "${@:2}"
    expect_eq "$1" "$status" "$output"
}

# One call: an engine's version takes it a quarter of a second to ask for, here.
expect_verdict() { # STATUS VERDICT ID [ENGINE...]
    local status=0 said
    said=$("$bulkhead" doctor -o json "${@:4}") || status=$?
    expect_eq "$1 $2 $3" "$status $(unwell_in "$said")"
    expect_empty "$(jq --raw-output '.checks[] | select((.verdict == "warning" or .verdict == "failed") and .mend == "") | .id' \
        <<<"$said")" "without a mend"
}

expect_failed() { expect_verdict 1 failed "$@"; } # ID [ENGINE...]

expect_warning() { expect_verdict 0 warning "$@"; } # ID [ENGINE...]

ran() { # ENGINE
    "$bulkhead" doctor --run -o json "$1" | jq --raw-output '.checks[] | select(.id | test("[.]run(-|$)"))
        | "\(.id) \(.verdict): \(if .reason == "" then .looked else .reason end)"'
}
