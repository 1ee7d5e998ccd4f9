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
    disown "$pid"
    printf '{"ociVersion":"1.0.2","id":"c1","status":"created","pid":%d,"bundle":"/run/bundle",
        "annotations":{"io.bulkhead.disk-size":"10Mi"}}' "$pid" >/run/state
}

end_container() {
    [[ -n ${pid:-} ]] || return 0
    kill -KILL "$pid" 2>/dev/null || true
    wait_until 5 process_is_gone "$pid"
    pid=
}

limits() { xfs_quota -x -c 'report -p -N -b -i' /mnt/xfs | awk 'NF && $1 != "#0" && ($4 != 0 || $9 != 0)'; }
leftovers() { find /run/bulkhead/containers /var/lib/bulkhead/disk -mindepth 1 2>/dev/null || true; }

# The calls of a whole run, as lines "NAME N": its N-th call of that name. strace counts each name by itself.
calls_of() { # STAGE
    strace --quiet=all --output=/run/calls "$BULKHEAD_HOOK" "$1" </run/state
    sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' /run/calls | awk '$1 != "exit_group" && $1 != "execve" { print $1, ++n[$1] }'
}

kill_at() { # NAME N STAGE
    local status=0
    strace --quiet=all --output=/run/calls --inject="$1:signal=KILL:when=$2" "$BULKHEAD_HOOK" "$3" </run/state || status=$?
    expect_eq 137 "$status" "killed at $1 $2"
} 2>/dev/null # where bash would tell each death

expect_clean_after_gc() { # WHEN
    run "$bulkhead" gc
    expect_eq 0 "$status" "gc after $1 with $output"
    expect_empty "$(limits)" "limits after $1"
    expect_empty "$(leftovers)" "after $1"
}

@test "createRuntime killed at each of its calls" {
    local calls name n limited=0
    begin_container
    mapfile -t calls < <(calls_of createRuntime)
    end_container
    expect_clean_after_gc "a whole run"
    for call in "${calls[@]}"; do
        read -r name n <<<"$call"
        begin_container
        kill_at "$name" "$n" createRuntime
        if [[ -n $(limits) ]]; then limited=$((limited + 1)); fi
        end_container
        expect_clean_after_gc "$call"
    done
    echo "# killed at ${#calls[@]} calls, after $limited of them a limit was set" >&3
    ((${#calls[@]} > 60 && limited > 2))
}

@test "poststop killed at each of its calls" {
    local calls name n
    begin_container
    "$BULKHEAD_HOOK" createRuntime </run/state
    end_container
    mapfile -t calls < <(calls_of poststop)
    for call in "${calls[@]}"; do
        read -r name n <<<"$call"
        begin_container
        "$BULKHEAD_HOOK" createRuntime </run/state
        [[ -n $(limits) ]] || complain "no limit"
        end_container
        kill_at "$name" "$n" poststop
        expect_clean_after_gc "$call"
    done
    echo "# killed at ${#calls[@]} calls" >&3
    ((${#calls[@]} > 30))
}
