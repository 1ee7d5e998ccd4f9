# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the suites of segments share:
#
#   member_new ID OPTIONS [NAME]   a bundle with our hook that joins the segment NAME ("x") with these options
#   member_start ID OPTIONS [NAME] the same, started
#   in_namespace NAME              as a pod of this Kubernetes namespace, under containerd
#   segment_root [PLACE]           where the segment's tmpfs is ("local/x")
#   segment_mounts                 the lines of this mount table (PID 1's) that are segments'
#   expect_mounted [PATH]          the current container has a segment there, and the node has it once
#   memory_kib                     what this test's containers have taken, dead ones included, and not given back
#   expect_freed KIB               the 200 MiB in a segment are no memory any more; KIB: memory_kib before
#   expect_nothing_left            no receipt, no member, no mount of ours
# shellcheck disable=SC2154,SC2034 # set in helpers.bash, used in suites

MiB=$((1 << 20))
counter=$checkout/build/release/tests/counter

member_new() { # ID OPTIONS [NAME]
    rm -rf --one-file-system "$work/bundles/$1"
    bundle_new "$1"
    bundle_hook
    bundle_annotate "io.bulkhead.segment.${3:-x}" "$2"
    [[ ! -e $counter ]] || cp "$counter" "$bundle/rootfs/bin/counter"
}

member_start() { # ID OPTIONS [NAME]
    member_new "$@"
    container_start
}

in_namespace() { # NAME
    bundle_annotate io.kubernetes.cri.container-type container
    bundle_annotate io.kubernetes.cri.sandbox-namespace "$1"
    bundle_annotate io.kubernetes.cri.container-name web
}

segment_root() { printf '%s/segments/%s\n' "$state_dir" "${1:-local/x}"; }

segment_mounts() { awk -v under="$state_dir/segments/" 'index($5, under) == 1' /proc/self/mountinfo; }

expect_mounted() { # [PATH]
    local inside
    inside=$(awk -v at="${1:-/mnt/x}" '$5 == at { print $3, $6 }' "/proc/$(container_pid)/mountinfo" | tail -n 1)
    expect_match '^[0-9:]+ r[wo],nosuid,nodev,noexec,relatime(,idmapped)?$' "$inside" "the mount in the container"
    expect_eq 1 "$(awk -v device="${inside% *}" '$3 == device' /proc/1/mountinfo | wc -l)" "the node's mounts of it"
    expect_match "^[0-9]+ [0-9]+ ${inside% *} / $state_dir/segments/" \
        "$(awk -v device="${inside% *}" '$3 == device' /proc/1/mountinfo)"
}

# Not Shmem of /proc/meminfo, which others change at the same time; nor memory.stat, which may be two seconds old.
memory_kib() {
    local usage=/sys/fs/cgroup$cgroup_parent/memory.current
    if [[ $(cgroup_version) == 1 ]]; then usage=/sys/fs/cgroup/memory$cgroup_parent/memory.usage_in_bytes; fi
    if [[ -e $usage ]]; then echo $(($(<"$usage") / 1024)); else echo 0; fi
}

# What was in the container's processes may take a moment longer.
expect_freed() { # KIB
    wait_until 10 eval "(($1 - \$(memory_kib) > 200000))" || complain "memory stays: $1 KiB before, $(memory_kib) KiB after"
}

expect_nothing_left() {
    expect_empty "$(find "$state_dir" -mindepth 1 -not -path "$state_dir/errors*" -not -path "$state_dir/containers" \
        -not -path "$state_dir/counters")" \
        "in the state directory"
    expect_empty "$(grep -F "$state_dir" /proc/self/mountinfo)" "mounts"
}
