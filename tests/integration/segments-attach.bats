#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Where a segment is mounted in a container, and that it is mounted nowhere else: every kind of place, images that want
# it elsewhere, propagation, members that may only read.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load segments

setup() {
    harness_setup
    others=()
}

teardown() {
    if ((${#others[@]} > 0)); then kill -KILL "${others[@]}" 2>/dev/null || true; fi
    harness_teardown
}

volume() { # DESTINATION SOURCE OPTION...
    bundle_edit --arg to "$1" --arg from "$2" '.mounts += [{destination: $to, source: $from, type: "bind", options: $ARGS.positional}]' \
        --args "${@:3}"
}

expect_place_refused() { # CODE PATH WHAT
    bundle_annotate io.bulkhead.segment.x "path=$2,size=1Mi"
    expect_refused "$1" "io.bulkhead.segment.x=\"path=$2,size=1Mi\": $2 $3"
}

@test "a place that is there, and one of which nothing is" {
    member_new a 'path=/mnt/there,size=1Mi'
    mkdir -p "$bundle/rootfs/mnt/there"
    chmod 700 "$bundle/rootfs/mnt/there"
    container_start
    expect_mounted /mnt/there
    container_delete
    member_start b 'path=/one/two/three,size=1Mi'
    expect_mounted /one/two/three
    expect_eq '755 0 0' "$(stat -c '%a %u %g' "$bundle/rootfs/one/two")"
    container_delete
    expect_nothing_left
}

@test "a place in /dev/shm, and /dev/shm itself" {
    member_start a 'path=/dev/shm/x,size=1Mi'
    expect_mounted /dev/shm/x
    member_start b 'path=/dev/shm'
    expect_mounted /dev/shm
}

@test "where the container has no /dev/shm, a place there is made in the /dev that the runtime mounted" {
    member_new a 'path=/dev/shm,size=1Mi'
    bundle_edit 'del(.mounts[] | select(.destination == "/dev/shm"))'
    container_start
    expect_mounted /dev/shm
    expect_match '^1777 ' "$(stat -c '%a %n' "/proc/$(container_pid)/root/dev/shm")"
    member_new b 'path=/dev/shm/x'
    bundle_edit 'del(.mounts[] | select(.destination == "/dev/shm"))'
    container_start
    expect_mounted /dev/shm/x
    member_new c 'path=/dev/shm/x' # in a /dev/shm that comes after the first look
    bundle_annotate io.bulkhead.shm-size 16Mi
    bundle_edit 'del(.mounts[] | select(.destination == "/dev/shm"))'
    container_start
    expect_mounted /dev/shm/x
    expect_eq $((16 * MiB)) "$(container_shm_size)"
    # In a /dev of the host's nothing is made.
    mkdir "$work/dev"
    mount --bind "$work/dev" "$work/dev"
    member_new d ''
    bundle_edit --arg source "$work/dev" 'del(.mounts[] | select(.destination | startswith("/dev/")))
        | (.mounts[] | select(.destination == "/dev")) |= {destination, type: "bind", source: $source, options: ["rbind", "rprivate"]}'
    local place
    for place in /dev/shm /dev/shm/x; do
        expect_place_refused 77 "$place" "is not there, and the container's /dev is a mount of the host's, where none is made; let the engine mount /dev and /dev/shm"
    done
    [[ ! -e $work/dev/shm ]]
    for id in a b c; do bundle_use "$id"; container_delete; done
    expect_nothing_left
}

@test "a file at the place, or on the way, is refused" {
    member_new a ''
    mkdir -p "$bundle/rootfs/a"
    touch "$bundle/rootfs/a/file"
    expect_place_refused 69 /a/file 'is no directory in the image; make it one there'
    expect_place_refused 69 /a/file/b 'is no directory in the image; make it one there'
    expect_nothing_left
}

@test "a place that is a mount already is covered" {
    member_new a 'path=/mnt/x,size=1Mi'
    bundle_edit '.mounts += [{destination: "/mnt/x", type: "tmpfs", source: "tmpfs", options: ["size=64k"]}]'
    container_start
    expect_eq $((1 * MiB)) "$(tmpfs_size "/proc/$(container_pid)/root/mnt/x")"
}

@test "on a volume the place must be there, and the volume must not be shared" {
    mkdir -p "$work/volume/there"
    member_new a ''
    volume /data "$work/volume" rbind rprivate
    expect_place_refused 77 /data/x 'is not there, and what it would lie in is a mount of its own, where none is made; make the directory in the volume'
    expect_eq there "$(ls "$work/volume")"
    bundle_annotate io.bulkhead.segment.x 'path=/data/there,size=1Mi'
    container_start
    expect_mounted /data/there
    touch "/proc/$(container_pid)/root/data/there/mark-of-a-segment"
    expect_empty "$(ls "$work/volume/there")"
    container_delete
    mount --make-shared "$(findmnt --noheadings --output TARGET --target "$work/volume")"
    member_new b ''
    volume /data "$work/volume" rbind rshared
    expect_place_refused 77 /data/there 'is on a mount that is shared with the host or other containers, which would see the segment; bind the volume without rshared'
    expect_place_refused 77 /data 'is on a mount that is shared with the host or other containers, which would see the segment; bind the volume without rshared'
    expect_empty "$(ls "$work/volume/there")"
    expect_nothing_left
}

@test "in the host's /dev/shm nothing is made or mounted" {
    local before
    before=$(ls /dev/shm)
    member_new a ''
    bundle_edit '(.mounts[] | select(.destination == "/dev/shm")) |= {destination, type: "bind", source: "/dev/shm", options: ["rbind", "rw"]}
        | del(.linux.namespaces[] | select(.type == "ipc"))'
    expect_place_refused 77 /dev/shm/x "is in the host's own /dev/shm; run the container without --ipc=host (hostIPC) or a bind of /dev/shm"
    expect_place_refused 77 /dev/shm "is in the host's own /dev/shm; run the container without --ipc=host (hostIPC) or a bind of /dev/shm"
    expect_eq "$before" "$(ls /dev/shm)"
    expect_nothing_left
}

@test "a read-only root: where the directory is there it works, else the image has to have it" {
    member_new a 'path=/mnt/x,size=1Mi'
    mkdir -p "$bundle/rootfs/mnt/x"
    mkdir "$work/image"
    mount -t tmpfs image "$work/image"
    cp -a "$bundle/rootfs/." "$work/image"
    mount -o remount,ro "$work/image" # the file system itself: crun takes it off a mount
    mount --bind "$work/image" "$bundle/rootfs"
    bundle_edit '.root.readonly = true'
    container_start
    expect_mounted
    container_delete
    expect_place_refused 69 /mnt/y "is not there and the container's root is read-only; make the directory in the image"
    expect_nothing_left
}

@test "symlinks at every component lead nowhere" {
    mkdir "$work/victim"
    local link target
    for link in a a/b a/b/c; do
        for target in "$work/victim" / /etc ../../../../../../../../etc ../victim /proc/1/root/etc; do
            member_new m ''
            mkdir -p "$bundle/rootfs/a/b/c"
            rm -r "${bundle:?}/rootfs/$link"
            ln -s "$target" "$bundle/rootfs/$link"
            expect_place_refused 69 /a/b/c 'goes through a symlink in the image; make it a directory there'
            rm -r "$bundle"
        done
    done
    member_new m ''
    bundle_edit 'del(.mounts[] | select(.destination | startswith("/dev")))'
    ln -s /etc "$bundle/rootfs/dev/shm"
    expect_place_refused 69 /dev/shm 'goes through a symlink in the image; make it a directory there'
    expect_place_refused 69 /dev/shm/x 'goes through a symlink in the image; make it a directory there'
    expect_empty "$(ls "$work/victim")"
    expect_nothing_left
}

# Directory and symlink change places all the time, as another container with the same root could have them do.
@test "a directory that is swapped during the attach leads nowhere" {
    mkdir -p "$work/victim/c"
    member_new m 'path=/a/b/c,size=1Mi'
    mkdir -p "$bundle/rootfs/a/b"
    ln -s "$work/victim" "$bundle/rootfs/a/link"
    # renameat2(2) with RENAME_EXCHANGE.
    perl -e 'my $call = `uname -m` =~ /x86_64/ ? 316 : 276; my ($one, $other) = ("b", "link"); chdir $ARGV[0] or die;
        for (;;) { syscall($call, -100, $one, -100, $other, 2) == 0 or die "$!"; select undef, undef, undef, rand 0.002 }' "$bundle/rootfs/a" >/dev/null 2>&1 3>&- &
    others+=($!)
    local i started=0 refused=0
    for ((i = 0; i < 20 || (i < 100 && (started == 0 || refused == 0)); i++)); do
        rm -rf "$state_dir/errors"
        if container_start >/dev/null; then
            started=$((started + 1))
            touch "$(segment_root)/mark-of-a-segment"
            container_delete
        else
            refused=$((refused + 1))
            expect_match '^(64|69|71|75|null)$' "$(jq .code "$state_dir"/errors/*.json 2>/dev/null || echo null)"
            container_delete 2>/dev/null || true
        fi
        expect_eq c "$(ls "$work/victim")"
        expect_empty "$(ls "$work/victim/c")"
        expect_empty "$(grep -F "$work/victim" /proc/1/mountinfo)"
    done
    echo "# $RUNTIME: $started started, $refused refused" >&3
    ((started > 0 && refused > 0)) || complain "nothing was swapped"
    kill "${others[@]}"
    others=()
    bulkhead gc >/dev/null
    expect_nothing_left
}

@test "nothing propagates to the host, whatever the root's propagation" {
    local propagation mode
    mount --make-shared "$(findmnt --noheadings --output TARGET --target "$work")"
    mkdir -p "$work/volume"
    for propagation in private slave shared rprivate rslave rshared; do
        for mode in rprivate rshared; do
            member_new m 'path=/made/x,size=1Mi'
            volume /data "$work/volume" rbind "$mode"
            bundle_edit --arg propagation "$propagation" '.linux.rootfsPropagation = $propagation'
            container_start
            expect_mounted /made/x
            # From the inside, too: what is mounted in the segment stays in the container.
            nsenter --target "$(container_pid)" --mount sh -c 'mkdir /made/x/below && mount -t tmpfs mark-of-a-segment /made/x/below' 2>/dev/null ||
                mkdir -p "/proc/$(container_pid)/root/made/x/below"
            expect_empty "$(grep mark-of-a-segment /proc/1/mountinfo)"
            expect_eq 1 "$(segment_mounts | wc -l)"
            expect_empty "$(ls "$work/volume")"
            container_delete
            rm -r "$bundle"
        done
    done
    expect_nothing_left
}

@test "what is mounted for a segment is seen in no other mount namespace, and no bind of the state directory has it" {
    mount --make-shared "$(findmnt --noheadings --output TARGET --target "$work")"
    unshare --mount --propagation slave sleep 1000 >/dev/null 2>&1 3>&- &
    others+=($!)
    wait_until 5 eval "[[ \$(readlink /proc/$!/ns/mnt) != \$(readlink /proc/self/ns/mnt) ]]"
    member_start a 'path=/mnt/x,size=1Mi'
    expect_empty "$(grep -F "$(segment_root)" "/proc/${others[0]}/mountinfo")"
    expect_match 'segments .* unbindable ' "$(grep -F "$state_dir/segments " /proc/1/mountinfo) "
    mkdir "$work/bound"
    mount --rbind "$state_dir" "$work/bound"
    [[ ! -e $work/bound/segments/local/x ]] || expect_empty "$(ls -A "$work/bound/segments/local/x")"
    expect_eq 1 "$(segment_mounts | wc -l)"
    umount --recursive "$work/bound"
    container_delete
    expect_nothing_left
}

@test "a member that may only read cannot write, nor mount anew" {
    if in_chroot; then skip_because "in a chroot an exec has not the container's capabilities"; fi
    member_start a 'path=/mnt/x,size=1Mi'
    container_exec sh -c 'echo hello >/mnt/x/file'
    chmod 666 "$(segment_root)/file"
    member_start b 'path=/mnt/x,ro'
    expect_eq hello "$(container_exec cat /mnt/x/file)"
    run container_exec sh -c 'echo no >/mnt/x/file'
    expect_match 'Read-only file system' "$output"
    run container_exec touch /mnt/x/new
    expect_match 'Read-only file system' "$output"
    run container_exec mount -o remount,rw /mnt/x
    [[ $status != 0 ]]
    run container_exec unshare --user --map-root-user --mount busybox mount -o remount,bind,rw /mnt/x
    [[ $status != 0 ]]
    expect_match ' /mnt/x ro,' "$(cat "/proc/$(container_pid)/mountinfo")"
    bundle_use a
    expect_eq hello "$(container_exec cat /mnt/x/file)"
}

@test "ro is refused where CAP_SYS_ADMIN could mount anew" {
    member_new a ''
    bundle_edit '.process.capabilities.bounding += ["CAP_SYS_ADMIN"]'
    bundle_annotate io.bulkhead.segment.x 'path=/mnt/x,size=1Mi,ro'
    expect_refused 77 'io.bulkhead.segment.x="path=/mnt/x,size=1Mi,ro": ro cannot be held against CAP_SYS_ADMIN, which may mount anew, in a user namespace as well; drop the capability, or leave ro out'
    bundle_annotate io.bulkhead.segment.x 'path=/mnt/x,size=1Mi'
    container_start
    container_delete
    bundle_edit 'del(.process.capabilities)'
    bundle_annotate io.bulkhead.segment.x 'path=/mnt/x,size=1Mi,ro'
    container_start
    expect_eq 0000000000000000 "$(awk '/^CapBnd/ { print $2 }' "/proc/$(container_pid)/status")" "without a list there are none"
}

in_user_namespace() { # FIRST ID
    chown --recursive --no-dereference "$1:$1" "$bundle/rootfs"
    bundle_edit --argjson id "$1" '.linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: $id, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
}

@test "in user namespaces the ids are the containers', each by its own map" {
    unshare --user true 2>/dev/null || skip_because "the kernel makes no user namespace here, as in any chroot (EPERM)"
    member_new a 'path=/mnt/x,size=1Mi,uid=0,mode=755'
    in_user_namespace 100000
    chmod 555 "$bundle/rootfs" # as podman and Fedora's images have it
    if (($(uname -r | awk -F. '{ print $1 * 100 + $2 }') < 603)); then
        expect_refused 69 'io.bulkhead.segment.x="path=/mnt/x,size=1Mi,uid=0,mode=755": the container has a user namespace, and this kernel cannot map its ids onto a tmpfs, which Linux 6.3 can; run it without one'
        return
    fi
    container_start
    expect_eq '0 0' "$(container_exec stat -c '%u %g' /mnt/x)"
    expect_eq 100000 "$(stat -c %u "$bundle/rootfs/mnt")" "made as the container's root"
    container_exec sh -c 'echo hello >/mnt/x/file; chmod 600 /mnt/x/file'
    member_new b 'path=/mnt/x'
    in_user_namespace 300000
    container_start
    expect_eq '0 hello' "$(container_exec stat -c %u /mnt/x/file) $(container_exec cat /mnt/x/file)"
    expect_eq 0 "$(stat -c %u "$(segment_root)/file")"
    expect_mounted
    for id in a b; do bundle_use "$id"; container_delete; done
    expect_nothing_left
}
