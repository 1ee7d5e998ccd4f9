# shellcheck shell=bash disable=SC2034 # suites read what is set here
# SPDX-License-Identifier: Apache-2.0
#
# What the disk suites share: containers of runc and crun on overlays made by hand. To be loaded after helpers.bash; a
# suite with a setup or teardown of its own calls disk_setup or disk_teardown in it.
#
#   on xfs|ext4                      for the functions below; sets disk, and full: what a write past the limit says
#   on_each_disk CMD...              on XFS with runc, then on ext4 with crun; without $MATRIX (tests/run --all sets it)
#                                    on one of them, test by test in turn, as every start takes a second here
#   with_each CMD...                 on XFS with runc and on ext4 with crun; with $MATRIX the other way round, too
#   layer_make NAME                  an overlay of its own, mounted, on $disk/layers/NAME/{upper,work,merged}
#   layer_mount NAME  layer_unmount NAME      (layer_mount NAME busybox is quicker)
#   bundle NAME [KEY=VALUE...]       a bundle of that layer that asks for io.bulkhead.KEY=VALUE
#   bundle_edit NAME JQ              change its config.json
#   start NAME [KEY=VALUE...]        bundle and run; with its output in $log
#   start_again NAME                 run, with the bundle as it is
#   refused CODE NAME [KEY=VALUE...] start, which must fail with that status of ours; shows what was said
#   inside NAME CMD...               exec; inside NAME sh -c "$everything" says of all that one may do to files if it could be
#   stop NAME                        delete, which is where poststop runs
#   project PATH                     its project id
#   upper_id NAME                    that of the layer's upper directory
#   quota_of ID                      "BYTES-USED SOFT HARD INODES-USED SOFT HARD", in KiB and inodes
#   limits                           "ID SOFT HARD SOFT HARD" of each id of $disk that has any
#   ids                              all ids of $disk in use, but 0
#   limit_by_hand ID XFS-QUOTA-OPTIONS
#   expect_nothing_left              no limit on any id, no disk record, no receipt

bundles=/run/bundles
records=/var/lib/bulkhead/disk
receipts=/run/bulkhead/containers
log=/run/disk.log

on() { # xfs|ext4
    fs=$1 disk=/mnt/$1
    case $1 in
    xfs) full='No space left on device' ;;
    ext4) full='Disk quota exceeded' ;;
    esac
}

try_with() { # RUNTIME xfs|ext4 CMD...
    RUNTIME=$1
    on "$2"
    echo "# $2, $1" >&2
    "${@:3}"
    disk_clean
}

on_each_disk() { # CMD...
    if matrix || ((BATS_TEST_NUMBER % 2)); then try_with runc xfs "$@"; fi
    if matrix || ((BATS_TEST_NUMBER % 2 == 0)); then try_with crun ext4 "$@"; fi
}

with_each() { # CMD...
    try_with runc xfs "$@"
    try_with crun ext4 "$@"
    if ! matrix; then return; fi
    try_with crun xfs "$@"
    try_with runc ext4 "$@"
}

disk_setup() {
    RUNTIME=runc
    on xfs
}

disk_teardown() {
    local kind
    if [[ -z ${BATS_TEST_COMPLETED:-} && -s $log ]]; then sed 's/^/last log: /' "$log"; fi
    for kind in xfs ext4; do
        if ! mountpoint --quiet "/mnt/$kind"; then continue; fi
        on "$kind"
        if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then limits | head | sed "s/^/limits on $kind: /"; fi
        disk_clean
    done
}

# As if nothing had ever been started.
disk_clean() {
    local bundle runtime places commands
    for bundle in "$bundles"/*/started; do
        [[ -e $bundle ]] || continue
        for runtime in runc crun; do "$runtime" delete --force "$(basename "${bundle%/started}")" &>/dev/null || true; done
    done
    mapfile -t places < <(awk -v below="$disk/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | tac)
    places=("${places[@]//\\/\\0}")
    mapfile -d '' places < <(printf '%b\0' "${places[@]}")
    if [[ -n ${places[*]} ]]; then umount --lazy "${places[@]}"; fi
    rm -f /etc/bulkhead/bulkhead.json
    rm -rf --one-file-system "$bundles" /run/bulkhead /var/lib/bulkhead "${disk:?}"/{layers,home}
    mapfile -t commands < <(limits | sed 's/ .*//; s/.*/-c\nlimit -p bsoft=0 bhard=0 isoft=0 ihard=0 &/')
    if ((${#commands[@]} > 0)); then xfs_quota -f -x "${commands[@]}" "$disk"; fi
}

# --- Layers ---------------------------------------------------------------------------------------------------------

# What is below all layers: busybox, and two programs that know more of files (with their libraries).
lower_make() {
    local program library lower=$disk/lower
    if [[ -d $lower ]]; then return; fi
    busybox_root "$lower"
    for program in /usr/sbin/xfs_io /usr/bin/perl; do
        install -D "$program" "$lower/bin/"
        ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
            install -D "$library" "$lower$library"
        done
    done
    mkdir -p "$lower"/{d,e,d/empty,d/tree/deep,d/moves}
    echo data | tee "$lower"/d/{file,moved,gone,linked,mapped,tree/file,tree/deep/file} >/dev/null
    dd if=/dev/zero of="$lower/d/mapped" bs=64k count=1 status=none
    printf '%s\n' '#!/bin/sh' 'exec busybox "$@"' >"$lower/bin/b"
    chmod 755 "$lower/bin/b"
}

layer_make() { # NAME
    lower_make
    mkdir -p "$disk/layers/$1"/{upper,work,merged}
    layer_mount "$1"
}

layer_mount() { # NAME [busybox]
    local layer=$disk/layers/$1
    ${2:-} mount -t overlay -o "lowerdir=$disk/lower,upperdir=$layer/upper,workdir=$layer/work" overlay "$layer/merged"
}

layer_unmount() { umount "$disk/layers/$1/merged"; } # NAME

# shellcheck disable=SC2016 # the container's shell expands it
# Says of each thing that a program may do to files whether it could be done.
everything='
try() { what=$1; shift; if said=$("$@" 2>&1); then echo "$what: done"; else echo "$what: $said"; fi; }
move() { perl -e "rename(\$ARGV[0], \$ARGV[1]) or die qq(\$!\n)" "$@"; }
append() { echo more >>"$1"; }
sparse() { b truncate -s 1G "$1" && append "$1"; }
try "copy-up" append /d/file
try "chmod of a lower directory" b chmod 700 /d/tree
try "chown of a lower directory" b chown 1 /d/moves
try "rename of a lower file across directories" move /d/moved /e/moved
try "rename of a new directory" mkdir /d/new
try "rename of a new directory across directories" move /d/new /e/new
try "rename of a lower directory" move /d/moves /e/moves
try "rename of a file that was copied up" move /d/file /d/tree/file2
try "unlink of a lower name" rm /d/gone
try "unlink of another lower name" rm /d/tree/deep/file
try "rmdir of a lower name" b rmdir /d/empty
try "rm -r of a lower tree" rm -r /d/tree
try "the same name again" mkdir /d/tree
try "hard link of a lower file" b ln /d/linked /e/linked
try "symlink" b ln -s /d/file /d/symlink
try "rename of a symlink" move /d/symlink /e/symlink
try "fifo" b mkfifo /d/fifo
try "rename of a fifo" move /d/fifo /e/fifo
try "O_TMPFILE" perl -e "sysopen F, qq(/d), 020200002 or die qq(open: \$!); syswrite F, qq(x) x 65536;
    syscall(265, -100, qq(/proc/self/fd/) . fileno(F), -100, qq(/e/tmpfile), 0x400) == 0 or die qq(link: \$!\n)" # linkat
try "mmap" xfs_io -c "mmap -rw 0 64k" -c "mwrite 0 64k" -c "msync -s" /d/mapped
try "fallocate" xfs_io -f -c "falloc 0 1m" /d/allocated
try "punched hole" xfs_io -c "fpunch 0 64k" /d/allocated
try "sparse file" sparse /d/sparse
cd /
b find d e | b sort
b stat -c "%n %s %h" d/sparse d/allocated d/mapped e/linked e/tmpfile 2>&1 || echo "not all there"'

# --- Containers -----------------------------------------------------------------------------------------------------

bundle() { # NAME [KEY=VALUE...]
    local directory=$bundles/$1 made=$BATS_RUN_TMPDIR/config.json
    [[ -f $made ]] || runc spec --bundle "$BATS_RUN_TMPDIR"
    mkdir -p "$directory"
    jq --arg root "$disk/layers/$1/merged" --arg hook "$BULKHEAD_HOOK" '
        def hook($stage): [{path: $hook, args: ["bulkhead-hook", $stage]}];
        .root = {path: $root, readonly: false} | .process.terminal = false | .process.args = ["sleep", "1000"]
        | .hooks = {createRuntime: hook("createRuntime"), poststop: hook("poststop")}
        | .annotations = ($ARGS.positional | map(capture("(?<key>[^=]*)=(?<value>.*)") | .key |= "io.bulkhead." + .)
            | from_entries)
        ' "$made" --args "${@:2}" >"$directory/config.json"
}

bundle_edit() { # NAME JQ
    jq "$2" "$bundles/$1/config.json" >"$bundles/$1/new"
    mv "$bundles/$1/new" "$bundles/$1/config.json"
}

start() { # NAME [KEY=VALUE...]
    bundle "$@"
    start_again "$1"
}

# The container would keep bats' descriptors for as long as it lives.
start_again() { # NAME
    touch "$bundles/$1/started"
    "$RUNTIME" run --detach --bundle "$bundles/$1" "$1" </dev/null >"$log" 2>&1 3>&- || {
        local status=$?
        cat "$log"
        return "$status"
    }
}

refused() { # CODE NAME [KEY=VALUE...]
    local said
    if start "${@:2}" >/dev/null; then complain "not refused"; fi
    said=$(<"$log")
    expect_match "(exit status |exit code: |status: )$1\b" "$said" "the status"
}

inside() { "$RUNTIME" exec "$@" </dev/null 3>&-; } # NAME CMD...

stop() { "$RUNTIME" delete --force "$1"; } # NAME

# --- Quotas ---------------------------------------------------------------------------------------------------------

project() { xfs_io -r -c lsproj "$1" | sed 's/^projid = //'; } # PATH

upper_id() { project "$disk/layers/$1/upper"; } # NAME

# XFS counts files that were just removed for a while longer, unless it is asked for id 0.
report() {
    xfs_quota -f -x -c 'quota -p -n 0' "$disk" >/dev/null
    xfs_quota -f -x -c 'report -p -n -N -b -i' "$disk" | sed 's/\[[^]]*\]/-/g; s/^#//' | awk '$1 != 0 && NF { print }'
}

quota_of() { report | awk -v id="$1" '$1 == id { print $2, $3, $4, $7, $8, $9 }'; } # ID

limits() { report | awk '$3 || $4 || $8 || $9 { print $1, $3, $4, $8, $9 }'; }

ids() { report | awk '$2 || $7 { print $1 }'; }

limit_by_hand() { # ID OPTION...
    xfs_quota -f -x -c "limit -p ${*:2} $1" "$disk"
}

record_files() { find "$records" -name '*.json' 2>/dev/null; }

expect_nothing_left() {
    expect_empty "$(limits)" "limits"
    expect_empty "$(record_files)" "disk records"
    expect_empty "$(find "$receipts" -mindepth 1 2>/dev/null)" "receipts"
}
