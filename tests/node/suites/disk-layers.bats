#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: xfs ext4
# matrix: what of it is new after the unit tests, which have such disks of their own, is a runtime around them; a minute
#
# What a layer was before a container with a disk limit starts on it, and what it is afterwards: started again, started
# without us, spoilt, already in use, too full, refused half-way; and where it may lie.
load ../helpers
load ../disk

setup_file() { :; }
setup() { disk_setup; }
teardown() { disk_teardown; }

first_id=$((1 << 30))

found_again() {
    local id before
    layer_make c1
    start c1 disk-size=10Mi
    id=$(upper_id c1)
    before=$(limits)
    inside c1 dd if=/dev/zero of=/big bs=1M count=6
    stop c1
    expect_nothing_left
    layer_unmount c1
    # What would be free, first fit, is somebody else's.
    layer_make c0
    start c0 disk-size=1Mi
    [[ $(upper_id c0) != "$id" ]]
    stop c0
    layer_mount c1
    start c1 disk-size=10Mi
    expect_eq "$id" "$(upper_id c1)"
    expect_eq "$before" "$(limits)"
    run inside c1 dd if=/dev/zero of=/more bs=1M count=6
    expect_match "$full" "$output"
    inside c1 rm /more
    inside c1 sh -c "$everything" >/dev/null
    stop c1
    expect_nothing_left
}

@test "a container that starts again has its id and its limit" { on_each_disk found_again; }

# Left by a run without us, or taken off by a container that could.
whole_again() { # HOW-THE-LABELS-ARE-SPOILT
    local id said
    layer_make c1
    start c1 disk-size=10Mi
    id=$(upper_id c1)
    inside c1 sh -c 'mkdir -p /d/mine/deep; echo a >/d/mine/file; b ln /d/mine/file /d/mine/deep/link'
    stop c1
    layer_unmount c1
    "$@"
    layer_mount c1
    start c1 disk-size=10Mi
    for path in upper upper/d upper/d/mine upper/d/mine/deep upper/d/mine/file work work/work; do
        expect_eq "$(upper_id c1) $path" "$(project "$disk/layers/c1/$path") $path"
    done
    said=$(inside c1 perl -e '
        mkdir "/new"; open F, ">/new/f";
        rename("/new", "/d/mine/new") && rename("/d/mine/deep", "/deep") && rename("/d/mine/file", "/file")
            && link("/file", "/link") or print $!')
    expect_empty "$said"
    expect_eq "$(find "$disk"/layers/c1/{upper,work} -printf '%i\n' | sort -u | wc -l)" \
        "$(quota_of "$(upper_id c1)" | cut -d' ' -f4)" "inodes"
}

spoil_some() {
    xfs_io -r -c 'chproj 0' -c 'chattr -P' "$disk/layers/c1/upper/d/mine"
    xfs_io -r -c 'chproj 4711' "$disk/layers/c1/upper/d/mine/file"
    xfs_io -r -c 'chproj 4712' "$disk/layers/c1/upper/d/mine/deep"
}

spoil_upper() { xfs_io -r -c 'chproj 0' -c 'chattr -P' "$disk/layers/c1/upper"; }

@test "files of the layer that carry another id, or none, carry the layer's after a start" {
    on_each_disk whole_again spoil_some
}

@test "a layer whose upper directory alone lost its id is whole after a start" { on_each_disk whole_again spoil_upper; }

@test "a layer that was in use before there was a limit" {
    before_the_limit() {
        layer_make c1
        start c1
        inside c1 sh -c "$everything" >/dev/null
        stop c1
        start c1 disk-size=20Mi
        inside c1 perl -e '
            rename("/e/new", "/d/n") && rename("/e/moved", "/d/t") && rename("/d/n", "/e/n")
                && link("/d/t", "/e/l") or die $!'
        run inside c1 dd if=/dev/zero of=/big bs=1M count=20
        expect_match "$full" "$output"
    }
    on_each_disk before_the_limit
}

one_layer_twice() {
    local before
    layer_make c1
    start c1 disk-size=10Mi
    before="$(limits) $(upper_id c1) $(cat "$(record_files)")"
    bundle c2 disk-size=5Mi
    bundle_edit c2 ".root.path = \"$disk/layers/c1/merged\""
    run start_again c2
    [[ $status != 0 ]]
    expect_match '(exit status |exit code: |status: )75\b' "$output"
    if [[ $RUNTIME == runc ]]; then
        expect_match "another container that runs has the same writable layer \($disk/layers/c1/upper\)" "$output"
    fi
    "$RUNTIME" delete --force c2 &>/dev/null || true
    expect_eq "$before" "$(limits) $(upper_id c1) $(cat "$(record_files)")"
    inside c1 dd if=/dev/zero of=/big bs=1M count=8
    run inside c1 dd if=/dev/zero of=/more bs=1M count=8
    expect_match "$full" "$output"
    stop c1
    expect_nothing_left
}

@test "two bundles on one root: the second is refused, the first unharmed" { on_each_disk one_layer_twice; }

below_what_is_used() {
    local used below said
    layer_make c1
    start c1 disk-size=20Mi
    inside c1 dd if=/dev/zero of=/big bs=4k count=2060
    sync --file-system "$disk"
    used=$(quota_of "$(upper_id c1)" | cut -d' ' -f1)
    stop c1
    below=$((used - used / 100)) # half a percent may come on top of a limit
    refused 75 c1 disk-size=${below}Ki
    said=$(<"$log")
    if [[ $RUNTIME == runc ]]; then
        expect_match "io.bulkhead.disk-size=.${below}Ki.: .*already holds ${used}Ki, more than ${below}Ki" "${said//\\/}"
    fi
    "$RUNTIME" delete --force c1 &>/dev/null || true
    expect_nothing_left
    start c1 disk-size="$used"Ki
    expect_eq "$used" "$(quota_of "$(upper_id c1)" | cut -d' ' -f3)"
    stop c1
}

@test "a size below what the layer holds is refused with both numbers, what it holds is not" {
    on_each_disk below_what_is_used
}

# A file where the hook wants a directory: it fails after it has labelled the layer, and before there is a limit.
fails_in_the_middle() {
    local before
    layer_make c1
    mkdir -p "$disk/layers/c1/upper/d/mine"
    labels() { find "$disk"/layers/c1/{upper,work} -exec xfs_io -r -c lsproj -c stat {} + | grep -E 'proj|xflags' | sort | uniq -c; }
    before=$(labels)
    mkdir --mode=700 /var/lib/bulkhead
    touch "$records"
    run start c1 disk-size=10Mi
    [[ $status != 0 ]]
    expect_match '(exit status |exit code: |status: )71\b' "$output"
    "$RUNTIME" delete --force c1 &>/dev/null || true
    rm "$records"
    expect_nothing_left
    expect_eq 0 "$(upper_id c1)"
    expect_eq "$before" "$(labels)"
}

@test "what fails after the layer was labelled leaves neither label nor limit" { on_each_disk fails_in_the_middle; }

# runc calls poststop then; crun does not, so that what is left waits for gc or the next container of that name.
a_later_hook_fails() {
    layer_make c1
    bundle c1 disk-size=10Mi
    bundle_edit c1 '.hooks.createRuntime += [{path: "/bin/false"}]'
    run start_again c1
    [[ $status != 0 ]]
    "$RUNTIME" delete --force c1 &>/dev/null || true
    if [[ $RUNTIME == runc ]]; then expect_nothing_left; fi
    start c1 disk-size=5Mi
    expect_eq 5120 "$(limits | cut -d' ' -f3)"
    stop c1
    expect_nothing_left
}

@test "a later hook that fails leaves no limit that a next container would take for another's" {
    on_each_disk a_later_hook_fails
}

# docker and containers/storage mount in their home, with paths relative to it.
relative_paths() { # HOME
    local home=$disk/home/$1
    lower_make
    mkdir -p "$home/abc"/{diff,work,merged}
    (cd "$home" && mount -t overlay -o "lowerdir=$disk/lower,upperdir=abc/diff,workdir=abc/work" overlay "$home/abc/merged")
    bundle c1 disk-size=10Mi
    bundle_edit c1 ".root.path = \"$home/abc/merged\""
    start_again c1
    expect_eq "$2" "$(project "$home/abc/diff")"
    expect_eq "$2 0 10240" "$(limits | cut -d' ' -f1-3)"
    inside c1 sh -c "$everything" >/dev/null
    stop c1
    expect_nothing_left
}

@test "layers with relative paths, as containers/storage mounts them" { on_each_disk relative_paths overlay $first_id; }

@test "in a home of docker's, ids from the top of the range" { on_each_disk relative_paths overlay2 $((first_id * 2 - 1)); }

# The mount table has them escaped twice: by overlayfs for itself, and by the kernel for its table.
strange_paths() {
    local name home=$disk/home/strange escaped
    lower_make
    for name in 'a blank' 'a,comma' 'a\backslash' $'a\nnewline' 'a#hash' 'a:colon' 'a\054b' 'a"quote'; do
        echo "# $name" >&2
        escaped=${name//\\/\\\\}
        escaped=${escaped//,/\\,}
        mkdir -p "$home/$name"/{upper,work} "$home/merged"
        # mount(8) would read the options as well.
        busybox mount -t overlay -o "lowerdir=$disk/lower,upperdir=$home/$escaped/upper,workdir=$home/$escaped/work" \
            overlay "$home/merged"
        bundle c1 disk-size=10Mi
        bundle_edit c1 ".root.path = \"$home/merged\""
        start_again c1
        expect_eq "10240" "$(limits | cut -d' ' -f3)"
        run inside c1 dd if=/dev/zero of=/big bs=1M count=12
        expect_match "$full" "$output"
        stop c1
        expect_nothing_left
        umount "$home/merged"
    done
}

@test "layers whose paths have blanks, commas and backslashes" { on_each_disk strange_paths; }
