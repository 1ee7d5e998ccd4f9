#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Updates through the runtime shim, as containerd sends them for a kubelet and as a person types them: memory and pids
# stay within what the receipt promised, what an update does not speak of stays as it was, and the rest of it is done.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load shim

MiB=$((1 << 20))

setup() { shim_setup; }
teardown() { shim_teardown; }

begin() { # [KEY VALUE]...
    asking "$@"
    container_start
}

# All that containerd knows, as its CRI plugin does: the container's resources as it wrote them, with what changed.
kubelet_resources() { # [FILTER]
    jq --null-input --compact-output '{
        devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 3, access: "rwm"}],
        memory: {}, cpu: {shares: 512, quota: 20000, period: 100000, cpus: "0"}} | '"${1:-.}"
}

update() { runtime update --resources=- "$id" <<<"$1"; } # RESOURCES

expect_limits() { # MEMORY PIDS
    expect_eq "$1 $2" "$(cgroup_value memory.max) $(cgroup_value pids.max)"
}

expect_cpu() { # QUOTA SHARES
    local directory
    directory=$(cgroup_directory cpu)
    if [[ $(cgroup_version) == 2 ]]; then
        expect_eq "$1 100000" "$(<"$directory/cpu.max")"
    else
        expect_eq "$1 100000 $2" "$(cat "$directory"/cpu.cfs_quota_us "$directory"/cpu.cfs_period_us \
            "$directory"/cpu.shares | paste -sd ' ')"
    fi
}

@test "a kubelet's update does not get past the receipt, and the rest of it is done" {
    begin memory-max 64Mi pids-max 50
    expect_limits $((64 * MiB)) 50
    update "$(kubelet_resources '.memory.limit = 268435456 | .pids.limit = 1000')"
    expect_limits $((64 * MiB)) 50
    expect_cpu 20000 512
    update "$(kubelet_resources '.memory.limit = -1 | .pids.limit = -1 | .cpu.quota = 30000')"
    expect_limits $((64 * MiB)) 50
    expect_cpu 30000 512
}

@test "one that asks for less gets it, and later no more than was promised" {
    begin memory-max 64Mi pids-max 50
    update "$(kubelet_resources '.memory.limit = 33554432 | .pids.limit = 30')"
    expect_limits $((32 * MiB)) 30
    update "$(kubelet_resources '.memory.limit = 50331648')"
    expect_limits $((48 * MiB)) 30
    update "$(kubelet_resources '.memory.limit = 68719476736 | .pids.limit = 9007199254740991')"
    expect_limits $((64 * MiB)) 50
}

@test "one without memory and pids leaves them" {
    begin memory-max 64Mi pids-max 50
    update "$(kubelet_resources)"
    expect_limits $((64 * MiB)) 50
    update "$(kubelet_resources 'del(.memory)')"
    expect_limits $((64 * MiB)) 50
    runtime update --cpu-quota 40000 --cpu-period 100000 "$id"
    expect_limits $((64 * MiB)) 50
    expect_cpu 40000 512
}

@test "by options, and from a file" {
    begin memory-max 64Mi pids-max 50
    runtime update --memory 268435456 --memory-swap 536870912 --pids-limit 1000 "$id"
    expect_limits $((64 * MiB)) 50
    if [[ $RUNTIME == runc ]]; then # crun takes no letters
        runtime update --memory 256M --memory-swap 1g "$id"
        expect_limits $((64 * MiB)) 50
    fi
    runtime update --pids-limit=-1 "$id"
    expect_limits $((64 * MiB)) 50
    runtime update --memory=33554432 --memory-swap=33554432 --pids-limit 20 "$id"
    expect_limits $((32 * MiB)) 20
    kubelet_resources '.memory.limit = 268435456 | .memory.swap = 268435456 | .pids.limit = 1000' >"$work/resources"
    local option
    for option in "--resources $work/resources" "--resources=$work/resources" "-r $work/resources"; do
        # shellcheck disable=SC2086 # words
        runtime update $option "$id" </dev/null
        expect_limits $((64 * MiB)) 50
        runtime update --memory=33554432 --memory-swap=33554432 --pids-limit 20 "$id"
    done
}

@test "swap stays within its promise, whatever the memory" {
    begin memory-max 64Mi memory-swap-max 16Mi
    require_swap_accounting "$(container_pid)"
    local swap
    for swap in -1 68719476736 134217728; do
        update "$(kubelet_resources ".memory = {limit: 268435456, swap: $swap}")"
        expect_limits $((64 * MiB)) max
        expect_eq $((16 * MiB)) "$(cgroup_value memory.swap.max)"
    done
    update "$(kubelet_resources '.memory = {limit: 33554432, swap: 268435456}')"
    expect_eq "$((32 * MiB)) $((16 * MiB))" "$(cgroup_value memory.max) $(cgroup_value memory.swap.max)"
}

@test "one promise leaves the other limit to the engine" {
    begin pids-max 50
    update "$(kubelet_resources '.memory.limit = 268435456 | .pids.limit = 1000')"
    expect_limits $((256 * MiB)) 50
    container_delete
    begin memory-max 64Mi
    update "$(kubelet_resources '.memory.limit = 268435456 | .pids.limit = 1000')"
    expect_limits $((64 * MiB)) 1000
}

@test "a container that asked for nothing is updated as without the shim" {
    begin
    update "$(kubelet_resources '.memory.limit = 268435456 | .pids.limit = 1000')"
    expect_limits $((256 * MiB)) 1000
    runtime update --pids-limit 2000 "$id"
    expect_limits $((256 * MiB)) 2000
}

@test "without the shim the same update raises them" {
    begin memory-max 64Mi pids-max 50
    plain update --resources - "$id" <<<"$(kubelet_resources '.memory.limit = 268435456 | .pids.limit = 1000
        | .memory.swap = 268435456')"
    expect_limits $((256 * MiB)) 1000
}

@test "an id that can be none goes to the runtime, which says so in its words" {
    local none said
    begin pids-max 50 # so that there are receipts
    for none in .. ../c1; do
        run plain update --pids-limit 5 "$none"
        [[ $status != 0 ]]
        said=$output
        run runtime update --pids-limit 5 "$none"
        [[ $status != 0 ]]
        expect_eq "${said/time=\"*\" level/level}" "${output/time=\"*\" level/level}"
    done
}
