#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain xfs ext4
#
# `bulkhead gc` as an operator calls it, on what real containers left behind.
load ../helpers
load ../disk

bulkhead=$(dirname "$BULKHEAD_HOOK")/bulkhead

setup_file() { :; }
setup() { disk_setup; }
teardown() {
    if ! mountpoint --quiet /mnt/xfs; then mount -t xfs -o prjquota /dev/ubdb /mnt/xfs; fi
    disk_teardown
}

# Its process and its runtime are gone, and nobody called poststop.
leave_behind() { # NAME
    local pid
    pid=$(pid_of "$1")
    kill -KILL "$pid"
    wait_until 5 process_is_gone "$pid"
    rm -rf "/run/$RUNTIME/$1" "$bundles/$1/started"
}

pid_of() { "$RUNTIME" state "$1" | jq .pid; } # NAME

gc() { # STATUS ARG...
    run "$bulkhead" gc "${@:2}"
    expect_eq "$1" "$status" "gc's exit status with $output"
}

limits_kept_by() { # NAME
    expect_eq 10240 "$(limits | cut -d' ' -f3)"
    expect_eq "$1" "$(jq --raw-output .id "$receipts/$1"/*.json)"
}

killed_with_its_runtime() {
    local id
    layer_make c1
    start c1 disk-size=10Mi shm-size=4Mi pids-max=50
    gc 0
    expect_empty "$output" "of a container that runs"
    limits_kept_by c1
    id=$(upper_id c1)
    leave_behind c1
    gc 0 --dry-run
    expect_match "^to be released containers/c1/[0-9a-f]+\.json of c1
to be released disk/[0-9a-f-]+-$id\.json of c1\$" "$output"
    limits_kept_by c1
    gc 0 -o json
    expect_eq "false receipt released c1" \
        "$(jq --raw-output '"\(.dryRun) \(.items[] | "\(.kind) \(.outcome) \(.container)")"' <<<"$output")"
    expect_nothing_left
    gc 0
    expect_empty "$output" "of nothing"
    gc 0 -o json
    expect_eq '{"schemaVersion":1,"dryRun":false,"items":[]}' "$(jq --compact-output . <<<"$output")"
}

@test "a container that was killed together with its runtime" { on_each_disk killed_with_its_runtime; }

# crun runs no poststop after a createRuntime that failed.
failed_by_a_later_hook() {
    layer_make c1
    bundle c1 disk-size=10Mi
    bundle_edit c1 '.hooks.createRuntime += [{path: "/bin/false"}] | del(.hooks.poststop)'
    run start_again c1
    [[ $status != 0 ]]
    limits_kept_by c1
    gc 0
    expect_match '^released containers/c1/[0-9a-f]+\.json of c1$' "$output"
    expect_nothing_left
}

@test "a container that failed after us, and no poststop came" { on_each_disk failed_by_a_later_hook; }

@test "what is somebody else's stays: an id of our range with a limit, beside one of ours" {
    layer_make c1
    limit_by_hand $(((1 << 30) + 7)) bhard=1m
    start c1 disk-size=10Mi
    leave_behind c1
    gc 0
    expect_eq "$(((1 << 30) + 7)) 0 1024 0 0" "$(limits)"
    limit_by_hand $(((1 << 30) + 7)) bhard=0
}

take_the_disk_away() {
    layer_make c1
    start c1 disk-size=10Mi
    uuid=$(basename "$(record_files)") uuid=${uuid%-*.json}
    id=$(upper_id c1)
    leave_behind c1
    layer_unmount c1
    umount /mnt/xfs
    not_mounted="the disk $uuid is not mounted, or read-only; mount it for writing, or forget it with bulkhead gc --forget $uuid"
}

bring_it_back() { mount -t xfs -o prjquota /dev/ubdb /mnt/xfs; }

@test "a disk that is not there is told, and waited for" {
    local uuid id not_mounted
    take_the_disk_away
    gc 1 --dry-run
    expect_match "^kept containers/c1/[0-9a-f]+\.json of c1: disk: $not_mounted
kept disk/$uuid-$id\.json of c1: $not_mounted\$" "$output"
    gc 1
    expect_match "^kept disk/$uuid-$id\.json of c1: $not_mounted\$" "$(tail -n 1 <<<"$output")"
    gc 1 --forget "${uuid/[0-9]/x}"
    expect_match 'no disk record names that file system' "$output"
    bring_it_back
    gc 0
    expect_nothing_left
}

@test "a disk that is gone for good is forgotten" {
    local uuid id not_mounted
    take_the_disk_away
    gc 1 --forget "$uuid"
    expect_match "^forgotten disk/$uuid-$id\.json of c1\$" "$(tail -n 1 <<<"$output")"
    gc 0
    expect_match '^released containers/c1/[0-9a-f]+\.json of c1$' "$output"
    gc 0
    expect_empty "$output"
    bring_it_back
    expect_eq 10240 "$(limits | cut -d' ' -f3)" # as the manual says
    limit_by_hand "$id" bhard=0 ihard=0
}

@test "a disk that is mounted without quotas by now is told" {
    local uuid id not_mounted
    take_the_disk_away
    mount -t xfs -o noquota /dev/ubdb /mnt/xfs
    gc 1
    expect_match "is mounted without project quotas now, so the limits on it cannot be given back; mount it with prjquota" \
        "$(tail -n 1 <<<"$output")"
    umount /mnt/xfs
    bring_it_back
    gc 0
    expect_nothing_left
}

@test "from a mount namespace of its own gc sees what PID 1 sees" {
    layer_make c1
    start c1 disk-size=10Mi
    leave_behind c1
    unshare --mount sh -c 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && exec "$1" gc' sh "$bulkhead"
    expect_nothing_left
}

@test "wrong usage is 2, and what cannot be done is told in one line" {
    gc 2 --no-such-option
    gc 2 --output=yaml
    run "$bulkhead"
    expect_eq 2 "$status"
    run setpriv --reuid=nobody --regid=nogroup --clear-groups "$bulkhead" gc
    expect_eq "1 bulkhead: gc: only root can see what containers hold" "$status $output"
    run sh -c 'exec "$1" gc -o json >/dev/full' sh "$bulkhead"
    expect_eq "1 bulkhead: standard output: No space left on device" "$status $output"
}
