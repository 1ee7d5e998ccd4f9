#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# What may be wrong with the place where receipts are: full or read-only at each stage, somebody else's, and anything but
# what should be there. Refused with the reason; where the walls are up they stay, and once it is mended gc leaves nothing.
# shellcheck disable=SC2016 # jq's variables
load helpers
load attacks

setup() { attack_setup; }
teardown() {
    chattr -i -R "$work" 2>/dev/null || true
    attack_teardown
}

# The state directory on a file system of its own.
state_on_tmpfs() { # OPTIONS
    if mountpoint --quiet "$work/run"; then umount --lazy "$work/run"; fi
    mkdir -p "$work/run"
    mount -t tmpfs -o "mode=755,nr_inodes=100,size=1M,$1" tmpfs "$work/run"
    state_dir=$work/run/bulkhead
}

fill_up() {
    cat /dev/zero >"$work/run/filling" 2>/dev/null || true
    while mkdir "$work/run/filling.$((RANDOM * 32768 + RANDOM))" 2>/dev/null; do :; done
}

# --- No room -----------------------------------------------------------------------------------------------------------

# One more inode, or page, each time: each step of the work is the one that fails.
until_there_is_room() { # OPTION FIRST LEAST
    local room refused=0
    for ((room = $2; room < 40; room++)); do
        state_on_tmpfs "$1=$room"
        victim_start
        create
        if [[ $status == 0 ]]; then break; fi
        refused=$((refused + 1))
        expect_refused_with 71 "^bulkhead: c1: .*$work/run/bulkhead.*: No space left on device\$"
        stop
        expect_eq '0 ' "$status $output"
        victim_over
    done
    echo "# $1: refused $refused times, with $room it works" >&3
    expect_walls
    ((refused >= $3))
}

@test "out of inodes at each step: refused, and nothing is left" {
    until_there_is_room nr_inodes 2 8
    fill_up
    victim_end
    stop
    expect_empty "$(leftovers)" "left by poststop"
}

@test "out of pages at each step: refused, and nothing is left" {
    until_there_is_room nr_blocks 1 1
    fill_up
    victim_end
    stop
    expect_empty "$(leftovers)" "left by poststop"
}

@test "gc frees where nothing is free" {
    state_on_tmpfs nr_inodes=60,nr_blocks=12
    victim_start
    create
    expect_walls
    dd if=/dev/zero of="$state_dir/segments/local/x/data" bs=64k count=8 2>/dev/null
    fill_up
    expect_clean
    expect_match 'released containers/c1' "$output"
}

@test "read-only: refused; poststop and gc leave what they cannot take off, and say so" {
    state_on_tmpfs size=1M
    victim_start
    mount -o remount,ro "$work/run"
    create
    expect_refused_with 71 "$work/run/bulkhead: Read-only file system\$"
    mount -o remount,rw "$work/run"
    create
    expect_walls
    victim_end
    mount -o remount,ro "$work/run"
    stop
    expect_eq '0 ' "$status $output"
    collect
    expect_match '^1 kept containers/c1/.*Read-only file system' "$status $output"
    mount -o remount,rw "$work/run"
    expect_clean
}

# --- Somebody else's, or something else ----------------------------------------------------------------------------------

# Puts KIND in the place of PATH, which may be there. What it should not touch is $work/victim.
put() { # KIND PATH
    rm -rf "$work/victim" "$2.kept"
    echo precious >"$work/victim"
    if [[ -e $2 ]]; then mv "$2" "$2.kept"; fi
    case $1 in
    owner | group | other | immutable)
        if [[ -e $2.kept ]]; then mv "$2.kept" "$2"; elif [[ $2 == *.tmp || $2 == */counters ]]; then : >"$2"; else mkdir "$2"; fi
        case $1 in
        owner) chown 1 "$2" ;;
        group) chmod g+w "$2" ;;
        other) chmod o+w "$2" ;;
        immutable) chattr +i "$2" ;;
        esac
        ;;
    symlink) ln -s "$work/victim" "$2" ;;
    dangling) ln -s "$work/not-there" "$2" ;;
    hardlink) ln "$work/victim" "$2" ;;
    fifo) mkfifo "$2" ;;
    file) echo '{}' >"$2" ;;
    empty) : >"$2" ;;
    huge) truncate -s 10G "$2" ;;
    directory) mkdir "$2" ;;
    zero) mknod "$2" c 1 5 ;;
    full) mknod "$2" c 1 7 ;;
    socket) (cd "$(dirname "$2")" && perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un($ARGV[0])) or die' "$(basename "$2")") ;;
    esac
    rm -rf "$2.kept"
}

expect_untouched() { # WHAT
    expect_eq precious "$(cat "$work/victim")" "the other file, with $1"
    [[ ! -e $work/not-there ]]
}

# It is in the way of createRuntime, poststop and gc, which say so; and no more once it is away.
in_the_way() { # PATH CODE REGEX KIND...
    local kind place=$state_dir${1:+/$1}
    for kind in "${@:4}"; do
        victim_start
        mkdir -p "$(dirname "$place")"
        chmod 700 "$(dirname "$place")"
        put "$kind" "$place"
        create
        expect_eq "$2" "$status" "exit status with $kind and $output"
        expect_match "^bulkhead: c1: $3" "$output"
        expect_eq 'size=65536k max ' "$(victim_has)" "walls with $kind"
        stop
        expect_eq '0 ' "$status $output" "poststop with $kind"
        collect
        expect_eq 1 "$status" "gc with $kind and $output"
        expect_untouched "$kind"
        chattr -i "$place" 2>/dev/null || true
        rm -rf "$place"
        expect_clean
        rm -rf "$bundle" "$state_dir"
    done
}

@test "the state directory and what is in it: somebody else's" {
    local path
    for path in '' containers containers/c1 segments; do
        in_the_way "$path" 70 "$state_dir${path:+/$path} is not root's alone to write; find out who changed it, then chown root" \
            owner group other
    done
}

@test "the state directory and what is in it: no directories" {
    in_the_way '' 71 "open $state_dir: Not a directory\$" symlink dangling fifo file socket zero
    in_the_way containers 71 "$state_dir: open containers: Not a directory\$" symlink dangling fifo file socket zero
    in_the_way containers/c1 71 "$state_dir/containers: open c1: Not a directory\$" symlink dangling fifo file socket zero
    in_the_way segments 71 ".*$state_dir: open segments: Not a directory\$" symlink dangling fifo file socket zero
}

# They are for the operator alone: nobody misses a wall for want of them.
@test "counters, errors and hints that are anything: the walls are up, and nothing else is written to" {
    local path kind turn=0
    for path in counters errors hints; do
        turn=$((turn + 1)) # so that each kind has one of the three
        for kind in owner symlink dangling hardlink fifo file huge zero full socket directory immutable; do
            matrix || ((++turn % 3 == 0)) || continue
            victim_start
            mkdir -m 700 "$state_dir"
            put "$kind" "$state_dir/$path"
            create
            expect_eq '0 ' "$status $output" "with $path $kind"
            expect_walls
            expect_untouched "$path $kind"
            victim_end
            stop
            expect_untouched "$path $kind"
            expect_empty "$(leftovers)"
            victim_over
            victim_start
            bundle_ask pids-max many
            create
            expect_refused_with 64 'does not begin with a digit'
            expect_untouched "$path $kind"
            victim_end
            chattr -i "$state_dir/$path" 2>/dev/null || true
            rm -rf "$bundle" "$state_dir"
        done
    done
}

# A receipt that is damaged is believed in nothing. What the container has stays; the next one of the id does not start.
@test "a receipt that is anything but one" {
    local kind place
    for kind in owner group symlink dangling hardlink fifo file empty huge zero socket directory; do
        victim_start
        create
        expect_walls
        place=$(receipts)
        put "$kind" "$place"
        create
        expect_match '^7[01] bulkhead: c1: receipt.*/containers/c1' "$status $output" "with $kind"
        expect_walls
        collect
        expect_match '^1 failed containers/c1/' "$status $output" "with $kind"
        expect_walls
        victim_end
        stop
        expect_eq '0 ' "$status $output" "poststop with $kind"
        collect
        expect_match '^1 failed containers/c1/' "$status $output" "with $kind"
        expect_untouched "$kind"
        rm -rf "$place"
        victim_over
    done
}

@test "a receipt that nobody can remove: kept, and told, until somebody can" {
    local place
    victim_start
    create
    expect_walls
    place=$(receipts)
    chattr +i "$place" 2>/dev/null || skip_because "this kernel's tmpfs has no immutable files (Linux 6.6)"
    victim_end
    stop
    expect_eq '0 ' "$status $output"
    expect_eq "$place" "$(receipts)"
    collect
    expect_match '^1 kept containers/c1/.*Operation not permitted' "$status $output"
    chattr -i "$place"
    expect_clean
}

# Where a receipt or terms are written before they have their name, as a killed process leaves it.
@test "a temporary file that is anything: it goes, and nothing is written through it" {
    local kind place
    victim_start
    create
    place=$(receipts)
    place=${place%/*}/.${place##*/}.tmp
    victim_over
    for kind in symlink dangling hardlink fifo file huge zero full socket; do
        victim_start
        (umask 077 && mkdir -p "${place%/*}")
        put "$kind" "$place"
        create
        expect_eq '0 ' "$status $output" "with $kind"
        expect_walls
        expect_untouched "$kind"
        expect_clean
        expect_untouched "$kind"
        rm -rf "$bundle"
    done
    victim_start
    (umask 077 && mkdir -p "$place")
    create
    expect_refused_with 71 "receipt: $state_dir/containers/c1: unlink .*: Is a directory\$"
    rmdir "$place"
    expect_clean
}

@test "a segment's members and terms that are anything: the walls stay, and gc says what is in its way" {
    local kind members=$state_dir/segments/local/x.members
    for kind in symlink fifo file socket; do
        victim_start
        create
        expect_walls
        put "$kind" "$members/terms.json"
        put "$kind" "$members/not-a-member"
        collect
        expect_eq '0 ' "$status $output" "gc beside it with $kind"
        expect_walls
        expect_clean
        expect_untouched "$kind"
        rm -rf "$bundle"
    done
    victim_start
    create
    mkdir "$members/not-a-member"
    victim_end
    collect
    expect_match '^1 kept .*unlink not-a-member: Is a directory' "$status $output"
    rmdir "$members/not-a-member"
    expect_clean
}
