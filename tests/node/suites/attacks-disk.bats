#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain xfs ext4
# matrix: places that are full, read-only or somebody else's are rare, and hook and gc pass by them elsewhere; a minute
#
# What may be wrong with the disk of a layer, with the place of the disk records and with the process that a state names.
# A limit in force, or a refusal in words that leaves nothing; no id is given twice, and what cannot be given back is told
# and kept until it can. The container is a process without a runtime, but where the shim is tried.
load ../helpers
load ../disk
load ../shim

bulkhead=$(dirname "$BULKHEAD_HOOK")/bulkhead
book=/var/lib/bulkhead

setup_file() { shim_install; }

setup() {
    disk_setup
    victim='' others=()
}

teardown() {
    if [[ -n $victim ]]; then others+=("$victim"); fi
    if ((${#others[@]} > 0)); then kill -KILL "${others[@]}" 2>/dev/null || true; fi
    for place in "$bundles" "$book"; do if mountpoint --quiet "$place"; then umount --lazy "$place"; fi; done
    rm -rf "$book" /run/elsewhere /mnt/*/filling /mnt/*/book
    if ! mountpoint --quiet /mnt/xfs; then mount -t xfs -o prjquota /dev/ubdb /mnt/xfs; fi
    mount -o remount,rw /mnt/xfs
    disk_teardown
}

# --- A container -----------------------------------------------------------------------------------------------------

victim_start() { # NAME [KEY=VALUE...]
    name=$1
    layer_make "$@"
    bundle "$@"
    victim_process
}

victim_process() { # [PROGRAM]
    unshare --mount sh -c ': >"$1"; eval "$2"' sh "$bundles/$name/ready" "${1:-exec sleep 1000}" </dev/null >/dev/null 2>&1 3>&- &
    victim=$!
    wait_until 5 test -e "$bundles/$name/ready"
    rm "$bundles/$name/ready"
}

victim_end() {
    kill -KILL "$victim" 2>/dev/null || true
    wait "$victim" 2>/dev/null || true
    victim=''
}

# In at most 15 s: a runtime waits for 10, and the node has one processor.
hook() { # STAGE STATUS-OF-THE-CONTAINER PID
    # shellcheck disable=SC2016 # jq's variables
    jq --compact-output --arg id "$name" --arg bundle "$bundles/$name" --arg status "$2" --argjson pid "$3" \
        '{ociVersion: "1.0.2", id: $id, status: $status, pid: $pid, bundle: $bundle, annotations}' \
        "$bundles/$name/config.json" >/run/state
    run timeout --signal=KILL 15 "$BULKHEAD_HOOK" "$1" </run/state
}

labels() { echo "$(upper_id "$name") $(project "$disk/layers/$name/work")"; }

create() { # [PID]
    labels_before=$(labels)
    hook createRuntime creating "${1:-$victim}"
}

poststop() {
    hook poststop stopped 0
    expect_eq '0 ' "$status $output" "poststop"
}

gc() { # REGEX of "STATUS OUTPUT"
    run timeout --signal=KILL 15 "$bulkhead" gc
    expect_match "$1" "$status $output" "gc"
}

expect_works() {
    expect_eq '0 ' "$status $output"
    expect_limit
}

expect_limit() {
    expect_eq "$(upper_id "$name") 0 10240" "$(limits | cut -d' ' -f1-3)"
    expect_eq 1 "$(record_files | wc -l)" "records"
}

nothing_left() {
    expect_nothing_left
    expect_empty "$(find "$book" -name '.*' 2>/dev/null)" "files that were being written"
}

expect_refused() { # CODE REGEX
    expect_match "^$1 bulkhead: $name: $2\$" "$status $output"
    expect_eq "$labels_before" "$(labels)" "project ids"
    nothing_left
}

# --- No room -----------------------------------------------------------------------------------------------------------

# To the last block: files are there before there is no room for one, and what is kept back of an allocation is not of a
# write.
fill_up() {
    local size=$((1 << 30)) n=0
    mkdir -p "$disk/filling"
    touch "$disk"/filling/{0..63}
    while ((size >= 4096 && n < 64)); do
        if fallocate --length "$size" "$disk/filling/$n" 2>/dev/null; then n=$((n + 1)); else size=$((size / 2)); fi
    done
    sync --file-system "$disk"
    while xfs_io -d -c "pwrite -q $((n++ * 4096)) 4096" "$disk/filling/63" &>/dev/null; do :; done
}

make_room() { rm -r "$disk/filling"; }

book_on() { # DIRECTORY
    mkdir -p "$1" "$book"
    chmod 700 "$1" "$book"
    mount --bind "$1" "$book"
}

# An id that was never given needs a block of the file system's own on XFS; a record needs one on either.
full_disk() { # WHAT-IT-SAYS
    book_on "$disk/book"
    victim_start c1 disk-size=10Mi
    fill_up
    create
    expect_refused 71 "io.bulkhead.disk-size=\"10Mi\": $1: No space left on device"
    gc '^0 $'
    poststop
    make_room
    create
    expect_works
    fill_up
    victim_end
    poststop
    nothing_left
    victim_process
    make_room
    create
    expect_works
    fill_up
    victim_end
    gc '^0 released containers/c1/[0-9a-f]+\.json of c1$'
    nothing_left
    make_room
}

@test "an XFS full to the last block that has layer and records" {
    full_disk "$disk/layers/c1/upper: set project id [0-9]+"
}

@test "an ext4 full to the last block that has layer and records" {
    on ext4
    full_disk "$book: mkdir disk"
}

# One more inode, or page, each time: each step is the one that fails.
@test "no room for the record at each step: refused, and nothing is left" {
    local room refused
    victim_start c1 disk-size=10Mi
    mkdir -p "$book"
    for kind in nr_inodes nr_blocks; do
        refused=0
        for room in 1 2 3 4 5 6; do
            mount -t tmpfs -o "mode=700,nr_inodes=20,size=1M,$kind=$room" tmpfs "$book"
            if [[ $kind == nr_blocks ]]; then head -c "$(((room - 1) * 4096 + 1))" /dev/zero >"$book/filling"; fi
            create
            if [[ $kind == nr_inodes && $status == 0 ]]; then break; fi
            expect_refused 71 "io.bulkhead.disk-size=\"10Mi\": (disk record in )?$book.*: No space left on device"
            refused=$((refused + 1))
            if [[ $kind == nr_blocks ]]; then
                rm "$book/filling"
                break
            fi
            umount "$book"
        done
        ((refused > 0))
        create
        expect_works
        cat /dev/zero >"$book/filling" 2>/dev/null || true
        while mkdir "$book/filling.$RANDOM$RANDOM" 2>/dev/null; do :; done
        victim_end
        poststop
        nothing_left
        victim_process
        umount "$book"
    done
}

@test "the shim, and a bundle on the layer's full disk: refused, the bundle is as it was, and it starts once there is room" {
    local before
    layer_make c1
    mkdir -p "$disk/layers/bundles" "$bundles"
    mount --bind "$disk/layers/bundles" "$bundles"
    shim_bundle runc c1 disk-size=10Mi
    touch "$bundles/c1/started"
    # So that the disk has what it needs for the id, and it is the bundle's turn.
    start_again c1
    stop c1
    shim_bundle runc c1 disk-size=10Mi
    before=$(<"$bundles/c1/config.json")
    fill_up
    run start_again c1
    expect_match "bulkhead: c1: $bundles/c1/config.json: open .config.json.tmp: No space left on device" "$status $output"
    expect_eq "$before" "$(<"$bundles/c1/config.json")"
    expect_empty "$(find "$bundles/c1" -name '.*')"
    nothing_left
    make_room
    start_again c1
    expect_eq 10240 "$(limit_of c1)"
    stop c1
    nothing_left
    umount "$bundles"
}

# --- The place of the records ------------------------------------------------------------------------------------------

@test "records on a read-only file system: refused, and what is there is kept until it can go" {
    local first
    victim_start c1 disk-size=10Mi
    for first in '' disk; do
        mkdir -p "$book"
        mount -t tmpfs -o mode=700 tmpfs "$book"
        (umask 077 && mkdir -p "$book/$first")
        mount -o remount,ro "$book"
        create
        expect_refused 71 "io.bulkhead.disk-size=\"10Mi\": (disk record in )?$book.*: Read-only file system"
        mount -o remount,rw "$book"
        create
        expect_works
        victim_end
        mount -o remount,ro "$book"
        poststop
        gc '^1 kept containers/c1/.*Read-only file system'
        mount -o remount,rw "$book"
        gc '^0 released containers/c1/'
        nothing_left
        umount "$book"
        victim_process
    done
}

spoil() { # KIND PATH
    case $1 in
    owner) chown 1 "$2" ;;
    other) chmod o+w "$2" ;;
    esac
}

@test "records that are not root's alone: refused at once, and the limits that are there stay" {
    local place kind why
    victim_start c1 disk-size=10Mi
    for place in "$book" "$book/disk"; do
        for kind in owner other; do
            (umask 077 && mkdir -p "$book/disk")
            why="$place is not root's alone to write; find out who changed it, then chown root and chmod go-w it"
            spoil "$kind" "$place"
            create
            expect_refused 70 "io.bulkhead.disk-size=\"10Mi\": $why"
            [[ $kind == owner ]] || continue
            chown 0 "$place"
            create
            expect_works
            victim_end
            spoil "$kind" "$place"
            poststop
            gc "^1 kept containers/c1/.*: disk: $why
failed disk: $why\$"
            chown 0 "$place"
            expect_limit
            gc '^0 released containers/c1/'
            nothing_left
            victim_process
        done
        rm -r "$book"
    done
}

@test "records behind a symlink, or no directory: refused, and nothing is written there" {
    local place kind
    victim_start c1 disk-size=10Mi
    for place in "$book" "$book/disk"; do
        for kind in symlink fifo file; do
            (umask 077 && mkdir -p /run/elsewhere "$(dirname "$place")")
            case $kind in
            symlink) ln -s /run/elsewhere "$place" ;;
            fifo) mkfifo "$place" ;;
            file) : >"$place" ;;
            esac
            create
            expect_refused 71 'io.bulkhead.disk-size="10Mi": .*open (/var/lib/bulk|)(head|disk): Not a directory'
            gc '^1 failed disk: .*: Not a directory$'
            expect_empty "$(ls -A /run/elsewhere)"
            rm -r "$place"
        done
    done
}

put() { # KIND PATH
    case $1 in
    garbage) echo x >"$2" ;;
    fifo) mkfifo "$2" ;;
    directory) mkdir "$2" ;;
    owner) cp /run/elsewhere/record "$2" && chown 1 "$2" ;;
    esac
}

# While it is there the limit stays, as nobody knows any more what was there before; nor is the id given to anybody else.
@test "a record that is anything but one: told with its place, the limit stays, and its id is not given again" {
    local kind record
    mkdir -p /run/elsewhere
    for kind in garbage fifo directory owner; do
        victim_start c1 disk-size=10Mi
        create
        expect_works
        record=$(record_files)
        mv "$record" /run/elsewhere/record
        put "$kind" "$record"
        victim_end
        poststop
        gc "^1 kept containers/c1/.*$book/disk.*
failed disk/${record##*/}: .*$book/disk" || complain "with $kind"
        expect_eq 10240 "$(limits | cut -d' ' -f3)" "limit with $kind"
        victim_process
        create
        expect_match "^7[01] bulkhead: c1: what an earlier container of this id left: disk: .*$book/disk" "$status $output" "$kind"
        victim_end
        # The id itself is free by now.
        limit_by_hand "$(upper_id c1)" bhard=0 ihard=0
        layer_unmount c1
        rm -r "$disk/layers/c1" /run/bulkhead
        victim_start c2 disk-size=10Mi
        create
        expect_eq '0 ' "$status $output" "another layer with $kind"
        expect_match "^$(upper_id c2) 0 10240 " "$(limits)"
        [[ $record != *-$(upper_id c2).json ]] || complain "its id was given again, with $kind"
        victim_end
        gc "^1 released containers/c2/.*
failed disk/${record##*/}: "
        layer_unmount c2
        rm -r "$record" "$disk/layers/c2"
        nothing_left
    done
}

# --- The process ---------------------------------------------------------------------------------------------------------

# What the kernel's threads have is what process 1 has, and they never end: nothing would ever be given back.
@test "the number of a thread of the kernel is no container's" {
    local pid before key
    name=c1
    layer_make c1
    before=$(cat /proc/1/mountinfo)
    for key in disk-size=10Mi pids-max=100 shm-size=1Mi 'segment.x=path=/mnt,size=1Mi'; do
        bundle c1 "$key"
        for pid in 2 "$(pgrep --parent 2 | head -n 1)"; do
            create "$pid"
            expect_refused 65 "process $pid of the state is a thread of the kernel"
        done
    done
    expect_eq "$before" "$(cat /proc/1/mountinfo)" "mounts"
}

# vfork(2) waits uninterruptibly for the child's exec.
@test "a process that is stopped, or sleeps uninterruptibly, is one" {
    local program
    for program in 'kill -STOP $$' 'exec perl -e "if (!syscall(58)) { sleep 1000 }"'; do
        victim_start c1 disk-size=10Mi
        victim_end
        victim_process "$program"
        wait_until 5 grep --quiet '^State:.[TD]' "/proc/$victim/status"
        mapfile -t others < <(pgrep --parent "$victim")
        create
        expect_works
        if ((${#others[@]} > 0)); then kill -KILL "${others[@]}"; fi
        victim_end
        gc '^0 released containers/c1/'
        nothing_left
        layer_unmount c1
    done
}

# --- The disk afterwards -------------------------------------------------------------------------------------------------

left_on_disk() { # [gone]
    victim_start c1 disk-size=10Mi
    create
    expect_works
    victim_end
    if [[ ${1:-} == gone ]]; then
        layer_unmount c1
        rm -r "$disk/layers/c1"
    fi
}

@test "a disk that is read-only by now: gc says so, keeps it, and gives it back once it can be written to" {
    left_on_disk
    mount -o remount,ro /mnt/xfs
    poststop
    gc '^1 kept containers/c1/.* of c1: disk: set the limits of project id [0-9]+: Read-only file system
kept disk/.*: Read-only file system$'
    mount -o remount,rw /mnt/xfs
    expect_limit
    gc '^0 released containers/c1/'
    nothing_left
    layer_unmount c1
    left_on_disk gone
    mount -o remount,ro /mnt/xfs
    poststop
    gc '^1 kept containers/c1/.* of c1: disk: the disk [0-9a-f-]+ is not mounted, or read-only; mount it for writing, or .*
kept disk/.* is not mounted, or read-only; mount it for writing, or '
    mount -o remount,rw /mnt/xfs
    gc '^0 released containers/c1/'
    nothing_left
}

@test "a disk that failed under its containers: gc keeps it, and gives it back once it is mounted again" {
    left_on_disk
    layer_unmount c1
    xfs_io -x -c shutdown /mnt/xfs
    poststop
    gc '^1 kept containers/c1/.*Input/output error
kept disk/.*Input/output error$'
    umount /mnt/xfs
    gc '^1 kept containers/c1/.* is not mounted, or read-only;'
    mount -t xfs -o prjquota /dev/ubdb /mnt/xfs
    gc '^0 released containers/c1/'
    nothing_left
}
