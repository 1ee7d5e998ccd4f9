#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain xfs
#
# The hook killed with SIGKILL before each of its system calls in turn, then gc: no limit of ours is on any id, no
# receipt and no disk record is left. The container is a process that sleeps, its root a real overlay on XFS.
load ../helpers

layer=/mnt/xfs/layer
bulkhead=$(dirname "$BULKHEAD_HOOK")/bulkhead

setup_file() {
    mkdir -p "$layer"/{lower/d,upper,work,merged} /run/bundle
    mount -t overlay -o "lowerdir=$layer/lower,upperdir=$layer/upper,workdir=$layer/work" overlay "$layer/merged"
    jq --null-input --arg root "$layer/merged" \
        '{ociVersion: "1.0.2", root: {path: $root}, annotations: {"io.bulkhead.disk-size": "10Mi"}}' >/run/bundle/config.json
}

setup() { rm -rf /run/bulkhead /var/lib/bulkhead; }
teardown() { end_container; }

begin_container() {
    sleep 1000 3>&- &
    pid=$!
    jq --null-input --argjson pid "$pid" '{ociVersion: "1.0.2", id: "c1", status: "created", pid: $pid,
        bundle: "/run/bundle", annotations: {"io.bulkhead.disk-size": "10Mi"}}' >/run/state
}

end_container() {
    [[ -n ${pid:-} ]] || return 0
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    pid=
}

limits() { xfs_quota -x -c 'report -p -N -b -i' /mnt/xfs | awk 'NF && $1 != "#0" && ($4 != 0 || $9 != 0)'; }
leftovers() { find /run/bulkhead/containers /var/lib/bulkhead/disk -mindepth 1 2>/dev/null || true; }

# Sets killed where call N was made.
kill_at() { # N STAGE
    local status=0
    strace --quiet=all --output=/run/calls --inject="all:signal=KILL:when=$1" "$BULKHEAD_HOOK" "$2" </run/state || status=$?
    killed=$((status == 137))
    [[ $status == 0 || $status == 137 ]] || complain "the hook ended with $status at call $1"
}

expect_clean_after_gc() { # N
    run "$bulkhead" gc
    expect_eq 0 "$status" "gc after call $1 with $output"
    expect_empty "$(limits)" "limits after call $1"
    expect_empty "$(leftovers)" "after call $1"
}

@test "createRuntime killed before each of its calls" {
    local n limited=0
    for ((n = 1, killed = 1; killed; n++)); do
        begin_container
        kill_at "$n" createRuntime
        if [[ -n $(limits) ]]; then limited=$((limited + 1)); fi
        end_container
        expect_clean_after_gc "$n"
    done
    echo "# killed at $((n - 2)) calls, after $limited of them a limit was set" >&3
    ((n > 60 && limited > 2))
}

@test "poststop killed before each of its calls" {
    local n
    for ((n = 1, killed = 1; killed; n++)); do
        begin_container
        "$BULKHEAD_HOOK" createRuntime </run/state
        [[ -n $(limits) ]] || complain "no limit"
        end_container
        kill_at "$n" poststop
        expect_clean_after_gc "$n"
    done
    echo "# killed at $((n - 2)) calls" >&3
    ((n > 30))
}
