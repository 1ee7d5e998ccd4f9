#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
# matrix: a minute of it
#
# Symlinks, renames and mounts that change places with what the hook has just looked at, deterministically: it is stopped
# before each of its calls that has to do with a path of the container's, what the path leads to is swapped, and it goes on.
# Whatever it does then, nothing outside of the container is resized, mounted on, made or written.
# shellcheck disable=SC2016 # jq's variables
load helpers
load attacks

setup() {
    attack_setup
    mkdir "$work/victim"
    mount -t tmpfs -o size=1M,mode=755 outside "$work/victim" # what of the host's would be hit
    mkdir "$work/victim/x"
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

# What an attacker with the container's root can do to a path at any moment.
swap() { # HOW
    local root=$bundle/rootfs
    case $1 in
    shm-symlink)
        nsenter --target "$victim" --mount sh -c 'umount -l "$1/dev/shm" && rmdir "$1/dev/shm" && ln -s "$2" "$1/dev/shm"' sh "$root" "$work/victim"
        ;;
    shm-mount) nsenter --target "$victim" --mount mount --bind "$work/victim" "$root/dev/shm" ;;
    dev-symlink)
        nsenter --target "$victim" --mount sh -c 'umount -l "$1/dev/shm"; mv "$1/dev" "$1/old" && ln -s "$2" "$1/dev"' sh "$root" "$work/victim"
        ;;
    mnt-symlink) rm -rf --one-file-system "${root:?}/mnt" && ln -s "$work/victim" "$root/mnt" ;;
    mnt-file) rm -rf --one-file-system "${root:?}/mnt" && : >"$root/mnt" ;;
    place-symlink) rm -rf --one-file-system "$root/mnt/x" && ln -s "$work/victim" "$root/mnt/x" ;;
    mnt-mount) nsenter --target "$victim" --mount mount --bind "$work/victim" "$root/mnt" ;;
    esac 2>/dev/null || true
}

outside() {
    findmnt --noheadings --output TARGET,SOURCE,OPTIONS --target "$work/victim"
    grep -c "$work/victim" /proc/self/mountinfo
    find "$work/victim" -printf '%p %y %m %U %G\n' | sort
    cat "$(cgroup_directory pids self)/pids.max" 2>/dev/null || true
    stat --file-system --format=%b /dev/shm
}

swapped_at() { # HOW CALL N
    local tracer
    rm -rf --one-file-system "$bundle"
    victim_start
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
    local call calls before refused=0
    victim_start
    hook_state creating "$victim" >"$work/stdin"
    mapfile -t calls < <(calls_with_paths)
    expect_walls
    expect_clean
    before=$(outside)
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
@test "the directory above a segment's place becomes a symlink" { swapped_at_each mnt-symlink; }
@test "the directory above a segment's place becomes a file" { swapped_at_each mnt-file; }
@test "a segment's place becomes a symlink" { swapped_at_each place-symlink; }
@test "a tmpfs of the host's is mounted above a segment's place" { swapped_at_each mnt-mount; }
