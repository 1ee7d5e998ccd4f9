# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the suites of the shim share. A suite has
#
#   setup() { shim_setup; }
#   teardown() { shim_teardown; }
#
# The shim takes no options of its own: the node config, receipts and disk records are where a node has them, on file
# systems of the test's. `runtime` of helpers.bash, and so all that starts a container, is the shim here.
#
#   plain ARG...                the real runtime, with this test's --root
#   node_config JSON            the node config, with our hook's path
#   asking [KEY VALUE]...       a new bundle that asks for this, without a hook
#   guarded_neighbour           a new bundle of a pod with a key of the disk's for another container: it gets the guard
#                               and no limit, which needs no disk with quotas
#   filters_of PID              how many seccomp filters are on it
#   receipt                     the current container's, as JSON
#   expect_different FILE FILE  so that what is compared later can fail
#   expect_nothing_left         no receipt, no disk record, no temporary file in any bundle
# shellcheck disable=SC2154,SC2034 # set in helpers.bash, used in suites

BULKHEAD_RUNTIME=${BULKHEAD_HOOK%/*}/bulkhead-runtime
node_places=(/etc/bulkhead /run/bulkhead /var/lib/bulkhead)

shim_setup() {
    local place
    harness_setup
    for place in "${node_places[@]}"; do
        mkdir -p "$place"
        mount -t tmpfs -o mode=755 tmpfs "$place"
    done
    state_dir=/run/bulkhead
    config=/etc/bulkhead/bulkhead.json
    [[ -x $BULKHEAD_RUNTIME ]] || complain "$BULKHEAD_RUNTIME is not built" # PATH would find the real one
    shims=$work/shims
    mkdir "$shims"
    ln -s "$BULKHEAD_RUNTIME" "$shims/runc"
    ln -s "$BULKHEAD_RUNTIME" "$shims/crun"
    node_config '{}'
}

shim_teardown() {
    local place
    harness_teardown
    for place in "${node_places[@]}"; do
        umount --lazy "$place" || true
    done
}

# By its name, as both say in what they print how they were called.
runtime() { PATH=$shims:$PATH "$RUNTIME" --root "$work/runtime" "$@" 3>&-; }

plain() { "$RUNTIME" --root "$work/runtime" "$@" 3>&-; }

node_config() { # JSON
    hook_config "$(jq --arg hook "$BULKHEAD_HOOK" '.runtime.hook = $hook' <<<"$1")"
}

asking() { # [KEY VALUE]...
    rm -rf --one-file-system "$work/bundles/c1"
    bundle_new
    bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
    while (($# > 0)); do
        bundle_annotate "io.bulkhead.$1" "$2"
        shift 2
    done
}

guarded_neighbour() { asking disk-size/other 10Mi; }

filters_of() { awk '$1 == "Seccomp_filters:" { print $2 }' "/proc/$1/status"; } # PID

receipt() { cat "$state_dir/containers/$id"/*.json; }

expect_different() { # FILE FILE
    if cmp --quiet "$1" "$2"; then complain "$1 and $2 are the same"; fi
}

expect_nothing_left() {
    expect_empty "$(find "$state_dir/containers" "$state_dir/segments" /var/lib/bulkhead/disk -type f 2>/dev/null)" \
        "receipts and records"
    expect_empty "$(find "$work/bundles" -maxdepth 2 -name '.*')" "temporary files"
}
