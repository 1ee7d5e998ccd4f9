#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The size of /dev/shm: of every kind of /dev/shm that a container can have, and of none that is the host's.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers

MiB=$((1 << 20))

setup() {
    harness_setup
    others=() directories=()
}

teardown() {
    if ((${#others[@]} > 0)); then kill -KILL "${others[@]}" || true; fi
    harness_teardown
    rm -rf --one-file-system "${directories[@]}"
}

bundle_with_size() { # SIZE
    bundle_new
    bundle_hook
    bundle_annotate io.bulkhead.shm-size "$1"
}

shm_is_bind_of() { # DIRECTORY
    bundle_edit --arg source "$1" '(.mounts[] | select(.destination == "/dev/shm")) |=
        {destination, type: "bind", $source, options: ["rbind", "rw"]}'
}

mount_tmpfs() { # NAME SIZE: on $work/NAME
    mkdir "$work/$1"
    mount -t tmpfs -o "mode=1777,size=$2" "$1" "$work/$1"
}

join_another_ipc_namespace() {
    unshare --ipc sleep 1000 >/dev/null 2>&1 3>&- &
    others+=($!)
    wait_until 5 eval "[[ \$(readlink /proc/$!/ns/ipc) != \$(readlink /proc/self/ns/ipc) ]]"
    bundle_edit --arg path "/proc/$!/ns/ipc" '(.linux.namespaces[] | select(.type == "ipc")).path = $path'
}

@test "the size holds before the first instruction, and past it there is no space" {
    bundle_with_size 16Mi
    run container_run sh -c 'df -k /dev/shm; dd if=/dev/zero of=/dev/shm/file bs=1M count=17'
    expect_eq 1 "$status"
    expect_match 'shm +16384 ' "$output"
    expect_match 'No space left on device' "$output"
}

@test "a size that is not of whole pages is rounded up" {
    bundle_with_size 10001
    container_start
    expect_eq 12288 "$(container_shm_size)"
}

@test "the other options of the mount stay" {
    local options='["nosuid", "noexec", "nodev", "mode=1700", "size=8m", "nr_inodes=500"]' before
    bundle_new plain
    bundle_edit --argjson options "$options" '(.mounts[] | select(.destination == "/dev/shm")).options = $options'
    container_start
    before=$(awk '$2 ~ "/dev/shm$" { print $3, $4 }' "/proc/$(container_pid)/mounts")
    expect_match nr_inodes=500 "$before"
    bundle_with_size 16Mi
    bundle_edit --argjson options "$options" '(.mounts[] | select(.destination == "/dev/shm")).options = $options'
    container_start
    expect_eq "${before/size=8192k/size=16384k}" "$(awk '$2 ~ "/dev/shm$" { print $3, $4 }' "/proc/$(container_pid)/mounts")"
}

@test "the host's own /dev/shm, or a directory of it, is refused and keeps its size" {
    local before directory own="io.bulkhead.shm-size=\"16Mi\": /dev/shm is the host's own; run the container without \
--ipc=host (hostIPC) or a bind of /dev/shm"
    before=$(tmpfs_size /dev/shm)
    directory=$(mktemp -d /dev/shm/bulkhead-tests.XXXXXX)
    directories+=("$directory")
    bundle_with_size 16Mi
    shm_is_bind_of /dev/shm
    expect_refused 77 "$own"
    shm_is_bind_of "$directory"
    expect_refused 77 "$own"
    bundle_edit 'del(.linux.namespaces[] | select(.type == "ipc"))'
    shm_is_bind_of /dev/shm
    expect_refused 77 "$own"
    expect_eq "$before" "$(tmpfs_size /dev/shm)"
}

@test "in the host's IPC namespace, a /dev/shm of its own is resized" {
    bundle_with_size 16Mi
    bundle_edit 'del(.linux.namespaces[] | select(.type == "ipc"))'
    container_start
    expect_eq $((16 * MiB)) "$(container_shm_size)"
}

@test "another tmpfs of the host's is refused and keeps its size" {
    mount_tmpfs data 8M
    mount_tmpfs shm 8M
    mkdir "$work/shm/below"
    bundle_with_size 16Mi
    shm_is_bind_of "$work/data"
    expect_refused 77 "io.bulkhead.shm-size=\"16Mi\": /dev/shm is a tmpfs of the host's (\"data\"), bound into the \
container; only one that the engine made for it can be resized"
    shm_is_bind_of "$work/shm/below"
    expect_refused 77 "io.bulkhead.shm-size=\"16Mi\": /dev/shm is a tmpfs of the host's (\"shm\"), bound into the \
container; only one that the engine made for it can be resized"
    expect_eq $((8 * MiB)) "$(tmpfs_size "$work/data")"
    expect_eq $((8 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "a directory on a disk is refused" {
    local directory
    directory=$(mktemp -d /var/tmp/bulkhead-tests.XXXXXX)
    directories+=("$directory")
    [[ $(stat --file-system --format=%T "$directory") != tmpfs ]] || skip_because "/var/tmp is a tmpfs"
    bundle_with_size 16Mi
    shm_is_bind_of "$directory"
    expect_refused 69 'io.bulkhead.shm-size="16Mi": /dev/shm is a volume, not a tmpfs; remove the mount on /dev/shm'
}

@test "an engine's tmpfs is resized, and has its old size back after the container" {
    mount_tmpfs shm 64M
    bundle_with_size 16Mi
    shm_is_bind_of "$work/shm"
    container_start
    expect_eq $((16 * MiB)) "$(container_shm_size)"
    expect_eq $((16 * MiB)) "$(tmpfs_size "$work/shm")"
    container_delete
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "an engine's tmpfs that holds more than is asked for is refused and keeps its size" {
    mount_tmpfs shm 64M
    dd if=/dev/zero of="$work/shm/file" bs=1M count=8 status=none
    bundle_with_size 4Mi
    shm_is_bind_of "$work/shm"
    expect_refused 75 'io.bulkhead.shm-size="4Mi": /dev/shm already holds 8Mi, more than 4Mi; ask for more or empty it'
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "a /dev/shm without a limit is refused" {
    mount_tmpfs shm 0
    bundle_with_size 16Mi
    shm_is_bind_of "$work/shm"
    expect_refused 69 "io.bulkhead.shm-size=\"16Mi\": the engine made /dev/shm without a size limit, and the kernel sets \
none later; give the engine one (podman, docker: --shm-size)"
}

@test "an engine's tmpfs of a joined IPC namespace is resized and stays so" {
    mount_tmpfs shm 64M
    bundle_with_size 16Mi
    shm_is_bind_of "$work/shm"
    join_another_ipc_namespace
    container_start
    expect_eq $((16 * MiB)) "$(container_shm_size)"
    container_delete
    expect_eq $((16 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "a shared /dev/shm is not sized for one container" {
    mount_tmpfs shm 64M
    bundle_with_size 16Mi
    bundle_edit '.annotations = {"io.bulkhead.shm-size/c1": "16Mi"}'
    shm_is_bind_of "$work/shm"
    join_another_ipc_namespace
    expect_refused 69 "io.bulkhead.shm-size/c1=\"16Mi\": /dev/shm is shared by the pod, so it has one size; use the key \
without /CONTAINER"
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "a shared /dev/shm is not taken back when the container fails after us" {
    mount_tmpfs shm 8M
    bundle_with_size 16Mi
    shm_is_bind_of "$work/shm"
    join_another_ipc_namespace
    bundle_edit '.hooks.createRuntime += [{path: "/bin/sh", args: ["sh", "-c", "cat >/dev/null; exit 1"]}]'
    run container_start
    [[ $status != 0 ]]
    # runc calls poststop itself; crun leaves it to whoever deletes the container.
    container_delete || true
    hook poststop < <(hook_state stopped)
    expect_eq $((16 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "an image whose /dev/shm is a symlink is refused" {
    bundle_with_size 16Mi
    bundle_edit 'del(.mounts[] | select(.destination | startswith("/dev")))'
    ln -s /tmp "$bundle/rootfs/dev/shm"
    expect_refused 69 "io.bulkhead.shm-size=\"16Mi\": /dev/shm goes through a symlink in the image; make it a directory \
there"
}

# Looked at through /proc, as an exec from a chroot would come out in another root.
expect_new_shm() { # OWNER, as the host has it
    expect_eq $((16 * MiB)) "$(container_shm_size)"
    expect_eq "1777 $1 $1" "$(stat --format='%a %u %g' "/proc/$(container_pid)/root/dev/shm")"
    expect_match ' /dev/shm tmpfs rw,nosuid,nodev,noexec,' "$(cat "/proc/$(container_pid)/mounts")"
}

@test "where the container has no /dev/shm, one is made" {
    bundle_with_size 16Mi
    bundle_edit 'del(.mounts[] | select(.destination == "/dev/shm"))'
    container_start
    expect_new_shm 0
    container_delete
    # Only a directory of the image's.
    bundle_edit 'del(.mounts[] | select(.destination == "/dev"))'
    mkdir -p "$bundle/rootfs/dev/shm"
    container_start
    expect_new_shm 0
}

in_user_namespace() {
    chown --recursive --no-dereference 100000:100000 "$bundle/rootfs"
    bundle_edit '.linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
}

@test "in a user namespace it is resized, or made and the container's root's" {
    unshare --user true 2>/dev/null || skip_because "the kernel makes no user namespace here, as in any chroot (EPERM)"
    bundle_with_size 16Mi
    in_user_namespace
    container_start
    expect_eq $((16 * MiB)) "$(container_shm_size)"
    container_delete
    bundle_edit 'del(.mounts[] | select(.destination == "/dev/shm"))'
    container_start
    expect_new_shm 100000
}

@test "in a user namespace it is made in an image's /dev that nobody may write to" {
    unshare --user true 2>/dev/null || skip_because "the kernel makes no user namespace here, as in any chroot (EPERM)"
    bundle_with_size 16Mi
    in_user_namespace
    bundle_edit 'del(.mounts[] | select(.destination | startswith("/dev")))'
    # What a container needs of /dev is bound there by the runtime, which no mode keeps from it.
    chmod 555 "$bundle/rootfs/dev"
    container_start
    expect_new_shm 100000
}

@test "root.path may be relative or absolute" {
    bundle_with_size 16Mi
    expect_eq rootfs "$(jq --raw-output .root.path "$bundle/config.json")"
    container_start
    expect_eq $((16 * MiB)) "$(container_shm_size)"
    container_delete
    bundle_edit --arg path "$bundle/rootfs" '.root.path = $path'
    container_start
    expect_eq $((16 * MiB)) "$(container_shm_size)"
}
