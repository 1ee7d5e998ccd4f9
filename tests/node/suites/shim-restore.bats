#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain xfs
#
# runc calls createRuntime for a container that it restores with a state that says "stopped" and names the process. The
# node's kernel cannot restore: here a hook of somebody else's holds runc up while the shim's receipt is "prepared", and
# ours is called as runc would. That a container is restored is shown in tests/integration/shim-guard.bats.
# shellcheck disable=SC2016 # jq's variables
load ../helpers
load ../disk
load ../shim

setup_file() { shim_install; }
setup() { disk_setup; }

teardown() {
    if [[ -n ${restored:-} ]]; then kill "$restored" 2>/dev/null || true; fi
    disk_teardown
}

gc() { "$checkout/build/release/bin/bulkhead" gc; }

owners() { cat "$(record_files)" "$receipts"/c1/*.json | jq .pid | paste -sd ' '; }

prepare_and_wait() {
    RUNTIME=$shims/runc
    layer_make c1
    bundle c1 disk-size=10Mi
    bundle_edit c1 '.hooks = {createRuntime: [{path: "/bin/sleep", args: ["sleep", "10"]}]}'
    touch "$bundles/c1/started"
    "$RUNTIME" create --bundle "$bundles/c1" c1 </dev/null >"$log" 2>&1 3>&- &
    creating=$!
    wait_until 10 eval 'limits | grep -q .'
    wait_until 10 eval 'pgrep --parent $creating --exact sleep >/dev/null'
}

call_hook() { # PID
    jq --null-input --arg bundle "$bundles/c1" --argjson pid "$1" '{ociVersion: "1.0.2", id: "c1", status: "stopped",
        $pid, $bundle, annotations: {"io.bulkhead.disk-size": "10Mi"}}' | "$BULKHEAD_HOOK"
}

@test "the limit of a restored container is its own, until it ends" {
    prepare_and_wait
    expect_eq "prepared $creating $creating" "$(receipt c1 | jq --raw-output .phase) $(owners)"
    sleep 1000 3>&- &
    restored=$!
    call_hook "$restored"
    expect_eq "running $restored $restored" "$(receipt c1 | jq --raw-output .phase) $(owners)"
    kill -KILL "$creating"
    wait "$creating" || true
    gc
    expect_eq "$restored $restored" "$(owners)"
    expect_match " 10240 " "$(limits)"
    kill -KILL "$restored"
    wait "$restored" || true
    gc
    expect_nothing_left
}
