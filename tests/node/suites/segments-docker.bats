#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
# matrix: dockerd is started
#
# docker beside segments, in containers that bind the host's /run: runc makes all mounts slaves, which leaves the anchor
# unbindable, so they get no copy. (crun makes them private: see segments.bats. With / docker refuses rprivate itself.)
load ../helpers
docker_home=/var/lib/containers/docker
load ../docker

segments=/run/bulkhead/segments

setup() {
    node_setup
    rm -rf --one-file-system /run/bulkhead
    hook_install
    docker_image=$image
    dockerd_start '{"storage-driver": "vfs", "exec-opts": ["native.cgroupdriver=cgroupfs"]}'
    podman save --quiet "$image" | docker load >/dev/null
}

teardown() {
    docker_clean
    dockerd_stop
    node_teardown
}

shmem_kib() { awk '/^Shmem:/ { print $2 }' /proc/meminfo; }

@test "docker's containers that bind /run, before or after, have no segment, and keep none of its memory" {
    local before mode pid pids=()
    docker_start early --volume /run:/host-run:rslave
    pids+=("$(docker_pid early)")
    container_start a --annotation 'io.bulkhead.segment.x=path=/mnt/x size=32Mi'
    for mode in rprivate rslave rshared ro,rprivate; do
        docker_start "later-${mode//,/-}" --volume "/run:/host-run:$mode"
        pids+=("$(docker_pid "later-${mode//,/-}")")
    done
    container_exec a dd if=/dev/zero of=/mnt/x/zeroes bs=1M count=20 2>/dev/null
    for pid in "${pids[@]}"; do
        expect_empty "$(grep ' tmpfs bulkhead ' "/proc/$pid/mountinfo")"
        expect_match ' /host-run ' "$(cat "/proc/$pid/mountinfo")"
    done
    before=$(shmem_kib)
    container_delete a
    ((before - $(shmem_kib) > 19000)) || complain "memory stays: $before KiB before, $(shmem_kib) KiB after"
    expect_empty "$(grep -F " $segments" /proc/1/mountinfo)"
    [[ ! -e $segments ]]
}
