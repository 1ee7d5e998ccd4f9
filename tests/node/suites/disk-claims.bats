#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: xfs ext4
# smp: 4
# matrix: hundreds of containers, four minutes
#
# Many at once: each layer has an id of its own, whoever else takes ids meanwhile. The hook is called as a runtime
# would, by hand, with a process for each container: 200 real starts take minutes here.
load ../helpers
load ../disk

setup_file() { :; }
setup() { disk_setup; }

teardown() {
    if [[ -s /run/disk-processes ]]; then xargs kill </run/disk-processes || true; fi
    rm -f /run/disk-processes
    disk_teardown
}

first_id=$((1 << 30))
processes=8

# With few programs, and those static: where QEMU translates, one that is linked as it starts takes six times as long.
many_make() { # COUNT
    local number directories=()
    lower_make
    for ((number = 0; number < $1; number++)); do
        directories+=("$disk/layers/$number"/{upper,work,merged} "$bundles/$number")
    done
    mkdir -p "${directories[@]}"
    for ((number = 0; number < $1; number++)); do
        layer_mount "$number" busybox
        busybox sleep 1000 &>/dev/null 3>&- &
        echo $! >>/run/disk-processes
        printf '{"ociVersion":"1.0.2","root":{"path":"%s"},"annotations":{"io.bulkhead.disk-size":"10Mi"}}' \
            "$disk/layers/$number/merged" >"$bundles/$number/config.json"
        printf '{"ociVersion":"1.0.2","id":"c%d","status":"creating","pid":%d,"bundle":"%s",
            "annotations":{"io.bulkhead.disk-size":"10Mi"}}' "$number" $! "$bundles/$number" >"$bundles/$number/state"
    done
}

# As one of several processes: every so many-th container.
some() { # STAGE FIRST COUNT
    local number
    for ((number = $2; number < $3; number += processes)); do
        "$BULKHEAD_HOOK" "$1" <"$bundles/$number/state" >>"$bundles/$number/said" 2>&1 ||
            echo "$number $?" >>"$bundles/failed"
    done
}

all_at_once() { # STAGE COUNT
    local worker workers=()
    for ((worker = 0; worker < processes; worker++)); do
        some "$1" "$worker" "$2" 3>&- &
        workers+=($!)
    done
    wait "${workers[@]}"
    expect_empty "$(cat "$bundles/failed" 2>/dev/null; cat "$bundles"/*/said)" "what the hook said"
}

uppers_ids() { # COUNT
    local number
    for ((number = 0; number < $1; number++)); do printf '%s\n' "$disk/layers/$number/upper"; done |
        xargs xfs_io -r -c lsproj | sed 's/^.*projid = //'
}

expect_ids_of_their_own() { # COUNT
    local taken
    taken=$(uppers_ids "$1" | sort -n)
    expect_eq "$1" "$(uniq <<<"$taken" | wc -l)" "ids"
    expect_eq "$taken" "$(limits | awk '$3 == 10240 { print $1 }' | sort -n)" "limited ids"
    expect_eq "$1 $1" "$(record_files | wc -l) $(find "$receipts" -name '*.json' | wc -l)" "records and receipts"
    # Every layer has the same few inodes, and every id those of one.
    expect_eq "$1 $(find "$disk"/layers/0/{upper,work} | wc -l)" \
        "$(report | awk '$4 == 10240 { print $7 }' | sort | uniq -c | xargs)" "layers, and the inodes of each"
}

give_all_back() { # COUNT
    xargs kill </run/disk-processes
    : >/run/disk-processes
    sed -i 's/"creating","pid":[0-9]*/"stopped"/' "$bundles"/*/state
    all_at_once poststop "$1"
    expect_nothing_left
}

started_at_once() { # COUNT
    many_make "$1"
    all_at_once createRuntime "$1"
    expect_ids_of_their_own "$1"
    expect_eq "$first_id $((first_id + $1 - 1))" "$(uppers_ids "$1" | sort -n | sed -n '1p;$p' | xargs)" \
        "dense, from the range's bottom"
    give_all_back "$1"
}

@test "XFS: 8 processes start 200 containers at once" { started_at_once 200; }

@test "ext4: 8 processes start 100 containers at once" {
    on ext4
    started_at_once 100
}

# Another program that takes ids of our range by the same rule: free, labelled, and then the only one.
take_ids_too() { # COUNT
    local number id
    for ((number = 0; number < $1; number++)); do
        id=$((first_id + number * 3))
        mkdir -p "$disk/layers/foreign/$id"
        if [[ -n $(quota_of "$id") ]]; then continue; fi
        xfs_quota -f -x -c "project -s -d 0 -p $disk/layers/foreign/$id $id" "$disk" >/dev/null
        if [[ $(quota_of "$id" | cut -d' ' -f4) != 1 ]]; then
            xfs_quota -f -x -c "project -C -d 0 -p $disk/layers/foreign/$id $id" "$disk" >/dev/null
        fi
    done
}

beside_another_program() {
    local other foreign
    many_make 60
    # These it had before.
    take_ids_too 10
    take_ids_too 40 3>&- &
    other=$!
    all_at_once createRuntime 60
    wait "$other"
    expect_ids_of_their_own 60
    foreign=$(find "$disk/layers/foreign" -mindepth 1 -exec xfs_io -r -c lsproj {} + | sed 's/^.*projid = //' | grep -vx 0 | sort)
    (($(wc -l <<<"$foreign") >= 10))
    expect_empty "$(comm -12 <(uppers_ids 60 | sort) <(echo "$foreign"))" "ids that both have"
    give_all_back 60
}

@test "XFS: the same while xfs_quota takes ids of our range" { beside_another_program; }

@test "ext4: the same while xfs_quota takes ids of our range" {
    on ext4
    beside_another_program
}
