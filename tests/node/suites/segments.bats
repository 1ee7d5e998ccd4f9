#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
# matrix: what of it is new after the integration tests and the demo are engines in units and mounts of their own, a minute
#
# Segments under podman with systemd: two containers and one memory, nothing of it in other units, in containers that
# bind the host's root, or left behind.
# shellcheck disable=SC2030,SC2031 # `run` sets what each test reads itself
load ../helpers

MiB=$((1 << 20))
counter=$checkout/build/release/tests/counter
segments=/run/bulkhead/segments

setup() {
    node_setup
    rm -rf --one-file-system /run/bulkhead
    hook_install
}

teardown() {
    systemctl stop copy.service slave.service later.service 2>/dev/null || true
    systemctl reset-failed 2>/dev/null || true
    node_teardown
}

# Blanks between the options, as podman 4.3 cuts at commas.
member() { # OPTIONS: sets asked
    asked=(--annotation "io.bulkhead.segment.x=$1" --volume "$counter:/bin/counter:ro")
}

start_member() { # NAME OPTIONS [PODMAN'S OPTION...]
    member "$2"
    container_start "$1" "${asked[@]}" "${@:3}"
}

mounts_of_node() { grep -F " $segments" /proc/1/mountinfo; }

shmem_kib() { awk '/^Shmem:/ { print $2 }' /proc/meminfo; }

fill() { container_exec "$1" dd if=/dev/zero of="$2/zeroes" bs=1M count=20 2>/dev/null; } # NAME PLACE

expect_freed() { # KiB BEFORE
    (($1 - $(shmem_kib) > 19000)) || complain "memory stays: $1 KiB before, $(shmem_kib) KiB after"
    expect_empty "$(mounts_of_node)"
    [[ ! -e $segments ]] || complain "$(find $segments)"
}

bytes_go_over() { # RUNTIME MANAGER
    use "$1" "$2"
    start_member a 'path=/dev/shm size=32Mi'
    start_member b 'path=/data/x'
    engine exec --detach a counter write shm:/count </dev/null >/dev/null
    local values
    values=$(container_exec b counter read /data/x/count 3 | paste -sd ' ')
    expect_match '^[0-9]+ [0-9]+ [0-9]+$' "$values"
    echo "# $1, $2: process $(container_pid a) writes, process $(container_pid b) reads $values" >&3
    echo "#   $(grep ' tmpfs bulkhead ' "/proc/$(container_pid a)/mountinfo")" >&3
    echo "#   $(grep ' tmpfs bulkhead ' "/proc/$(container_pid b)/mountinfo")" >&3
    expect_eq 1 "$(mounts_of_node | grep -c ' tmpfs bulkhead ')" "the node has it once"
    local before
    fill a /dev/shm
    container_delete a
    before=$(shmem_kib)
    container_delete b
    expect_freed "$before"
}

@test "crun, systemd: a counter from one container to the other, and nothing left" { bytes_go_over crun systemd; }

@test "runc, cgroupfs: a counter from one container to the other, and nothing left" { bytes_go_over runc cgroupfs; }

# What the kernel copies with a mount namespace, and a bind elsewhere, which our removing of the mount point does not reach.
copy_mounts() {
    systemd-run --quiet --unit=copy unshare --mount --propagation private sh -c "mount --bind $segments/local/x /mnt && exec sleep 1000"
    wait_until 20 eval "grep -q ' /mnt .* tmpfs bulkhead ' /proc/\$(main_process copy)/mountinfo"
}

main_process() { systemctl show --value --property=MainPID "$1"; }

@test "a PrivateMounts unit sees no segment that comes later, and one that copied the mounts keeps no memory" {
    systemd-run --quiet --unit=slave --property=PrivateMounts=yes sleep 1000
    start_member a 'path=/mnt/x size=32Mi'
    systemd-run --quiet --unit=later --property=PrivateMounts=yes sleep 1000
    expect_empty "$(grep -F " $segments/local" "/proc/$(main_process slave)/mountinfo")"
    copy_mounts
    fill a /mnt/x
    local before
    before=$(shmem_kib)
    container_delete a
    expect_freed "$before"
    expect_match ' /mnt .* tmpfs bulkhead ' "$(cat "/proc/$(main_process copy)/mountinfo")"
}

@test "containers that bind the host's root: one from before sees nothing, copies of later ones keep no memory" {
    container_start before --volume /:/host:rslave
    start_member a 'path=/mnt/x size=32Mi'
    container_start private --volume /:/host:rprivate
    container_start slave --volume /:/host:rslave
    fill a /mnt/x
    expect_empty "$(grep ' tmpfs bulkhead ' "/proc/$(container_pid before)/mountinfo")"
    expect_match ' tmpfs bulkhead ' "$(cat "/proc/$(container_pid private)/mountinfo")"
    local before
    before=$(shmem_kib)
    container_delete a
    expect_freed "$before"
}

@test "an engine in a unit with mounts of its own puts the segment where PID 1 is" {
    member 'path=/mnt/x size=4Mi'
    systemd-run --quiet --wait --property=PrivateMounts=yes --property=KillMode=none --property=Delegate=yes \
        podman --runtime crun --cgroup-manager systemd run --detach --name a --network none "${asked[@]}" "$image" sleep 1000
    expect_match ' tmpfs bulkhead ' "$(mounts_of_node)"
    start_member b 'path=/mnt/x'
    container_exec b sh -c 'echo hello >/mnt/x/file'
    expect_eq hello "$(cat "/proc/$(engine inspect --format '{{.State.Pid}}' a)/root/mnt/x/file")"
    systemd-run --quiet --wait --property=PrivateMounts=yes podman rm --force --time 0 a
    expect_match ' tmpfs bulkhead ' "$(mounts_of_node)"
    container_delete b
    expect_empty "$(mounts_of_node)"
}

@test "a container with hostIPC has no segment in the host's /dev/shm" {
    member 'path=/dev/shm/x size=4Mi'
    run container_run --ipc=host "${asked[@]}" -- true
    expect_eq 126 "$status" "$output"
    expect_match "is in the host.s own /dev/shm" "$(journal --identifier=bulkhead-hook --output=cat)"
    [[ ! -e /dev/shm/x ]]
    expect_empty "$(mounts_of_node)"
}

@test "a volume: bound shared it is refused, bound private it works and the host sees nothing" {
    mkdir -p /srv/volume/x
    mountpoint --quiet /srv/volume || { mount --bind /srv/volume /srv/volume; mount --make-shared /srv/volume; }
    member 'path=/data/x size=4Mi'
    run container_run --volume /srv/volume:/data:rshared "${asked[@]}" -- true
    expect_eq 126 "$status" "$output"
    expect_match 'is on a mount that is shared' "$(journal --identifier=bulkhead-hook --output=cat)"
    container_start a "${asked[@]}" --volume /srv/volume:/data:rprivate
    container_exec a touch /data/x/mark
    expect_empty "$(ls /srv/volume/x)"
    container_delete a
    expect_empty "$(mounts_of_node)"
    umount /srv/volume
}

@test "more room than the container's memory limit allows is told in the journal, but for a member that may only read" {
    start_member a 'path=/mnt/x size=128Mi' --memory 64m --annotation io.bulkhead.shm-size=96Mi
    start_member b 'path=/mnt/x' --annotation io.bulkhead.memory-max=100Mi
    start_member c 'path=/mnt/x ro' --memory 64m
    start_member d 'path=/mnt/x' --memory 128m
    local end=': filling it ends in an out-of-memory kill'
    expect_eq "bulkhead: $(container_id a): /mnt/x may hold 128Mi, more than the container's memory limit of 64Mi$end
bulkhead: $(container_id a): /dev/shm may hold 96Mi, more than the container's memory limit of 64Mi$end
bulkhead: $(container_id b): /mnt/x may hold 128Mi, more than the container's memory limit of 100Mi$end" \
        "$(journal --identifier=bulkhead-hook --output=cat)"
    local id
    for id in a b c d; do container_delete "$id"; done
    expect_empty "$(mounts_of_node)"
}

@test "what this kernel does not have is refused in words" {
    local minor
    minor=$(uname -r | awk -F. '{ print $1 * 100 + $2 }')
    member 'path=/mnt/x size=4Mi noswap'
    run container_run "${asked[@]}" -- true
    if ((minor < 604)); then
        expect_eq 126 "$status" "$output"
        expect_match 'which needs Linux 6.4' "$(journal --identifier=bulkhead-hook --output=cat)"
    fi
    member 'path=/mnt/x size=4Mi'
    run container_run --uidmap 0:100000:65536 "${asked[@]}" -- sh -c 'stat -c %u /mnt/x; echo x >/mnt/x/file'
    if ((minor < 603)); then
        expect_eq 126 "$status" "$output"
        expect_match 'cannot map its ids onto a tmpfs, which Linux 6.3 can' "$(journal --identifier=bulkhead-hook --output=cat)"
    else
        expect_eq '0 0' "$status $output"
    fi
    expect_empty "$(mounts_of_node)"
}

@test "a restarted container, and pods that are removed" {
    start_member a 'path=/mnt/x size=4Mi'
    container_exec a sh -c 'echo hello >/mnt/x/file'
    engine restart --time 0 a
    expect_empty "$(container_exec a ls /mnt/x)"
    engine pod create --name p --share ipc --network none --infra-image "$image" --infra-command '/bin/sleep 1000'
    start_member b 'path=/dev/shm/x' --pod p
    container_exec b sh -c 'echo hello >/dev/shm/x/file'
    expect_eq hello "$(container_exec a cat /mnt/x/file)"
    engine pod rm --force --time 0 p
    container_delete a
    expect_empty "$(mounts_of_node)"
}
