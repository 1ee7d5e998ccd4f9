#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
# matrix: it is about the tests' own machine
#
# The rig itself, without our hook: when this fails, nothing the other suites say of systemd can be believed.
load ../helpers

# In the background with a memory limit: the choice of runtime and of cgroup manager really took, and the limit holds.
start_and_look() { # RUNTIME MANAGER
    use "$1" "$2"
    container_start c1 --memory 64m
    expect_eq "$1" "$(engine inspect --format '{{.OCIRuntime}}' c1)"
    [[ -d /run/$1/$(container_id c1) ]]
    expect_eq $((64 << 20)) "$(cgroup_value c1 memory.max)"
    expect_eq 65536000 "$(container_shm_size c1)" "podman's /dev/shm"
    run container_exec c1 sh -c 'echo hello; exit 3'
    expect_eq "3 hello" "$status $output"
}

@test "systemd is the first process, with D-Bus and a journal" {
    expect_eq systemd "$(cat /proc/1/comm)"
    case $(. /etc/os-release && echo "$VERSION_ID") in
    12) expect_match '^systemd 252 ' "$(systemctl --version)" ;;
    13) expect_match '^systemd 257 ' "$(systemctl --version)" ;;
    esac
    expect_match 'org.freedesktop.systemd1' "$(busctl list --no-pager)"
    logger --tag harness "a line of this test"
    wait_until 5 eval 'journal --identifier=harness --output=cat | grep -qx "a line of this test"'
}

@test "cgroups are version 2, and nothing else" {
    expect_eq cgroup2fs "$(stat --file-system --format=%T /sys/fs/cgroup)"
    expect_eq 0 "$(grep -c ' cgroup ' /proc/mounts)"
    local controllers
    controllers=" $(cat /sys/fs/cgroup/cgroup.controllers) "
    expect_match ' memory ' "$controllers"
    expect_match ' pids ' "$controllers"
}

@test "the XFS disk enforces project quotas" {
    expect_match ' xfs .*prjquota' "$(grep ' /mnt/xfs ' /proc/mounts)"
    mkdir -p /mnt/xfs/walled
    xfs_quota -x -c 'project -s -p /mnt/xfs/walled 4711' -c 'limit -p bhard=1m 4711' /mnt/xfs >/dev/null
    run dd if=/dev/zero of=/mnt/xfs/walled/file bs=64k count=32 status=none
    [[ $status != 0 ]]
    expect_match 'No space left' "$output"
    rm -r /mnt/xfs/walled
}

@test "podman, runc, systemd: a scope of systemd's with the limit" {
    start_and_look runc systemd
    expect_match "/machine.slice/libpod-$(container_id c1).scope\$" "$(cgroup_leaf c1)"
    expect_eq $((64 << 20)) "$(systemctl show --property=MemoryMax --value "$(unit_of c1)")"
}

@test "podman, crun, systemd: a leaf below the scope" {
    start_and_look crun systemd
    expect_eq "$(cgroup_scope c1)/container" "$(cgroup_leaf c1)"
    expect_match "/machine.slice/libpod-$(container_id c1).scope\$" "$(cgroup_scope c1)"
    case $(crun --version) in
    "crun version 1.8."*) expect_eq max "$(cat "$(cgroup_scope c1)/memory.max")" "crun 1.8 limits the leaf alone" ;;
    *) expect_eq $((64 << 20)) "$(cat "$(cgroup_scope c1)/memory.max")" ;;
    esac
}

@test "podman, runc, cgroupfs" {
    start_and_look runc cgroupfs
    expect_match "/libpod_parent/libpod-$(container_id c1)\$" "$(cgroup_leaf c1)"
}

@test "podman, crun, cgroupfs" {
    start_and_look crun cgroupfs
    expect_match "/libpod_parent/libpod-$(container_id c1)\$" "$(cgroup_leaf c1)"
}

@test "a hooks.d file is found where packages put it, and its hook called at both stages" {
    printf '#!/bin/sh\nexec cat >>/run/harness-states\n' >/run/stand-in
    BULKHEAD_HOOK=/run/stand-in hook_install
    container_start c1 --annotation io.bulkhead.test=1
    expect_eq 1 "$(jq -r .status /run/harness-states | wc -l)"
    container_delete c1
    expect_eq stopped "$(jq -r .status /run/harness-states | tail -1)"
    container_start c2
    expect_eq 2 "$(jq -r .status /run/harness-states | wc -l)" "calls, without one for the container that asks nothing"
}
