#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: runc
#
# What the hook keeps of root's privileges: nothing that it could do without. (CAP_FOWNER is for disk limits: the node's
# disk.bats.)
# shellcheck disable=SC2016 # jq's variables
load helpers
load segments

whole_hook=$BULKHEAD_HOOK

# The hook is started without CAP, which execve(2) takes out of what root gets.
hook_without() { # CAP
    printf '#!/bin/sh\nexec setpriv --bounding-set=-%s --inh-caps=-all %q "$@"\n' "$1" "$BULKHEAD_HOOK" >"$work/hook"
    chmod 755 "$work/hook"
    BULKHEAD_HOOK=$work/hook
}

with_shm() {
    bundle_new
    bundle_hook
    bundle_annotate io.bulkhead.shm-size 16Mi
}

# In an image's /dev that nobody may write to, and that the container's root owns.
with_shm_to_be_made() {
    with_shm
    chown --recursive --no-dereference 100000:100000 "$bundle/rootfs"
    bundle_edit '.linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings
        | del(.mounts[] | select(.destination | startswith("/dev")))'
    chmod 555 "$bundle/rootfs/dev"
}

# One that a reader made, who may not say whose it is.
with_segment_to_be_owned() {
    hook_config '{"segments": {"x": {"size": "8Mi", "writers": ["feed"], "readers": ["@local"]}}}'
    (BULKHEAD_HOOK=$whole_hook && member_start reader 'path=/mnt/x,ro')
    member_new c1 'path=/mnt/x,mode=2750,uid=7,gid=8'
    in_namespace feed
}

without_reader() {
    bundle_use reader
    container_delete
    rm -rf "$bundle"
}

with_segment() { member_new c1 'path=/one/two,size=1Mi'; }

# And what was made is whose it is to be.
is_well() { # CONTAINER
    container_start || return 1
    case $1 in
    with_shm_to_be_made) [[ $(stat --format='%u %g' "$bundle/rootfs/dev/shm") == '100000 100000' ]] ;;
    with_segment_to_be_owned) [[ $(stat --format='%a %u %g' "/proc/$(container_pid)/root/mnt/x") == '2750 7 8' ]] ;;
    esac
}

# As it is with all of them, and not without one.
needs() { # CAP CONTAINER
    if [[ $2 == with_shm_to_be_made ]]; then
        unshare --user true 2>/dev/null || skip_because "the kernel makes no user namespace here, as in any chroot (EPERM)"
    fi
    "$2"
    is_well "$2"
    container_delete
    rm -rf "$bundle"
    if [[ $2 == with_segment_to_be_owned ]]; then without_reader; fi
    hook_without "$1"
    "$2"
    ! is_well "$2" || complain "it is the same without $1"
}

@test "sys_admin" { needs sys_admin with_shm; }
@test "sys_ptrace" { needs sys_ptrace with_shm; }
@test "sys_chroot" { needs sys_chroot with_segment; }
@test "chown" { needs chown with_segment_to_be_owned; }
@test "fsetid" { needs fsetid with_segment_to_be_owned; }
@test "dac_override" { needs dac_override with_shm_to_be_made; }
@test "setuid" { needs setuid with_shm_to_be_made; }
@test "setgid" { needs setgid with_shm_to_be_made; }
@test "setpcap" { needs setpcap with_shm_to_be_made; }

kept() { sed -n 's/.*CAP_\([A-Z_]*\),.*/\1/p' "$checkout/hooks/privileges.cpp" | tr '[:upper:]' '[:lower:]'; }

@test "each that it keeps has a test here" {
    expect_eq "$(kept | sort)" "$({ sed -n 's/^@test "[a-z_]*" { needs \([a-z_]*\) .*/\1/p' "$BATS_TEST_FILENAME"; echo fowner; } | sort)"
}

@test "all others are gone before the hook reads a byte, and for good" {
    local sets line
    mkfifo "$work/state"
    "$BULKHEAD_HOOK" createRuntime <"$work/state" 3>&- &
    exec 4>"$work/state"
    wait_until 5 grep -q 'NoNewPrivs:.1' "/proc/$!/status"
    sets=$(setpriv --bounding-set="-all,$(kept | sed 's/^/+/' | paste --serial --delimiters=,)" --inh-caps=-all \
        sed -n 's/^CapPrm:\t//p' /proc/self/status)
    for line in "CapInh:	0000000000000000" "CapPrm:	$sets" "CapEff:	$sets" "CapAmb:	0000000000000000"; do
        grep -qxF "$line" "/proc/$!/status" || complain "no $line" "$(grep Cap "/proc/$!/status")"
    done
    exec 4>&-
    wait "$!" || true
}
