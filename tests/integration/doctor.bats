#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# bulkhead doctor as a command: its statuses and what it prints. (What it finds is in the node's suites of that name.)
load helpers
bats_require_minimum_version 1.5.0

@test "its JSON is what the schema says, and its status the verdict" {
    local said status_of_doctor=0
    said=$(bulkhead doctor --output json) || status_of_doctor=$?
    run "$BATS_TEST_DIRNAME/output-valid" doctor <<<"$said"
    expect_eq "0 " "$status $output" "against the schema"
    expect_eq "$(jq 'all(.checks[]; .verdict != "failed")' <<<"$said")" "$(jq .healthy <<<"$said")"
    expect_eq "$(jq 'if .healthy then 0 else 1 end' <<<"$said")" "$status_of_doctor"
}

@test "its lines say the same as its JSON" {
    local each lines_of_doctor
    lines_of_doctor=$(bulkhead doctor --verbose) || true
    while read -r each; do
        grep -qE "^  $each( |\$)" <<<"$lines_of_doctor" || complain "no line of $each" "$lines_of_doctor"
    done < <(bulkhead doctor -o json | jq --raw-output '.checks[] | "\(.verdict) +\(.id | sub("^[a-z]+[.]"; ""))"')
    expect_match '[0-9]+ ok, [0-9]+ warnings, [0-9]+ failed, [0-9]+ skipped$' "$lines_of_doctor"
}

@test "an engine by name, one that there is none of, and who is not root" {
    run -1 bulkhead doctor docker
    expect_match 'docker.*failed +engine +is not installed' "${output//$'\n'/ }"
    [[ $output != *podman* ]] || complain "of engines that were not asked for" "$output"
    run -2 bulkhead doctor rkt
    expect_match 'rkt' "$output"
    run -1 setpriv --reuid=nobody --clear-groups -- "$BULKHEAD" doctor
    expect_eq 'bulkhead: doctor: only root can see what containers hold' "$output"
}
