#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: runc
#
# The beginning of each campaign of tests/campaign, so that they still run when somebody wants the whole of one.
load helpers

setup() { :; }
teardown() { :; }

campaign() { # CALLS RUNS ARG...
    run "$checkout/tests/campaign/$3" "${@:4}"
    expect_eq 0 "$status" "$output"
    expect_match "[0-9]+ calls, $2 runs, 0 leaks\$" "$output"
    (($(sed -n '$s/ calls.*//p' <<<"$output") >= $1)) || complain "too few calls" "$output"
}

@test "tests/campaign/hook begins" { campaign 100 '[1-9][0-9]' hook --from 90 --to 96 createRuntime; }

@test "tests/campaign/shim begins" { campaign 50 '[1-9][0-9]' shim --from 50 --to 54 create; }

@test "tests/campaign/pairs begins" { campaign 50 10 pairs --from 90 --to 99 createRuntime gc; }
