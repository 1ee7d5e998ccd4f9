#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: xfs ext4
#
# A limit on the writable layer, with runc and crun on overlays made by hand, on XFS and on ext4: nothing but the limit
# is different for the container, it holds, and it is given back.
load ../helpers
load ../disk

setup_file() { :; }
setup() { disk_setup; }
teardown() { disk_teardown; }

MiB=$((1 << 20))

works_as_without() {
    local without with
    layer_make plain
    layer_make c1
    start plain
    start c1 disk-size=20Mi
    without=$(inside plain sh -c "$everything")
    with=$(inside c1 sh -c "$everything")
    expect_eq "$without" "$with"
    expect_eq "1 done" "$(grep -c 'rename of a lower file across directories: done' <<<"$with") done"
    # What no overlay can do, and what Linux 6.1's cannot.
    expect_empty "$(grep '^[A-Za-z].*: ' <<<"$with" | grep -v -e ': done$' -e '^rename of a lower directory: ' \
        -e '^chown ' -e '^O_TMPFILE: open: Operation not supported' -e '^stat: .*e/tmpfile')" "not done"
    # All of it counts, and nothing else.
    expect_eq "$(find "$disk"/layers/c1/{upper,work} -printf '%i\n' | sort -u | wc -l)" \
        "$(quota_of "$(upper_id c1)" | cut -d' ' -f4)" "inodes"
}

@test "all that can be done to files can be done with a limit" { on_each_disk works_as_without; }

at_the_limit() {
    local used
    layer_make c1
    layer_make c2
    start c1 disk-size=10Mi
    start c2 disk-size=10Mi
    expect_match ' 10240 +[0-9]+ +[0-9]+ +[0-9]+% /$' "$(inside c1 df -k / | tail -1)" "df"
    run inside c1 dd if=/dev/zero of=/big bs=1M count=20
    expect_eq 1 "$status" "$output"
    expect_match "$full" "$output"
    used=$(quota_of "$(upper_id c1)" | cut -d' ' -f1)
    ((used <= 10240 && used > 9 * 1024)) || complain "used: $used"
    inside c2 dd if=/dev/zero of=/big bs=1M count=8
    inside c1 rm /big
    wait_until 10 inside c1 dd if=/dev/zero of=/again bs=1M count=9
    stop c1
    stop c2
    expect_nothing_left
}

@test "past the limit a write fails, after deleting there is room again, and the neighbour has its own" {
    with_each at_the_limit
}

of_another_user() {
    layer_make c1
    mkdir "$disk/layers/c1/upper/of-another-user"
    chown 1000:1000 "$disk/layers/c1/upper/of-another-user"
}

@test "project ids on files of others are what the hook keeps CAP_FOWNER for" {
    of_another_user
    start c1 disk-size=10Mi
    stop c1
    layer_unmount c1
    printf '#!/bin/sh\nexec setpriv --bounding-set=-fowner --inh-caps=-all %q "$@"\n' "$BULKHEAD_HOOK" >/run/hook-without
    chmod 755 /run/hook-without
    rm -rf "$disk/layers/c1"
    of_another_user
    BULKHEAD_HOOK=/run/hook-without
    run start c1 disk-size=10Mi
    expect_eq 1 "$status" "$output"
    expect_match 'of-another-user|Operation not permitted' "$output"
    expect_nothing_left
}

implied_inodes() { # as the kernel was told: XFS size/4 KiB, ext4 the size's share of the disk's inodes, at least 1024
    local bytes=$1 total size
    case $fs in
    xfs) total=$((bytes / 4096)) ;;
    ext4)
        read -r total size < <(stat --file-system --format='%c %b' "$disk")
        total=$(awk "BEGIN { print int($bytes * $total / ($size * $(stat --file-system --format=%S "$disk"))) }")
        ;;
    esac
    echo $((total < 1024 ? 1024 : total))
}

empty_files='i=0; while : >"/e/$i"; do i=$((i + 1)); done'

empty_files_stop() {
    local expected
    layer_make c1
    layer_make c2
    start c1 disk-size=20Mi
    start c2 disk-size=20Mi
    expected=$(implied_inodes $((20 * MiB)))
    expect_match " $expected +[0-9]+ +[0-9]+ +[0-9]+% /\$" "$(inside c1 df -i / | tail -1)" "df -i"
    run inside c1 sh -c "$empty_files"
    expect_match "$full" "$output"
    expect_eq "$expected $expected" "$(quota_of "$(upper_id c1)" | cut -d' ' -f4,6)" "inodes: used and most"
    inside c2 touch /e/file
    touch "$disk/file"
    inside c1 sh -c 'rm -r /e; mkdir /e; touch /e/file'
}

@test "empty files are no way around the limit" { on_each_disk empty_files_stop; }

inodes_alone() {
    layer_make c1
    start c1 disk-inodes=100
    expect_eq "$(upper_id c1) 0 0 0 100" "$(limits)"
    expect_match " 100 +[0-9]+ +[0-9]+ +[0-9]+% /\$" "$(inside c1 df -i / | tail -1)" "df -i"
    run inside c1 sh -c "$empty_files"
    expect_match "$full" "$output"
    inside c1 dd if=/dev/zero of=/e/0 bs=1M count=40
    stop c1
    expect_nothing_left
}

@test "disk-inodes alone limits the number of files" { on_each_disk inodes_alone; }

both_asked() {
    layer_make c1
    start c1 disk-size=10Mi disk-inodes=50000
    expect_eq "$(upper_id c1) 0 10240 0 50000" "$(limits)"
}

@test "disk-inodes in place of the limit that disk-size implies" { on_each_disk both_asked; }

# What an engine writes for the container, outside of its layer, and binds into it.
engines_files() { # LABELLED? yes|no
    local name=c1c1c1c1c1c1 hosts # as long as an engine's ids are, at least
    hosts=$disk/layers/engine/$name/hosts
    layer_make "$name"
    mkdir -p "$(dirname "$hosts")"
    echo 127.0.0.1 localhost >"$hosts"
    if [[ $1 == yes ]]; then hook_config '{"disk": {"label-engine-files": true}}'; fi
    bundle "$name" disk-size=2Mi
    bundle_edit "$name" \
        ".mounts += [{destination: \"/etc/hosts\", type: \"bind\", source: \"$hosts\", options: [\"rbind\", \"rw\"]}]"
    start_again "$name"
    run inside "$name" dd if=/dev/zero of=/etc/hosts bs=1M count=4
    if [[ $1 == yes ]]; then
        expect_match "$full" "$output"
        expect_eq "$(upper_id "$name")" "$(project "$hosts")"
    else
        expect_eq 0 "$status" # as the manual says
        expect_eq 0 "$(project "$hosts")"
    fi
    stop "$name"
    expect_nothing_left
}

@test "files that the engine writes do not count" { on_each_disk engines_files no; }

@test "files that the engine writes count where the config says so" { on_each_disk engines_files yes; }

# The map of a file with many holes is made when it is written out, past the limit that was kept to until then.
filled_with_holes() {
    layer_make c1
    start c1 disk-size=10Mi
    run inside c1 perl -e '$| = 1; open F, "+>", "/d/holes" or die; for ($n = 0; ; $n++) {
        sysseek F, $n * 8192, 0; syswrite F, "x" x 4096 or die "$!\n" }'
    expect_match "$full" "$output"
    sync
    stop c1
    start_again c1
    expect_eq 10240 "$(limits | cut -d' ' -f3)"
}

@test "a container that filled its layer with holes starts again" { on_each_disk filled_with_holes; }
