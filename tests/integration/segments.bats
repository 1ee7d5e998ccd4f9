#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Segments: two containers and one memory, from the first one that joins to the last one that leaves; whose it is, what
# options do, and when it is free.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load segments

@test "two containers share bytes; the last one that leaves frees them" {
    member_start a 'path=/dev/shm/x,size=256Mi'
    container_exec sh -c 'echo hello >/dev/shm/x/file; dd if=/dev/zero of=/dev/shm/x/zeroes bs=1M count=200 2>/dev/null'
    expect_mounted /dev/shm/x
    member_start b 'path=/mnt/x'
    expect_eq hello "$(container_exec cat /mnt/x/file)"
    expect_mounted
    local before
    before=$(memory_kib)
    bundle_use a
    container_delete
    bundle_use b
    expect_eq hello "$(container_exec cat /mnt/x/file)"
    container_delete
    expect_freed "$before"
    expect_nothing_left
}

counted() { # PLACE IN WRITER, PLACE IN READER
    local values
    bundle_use a
    container_exec counter write "$1" &>/dev/null 3>&- &
    bundle_use b
    wait_until 5 container_exec counter read "$2" 1 >/dev/null 2>&1
    values=$(container_exec counter read "$2" 5 | paste -sd ' ')
    expect_match '^[0-9]+( [0-9]+){4}$' "$values"
    echo "# $RUNTIME: process $(cat "$work/bundles/a/pid") writes $1, process $(cat "$work/bundles/b/pid") reads $2: $values" >&3
    echo "#   $(grep ' tmpfs bulkhead ' "/proc/$(cat "$work/bundles/a/pid")/mountinfo")" >&3
    echo "#   $(grep ' tmpfs bulkhead ' "/proc/$(cat "$work/bundles/b/pid")/mountinfo")" >&3
}

@test "a counter goes from one container to the other: by shm_open over /dev/shm, by mmap, by plain files" {
    member_start a 'path=/dev/shm size=16Mi'
    member_start b 'path=/dev/shm'
    expect_mounted /dev/shm
    counted shm:/count shm:/count
    container_delete
    member_start b 'path=/data/x'
    counted /dev/shm/mapped /data/x/mapped
    expect_eq hello "$(bundle_use a; container_exec sh -c 'echo hello >/dev/shm/plain'; bundle_use b; container_exec cat /data/x/plain)"
}

@test "pods of one namespace share it; another namespace, and no namespace, get their own" {
    member_new a 'path=/mnt/x,size=1Mi'
    in_namespace prod
    container_start
    container_exec sh -c 'echo prod >/mnt/x/file'
    member_new b 'path=/mnt/x'
    in_namespace prod
    container_start
    expect_eq prod "$(container_exec cat /mnt/x/file)"
    member_new c 'path=/mnt/x,size=2Mi'
    in_namespace other
    container_start
    expect_empty "$(container_exec ls /mnt/x)"
    member_start d 'path=/mnt/x,size=3Mi'
    expect_empty "$(container_exec ls /mnt/x)"
    expect_eq "$((1 * MiB)) $((2 * MiB)) $((3 * MiB))" \
        "$(tmpfs_size "$(segment_root k8s/prod/x)") $(tmpfs_size "$(segment_root k8s/other/x)") $(tmpfs_size "$(segment_root)")"
    for id in a b c d; do container_delete; done
    expect_nothing_left
}

@test "keys that a pod's author may write do not choose the namespace" {
    member_start victim 'path=/mnt/x,size=1Mi' # local
    member_new a 'path=/mnt/x,size=1Mi'
    in_namespace prod
    bundle_annotate io.kubernetes.pod.namespace victim
    container_start
    [[ -d $(segment_root k8s/prod/x) && ! -e $state_dir/segments/k8s/victim ]]
    member_new b 'path=/mnt/x,size=1Mi'
    bundle_annotate io.kubernetes.cri-o.Name k8s_web_pod_crio-ns_uid_0
    bundle_annotate io.kubernetes.cri-o.SandboxName k8s_pod_victim_uid_0
    bundle_annotate io.kubernetes.cri-o.Namespace victim
    bundle_annotate io.kubernetes.cri-o.ContainerType container
    container_start
    [[ -d $(segment_root k8s/crio-ns/x) && ! -e $state_dir/segments/k8s/victim ]]
    member_new c 'path=/mnt/x,size=1Mi'
    in_namespace ../local
    expect_refused 65 "the engine's annotations do not tell the pod's namespace"
}

@test "options: what the first member says is in force, and the mount is nosuid, nodev, noexec" {
    member_start a 'path=/mnt/x,size=1000001,mode=2770,uid=7,gid=8,inodes=50,huge=never'
    expect_eq '2770 7 8' "$(container_exec stat -c '%a %u %g' /mnt/x)"
    expect_eq 1003520 "$(tmpfs_size "$(segment_root)")"
    expect_eq 50 "$(stat --file-system --format=%c "$(segment_root)")"
    expect_mounted
    container_delete
    member_start a 'path=/mnt/x,size=64Mi'
    expect_eq '1777 0 0' "$(container_exec stat -c '%a %u %g' /mnt/x)"
    expect_eq 16384 "$(stat --file-system --format=%c "$(segment_root)")" "an inode for each 4 KiB"
    bundle_use none
    member_start b 'path=/mnt/x size=128Mi' # and it grows
    expect_eq "$((128 * MiB)) 32768" "$(tmpfs_size "$(segment_root)") $(stat --file-system --format=%c "$(segment_root)")"
    container_exec sh -c 'cp /bin/busybox /mnt/x/busybox'
    run container_exec /mnt/x/busybox true
    [[ $status != 0 ]] || complain "it could be run"
}

@test "noswap, where the kernel has it" {
    member_new a 'path=/mnt/x,size=1Mi,noswap'
    if (($(uname -r | awk -F. '{ print $1 * 100 + $2 }') >= 604)); then
        container_start
        expect_match ',noswap' "$(segment_mounts)"
    else
        expect_refused 69 'io.bulkhead.segment.x="path=/mnt/x,size=1Mi,noswap": this kernel'"'"'s tmpfs has no noswap, which needs Linux 6.4 and swap support; leave noswap out'
    fi
}

expect_segment_refused() { # CODE OPTIONS WHAT
    bundle_edit --arg value "$2" '.annotations["io.bulkhead.segment.x"] = $value'
    expect_refused "$1" "io.bulkhead.segment.x=\"$2\": $3"
}

@test "refused: no size, shrinking, options that differ" {
    member_new a 'path=/mnt/x'
    expect_segment_refused 64 'path=/mnt/x' 'is the first to join the segment and says no size; add size=...'
    expect_nothing_left
    member_start a 'path=/mnt/x,size=16Mi,mode=1770,huge=never'
    member_new b ''
    expect_segment_refused 75 'path=/mnt/x,size=8Mi' \
        "size is less than the segment's 16Mi, which never shrinks; write that, or leave size out"
    local option theirs
    while read -r option theirs; do
        expect_segment_refused 75 "path=/mnt/x,$option" "${option%=*} differs from that of the segment's members, $theirs; \
write the same or leave ${option%=*} out"
    done <<<'mode=1777 1770
uid=1 0
gid=1 0
inodes=5 4096
huge=advise never
noswap not set'
    bundle_annotate io.bulkhead.segment.x 'path=/mnt/x,size=16Mi,mode=1770,uid=0,gid=0,inodes=4096,huge=never'
    container_start
    expect_mounted
    container_delete
    bundle_use a
    container_delete
    expect_nothing_left
}

@test "refused: too large, forbidden paths, bad names, too many" {
    member_new a 'path=/mnt/x,size=1000Ti'
    expect_refused_like 77 'io.bulkhead.segment.x="path=/mnt/x,size=1000Ti": size exceeds the maximum of [0-9]+([KMG]i)? \(half of the node.s RAM\); ask for less'
    expect_segment_refused 64 'path=/proc/x,size=1Mi' \
        'path is in /proc; write one that is not in /proc, /sys or /dev, or one in /dev/shm'
    expect_segment_refused 64 'path=/,size=1Mi' "path is the container's root; write a directory in it"
    expect_segment_refused 64 'path=/a/../b,size=1Mi' 'path has an empty, "." or ".." component; write it without'
    local name
    for name in . .. X a_b -a a- "$(printf 'a%.0s' {1..44})"; do
        bundle_edit --arg key "io.bulkhead.segment.$name" '.annotations = {($key): "path=/x,size=1Mi"}'
        expect_refused 64 "io.bulkhead.segment.$name=\"path=/x,size=1Mi\": \"$name\" is no name of a segment; write 1 to 43 of \
a-z, 0-9 and -, with a letter or digit at both ends"
    done
    bundle_edit '.annotations = ([range(65) | {key: "io.bulkhead.segment.s\(. + 100)", value: "path=/s\(.),size=1Mi"}] | from_entries)'
    expect_refused 64 'io.bulkhead.segment.s164="path=/s64,size=1Mi": is one segment too many; a container can have 64'
    bundle_edit '.annotations |= del(.["io.bulkhead.segment.s164"])'
    container_start
    expect_eq 64 "$(segment_mounts | wc -l)"
    container_delete
    bundle_edit '.annotations = {"io.bulkhead.segment.x": "path=/dev/shm,size=1Mi", "io.bulkhead.shm-size": "1Mi"}'
    expect_refused 64 'io.bulkhead.segment.x="path=/dev/shm,size=1Mi": a segment at /dev/shm has its own size; leave io.bulkhead.shm-size out'
    expect_nothing_left
}

@test "a declared segment: for the whole node, for its readers and writers, with its size, kept, with exec" {
    hook_config '{"segments": {"x": {"size": "8Mi", "writers": ["feed"], "readers": ["@local", "re*"], "keep": true, "exec": true}}}'
    member_new a 'path=/mnt/x,exec'
    in_namespace feed
    container_start
    container_exec sh -c 'echo fed >/mnt/x/file; cp /bin/busybox /mnt/x/busybox; /mnt/x/busybox true'
    expect_eq $((8 * MiB)) "$(tmpfs_size "$(segment_root node/x)")"
    member_start b 'path=/mnt/x,ro'
    expect_eq fed "$(container_exec cat /mnt/x/file)"
    member_new c ''
    in_namespace reader
    expect_segment_refused 77 'path=/mnt/x' 'the node config lets reader only read this segment; add ro'
    member_new d ''
    in_namespace batch
    expect_segment_refused 77 'path=/mnt/x,ro' \
        'the node config declares this segment, and batch is not among its readers and writers; use another name'
    for id in a b; do bundle_use "$id"; container_delete; done
    expect_eq fed "$(cat "$(segment_root node/x)/file")" "kept"
    expect_empty "$(bulkhead gc)"
    bundle_use b
    container_start
    expect_eq fed "$(container_exec cat /mnt/x/file)"
    container_delete
    hook_config '{}'
    expect_eq 'released segments/node/x' "$(bulkhead gc)"
    expect_nothing_left
}

@test "a declared segment has the terms of the first writer, though readers came before" {
    hook_config '{"segments": {"x": {"size": "8Mi", "writers": ["feed*"], "readers": ["@local"]}}}'
    member_start a 'path=/mnt/x,ro'
    expect_eq '1777 0 0' "$(container_exec stat -c '%a %u %g' /mnt/x)"
    member_new b 'path=/mnt/x,mode=2750,uid=7,gid=8,inodes=50'
    in_namespace feed
    container_start
    bundle_use a
    expect_eq '2750 7 8' "$(container_exec stat -c '%a %u %g' /mnt/x)"
    expect_eq "50 $((8 * MiB))" "$(stat --file-system --format=%c "$(segment_root node/x)") $(tmpfs_size "$(segment_root node/x)")"
    member_new c ''
    in_namespace feed2
    expect_segment_refused 75 'path=/mnt/x,mode=1777' \
        "mode differs from that of the segment's members, 2750; write the same or leave mode out"
    for id in a b; do bundle_use "$id"; container_delete; done
    expect_nothing_left
}

@test "exec without a declaration is refused" {
    member_new a ''
    expect_segment_refused 77 'path=/mnt/x,size=1Mi,exec' \
        'exec needs a segment that the node config declares with exec; leave it out'
}

@test "a member that was killed together with its runtime is found by gc" {
    member_new a 'path=/mnt/x,size=256Mi'
    bundle_edit 'del(.hooks.poststop)'
    container_start
    container_exec dd if=/dev/zero of=/mnt/x/zeroes bs=1M count=200 2>/dev/null
    local before
    before=$(memory_kib)
    container_delete
    expect_eq 1 "$(segment_mounts | wc -l)"
    expect_match 'to be released segments/local/x' "$(bulkhead gc --dry-run)"
    expect_eq 1 "$(segment_mounts | wc -l)"
    expect_match 'released containers/a/' "$(bulkhead gc)"
    expect_freed "$before"
    expect_nothing_left
}

@test "what dead members left is not seen by the next first one" {
    member_new a 'path=/mnt/x,size=1Mi'
    bundle_edit 'del(.hooks.poststop)'
    container_start
    container_exec sh -c 'echo secret >/mnt/x/file'
    container_delete
    member_start b 'path=/mnt/x,size=2Mi'
    expect_empty "$(container_exec ls /mnt/x)"
    expect_eq $((2 * MiB)) "$(tmpfs_size "$(segment_root)")"
    bulkhead gc
    expect_mounted
    container_delete
    expect_nothing_left
}

@test "gc beside living members changes nothing, and finds leftovers without a receipt" {
    member_start a 'path=/mnt/x,size=1Mi'
    expect_empty "$(bulkhead gc)"
    expect_mounted
    runtime kill a KILL
    wait_until 5 process_is_gone "$(container_pid)"
    rm -r "$state_dir/containers/a"
    expect_eq 'released segments/local/x' "$(bulkhead gc)"
    expect_nothing_left
}

@test "poststop twice, and late beside a successor" {
    member_start a 'path=/mnt/x,size=1Mi'
    local state
    state=$(hook_state stopped)
    hook poststop <<<"$state"
    expect_mounted # its process lives
    container_delete
    hook poststop <<<"$state"
    expect_nothing_left
}

@test "refused after joining, a container is no member" {
    member_new a 'path=/mnt/x,size=1Mi'
    bundle_annotate io.bulkhead.segment.y 'path=/mnt/y'
    expect_refused 64 'io.bulkhead.segment.y="path=/mnt/y": is the first to join the segment and says no size; add size=...'
    expect_nothing_left
    [[ ! -e $bundle/rootfs/mnt ]] || complain "made directories stay"
    member_start b 'path=/mnt/x,size=1Mi'
    bundle_use a
    expect_refused 64 'io.bulkhead.segment.y="path=/mnt/y": is the first to join the segment and says no size; add size=...'
    bundle_use b
    expect_mounted
}

@test "the memory is free at the last leave though another service copied the mount table" {
    member_start a 'path=/mnt/x,size=256Mi'
    container_exec sh -c 'mkdir -p /mnt/x/a/b/c; ln -s / /mnt/x/a/root; dd if=/dev/zero of=/mnt/x/a/b/c/zeroes bs=1M count=200 2>/dev/null'
    mkdir "$work/copy"
    # One copy where it is, which goes with its mount point, and one elsewhere, which stays.
    unshare --mount --propagation private sh -c "mount --bind $(segment_root) $work/copy && exec sleep 1000" >/dev/null 2>&1 3>&- &
    local copy=$! before
    wait_until 5 grep -q " $work/copy " "/proc/$copy/mountinfo"
    expect_match "$(segment_root) " "$(cat "/proc/$copy/mountinfo")"
    before=$(memory_kib)
    container_delete
    expect_match " $work/copy " "$(cat "/proc/$copy/mountinfo")"
    expect_freed "$before"
    expect_nothing_left
    kill "$copy"
    [[ -e /bin/sh && -d /proc/1 ]]
}

@test "an engine in mounts of its own puts the segment where PID 1 is" {
    if in_chroot; then skip_because "in a chroot PID 1's mount namespace has another root"; fi
    member_new a 'path=/mnt/x,size=1Mi'
    unshare --mount --propagation slave "$RUNTIME" --root "$work/runtime" run --detach --bundle "$bundle" \
        --pid-file "$bundle/pid" a >"$bundle/log" 2>&1 </dev/null 3>&- || { cat "$bundle/log"; return 1; }
    expect_mounted
    member_start b 'path=/mnt/x'
    echo hello >"/proc/$(container_pid)/root/mnt/x/file"
    bundle_use a
    expect_eq hello "$(cat "/proc/$(container_pid)/root/mnt/x/file")"
    unshare --mount --propagation slave "$RUNTIME" --root "$work/runtime" delete --force a 3>&-
    bundle_use b
    expect_mounted
    container_delete
    expect_nothing_left
}
