#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The rig itself, without our hook: when this fails, nothing the other suites say can be believed.
load helpers

@test "a container starts, runs in its own cgroup and is gone after delete" {
    bundle_new
    container_start
    expect_eq running "$(runtime state "$id" | jq -r .status)"
    expect_eq "$cgroup_parent/$id" "$(awk -F: '$2 == "memory" || $1 == 0 { print $3; exit }' "/proc/$(container_pid)/cgroup")"
    local pid
    pid=$(container_pid)
    container_delete
    wait_until 5 process_is_gone "$pid"
}

@test "a command's output and status come back" {
    bundle_new
    run container_run sh -c 'echo hello; exit 3'
    expect_eq 3 "$status"
    expect_eq hello "$output"
}

@test "limits of config.json are read back from the cgroup" {
    bundle_new
    bundle_edit '.linux.resources.memory.limit = 67108864 | .linux.resources.pids.limit = 77'
    container_start
    expect_eq 67108864 "$(cgroup_value memory.max)"
    expect_eq 77 "$(cgroup_value pids.max)"
}

@test "no limit reads as max" {
    bundle_new
    bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
    container_start
    expect_eq max "$(cgroup_value memory.max)"
    expect_eq max "$(cgroup_value pids.max)"
}

@test "the container's /dev/shm has the size that config.json gives it" {
    bundle_new
    bundle_edit '(.mounts[] | select(.destination == "/dev/shm").options) |= map(if startswith("size=") then "size=12m" else . end)'
    container_start
    expect_eq $((12 << 20)) "$(container_shm_size)"
}

@test "two containers at once: each function speaks of the current bundle" {
    bundle_new first
    container_start
    bundle_new second
    bundle_edit '.linux.resources.pids.limit = 5'
    container_start
    expect_eq 5 "$(cgroup_value pids.max)"
    bundle_use first
    expect_eq max "$(cgroup_value pids.max)"
    # shellcheck disable=SC2016 # for the shell in the container
    run container_exec sh -c 'echo "$0"; exit 4' 'an argument'
    expect_eq 4 "$status"
    expect_eq 'an argument' "$output"
}

@test "hooks run at createRuntime and poststop, with the state on standard input" {
    bundle_new
    cat >"$work/hook" <<EOF
#!/bin/sh
exec cat >"$work/\$1"
EOF
    chmod 755 "$work/hook"
    # The stand-in knows no options: only the stage is left to it.
    BULKHEAD_HOOK=$work/hook bundle_hook
    bundle_edit '.hooks[][].args |= [.[0], .[-1]]'
    bundle_annotate io.bulkhead.test "a value"
    container_start
    expect_eq "$id" "$(jq -r .id "$work/createRuntime")"
    expect_eq "$(container_pid)" "$(jq -r .pid "$work/createRuntime")"
    expect_eq "a value" "$(jq -r '.annotations["io.bulkhead.test"]' "$work/createRuntime")"
    [[ ! -e $work/poststop ]]
    container_delete
    expect_eq stopped "$(jq -r .status "$work/poststop")"
    hook_state stopped | jq --exit-status 'keys - ["root"] == ["annotations", "bundle", "id", "ociVersion", "pid", "status"]'
}

@test "a createRuntime hook that fails stops the container" {
    bundle_new
    BULKHEAD_HOOK=/bin/false bundle_hook
    run container_start
    [[ $status != 0 ]]
    run runtime state "$id"
    [[ $status != 0 ]]
}

@test "nothing is left when a test ends with a container running" {
    bundle_new
    container_start
    local pid tree
    pid=$(container_pid)
    tree=$(cgroup_directory pids)
    mkdir "$work/mounted"
    mount -t tmpfs tmpfs "$work/mounted"
    harness_teardown
    process_is_gone "$pid"
    [[ ! -e $tree && ! -e $work ]]
    [[ $(</proc/mounts) != *"$work"* ]]
    harness_setup
}
