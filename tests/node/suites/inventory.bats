#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs ext4
#
# bulkhead list, inspect, top and segment: what they say of containers with every kind of limit, on cgroup v2 and with
# project quotas, is what statfs, the quota and the cgroup's files say. (How they print it, and top on a terminal, is in
# tests/integration.)
# shellcheck disable=SC2016 # jq's variables
load ../helpers
load ../disk
load ../shim

bulkhead=${BULKHEAD_HOOK%/*}/bulkhead
MiB=$((1 << 20))

setup() {
    node_setup
    shim_install
    disk_setup
}

teardown() {
    disk_teardown
    node_teardown
    rm -rf --one-file-system /run/bulkhead
}

# The container NAME, in $said.
ask() { said=$("$bulkhead" list -o json | jq --arg id "$1" '.containers[] | select(.id == $id)'); }

say() { jq --raw-output "$@" <<<"$said"; }

everything=(disk-size=20Mi shm-size=16Mi memory-max=64Mi memory-high=60Mi pids-max=50
    'segment.x=path=/mnt/x size=8Mi')

start_and_fill() { # NAME
    bundle_edit "$1" '.linux.cgroupsPath = "/inventory/'"$1"'" | del(.linux.resources.memory, .linux.resources.pids)'
    start_again "$1"
    inside "$1" dd if=/dev/zero of=/big bs=1M count=5 conv=fsync 2>/dev/null
    inside "$1" dd if=/dev/zero of=/dev/shm/zeroes bs=1M count=3 2>/dev/null
    inside "$1" dd if=/dev/zero of=/mnt/x/zeroes bs=1M count=2 2>/dev/null
}

expect_what_the_kernel_has() { # NAME
    local cgroup=/sys/fs/cgroup/inventory/$1 quota total free size
    ask "$1"
    read -r -a quota < <(quota_of "$(upper_id "$1")")
    expect_eq "$((quota[0] * 1024)) $((quota[2] * 1024)) ${quota[3]} ${quota[5]} $(upper_id "$1")" \
        "$(say '.disk | "\(.used) \(.limit) \(.inodesUsed) \(.inodesLimit) \(.projectId)"')" "disk"
    ((quota[0] >= 5 * 1024 && quota[2] == 20 * 1024)) || complain "quota ${quota[*]}"
    read -r total free size < <(stat --file-system --format='%b %f %S' "/proc/$(pid_of "$1")/root/dev/shm")
    expect_eq "$(((total - free) * size)) $((total * size)) false" "$(say '.shm | "\(.used) \(.limit) \(.host)"')" "shm"
    expect_eq "$(<"$cgroup/memory.max") $(<"$cgroup/memory.high") 0" \
        "$(say '.memory | "\(.limit) \(.high) \(.low)"')" "memory"
    expect_eq "$(<"$cgroup/pids.current") $(<"$cgroup/pids.max")" "$(say '.pids | "\(.used) \(.limit)"')" "pids"
    memory_is_near "$cgroup"
}

# It changes from look to look.
memory_is_near() { # DIRECTORY
    local key
    (($(say .memory.workingSet) == $(say .memory.usage) - $(awk '$1 == "inactive_file" { print $2 }' "$1/memory.stat"))) ||
        expect_near "$(($(<"$1/memory.current") - $(awk '$1 == "inactive_file" { print $2 }' "$1/memory.stat")))" \
            "$(say .memory.workingSet)" workingSet
    expect_near "$(<"$1/memory.current")" "$(say .memory.usage)" usage
    for key in anon file shmem; do
        expect_near "$(awk -v key=$key '$1 == key { print $2 }' "$1/memory.stat")" "$(say ".memory.$key")" $key
    done
}

expect_near() { # WANT GOT WHAT
    (($2 - $1 < MiB && $1 - $2 < MiB)) || complain "$3: $2, and the cgroup has $1"
}

@test "a guarded container with every kind of limit, on XFS" {
    layer_make c1
    shim_bundle runc c1 "${everything[@]}"
    start_and_fill c1
    expect_what_the_kernel_has c1
    expect_eq 'running guarded null' "$(say '"\(.status) \(.guard.state) \(.guard.reason)"')"
    run "$bulkhead" list
    expect_match '^c1 +- +running +3Mi/16Mi +5\.?[0-9]?Mi/20Mi +[0-9.]+Mi/64Mi +1/50 +guarded$' "${lines[1]}"
    run "$bulkhead" inspect c
    expect_match $'\ndisk +5[0-9.]*Mi of 20Mi \\(2[0-9] %\\)\ndisk inodes +[0-9]+ of [0-9]+ \\([0-9] %\\)\n' "$output"
    expect_match $'\nsegment x +2Mi of 8Mi \\(25 %\\); at /mnt/x: local/x; members c1\n' "$output"
    run "$bulkhead" top
    expect_match '^CONTAINER +SHM +DISK +INODES +MEMORY +PIDS$' "${lines[1]}"
    expect_match '^c1 +\[\|+ +3Mi/16Mi\] \[\|+ +5[0-9.]*Mi/20Mi\] \[\|.*/.*\] \[\|+ .*/64Mi\] \[\| +1/50\]$' "${lines[2]}"
    expect_match '^local/x +\[\|+ +2Mi/8Mi\] 1 c1$' "${lines[4]}"
    expect_eq $'words\nlocal/x\t' "$("$bulkhead" __complete segment rm '')" "completion"
}

@test "one without the guard, on ext4, is told why its limit does not hold" {
    on ext4
    layer_make c1
    RUNTIME=crun
    bundle c1 "${everything[@]}"
    start_and_fill c1
    expect_what_the_kernel_has c1
    expect_eq 'escapable it does not run behind the guard of bulkhead-runtime' "$(say '.guard | "\(.state) \(.reason)"')"
    expect_match '^guard +escapable: the disk limit can be taken off from inside: it does not run behind the guard' \
        "$("$bulkhead" inspect c1 | grep ^guard)"
}

@test "podman's, by systemd: the cgroup is the scope, where crun has put it into a leaf" {
    hook_install
    container_start web --annotation io.bulkhead.memory-max=64Mi --annotation io.bulkhead.pids-max=60 \
        --annotation io.bulkhead.shm-size=16Mi -- sh -c 'sleep 1000 & sleep 1000'
    local id scope
    id=$(container_id web)
    scope=$(cgroup_scope web)
    ask "$id"
    expect_eq podman "$(say .engine)"
    expect_eq "$(<"$scope/pids.current")" "$(say .pids.used)"
    memory_is_near "$scope"
    expect_eq $((64 * MiB)) "$(say .memory.limit)"
    expect_eq $((16 * MiB)) "$(say .shm.limit)"
    expect_match "^${id:0:12} +podman +running " "$("$bulkhead" list | tail -n 1)"
    expect_match "^$id +podman " "$("$bulkhead" list --no-trunc | tail -n 1)"
    expect_eq "$id" "$("$bulkhead" inspect "${id:0:6}" -o json | jq --raw-output .container.id)"
}

# Where crun has put them on the leaf alone (1.8), as where they are on the scope as well.
# Of the matrix: what of it is new after the integration tests is podman.
# bats test_tags=matrix
@test "podman's own limits are those that hold, whichever cgroup they are on" {
    hook_install
    container_start web --memory 100m --pids-limit 33 --annotation io.bulkhead.shm-size=16Mi -- \
        sh -c 'sleep 1000 & sleep 1000'
    local id
    id=$(container_id web)
    expect_eq $((100 * MiB)) "$(cgroup_value web memory.max)"
    ask "$id"
    expect_eq "$((100 * MiB)) $(<"$(cgroup_scope web)/pids.current") 33" "$(say '"\(.memory.limit) \(.pids.used) \(.pids.limit)"')"
    memory_is_near "$(cgroup_scope web)"
    expect_match '/100Mi +[0-9]+/33 +-$' "$("$bulkhead" list | tail -n 1)"
}

# A unit with mounts of its own sees neither the segments nor the layers that came later.
# Of the matrix: the integration tests do it in a mount namespace of their own.
# bats test_tags=matrix
@test "from a unit with mounts of its own all the same" {
    layer_make c1
    shim_start runc c1 disk-size=20Mi 'segment.x=path=/mnt/x size=8Mi'
    inside c1 dd if=/dev/zero of=/mnt/x/zeroes bs=1M count=2 2>/dev/null
    in_unit() { systemd-run --quiet --wait --pipe --property=PrivateMounts=yes --property=ProtectSystem=strict "$bulkhead" "$@"; }
    expect_eq "$("$bulkhead" segment ls -o json)" "$(in_unit segment ls -o json)"
    said=$(in_unit list -o json)
    expect_eq $((20 * MiB)) "$(say '.containers[0].disk.limit')"
    run in_unit segment rm x
    expect_eq 1 "$status"
    kill -KILL "$(pid_of c1)"
    wait_until 5 process_is_gone "$(pid_of c1)" || true
    expect_eq 'removed local/x' "$(in_unit segment rm x)"
    expect_empty "$(grep ' /run/bulkhead/segments' /proc/1/mountinfo || true)"
}
