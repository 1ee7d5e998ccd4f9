#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain xfs
# smp: 4
#
# The unit programs of whatever touches disks, where the kernel has project quotas. Their disks are files on the node's
# XFS.
load ../helpers

setup_file() {
    modprobe loop
    modprobe overlay
    modprobe fuse
}
setup() {
    export TMPDIR=/mnt/xfs
    program=''
}
teardown() { :; }

cases() { "$program" --list-test-cases "${options[@]}" "$@" | grep -v '^\[doctest\]\|^===' | sort; }

run_program() { # NAME [OPTION OF DOCTEST...]
    options=("${@:2}")
    program=$checkout/build/release/bin/$1-test
    local status=0 output skipped
    output=$("$program" "${options[@]}" 2>&1 </dev/null) || status=$?
    skipped=$(cases)
    skipped=$(comm -23 <(cases --no-skip) - <<<"$skipped")
    sed -n "s/^\[doctest\] test cases:/# $1:/p" <<<"$output" >&3
    sed -n 's/^./# SKIP &/p' <<<"$skipped" >&3
    if ((status != 0)); then
        complain "$output"
    fi
    expect_match '\[doctest\] Status: SUCCESS!' "$output"
    # All that a disk is needed for can be had here.
    expect_empty "$(grep -E 'XFS|ext4|quota|mounts of its own' <<<"$skipped")" "skipped"
    expect_empty "$(find "$TMPDIR" -name 'image*')" "disks left behind"
}

@test "sys" { run_program sys; }

@test "resources" { run_program resources; }

# Without what needs no disk: that was run where tests/run is, and waits for locks for half a minute.
@test "ledger" {
    local without=(--test-case-exclude='*(root only)*')
    if matrix; then without=(); fi
    run_program ledger "${without[@]}"
}

@test "the guard" { run_program shim --source-file='*guard_test*'; }
