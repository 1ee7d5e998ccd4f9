#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: here
#
# A node that loses its power while a limited container runs: nothing is synced but what was, /run is gone, and the next
# node finds the disk as it was left. Each test boots two nodes, one after the other, with one disk.

# shellcheck source=tests/common.bash
source "$BATS_TEST_DIRNAME/../../common.bash"
node=$BATS_TEST_DIRNAME/../node

setup() {
    work=$(mktemp -d)
    export NODE_XFS_IMAGE=$work/disk.img NODE_EXT4_IMAGE=$work/records.img
    cat >"$work/common" <<'EOF'
set -euo pipefail
layer=/mnt/xfs/layer
records_on() { # DIRECTORY: as on a machine whose /var lasts
    mkdir -p -m 700 "$1/records" /var/lib/bulkhead
    mount --bind "$1/records" /var/lib/bulkhead
}
limits() { xfs_quota -x -c 'report -p -N -b' /mnt/xfs | awk 'NF && $1 != "#0" && $4 != 0 { print $1, $4 }'; }
records() { find /var/lib/bulkhead/disk -name '*.json'; }
start() { # SIZE
    mkdir -p /run/bundle "$layer"/{lower/bin,lower/dev,lower/proc,upper,work,merged}
    install /usr/bin/busybox "$layer/lower/bin/sleep"
    mount -t overlay -o "lowerdir=$layer/lower,upperdir=$layer/upper,workdir=$layer/work" overlay "$layer/merged"
    cd /run/bundle
    rm -f config.json
    runc spec
    jq --arg root "$layer/merged" --arg size "$1" '
        def hook($stage): [{path: "/bulkhead/build/release/bin/bulkhead-hook", args: ["bulkhead-hook", $stage]}];
        .root = {path: $root} | .process.terminal = false | .process.args = ["sleep", "1000"]
        | .annotations = {"io.bulkhead.disk-size": $size}
        | .hooks = {createRuntime: hook("createRuntime"), poststop: hook("poststop")}' config.json >new
    mv new config.json
    runc run --detach c1 </dev/null >/run/log 2>&1 || { cat /run/log; exit 1; }
}
EOF
}

teardown() { rm -rf --one-file-system "$work"; }

records_on=/mnt/xfs
in_node() { # COMMANDS
    { cat "$work/common" && echo "records_on $records_on; $1"; } >"$work/script"
    "$node" --release "${NODE_RELEASE:-bookworm}" "$work/script"
}

lose_power_after() { # COMMANDS
    run in_node "$1
echo it got there
echo o >/proc/sysrq-trigger
sleep 60"
    expect_eq 125 "$status"
    expect_match 'it got there' "$output"
}

@test "gc finds the limit that the disk still has, and gives it back" {
    lose_power_after 'start 10Mi; sync'
    run in_node 'limits; records | wc -l; /bulkhead/build/release/bin/bulkhead gc; echo after; limits; records'
    expect_eq 0 "$status"
    expect_match '^#1073741824 10240
1
released disk/[0-9a-f-]+-1073741824.json of c1
after$' "$output"
}

@test "the record was synced, whatever became of the limit" {
    lose_power_after 'mkdir -p /mnt/xfs/layer; sync /mnt/xfs; start 10Mi; records'
    run in_node 'records | wc -l; /bulkhead/build/release/bin/bulkhead gc; limits; records'
    expect_eq 0 "$status"
    expect_match '^1
released disk/[0-9a-f-]+-1073741824.json of c1$' "$output"
}

# Of the matrix: what is new after the first one is that a start does what gc does there.
# bats test_tags=matrix
@test "a container on the old layer gets the limit that it asks for, not the old one as somebody else's" {
    lose_power_after 'start 10Mi; sync'
    run in_node 'start 20Mi; limits; runc delete --force c1; echo after; limits; records'
    expect_eq 0 "$status"
    expect_eq '#1073741824 20480
after' "$output"
}

# Each disk has a journal of its own: that of the records may be written, and that of the limits not.
@test "a record that is gone for good was of a limit that is" {
    records_on=/mnt/ext4
    lose_power_after 'start 10Mi; sync; runc delete --force c1; sync --file-system /var/lib/bulkhead'
    run in_node 'limits; records; echo seen'
    expect_eq "0 seen" "$status $output"
}
