# shellcheck shell=bash disable=SC2034 # benches read what is set here
# SPDX-License-Identifier: Apache-2.0
#
# What the benches of the hook and the shim share. All that is written is in memory, in mounts of their own.
#
#   bench_places                 $work, with the hook in it, and all of $places empty
#   bench_container KEY=VALUE... a container c1 of runc, $container_pid, that waits for its hook, with annotations
#                                io.bulkhead.KEY; and what a runtime would hand to the hook: $work/creating,
#                                $work/stopped, and $work/silent, without annotations
#   table WHAT                   a heading, and "bench" of the lines that BENCH_JSON=FILE keeps for tests/bench/compare

checkout=$(dirname "$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")")
[[ -d /bulkhead/tests ]] && checkout=/bulkhead
built=$checkout/build/release
work=/run/bench
hook=$work/bin/bulkhead-hook
places=(/etc/bulkhead /run/bulkhead /var/lib/bulkhead "$work") # of the node's config and state

bench_places() {
    local place
    for place in "${places[@]}"; do
        mkdir -p "$place"
        mount -t tmpfs -o mode=755 tmpfs "$place"
    done
    mkdir -p "$work"/{bin,root}
    cp "$built/bin/bulkhead-hook" "$built"/tests/{nothing,interleaved} "$work/bin/"
}

bench_container() { # KEY=VALUE...
    trap 'kill %1; runc --root "$work/root" delete --force c1' EXIT
    mkdir -p "$work"/c1/rootfs/{bin,dev,proc,sys,bench}
    cp "$(command -v busybox)" "$work/c1/rootfs/bin/sleep"
    (cd "$work/c1" && runc spec)
    jq '.process.terminal = false | .process.args = ["sleep", "1000"] | .linux.cgroupsPath = "/bench"
        | .annotations = ($ARGS.positional | map(capture("(?<key>[^=]*)=(?<value>.*)") | .key |= "io.bulkhead." + .)
            | from_entries)' "$work/c1/config.json" --args "$@" >"$work/config.json"
    jq '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "cat >/run/bench/new; mv /run/bench/new /run/bench/creating; exec sleep 10000"]}]' \
        "$work/config.json" >"$work/c1/config.json"
    runc --root "$work/root" create --bundle "$work/c1" c1 </dev/null &>"$work/log" &
    timeout 10 sh -c 'until [ -f /run/bench/creating ]; do sleep 0.1; done'
    cp "$work/config.json" "$work/c1/config.json"
    container_pid=$(jq .pid "$work/creating")
    jq '.status = "stopped" | .pid = 0' "$work/creating" >"$work/stopped"
    jq 'del(.annotations)' "$work/creating" >"$work/silent"
}

table() { # WHAT
    export BENCH=$1
    echo "$1:"
}
