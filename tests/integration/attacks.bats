#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a tenant tried once and got away with.
load helpers

@test "a host's tmpfs that gets to /dev/shm through a symlink in the image is not resized" {
    mkdir "$work/victim"
    mount -t tmpfs -o size=1M victim "$work/victim"
    bundle_new
    ln -s dev/shm "$bundle/rootfs/data"
    # shellcheck disable=SC2016 # jq's variable
    bundle_edit --arg source "$work/victim" \
        '.mounts += [{destination: "/data", type: "bind", source: $source, options: ["rbind", "rw"]}]'
    bundle_annotate io.bulkhead.shm-size 64Mi
    bundle_hook
    run container_start
    expect_eq 1024 "$(df --output=size "$work/victim" | tail -n 1 | tr -d ' ')"
    # A runtime that does not follow the link has put it elsewhere: then the container's own is resized.
    if ((status == 0)); then expect_eq $((64 << 20)) "$(container_shm_size)"; fi
}

@test "a value that would make the receipt too long to be read again is refused" {
    bundle_new
    bundle_annotate io.bulkhead.shm-size "$(printf '%0100d' 0)33554432"
    bundle_hook
    run container_start
    ((status != 0))
    expect_match 'is longer than 64 characters' "$(cat "$state_dir"/errors/*.json)"
    expect_empty "$(find "$state_dir/containers" -type f 2>/dev/null)"
}
