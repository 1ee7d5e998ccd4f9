#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain xfs
# matrix: a campaign of 70 kills, a minute
#
# The hook killed with SIGKILL before each system call that changes something, then gc: no limit of ours is on any id, no
# receipt and no disk record is left. The container is a process that sleeps, its root a real overlay on XFS.
load ../helpers

layer=/mnt/xfs/layer
bulkhead=$(dirname "$BULKHEAD_HOOK")/bulkhead

setup_file() {
    mkdir -p "$layer"/{lower/d,merged} /run/bundle
    jq --null-input --arg root "$layer/merged" \
        '{ociVersion: "1.0.2", root: {path: $root}, annotations: {"io.bulkhead.disk-size": "10Mi"}}' >/run/bundle/config.json
}

setup() {
    rm -rf /run/bulkhead /var/lib/bulkhead
    expect_empty "$(limits)" "what an earlier test left"
    fresh_layer
}
teardown() { end_container; }

# One that needs a project id.
fresh_layer() {
    umount "$layer/merged" 2>/dev/null || true
    rm -rf --one-file-system "$layer"/{upper,work}
    mkdir "$layer"/{upper,work}
    mount -t overlay -o "lowerdir=$layer/lower,upperdir=$layer/upper,workdir=$layer/work" overlay "$layer/merged"
}

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

ask() { # SIZE
    jq --arg size "$1" '.annotations["io.bulkhead.disk-size"] = $size' /run/bundle/config.json >/run/bundle/new
    mv /run/bundle/new /run/bundle/config.json
}

limits() { xfs_quota -x -c 'report -p -N -b -i' /mnt/xfs | awk 'NF && $1 != "#0" && ($4 != 0 || $9 != 0)'; }
leftovers() { find /run/bulkhead/containers /var/lib/bulkhead/disk -mindepth 1 2>/dev/null || true; }

# The calls of a whole run that change something, as lines "NAME N": its N-th call of that name (strace counts each name
# by itself). Killed before the next one, the hook leaves what it leaves anywhere on the way there.
calls_of() { # STAGE
    strace --quiet=all --output=/run/calls "$BULKHEAD_HOOK" "$1" </run/state
    awk -F'(' '$1 ~ /^[a-z0-9_]+$/ { ++n[$1] }
        $1 ~ /^(ioctl|quotactl_fd|fsync|renameat2|unlinkat|write|mkdirat|exit_group)$/ || /^openat.*O_CREAT/ { print $1, n[$1] }' \
        /run/calls
}

kill_at() { # NAME N STAGE
    local status=0
    # In a shell that ends quietly, where this one would tell each death.
    (exec 2>/dev/null; strace --quiet=all --output=/run/calls --inject="$1:signal=KILL:when=$2" "$BULKHEAD_HOOK" "$3" \
        </run/state; exit "$?") || status=$?
    expect_eq 137 "$status" "killed at $1 $2"
}

expect_clean_after_gc() { # WHEN
    run "$bulkhead" gc
    expect_eq 0 "$status" "gc after $1 with $output"
    expect_empty "$(limits)" "limits after $1"
    expect_empty "$(leftovers)" "after $1"
}

@test "createRuntime killed at each call that changes something" {
    local calls name n limited=0
    begin_container
    mapfile -t calls < <(calls_of createRuntime)
    end_container
    expect_clean_after_gc "a whole run"
    for call in "${calls[@]}"; do
        read -r name n <<<"$call"
        fresh_layer
        rm -rf /run/bulkhead /var/lib/bulkhead # so that each run makes the same calls
        begin_container
        kill_at "$name" "$n" createRuntime
        if [[ -n $(limits) ]]; then limited=$((limited + 1)); fi
        end_container
        expect_clean_after_gc "$call"
    done
    echo "# killed at ${#calls[@]} calls, after $limited of them a limit was set" >&3
    ((${#calls[@]} >= 14 && limited >= 1))
}

# What /run had of the first one is lost, as with the power.
take_over() {
    fresh_layer
    ask 10Mi
    begin_container
    "$BULKHEAD_HOOK" createRuntime </run/state
    end_container
    rm -rf /run/bulkhead
    ask 20Mi
    begin_container
}

@test "createRuntime on a layer that still has an earlier limit, killed at each call that matters" {
    local calls name n
    take_over
    mapfile -t calls < <(calls_of createRuntime | grep -E 'quotactl_fd|renameat2|fsync|exit_group')
    expect_eq 20480 "$(limits | awk '{ print $4 }')"
    end_container
    expect_clean_after_gc "a whole run"
    for call in "${calls[@]}"; do
        read -r name n <<<"$call"
        take_over
        kill_at "$name" "$n" createRuntime
        end_container
        expect_clean_after_gc "$call"
    done
    ask 10Mi
    echo "# killed at ${#calls[@]} calls" >&3
    ((${#calls[@]} >= 10))
}

@test "poststop killed at each call that changes something" {
    local calls name n
    begin_container
    "$BULKHEAD_HOOK" createRuntime </run/state
    end_container
    mapfile -t calls < <(calls_of poststop)
    for call in "${calls[@]}"; do
        read -r name n <<<"$call"
        fresh_layer
        begin_container
        "$BULKHEAD_HOOK" createRuntime </run/state
        [[ -n $(limits) ]] || complain "no limit"
        end_container
        kill_at "$name" "$n" poststop
        expect_clean_after_gc "$call"
    done
    echo "# killed at ${#calls[@]} calls" >&3
    ((${#calls[@]} > 5))
}
