#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: xfs ext4
# matrix: what of it is new after the unit tests is how a runtime shows each of nineteen refusals, a minute
#
# Every cause for which the writable layer cannot be limited, on the file system that has it: status 69, words of its
# own, and nothing is changed. (A kernel without quotas is tested in the integration tests, on one.)
load ../helpers
load ../disk

setup_file() { :; }

setup() {
    disk_setup
    on ext4
    changed=''
}

# Back to what node made.
teardown() {
    disk_teardown
    if [[ $changed == *xfs* ]]; then remount xfs prjquota; fi
    if [[ $changed == *ext4* ]]; then
        ext4_make -O project,quota
        remount ext4 prjquota
    fi
}

remount() { # xfs|ext4 OPTION
    local device=/dev/ubdb
    changed+=" $1"
    if [[ $1 == ext4 ]]; then device=/dev/ubdc; fi
    if mountpoint --quiet "/mnt/$1"; then umount "/mnt/$1"; fi
    mount -t "$1" -o "$2" "$device" "/mnt/$1"
}

ext4_make() { # MKFS-OPTION...
    changed+=' ext4'
    umount /mnt/ext4
    mkfs.ext4 -q -F "$@" /dev/ubdc
}

labels() { find "$disk"/layers/c1/{upper,work} -exec xfs_io -r -c lsproj {} + | sort | uniq -c; }

# With runc, whose the words are to show, and what else is in $runtimes.
expect_refused() { # WORDS
    local before
    before=$(labels)
    for RUNTIME in ${runtimes:-runc}; do
        echo "# $RUNTIME" >&2
        refused 69 c1 disk-size=10Mi
        if [[ $RUNTIME == runc ]]; then expect_match "$1" "$(<"$log")"; fi
        "$RUNTIME" delete --force c1 &>/dev/null || true
        expect_empty "$(record_files)$(find "$receipts" -mindepth 1 2>/dev/null)" "records and receipts"
        expect_eq "$before" "$(labels)" "project ids"
    done
}

# Instead of start's, as the layer is not where others are.
root_at() { # PATH
    eval "$(declare -f bundle | sed '1s/bundle/plain_bundle/')"
    eval "bundle() { plain_bundle \"\$@\"; bundle_edit \"\$1\" '.root.path = \"$1\"'; }"
}

@test "XFS without project quotas" {
    remount xfs noquota
    on xfs
    layer_make c1
    local runtimes='runc crun'
    expect_refused 'the XFS that holds /mnt/xfs/layers/c1/upper is mounted without project quotas; mount it with .*prjquota'
}

@test "XFS that counts and does not enforce" {
    remount xfs pqnoenforce
    on xfs
    layer_make c1
    expect_refused 'the XFS that holds /mnt/xfs/layers/c1/upper counts project quotas and enforces none; mount it with'
    expect_empty "$(limits)"
}

@test "XFS that counts and does not enforce, and a config that says to enforce" {
    remount xfs pqnoenforce
    on xfs
    layer_make c1
    hook_config '{"disk": {"enable-enforcement": true}}'
    start c1 disk-size=10Mi
    expect_eq "$(upper_id c1) 0 10240" "$(limits | cut -d' ' -f1-3)"
    expect_match 'Enforcement: ON' "$(xfs_quota -x -c 'state -p' "$disk")"
    run inside c1 dd if=/dev/zero of=/full bs=1M count=11
    expect_match "$full" "$output"
}

@test "XFS that counts and does not enforce, and a config that only wants to count" {
    remount xfs pqnoenforce
    on xfs
    layer_make c1
    hook_config '{"disk": {"accounting-only": true}}'
    start c1 disk-size=10Mi
    inside c1 dd if=/dev/zero of=/full bs=1M count=11
    expect_empty "$(limits)"
    (($(quota_of "$(upper_id c1)" | cut -d' ' -f1) >= 11264)) || complain "not counted"
    expect_match 'Enforcement: OFF' "$(xfs_quota -x -c 'state -p' "$disk")"
}

@test "XFS with quotas of users alone" {
    remount xfs uquota
    on xfs
    layer_make c1
    expect_refused 'is mounted without project quotas; mount it with .*prjquota'
}

@test "ext4 without the project feature" {
    ext4_make
    remount ext4 defaults
    layer_make c1
    expect_refused 'the ext4 that holds /mnt/ext4/layers/c1/upper lacks the project feature; .*tune2fs -O project,quota'
}

@test "ext4 with quotas of users alone" {
    ext4_make -O quota
    remount ext4 usrquota
    layer_make c1
    expect_refused 'lacks the project feature; .*tune2fs -O project,quota'
}

@test "ext4 with the project feature, mounted without quotas" {
    ext4_make -O project
    remount ext4 defaults
    layer_make c1
    expect_refused 'the ext4 that holds /mnt/ext4/layers/c1/upper is mounted without project quotas; mount it with'
}

@test "ext4 with both features, mounted without prjquota" {
    remount ext4 defaults
    layer_make c1
    expect_refused 'the ext4 that holds /mnt/ext4/layers/c1/upper counts project quotas and enforces none; mount it with'
    expect_empty "$(limits)"
}

@test "an upper layer on tmpfs" {
    on xfs
    layer_make c1
    layer_unmount c1
    mkdir -p "$disk/layers/tmpfs"
    mount -t tmpfs tmpfs "$disk/layers/tmpfs"
    mkdir "$disk/layers/tmpfs"/{upper,work}
    mount -t overlay -o "lowerdir=$disk/lower,upperdir=$disk/layers/tmpfs/upper,workdir=$disk/layers/tmpfs/work" \
        overlay "$disk/layers/c1/merged"
    expect_refused '\(/mnt/xfs/layers/tmpfs/upper\) is not on XFS or ext4'
}

@test "a root that is no overlay" {
    on xfs
    layer_make c1
    layer_unmount c1
    busybox_root "$disk/layers/c1/merged"
    expect_refused 'the container.s root is xfs, not an overlay'
    expect_eq 0 "$(project "$disk/layers/c1/merged")"
}

@test "a root that is a directory of an overlay" {
    on xfs
    layer_make c1
    busybox_root "$disk/layers/c1/merged/inner"
    root_at "$disk/layers/c1/merged/inner"
    expect_refused 'the container.s root is a part of an overlay'
}

@test "a root that is a bind of an overlay's directory" {
    on xfs
    layer_make c1
    busybox_root "$disk/layers/c1/merged/inner"
    mkdir "$disk/layers/bind"
    mount --bind "$disk/layers/c1/merged/inner" "$disk/layers/bind"
    root_at "$disk/layers/bind"
    expect_refused 'the container.s root is a part of an overlay'
}

@test "a root that is a bind of all of an overlay can be limited" {
    on xfs
    layer_make c1
    mkdir "$disk/layers/bind"
    mount --bind "$disk/layers/c1/merged" "$disk/layers/bind"
    root_at "$disk/layers/bind"
    start c1 disk-size=10Mi
    expect_eq "$(upper_id c1) 0 10240" "$(limits | cut -d' ' -f1-3)"
}

@test "an overlay without an upper layer" {
    on xfs
    layer_make c1
    layer_unmount c1
    mkdir "$disk/layers/second"
    mount -t overlay -o "lowerdir=$disk/layers/second:$disk/lower" overlay "$disk/layers/c1/merged"
    expect_refused 'the container.s root is an overlay without an upper layer'
}

@test "something mounted over the work directory" {
    on xfs
    layer_make c1
    mount -t tmpfs tmpfs "$disk/layers/c1/work"
    expect_refused 'upperdir and workdir are on different file systems'
}

@test "something mounted over the upper directory" {
    on xfs
    layer_make c1
    mount -t tmpfs tmpfs "$disk/layers/c1/upper"
    expect_refused 'upperdir and workdir are on different file systems'
}

@test "another directory where the upper one was mounted from" {
    on xfs
    layer_make c1
    mv "$disk/layers/c1/upper" "$disk/layers/c1/moved"
    mkdir "$disk/layers/c1/upper"
    expect_refused 'what lies at /mnt/xfs/layers/c1/upper is not the upper layer of the container.s overlay'
    expect_eq "0 0" "$(project "$disk/layers/c1/upper") $(project "$disk/layers/c1/moved")"
    expect_nothing_left
}

@test "a symlink where the upper directory was" {
    on xfs
    layer_make c1
    mv "$disk/layers/c1/upper" "$disk/layers/c1/moved"
    mkdir "$disk/layers/other"
    ln -s "$disk/layers/other" "$disk/layers/c1/upper"
    run start c1 disk-size=10Mi
    [[ $status != 0 ]]
    expect_eq 0 "$(project "$disk/layers/other")"
    runc delete --force c1 &>/dev/null || true
    expect_nothing_left
}
