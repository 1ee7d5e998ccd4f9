#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
#
# podman with either runtime and either cgroup manager: what is asked holds from the first instruction on, stays, is
# refused in words where it cannot be had, and leaves nothing behind.
# shellcheck disable=SC2030,SC2031 # `run` sets what each test reads itself
load ../helpers

MiB=$((1 << 20))
receipts=/run/bulkhead/containers

setup() {
    node_setup
    rm -rf /run/bulkhead
    hook_install
}

# Runs its argument with each runtime under each manager.
with_each() { # CMD...
    local runtime manager
    for runtime in runc crun; do
        for manager in systemd cgroupfs; do
            use "$runtime" "$manager"
            echo "# with $runtime" >&2
            "$@"
        done
    done
}

ask() { # KEY=VALUE...: sets asked
    asked=()
    local annotation
    for annotation in "$@"; do asked+=(--annotation "io.bulkhead.$annotation"); done
}

receipt_files() { find "$receipts" -name '*.json' 2>/dev/null; }

expect_no_receipt() { expect_empty "$(find "$receipts" -mindepth 1 2>/dev/null)" "receipts"; }

# The container's own first words; as it is alone there, nothing but our hook came between.
look_at_oneself='df -k /dev/shm; cd /sys/fs/cgroup; cat memory.max memory.high memory.swap.max pids.max'

limits_hold() {
    ask shm-size=96Mi memory-max=64Mi memory-high=48Mi memory-swap-max=8Mi pids-max=33
    run container_run "${asked[@]}" -- sh -c "$look_at_oneself"
    expect_eq 0 "$status" "$output"
    expect_match '^shm +98304 ' "${lines[1]}"
    expect_eq "$((64 * MiB)) $((48 * MiB)) $((8 * MiB)) 33" "${lines[*]:2}"
    expect_no_receipt
}

@test "every limit holds in the container's first instruction" { with_each limits_hold; }

expect_limits() { # CGROUP
    expect_eq $((64 * MiB)) "$(cat "$1/memory.max")" "$1/memory.max"
    expect_eq $((48 * MiB)) "$(cat "$1/memory.high")" "$1/memory.high"
    expect_eq $((8 * MiB)) "$(cat "$1/memory.swap.max")" "$1/memory.swap.max"
    expect_eq 33 "$(cat "$1/pids.max")" "$1/pids.max"
}

# systemd 252 writes its own values with the reload, 257 when the next unit in the slice starts.
limits_stay() {
    local cgroup
    ask shm-size=96Mi memory-max=64Mi memory-high=48Mi memory-swap-max=8Mi pids-max=33 "$@"
    container_start c1 "${asked[@]}"
    for cgroup in "$(cgroup_leaf c1)" "$(cgroup_scope c1)"; do expect_limits "$cgroup"; done
    expect_eq "MemoryHigh=$((48 * MiB)) MemoryMax=$((64 * MiB)) MemorySwapMax=$((8 * MiB)) TasksMax=33" \
        "$(systemctl show --property=MemoryMax,MemoryHigh,MemorySwapMax,TasksMax "$(unit_of c1)" | sort | paste -sd ' ')"
    systemctl daemon-reload
    for cgroup in "$(cgroup_leaf c1)" "$(cgroup_scope c1)"; do expect_limits "$cgroup"; done
    container_start c2
    for cgroup in "$(cgroup_leaf c1)" "$(cgroup_scope c1)"; do expect_limits "$cgroup"; done
    expect_eq $((96 * MiB)) "$(container_shm_size c1)"
}

@test "runc, systemd: the limits stay over daemon-reload and the slice's next unit" {
    use runc systemd
    limits_stay
}

@test "crun, systemd: the limits of leaf and scope stay, and the leaf's oom group" {
    use crun systemd
    limits_stay memory-oom-group=true
    expect_eq 1 "$(cgroup_value c1 memory.oom.group)"
}

@test "runc, systemd: memory-oom-group is refused" {
    use runc systemd
    ask memory-oom-group=true
    run container_run "${asked[@]}" -- true
    expect_eq 126 "$status" "$output"
    expect_match 'exit status 69, .*stderr: bulkhead: [0-9a-f]{64}: io.bulkhead.memory-oom-group="true": with runc and' \
        "$output"
    expect_match 'org.systemd.property.OOMPolicy' "$output" "the mend"
}

@test "cgroupfs: memory-oom-group, with runc and crun" {
    local runtime
    ask memory-oom-group=true
    for runtime in runc crun; do
        use "$runtime" cgroupfs
        run container_run "${asked[@]}" -- cat /sys/fs/cgroup/memory.oom.group
        expect_eq "0 1" "$status $output" "$runtime"
    done
}

engines_stay() {
    ask memory-max=64Mi pids-max=33
    run container_run --memory 48m --pids-limit 20 "${asked[@]}" -- sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max'
    expect_eq "0 $((48 * MiB)) 20" "$status ${lines[*]}"
}

@test "an engine's own tighter limits stay, and the journal says so" {
    with_each engines_stay
    local said
    said=$(journal --identifier=bulkhead-hook --output=cat)
    expect_eq 4 "$(grep -c 'io.bulkhead.memory-max="64Mi": kept at the engine.s 48Mi$' <<<"$said")" "$said"
    expect_eq 4 "$(grep -c 'io.bulkhead.pids-max="33": kept at the engine.s 20$' <<<"$said")" "$said"
}

@test "an engine's looser limits are tightened" {
    use crun systemd
    ask memory-max=64Mi pids-max=33
    container_start c1 --memory 128m --pids-limit 50 "${asked[@]}"
    expect_eq "$((64 * MiB)) 33" "$(cgroup_value c1 memory.max) $(cgroup_value c1 pids.max)"
    use runc systemd
    container_start c2 --memory 128m --pids-limit 50 "${asked[@]}"
    expect_eq "$((64 * MiB)) 33" "$(cgroup_value c2 memory.max) $(cgroup_value c2 pids.max)"
    expect_empty "$(journal --identifier=bulkhead-hook --output=cat)" "nothing to tell"
}

@test "runc shows why it was refused, crun the status; the journal has the line either way" {
    local line='bulkhead: [0-9a-f]{64}: io\.bulkhead\.shm-size="512m": "m" is milli in Kubernetes and MiB in docker; '
    line+='write 512Mi or 536870912'
    ask shm-size=512m
    use runc systemd
    run container_run "${asked[@]}" -- true
    expect_eq 126 "$status" "$output"
    expect_match "exit status 64, .*stderr: $line" "$output"
    use crun systemd
    run container_run "${asked[@]}" -- true
    expect_eq 126 "$status" "$output"
    expect_match 'exit code: 64' "$output"
    expect_eq 2 "$(journal --identifier=bulkhead-hook --output=cat | grep -cE "^$line\$")" "lines in the journal"
    expect_no_receipt
}

@test "--ipc=host: refused, and the host's /dev/shm is as it was" {
    local before runtime
    before=$(tmpfs_size /dev/shm)
    ask shm-size=96Mi
    for runtime in runc crun; do
        use "$runtime" systemd
        run container_run --ipc=host "${asked[@]}" -- true
        expect_eq 126 "$status" "$output"
        expect_match '(exit status |exit code: )77' "$output"
    done
    expect_match 'is the host.s own; run the container without --ipc=host' \
        "$(journal --identifier=bulkhead-hook --output=cat)"
    expect_eq "$before" "$(tmpfs_size /dev/shm)"
    expect_no_receipt
}

@test "a pod: one /dev/shm, and a member that stops leaves its size" {
    use crun systemd
    engine pod create --name p --share ipc --network none --infra-image "$image" --infra-command '/bin/sleep 1000'
    ask shm-size=96Mi
    container_start c1 --pod p "${asked[@]}"
    container_start c2 --pod p "${asked[@]}"
    expect_eq "$((96 * MiB)) $((96 * MiB))" "$(container_shm_size c1) $(container_shm_size c2)"
    expect_eq "$(stat --format=%d "/proc/$(container_pid c1)/root/dev/shm")" \
        "$(stat --format=%d "/proc/$(container_pid c2)/root/dev/shm")" "the /dev/shm of both"
    container_delete c1
    expect_eq $((96 * MiB)) "$(container_shm_size c2)"
    engine pod rm --force --time 0 p
    expect_no_receipt
}

@test "a user namespace" {
    local runtime
    ask shm-size=96Mi memory-max=64Mi memory-high=48Mi memory-swap-max=8Mi pids-max=33
    for runtime in runc crun; do
        use "$runtime" systemd
        run container_run --uidmap 0:100000:65536 "${asked[@]}" -- \
            sh -c "cat /proc/self/uid_map; $look_at_oneself; echo x >/dev/shm/x; stat -c %u /dev/shm"
        expect_eq 0 "$status" "$output"
        expect_match '^ *0 +100000 +65536$' "${lines[0]}"
        expect_match '^shm +98304 ' "${lines[2]}"
        expect_eq "$((64 * MiB)) $((48 * MiB)) $((8 * MiB)) 33 0" "${lines[*]:3}"
        expect_no_receipt
    done
}

expect_receipt_of() { # NAME PID
    expect_eq 1 "$(receipt_files | wc -l)" "receipts"
    expect_eq "$(container_id "$1") $2 96Mi 33 65536000" \
        "$(jq -r '"\(.id) \(.pid) \(.asked["io.bulkhead.shm-size"]) \(.asked["io.bulkhead.pids-max"]) \(.shm.oldSize)"' \
            "$(receipt_files)")" "the receipt"
    expect_eq "$((96 * MiB)) 33" "$(container_shm_size "$1") $(cgroup_value "$1" pids.max)"
}

stopped_and_started() {
    ask shm-size=96Mi pids-max=33
    container_start c1 "${asked[@]}"
    local first
    first=$(container_pid c1)
    expect_receipt_of c1 "$first"
    engine stop --time 0 c1
    expect_no_receipt
    engine start c1
    [[ $(container_pid c1) != "$first" ]]
    expect_receipt_of c1 "$(container_pid c1)"
    engine restart --time 0 c1
    expect_receipt_of c1 "$(container_pid c1)"
    container_delete c1
    expect_no_receipt
}

@test "runc, systemd: stop, start, restart, remove, each with the right receipt" {
    use runc systemd
    stopped_and_started
}

# Of the matrix: runc by systemd does the same.
# bats test_tags=matrix
@test "crun, cgroupfs: stop, start, restart, remove, each with the right receipt" {
    use crun cgroupfs
    stopped_and_started
}

@test "a container that asks nothing leaves nothing" {
    use crun systemd
    container_run --annotation org.example.a=b -- true
    [[ ! -e /run/bulkhead ]]
    expect_empty "$(journal --identifier=bulkhead-hook --output=cat)"
}

@test "crun --cgroups=disabled: pids-max is refused, as there is no cgroup to limit" {
    local before
    before=$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/pids.max")
    use crun systemd
    ask pids-max=33
    run container_run --cgroups=disabled "${asked[@]}" -- true
    expect_eq 126 "$status" "$output"
    expect_match 'exit code: 69' "$output"
    expect_match 'io.bulkhead.pids-max="33": the container has no cgroup of its own' \
        "$(journal --identifier=bulkhead-hook --output=cat)"
    expect_eq "$before" "$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/pids.max")" "the engine's own"
}
