#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Limits of the container's cgroup: that ours hold, that the engine's tighter ones stay, and what version 1 cannot do.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers

MiB=$((1 << 20))

bundle_without_limits() { # [KEY VALUE]...
    bundle_new
    bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
    bundle_hook
    bundle_ask "$@"
}

@test "memory-max and pids-max hold" {
    bundle_without_limits memory-max 64Mi pids-max 20
    container_start
    expect_eq $((64 * MiB)) "$(cgroup_value memory.max)"
    expect_eq 20 "$(cgroup_value pids.max)"
}

@test "a value that is not of whole pages is rounded down" {
    bundle_without_limits memory-max 64000001
    container_start
    expect_eq $((64000001 / 4096 * 4096)) "$(cgroup_value memory.max)"
}

@test "memory-swap-max holds, beside memory-max and beside the engine's memory limit" {
    bundle_without_limits memory-max 64Mi memory-swap-max 16Mi
    bundle_new probe
    container_start
    require_swap_accounting "$(container_pid)"
    bundle_use c1
    container_start
    expect_eq $((64 * MiB)) "$(cgroup_value memory.max)"
    expect_eq $((16 * MiB)) "$(cgroup_value memory.swap.max)"
    container_delete
    bundle_edit '.linux.resources.memory = {limit: 67108864, swap: 134217728} | del(.annotations["io.bulkhead.memory-max"])'
    bundle_annotate io.bulkhead.memory-swap-max 0
    container_start
    expect_eq $((64 * MiB)) "$(cgroup_value memory.max)"
    expect_eq 0 "$(cgroup_value memory.swap.max)"
}

@test "on version 1 memory-swap-max alone is refused" {
    require_version_1
    bundle_without_limits memory-swap-max 16Mi
    expect_refused_like 69 'io.bulkhead.memory-swap-max="16Mi": (cgroup v1 limits swap only together with memory; set memory-max as well|the kernel does not account swap .*)'
}

@test "memory-max leaves as much swap as the engine allowed" {
    bundle_without_limits memory-max 64Mi
    bundle_edit '.linux.resources.memory = {limit: 134217728, swap: 167772160}'
    container_start
    require_swap_accounting "$(container_pid)"
    expect_eq $((64 * MiB)) "$(cgroup_value memory.max)"
    expect_eq $((32 * MiB)) "$(cgroup_value memory.swap.max)"
}

@test "the engine's tighter limits stay, its looser ones are lowered" {
    bundle_without_limits memory-max 64Mi pids-max 20
    bundle_edit '.linux.resources.memory.limit = 33554432 | .linux.resources.pids.limit = 100'
    container_start
    expect_eq $((32 * MiB)) "$(cgroup_value memory.max)"
    expect_eq 20 "$(cgroup_value pids.max)"
    container_delete
    bundle_edit '.linux.resources.memory.limit = 134217728 | .linux.resources.pids.limit = 10'
    container_start
    expect_eq $((64 * MiB)) "$(cgroup_value memory.max)"
    expect_eq 10 "$(cgroup_value pids.max)"
}

@test "an equal limit of the engine's is no reason to fail" {
    bundle_without_limits memory-max 64Mi pids-max 20
    bundle_edit '.linux.resources.memory.limit = 67108864 | .linux.resources.pids.limit = 20'
    container_start
    expect_eq $((64 * MiB)) "$(cgroup_value memory.max)"
    expect_eq 20 "$(cgroup_value pids.max)"
}

@test "a fork storm stops at pids-max" {
    bundle_without_limits pids-max 12
    run container_run sh -c 'i=0; while [ $i -lt 50 ]; do sleep 1 & i=$((i + 1)); done'
    [[ $status != 0 ]]
    expect_match "can't fork" "$output"
}

@test "who takes more than memory-max is killed" {
    bundle_without_limits memory-max 32Mi
    run container_run dd if=/dev/zero of=/dev/null bs=64M count=1
    expect_eq 137 "$status"
}

@test "the bare key is for every container, the one with its name comes before it" {
    bundle_without_limits pids-max 20 pids-max/c1 30 pids-max/other 40
    container_start
    expect_eq 30 "$(cgroup_value pids.max)"
}

@test "what version 1 does not have is refused" {
    require_version_1
    bundle_without_limits memory-high 32Mi
    expect_refused 69 'io.bulkhead.memory-high="32Mi": cgroup v1 has no such limit; it needs cgroup v2'
    bundle_edit '.annotations = {"io.bulkhead.memory-oom-group": "true"}'
    expect_refused 69 'io.bulkhead.memory-oom-group="true": cgroup v1 has no such limit; it needs cgroup v2'
}

@test "memory-low is refused without a maximum of the node's" {
    bundle_without_limits memory-low 32Mi
    expect_refused 77 "io.bulkhead.memory-low=\"32Mi\": takes memory from other containers, so the node config must set a \
maximum for it, and has none; leave it out"
}

# By hand, on a container that runs: what a refused one had is gone with it.
@test "a limit below what is in use is refused and nothing is written" {
    bundle_new
    bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
    container_start
    bundle_annotate io.bulkhead.memory-max 64Ki
    bundle_annotate io.bulkhead.pids-max 20
    bundle_annotate io.bulkhead.shm-size 16Mi
    local shm
    shm=$(container_shm_size)
    run hook createRuntime < <(hook_state creating "$(container_pid)")
    expect_eq 75 "$status"
    expect_match "^bulkhead: c1: io.bulkhead.memory-max=\"64Ki\": the container already uses [0-9]+([KM]i)?, the runtime's \
own memory included; ask for more\$" "$output"
    bundle_annotate io.bulkhead.memory-max 64Mi
    # Its first process and no other, so that only more than one task can be above.
    runtime exec "$id" sleep 1000 </dev/null 3>&- &
    wait_until 5 eval "[[ \$(cgroup_value pids.current) -gt 1 ]]"
    bundle_annotate io.bulkhead.pids-max 1
    run hook createRuntime < <(hook_state creating "$(container_pid)")
    expect_eq 75 "$status"
    expect_match "io.bulkhead.pids-max=\"1\": the container already uses [0-9]+, the runtime's own threads included; ask \
for more\$" "$output"
    expect_eq max "$(cgroup_value memory.max)"
    expect_eq max "$(cgroup_value pids.max)"
    expect_eq "$shm" "$(container_shm_size)"
    expect_empty "$(find "$state_dir/containers" -type f)"
}

@test "below what is in use, the runtime tells so" {
    bundle_without_limits memory-max 64Ki
    expect_refused_like 75 "io.bulkhead.memory-max=\"64Ki\": the container already uses [0-9]+([KM]i)?, the runtime's own \
memory included; ask for more"
}

@test "when /dev/shm is refused, no cgroup limit is left behind" {
    # Our hook, and what the container's cgroup says after it. (runc calls poststop as well, when that is gone.)
    cat >"$work/hook" <<EOF
#!/bin/sh
"$BULKHEAD_HOOK" "\$@"
status=\$?
find /sys/fs/cgroup/ -path "*$cgroup_parent/c1/*" \\( -name pids.max -o -name memory.max \\
    -o -name memory.limit_in_bytes \\) -exec cat {} + | sed 's/9223372036854771712/max/' >>"$work/after"
exit \$status
EOF
    chmod 755 "$work/hook"
    mkdir "$work/data"
    mount -t tmpfs data "$work/data"
    BULKHEAD_HOOK=$work/hook bundle_without_limits memory-max 64Mi pids-max 20 shm-size 16Mi
    bundle_edit --arg source "$work/data" '(.mounts[] | select(.destination == "/dev/shm")) |=
        {destination, type: "bind", $source, options: ["rbind", "rw"]}'
    expect_refused_like 77 'io.bulkhead.shm-size="16Mi": /dev/shm is a tmpfs of the host.*'
    expect_eq $'max\nmax' "$(<"$work/after")"
}
