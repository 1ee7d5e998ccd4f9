#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain xfs ext4
# matrix: what of it is new after the unit tests and disk.bats is a container with that capability; half a minute
#
# What differs by file system behind the guard: ext4's quotas let who has CAP_SYS_RESOURCE past them, and where that can
# be done the receipt says so and `require` refuses. XFS holds everybody.
load ../helpers
load ../disk
load ../shim

setup_file() { shim_install; }
setup() { disk_setup; }

teardown() {
    disk_teardown
    rm -rf /etc/bulkhead
}

more='.process.capabilities |= map_values(. + ["CAP_SYS_RESOURCE"])'
bounded='.process.capabilities.bounding += ["CAP_SYS_RESOURCE"]'
reason='it may have CAP_SYS_RESOURCE, which the quotas of ext4 do not hold'

limited() { # RUNTIME JQ
    layer_make c1
    shim_bundle "$1" c1 disk-size=10Mi
    bundle_edit c1 "$2"
}

# An overlay writes as who mounted it; the page of a mapped file gets its blocks in the name of who touches it.
map_60_mebibytes() {
    run inside c1 dd if=/dev/zero of=/d/big bs=1M count=20
    expect_match "$full" "$output"
    inside c1 rm /d/big
    run inside c1 xfs_io -f -c "truncate 60m" -c "mmap -rw 0 60m" -c "mwrite 0 60m" -c "msync -s" /d/holes
    mapped=$(du -k "$disk/layers/c1/upper/d/holes" | cut -f1)
}

past_the_quota() { # RUNTIME
    on ext4
    limited "$1" "$more"
    start_again c1
    map_60_mebibytes
    ((mapped == 60 << 10)) || complain "it was held: $mapped KiB, $output"
    expect_eq "running 1 $reason" "$(guarded c1)"
    expect_eq 1 "$(filters_of "$(pid_of c1)")"
    stop c1
    expect_nothing_left
}

@test "ext4: CAP_SYS_RESOURCE gets past the limit, and the receipt says so" { with_runtimes past_the_quota; }

required() { # RUNTIME
    on ext4
    hook_config '{"disk": {"guard": "require"}}'
    limited "$1" "$bounded"
    run start_again c1
    expect_eq 1 "$status"
    expect_match "\(disk.guard\), and this container could: $reason" "$output"
    expect_nothing_left
}

@test "ext4: where the guard is required it is refused" { with_runtimes required; }

held() { # xfs|ext4 JQ RUNTIME
    on "$1"
    hook_config '{"disk": {"guard": "require"}}'
    limited "$3" "$2"
    start_again c1
    map_60_mebibytes
    ((mapped <= 10 << 10)) || complain "it got out: $mapped KiB"
    expect_eq "running 1 " "$(guarded c1)"
    stop c1
    expect_nothing_left
}

@test "XFS holds it" { with_runtimes held xfs "$more"; }

@test "ext4 holds who does not have it" { with_runtimes held ext4 .; }
