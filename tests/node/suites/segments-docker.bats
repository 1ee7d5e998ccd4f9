#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
# matrix: dockerd is started
#
# docker beside segments, in containers that bind the host's /run: runc makes all mounts slaves, which leaves the anchor
# unbindable, so they get no copy. (crun makes them private: see segments.bats. With / docker refuses rprivate itself.)
load ../helpers

segments=/run/bulkhead/segments
docker_home=/var/lib/containers/docker

setup() {
    node_setup
    rm -rf --one-file-system /run/bulkhead
    hook_install
    mkdir -p "$docker_home"
    dockerd --data-root "$docker_home" --storage-driver vfs --bridge none --iptables=false --ip6tables=false \
        --ip-forward=false --ip-masq=false --exec-opt native.cgroupdriver=cgroupfs </dev/null &>/run/dockerd.log 3>&- &
    echo $! >/run/dockerd-pid
    wait_until 60 docker version &>/dev/null || { tail -20 /run/dockerd.log; return 1; }
    podman save --quiet "$image" | docker load >/dev/null
}

teardown() {
    docker ps --all --quiet 2>/dev/null | xargs --no-run-if-empty docker rm --force &>/dev/null || true
    kill "$(</run/dockerd-pid)"
    wait_until 60 process_is_gone "$(</run/dockerd-pid)"
    node_teardown
}

docker_start() { # NAME OPTION...: its first process
    docker run --detach --name "$1" --network none "${@:2}" "$image" sleep 1000 >/dev/null 3>&-
    docker inspect --format '{{.State.Pid}}' "$1"
}

shmem_kib() { awk '/^Shmem:/ { print $2 }' /proc/meminfo; }

@test "docker's containers that bind /run, before or after, have no segment, and keep none of its memory" {
    local before mode pid pids=()
    pids+=("$(docker_start early --volume /run:/host-run:rslave)")
    container_start a --annotation 'io.bulkhead.segment.x=path=/mnt/x size=32Mi'
    for mode in rprivate rslave rshared ro,rprivate; do
        pids+=("$(docker_start "later-${mode//,/-}" --volume "/run:/host-run:$mode")")
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
