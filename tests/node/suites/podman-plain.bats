#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain
# matrix: without systemd what podman.bats shows with it; half a minute
#
# The limits as a container meets them that runs into them. cgroupfs alone, as there is no systemd.
# shellcheck disable=SC2030,SC2031 # `run` sets what each test reads itself
load ../helpers

MiB=$((1 << 20))

setup() {
    node_setup
    rm -rf /run/bulkhead
    hook_install
}

# Runs its argument with either runtime.
with_each() { # CMD...
    local runtime
    for runtime in runc crun; do
        use "$runtime" cgroupfs
        echo "# with $runtime" >&2
        "$@"
    done
}

ask() { # KEY=VALUE...: sets asked
    asked=()
    local annotation
    for annotation in "$@"; do asked+=(--annotation "io.bulkhead.$annotation"); done
}

limits_hold() {
    ask shm-size=96Mi memory-max=64Mi memory-high=48Mi memory-swap-max=8Mi pids-max=33
    run container_run "${asked[@]}" -- \
        sh -c 'df -k /dev/shm; cd /sys/fs/cgroup; cat memory.max memory.high memory.swap.max pids.max'
    expect_eq 0 "$status" "$output"
    expect_match '^shm +98304 ' "${lines[1]}"
    expect_eq "$((64 * MiB)) $((48 * MiB)) $((8 * MiB)) 33" "${lines[*]:2}"
    expect_empty "$(find /run/bulkhead/containers -mindepth 1)" "receipts"
}

@test "every limit holds in the container's first instruction" { with_each limits_hold; }

storm_was_stopped() { ! grep -qx 'max 0' "$(cgroup_leaf storm)/pids.events"; }

# busybox's shell gives up when it cannot fork; the first process has to outlive it without forking.
fork_storm() {
    ask pids-max=20
    container_start storm "${asked[@]}" -- sh -c '(while :; do sleep 1000 & done); exec sleep 1000'
    wait_until 20 storm_was_stopped ||
        complain "was never stopped" "$(cat "$(cgroup_leaf storm)"/pids.*)"
    (($(cgroup_value storm pids.current) <= 20))
    container_delete storm
}

@test "a fork storm stops at pids-max" { with_each fork_storm; }

too_much_for_shm() {
    ask shm-size=8Mi
    run container_run "${asked[@]}" -- \
        sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=9; echo "status $?"; stat -c "size %s" /dev/shm/x'
    expect_match 'No space left on device' "$output"
    expect_match 'status 1' "$output"
    expect_match "size $((8 * MiB))" "$output"
}

@test "a write past shm-size fails with ENOSPC" { with_each too_much_for_shm; }

# dd's buffer is what takes the memory.
too_much_memory() {
    ask memory-max=32Mi memory-swap-max=1Mi
    run container_run "${asked[@]}" -- dd if=/dev/zero of=/dev/null bs=48M count=1
    expect_eq 137 "$status" "$output"
    run container_run "${asked[@]}" -- dd if=/dev/zero of=/dev/null bs=16M count=1
    expect_eq 0 "$status" "$output"
}

@test "what takes more than memory-max is killed" { with_each too_much_memory; }
