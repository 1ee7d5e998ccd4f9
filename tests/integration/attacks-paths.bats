#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
# matrix: three minutes of it
#
# Symlinks and mounts that change places with what the hook has just looked at, deterministically: it is stopped before
# each of its calls that has to do with a path of the container's, what the path leads to is swapped, and it goes on.
# Whatever it does then, nothing outside of the container is resized, mounted on, made or written: not as the host sees
# it, nor as the container's own mount namespace does, where mounts are made.
#
# Each has failed with guards taken out. Some only with several: a symlink is caught by each of RESOLVE_NO_SYMLINKS and
# RESOLVE_IN_ROOT, both of which imply RESOLVE_NO_MAGICLINKS; at a segment's place by RESOLVE_BENEATH too, and without
# all of these still by the look afterwards; mnt-mount by the look for shared mounts and by the one for whose file system
# it is. That the look afterwards finds a directory that was moved is for segments_test, as nothing outside is hit then.
# shellcheck disable=SC2016 # other shells' variables
load helpers
load attacks

# Two things of the host's: a directory where the container's root lies as well, on one mount, so that no look at the
# mount tells them apart; and a tmpfs, whose mounts are shared with the container's mount namespace.
setup() {
    attack_setup
    propagation=unchanged
    mkdir -m 755 "$work/victim" "$work/outside"
    mount -t tmpfs -o size=1M,mode=755 shm "$work/outside"
    mount --make-shared "$work/outside"
}
teardown() { attack_teardown; }

is_stopped_or_over() { hook_is_stopped || process_is_gone "$1"; } # PID OF STRACE

# The calls of a whole run that have to do with paths, as lines "NAME N".
calls_with_paths() {
    strace --quiet=all --output="$work/calls" "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" createRuntime <"$work/stdin"
    awk -F'(' '$1 ~ /^(openat2|mkdirat|statx|fspick|fsconfig|fsmount|open_tree|mount_setattr|setns|move_mount)$/ {
            n[$1]++; if (seen) print $1, n[$1] }
        /"\/proc\/[0-9]+"/ { seen = 1 }' "$work/calls"
}

# Runs where the container's mounts are, in its root; $1 is the host's tmpfs.
inside() { # SCRIPT
    nsenter --target "$victim" --mount sh -ec 'bare() { ! mountpoint -q "$1" || umount -l "$1"; }; cd "$2"; eval "$3"' \
        sh "$work/outside" "$bundle/rootfs" "$1"
}

# What an attacker with the container's root can do to a path at any moment, and some that the engine has to do for him.
# Symlinks are relative: they come out in the container's own mount namespace, where the hook's mounts are made.
swap() { # HOW
    case $1 in
    shm-symlink) inside 'umount -l dev/shm; rmdir dev/shm; ln -s ../../../../victim dev/shm' ;;
    shm-mount) inside 'mount --bind "$1" dev/shm' ;;
    dev-symlink) inside 'bare dev/shm; mv dev old; ln -s ../../../victim dev' ;;
    made-symlink) inside 'bare dev/shm; rm -rf dev/shm; ln -s ../../../../victim dev/shm' ;;
    made-mount) inside 'mkdir -p dev/shm; mount --bind "$1" dev/shm' ;;
    mnt-symlink) inside 'mv mnt old; ln -s ../../../victim mnt' ;;
    mnt-mount) inside 'mount --bind "$1" mnt' ;;
    place-symlink) inside 'bare mnt/x; [ ! -e mnt/x ] || mv mnt/x old; ln -s ../../../../victim mnt/x' ;;
    place-mount) inside 'mkdir -p mnt/x; mount --bind "$1" mnt/x' ;;
    esac
}

# A container without /dev/shm gets one from the hook.
take_shm_away() { inside 'umount dev/shm; rmdir dev/shm'; }

mounts_of() { # PID: all but the container's and those of the state directory
    awk -v root="$bundle/rootfs/" -v state="$state_dir/" 'index($5, root) != 1 && index($5, state) != 1 {
        $1 = $2 = $3 = ""; print }' "/proc/$1/mountinfo" | sort
}

outside() {
    echo "mounts of the host:" && mounts_of self
    echo "mounts that the container sees:" && mounts_of "$victim"
    find "$work/victim" "$work/outside" -printf '%p %y %m %U %G\n' | sort
    cat "$(cgroup_directory pids self)/pids.max" 2>/dev/null || true
    stat --file-system --format=%b /dev/shm
}

start() { # HOW
    victim_start
    if [[ $1 == made-* ]]; then take_shm_away; fi
}

swapped_at() { # HOW CALL N
    local tracer before
    rm -rf --one-file-system "$bundle"
    start "$1"
    before=$(outside)
    create_until "$2" "$3"
    tracer=$!
    wait_until 10 is_stopped_or_over "$tracer"
    swap "$1"
    create_goes_on "$tracer"
    expect_match '^(0|64|65|69|71|75|77)$' "$status" "$1 at $2 $3, with $(cat "$work/said")"
    if ((status != 0)); then refused=$((refused + 1)); fi
    expect_eq "$before" "$(outside)" "outside of the container, $1 at $2 $3"
    expect_clean
}

swapped_at_each() { # HOW
    local call calls refused=0
    start "$1"
    hook_state creating "$victim" >"$work/stdin"
    mapfile -t calls < <(calls_with_paths)
    expect_eq '20 size=1024k' "$(victim_has | cut -d ' ' -f 2-)" "walls"
    expect_clean
    ((${#calls[@]} > 15))
    for call in "${calls[@]}"; do
        # shellcheck disable=SC2086 # a name and a number
        swapped_at "$1" $call
    done
    echo "# $1 at ${#calls[@]} calls, $refused refused" >&3
    ((refused > 0)) || complain "no swap was seen by the hook: was there any?"
}

@test "/dev/shm becomes a symlink out of the container" { swapped_at_each shm-symlink; }
@test "/dev/shm is covered by a tmpfs of the host's" { swapped_at_each shm-mount; }
@test "/dev becomes a symlink" { swapped_at_each dev-symlink; }
@test "a /dev/shm that the hook makes becomes a symlink" { swapped_at_each made-symlink; }
@test "a /dev/shm that the hook makes is covered by a tmpfs of the host's" { swapped_at_each made-mount; }
@test "the directory above a segment's place becomes a symlink" { swapped_at_each mnt-symlink; }
@test "a tmpfs of the host's is mounted above a segment's place" { swapped_at_each mnt-mount; }
@test "a segment's place becomes a symlink" { swapped_at_each place-symlink; }
@test "a tmpfs of the host's is mounted on a segment's place" { swapped_at_each place-mount; }
