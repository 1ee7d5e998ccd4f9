#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
# matrix: dockerd is started
#
# docker beside segments: its containers that bind the host's /run hold copies of what is mounted there. (With / it
# refuses rprivate itself, as its own root is in there.)
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

@test "docker's containers that bind /run, rprivate, rslave and read-only, keep no memory of a segment" {
    local before copies=() mode pid
    pid=$(docker_start early --volume /run:/host-run:rslave)
    container_start a --annotation 'io.bulkhead.segment.x=path=/mnt/x size=32Mi'
    expect_empty "$(grep ' tmpfs bulkhead ' "/proc/$pid/mountinfo")"
    for mode in rprivate rslave ro,rprivate; do
        pid=$(docker_start "copy-${mode//,/-}" --volume "/run:/host-run:$mode")
        expect_match ' tmpfs bulkhead ' "$(cat "/proc/$pid/mountinfo")"
        copies+=("$pid")
    done
    # This one holds it at another place, which our removing of the mount point does not reach.
    nsenter --target "${copies[0]}" --mount sh -c "mount --bind /host-run/bulkhead/segments/local/x /mnt"
    container_exec a dd if=/dev/zero of=/mnt/x/zeroes bs=1M count=20 2>/dev/null
    before=$(shmem_kib)
    container_delete a
    ((before - $(shmem_kib) > 19000)) || complain "memory stays: $before KiB before, $(shmem_kib) KiB after"
    expect_match ' /mnt .* tmpfs bulkhead ' "$(cat "/proc/${copies[0]}/mountinfo")"
    expect_empty "$(grep -F " $segments" /proc/1/mountinfo)"
    [[ ! -e $segments ]]
}
