#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain
# matrix: it is about the tests' own machine
#
# The rig itself where there is no systemd.
load ../helpers

@test "there is no systemd, no D-Bus, and nothing but this suite" {
    expect_eq init "$(cat /proc/1/comm)"
    has_systemd && return 1
    [[ ! -e /run/dbus ]]
}

@test "cgroups are version 2, and the root's own" {
    expect_eq cgroup2fs "$(stat --file-system --format=%T /sys/fs/cgroup)"
    expect_eq 0::/ "$(cat /proc/self/cgroup)"
}

@test "what the checkout holds is seen, and what is written there stays here" {
    [[ -x $checkout/tests/node/node ]]
    echo changed >"$checkout/tests/node/node"
    expect_eq changed "$(cat "$checkout/tests/node/node")"
}

@test "podman, runc and crun, cgroupfs" {
    local runtime
    for runtime in runc crun; do
        use "$runtime" cgroupfs
        container_start "$runtime" --pids-limit 50
        [[ -d /run/$runtime/$(container_id "$runtime") ]]
        expect_match "/libpod_parent/libpod-$(container_id "$runtime")\$" "$(cgroup_leaf "$runtime")"
        expect_eq 50 "$(cgroup_value "$runtime" pids.max)"
    done
    run container_run -- sh -c 'echo hello; exit 3'
    expect_eq "3 hello" "$status $output"
}
