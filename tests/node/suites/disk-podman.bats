#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs ext4
# matrix: what podman itself does with project ids, two minutes; that a limit holds under podman is in shim.bats
#
# podman with its layers on XFS and on ext4: a limit holds, is there again after a start, gets along with the project
# ids and limits of containers/storage, and is given back.
load ../helpers
load ../disk

layers_of=/podman

setup_file() {
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    for kind in xfs ext4; do
        on "$kind"
        use runc systemd
        tar -C "$root" -c . | engine import --quiet - "$image" >/dev/null
    done
    rm -rf "$root"
    mkdir -p "$facts"
}

setup() {
    node_setup
    disk_setup
    hook_install
}

teardown() {
    for kind in xfs ext4; do
        on "$kind"
        engine rm --force --all --time 0 &>/dev/null || true
    done
    disk_teardown
    hook_remove
}

# In the place of helpers.bash's: the layers are on $disk.
engine() {
    podman --root "$disk$layers_of" --runroot "/run/podman-$fs" --storage-driver overlay \
        --runtime "${RUNTIME:-runc}" --cgroup-manager systemd "$@" 3>&-
}

size() { asked=(--annotation "io.bulkhead.disk-size=$1"); }

upper_of() { # NAME
    engine inspect --format '{{.GraphDriver.Data.UpperDir}}' "$1"
}

id_of() { project "$(upper_of "$1")"; } # NAME

size_seen() { container_exec "$1" df -k / | awk 'END { print $2 }'; } # NAME

write() { container_exec "$1" dd if=/dev/zero of="/file$2" bs=1M count="$2"; } # NAME MiB

limit_holds() {
    size 10Mi
    container_start c1 "${asked[@]}"
    expect_eq 10240 "$(size_seen c1)"
    run write c1 20
    expect_match "$full" "$output"
    container_exec c1 rm /file20
    wait_until 10 write c1 8
    container_delete c1
    expect_nothing_left
}

@test "the limit holds, and is given back" { on_each_disk limit_holds; }

stopped_and_started() {
    local id
    size 10Mi
    container_start c1 "${asked[@]}"
    id=$(id_of c1)
    write c1 6
    engine stop --time 0 c1
    expect_nothing_left
    engine start c1
    expect_eq "$id 10240" "$(id_of c1) $(size_seen c1)"
    run write c1 7
    expect_match "$full" "$output"
    engine restart --time 0 c1
    expect_eq "$id 10240" "$(id_of c1) $(size_seen c1)"
    container_delete c1
    expect_nothing_left
}

@test "stop, start, restart: its id and its limit again" { on_each_disk stopped_and_started; }

@test "on XFS the id that containers/storage gave is kept" {
    local id layer
    size 10Mi
    for RUNTIME in runc crun; do
        engine create --name c1 --network none "${asked[@]}" "$image" sleep 1000 >/dev/null
        layer=$(dirname "$(upper_of c1)")
        id=$(project "$layer")
        [[ $id != 0 ]]
        engine start c1 >/dev/null
        expect_eq "$id $id $id" "$(project "$layer") $(project "$layer/diff") $(project "$layer/work/work")"
        expect_eq "$id 10240" "$(limits | cut -d' ' -f1,3)"
        container_delete c1
        expect_nothing_left
    done
}

@test "podman's own tighter size stays, its looser one is put back" {
    local id
    size 10Mi
    container_start c1 --storage-opt size=5m "${asked[@]}"
    expect_eq 5120 "$(size_seen c1)"
    id=$(id_of c1)
    engine stop --time 0 c1
    expect_eq "$id 5120" "$(limits | cut -d' ' -f1,3)"
    engine start c1
    expect_eq 5120 "$(size_seen c1)"
    container_delete c1
    container_start c2 --storage-opt size=40m "${asked[@]}"
    expect_eq 10240 "$(size_seen c2)"
    id=$(id_of c2)
    engine stop --time 0 c2
    expect_eq "40960" "$(quota_of "$id" | cut -d' ' -f3)"
    container_delete c2
    expect_empty "$(record_files)"
}

# podman 4.3 never takes a limit back, and its next container has the next free number: the one of the container before.
@test "what podman leaves on an id goes to its next container; what we set does not" {
    local id
    container_start c1 --storage-opt size=20m
    id=$(id_of c1)
    container_delete c1
    container_start c2
    if [[ $(id_of c2) == "$id" ]]; then expect_eq 20480 "$(size_seen c2)" "podman's own, left on the id"; fi
    limit_by_hand "$id" bsoft=0 bhard=0
    container_delete c2

    size 20Mi
    container_start c1 "${asked[@]}"
    id=$(id_of c1)
    expect_eq 20480 "$(size_seen c1)"
    container_delete c1
    container_start c2
    expect_eq "$id" "$(id_of c2)" "the same id"
    [[ $(size_seen c2) != 20480 ]]
    expect_nothing_left
}

# Linux 6.1 and 6.12 have no way to label them.
@test "symlinks and pipes that are older than the layer's id are told of" {
    on ext4
    size 10Mi
    engine create --name c1 --network none "${asked[@]}" "$image" sleep 1000 >/dev/null
    ln -s nowhere "$(upper_of c1)/symlink"
    mkfifo "$(upper_of c1)/pipe"
    engine start c1 >/dev/null
    local older # with podman's own /etc/mtab
    older=$(find "$(upper_of c1)" -not -type f -not -type d | wc -l)
    ((older >= 2))
    expect_match "disk-size=\"10Mi\": $older of the layer's symlinks and special files are older than its project id" \
        "$(journal --identifier=bulkhead-hook --output=cat)"
    container_exec c1 rm /symlink /pipe
}

@test "two containers with limits of their own, and one without" {
    on_each_disk three_at_once
}

three_at_once() {
    size 10Mi
    container_start c1 "${asked[@]}"
    size 20Mi
    container_start c2 "${asked[@]}"
    container_start c3
    [[ $(id_of c1) != "$(id_of c2)" && $(id_of c1) != "$(id_of c3)" ]]
    run write c1 15
    expect_match "$full" "$output"
    write c2 15
    write c3 25
    container_delete c1
    expect_eq "$(id_of c2) 20480" "$(limits | cut -d' ' -f1,3)"
    run write c2 10
    expect_match "$full" "$output"
}
