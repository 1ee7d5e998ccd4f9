#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain xfs
# matrix: who is a neighbour is decided by what the unit tests hold; a minute
#
# A neighbour cannot take off a container's disk limit for it: one of its pod that is handed a directory, that shares its
# pid namespace, its sandbox, and where the node has a disk default anybody. Each is tried without the shim as well, where
# it can. And what a neighbour that cannot be guarded is: named in the receipt.
load ../helpers
load ../disk
load ../shim

setup_file() {
    shim_install
    on xfs
    lower_make
    install "$checkout"/build/release/tests/{escape,hand_over} "$disk/lower/bin/"
}

setup() {
    disk_setup
    mkdir -p /run/shared
}

teardown() {
    disk_teardown
    rm -rf /run/shared /etc/bulkhead
}

shared='.mounts += [{destination: "/shared", source: "/run/shared", type: "bind", options: ["bind", "rw"]}]'

# Two of one pod: c1, which has a limit, and c2, which shares a volume with it, the second behind $shim or not.
pod() { # RUNTIME SECOND'S-RUNTIME [JQ FOR THE SECOND'S BUNDLE...]
    local pid
    layer_make c1
    layer_make c2
    shim_bundle "$1" c1 disk-size/c1=10Mi
    bundle_edit c1 "$shared"
    start_again c1
    inside c1 mkdir /d/own
    pid=$(pid_of c1)
    shim_bundle "$1" c2 disk-size/c1=10Mi
    bundle_edit c2 "$shared"
    # shellcheck disable=SC2016 # jq's variable
    if [[ -n ${3:-} ]]; then
        jq --arg pid "$pid" "$3" "$bundles/c2/config.json" >"$bundles/c2/new"
        mv "$bundles/c2/new" "$bundles/c2/config.json"
    fi
    RUNTIME=$2
    start_again c2
    RUNTIME=$shims/$1
}

# What c2 tries on a directory of c1's. With 0 nothing got through, with 1 something did.
expect_held() { # CMD...
    local id
    id=$(upper_id c1)
    run "$@"
    expect_eq 0 "$status" "$(grep -v ': E[A-Z0-9]*$' <<<"$output")"
    expect_match 'uid 0: the directory itself, FSSETXATTR by 64-bit: ENOTTY' "$output"
    expect_eq "$id" "$(project "$disk/layers/c1/upper/d/own")"
}

expect_lifted() { # CMD...
    run "$@"
    expect_eq 1 "$status" "$output"
    expect_eq 0 "$(project "$disk/layers/c1/upper/d/own")"
}

by_socket() {
    inside c1 hand_over give /shared/socket /d/own &
    wait_until 5 test -S /run/shared/socket
    inside c2 hand_over take /shared/socket /bin/escape /proc/self/fd/9
}

a_socket() { # RUNTIME
    pod "$1" "$shims/$1"
    expect_eq "running 1 " "$(guarded c2)"
    expect_held by_socket
    stop c1
    stop c2
    expect_nothing_left
}

@test "a directory that is handed over by a socket in a shared volume" { with_runtimes a_socket; }

@test "without the shim the neighbour that is handed a directory takes the limit off" {
    pod runc runc
    expect_lifted by_socket
}

# shellcheck disable=SC2016 # jq's variable
joins='.linux.namespaces |= map(select(.type != "pid")) + [{type: "pid", path: "/proc/\($pid)/ns/pid"}]'

by_proc() { inside c2 escape /proc/1/root/d/own; }

a_pid_namespace() { # RUNTIME
    pod "$1" "$shims/$1" "$joins"
    expect_held by_proc
    expect_eq "running 1 " "$(guarded c1)"
    stop c2
    stop c1
    expect_nothing_left
}

@test "/proc/PID/root in a shared pid namespace" { with_runtimes a_pid_namespace; }

@test "without the shim /proc/PID/root is a way out" {
    pod runc runc "$joins"
    expect_lifted by_proc
}

# Of another pod: no annotation says that it has to do with disks.
a_stranger() { # RUNTIME
    pod "$1" "$shims/$1" "$joins | del(.annotations)"
    expect_eq "running 1 " "$(guarded c2)"
    expect_held by_proc
    stop c2
    stop c1
    expect_nothing_left
}

@test "who joins a guarded container's pid namespace is guarded, whatever it asks for" { with_runtimes a_stranger; }

a_stranger_that_cannot() { # RUNTIME
    pod "$1" "$shims/$1" "$joins | del(.annotations) | .process.capabilities.bounding += [\"CAP_SYS_ADMIN\"]"
    expect_eq "running 1 container c2 shares its pid namespace and is not guarded" "$(guarded c1)"
    expect_eq 0 "$(filters_of "$(pid_of c2)")"
    stop c2
    stop c1
    expect_nothing_left
}

@test "who joins it and cannot be guarded makes it escapable, as its receipt says" {
    with_runtimes a_stranger_that_cannot
}

# The sandbox has no limit itself; who joins it after such a one is not held.
a_stranger_before() { # RUNTIME
    local name pid
    for name in c1 c2 c3; do layer_make "$name"; done
    shim_bundle "$1" c1 disk-size/c3=10Mi
    start_again c1
    pid=$(pid_of c1)
    for name in c2 c3; do
        shim_bundle "$1" "$name" disk-size/c3=10Mi
        # shellcheck disable=SC2016 # jq's variable
        jq --arg pid "$pid" "$joins" "$bundles/$name/config.json" >"$bundles/$name/new"
        mv "$bundles/$name/new" "$bundles/$name/config.json"
    done
    bundle_edit c2 'del(.annotations) | .process.capabilities.bounding += ["CAP_SYS_ADMIN"]'
    start_again c2
    start_again c3
    expect_eq "running 1 it shares its pid namespace with a container that is not known to be guarded" "$(guarded c3)"
    stop c3
    hook_config '{"disk": {"guard": "require"}}'
    run start_again c3
    expect_eq 1 "$status"
    expect_match 'and this container could: it shares its pid namespace' "$output"
    rm -r /etc/bulkhead
    stop c2
    stop c1
    expect_nothing_left
}

@test "who joins after one that cannot be guarded is escapable, though nobody has a limit before" {
    with_runtimes a_stranger_before
}

# A guarded one beside them does not make it any better.
@test "in the pid namespace of one that is not guarded a limit is escapable, of a second one too" {
    local pid name
    layer_make c1
    bundle c1
    bundle_edit c1 'del(.hooks, .annotations)'
    start_again c1
    pid=$(pid_of c1)
    for name in c2 c3; do
        layer_make "$name"
        shim_bundle runc "$name" disk-size=10Mi
        # shellcheck disable=SC2016
        jq --arg pid "$pid" "$joins" "$bundles/$name/config.json" >"$bundles/$name/new"
        mv "$bundles/$name/new" "$bundles/$name/config.json"
        start_again "$name"
        expect_eq "running 1 it shares its pid namespace with a container that is not known to be guarded" \
            "$(guarded "$name")"
    done
}

# `docker run --pid=container:NAME`, where that one has the host's.
@test "in the host's pid namespace by a container's that is in it" {
    layer_make c1
    shim_bundle runc c1 disk-size=10Mi
    bundle_edit c1 '.linux.namespaces |= map(select(.type != "pid"))'
    start_again c1
    layer_make c2
    shim_bundle runc c2 disk-size=10Mi
    # shellcheck disable=SC2016
    jq --arg pid "$(pid_of c1)" "$joins" "$bundles/c2/config.json" >"$bundles/c2/new"
    mv "$bundles/c2/new" "$bundles/c2/config.json"
    start_again c2
    expect_eq "$(readlink /proc/self/ns/pid)" "$(readlink "/proc/$(pid_of c2)/ns/pid")"
    expect_eq "running 1 it shares its pid namespace with a container that is not known to be guarded" "$(guarded c2)"
}

# As containerd's CRI plugin makes them: the sandbox first, with the pod's annotations, then what joins it.
a_sandbox() { # RUNTIME
    local keys='"io.kubernetes.cri.sandbox-id": "c1", "io.kubernetes.cri.sandbox-namespace": "prod",
        "io.kubernetes.cri.sandbox-name": "pod"'
    layer_make c1
    layer_make c2
    shim_bundle "$1" c1 disk-size/web=10Mi
    bundle_edit c1 ".annotations += {$keys, \"io.kubernetes.cri.container-type\": \"sandbox\"}"
    start_again c1
    expect_eq "running 1 " "$(guarded c1)"
    shim_bundle "$1" c2 disk-size/web=10Mi
    bundle_edit c2 ".annotations += {$keys, \"io.kubernetes.cri.container-type\": \"container\",
        \"io.kubernetes.cri.container-name\": \"web\"}
        | .linux.namespaces |= map(select(.type != \"pid\")) + [{type: \"pid\", path: \"/proc/$(pid_of c1)/ns/pid\"}]"
    start_again c2
    expect_eq "running 1 " "$(guarded c2)"
    inside c2 mkdir /d/own
    inside c2 sh -c 'echo $$ >/d/pid; exec sleep 1000' &
    wait_until 5 test -s "$disk/layers/c2/upper/d/pid"
    run inside c1 escape "/proc/$(<"$disk/layers/c2/upper/d/pid")/root/d/own"
    expect_eq 0 "$status" "$(grep -v ': E[A-Z0-9]*$' <<<"$output")"
    expect_match 'uid 0: the directory itself, FSSETXATTR by 64-bit: ENOTTY' "$output"
    expect_eq "$(upper_id c2)" "$(project "$disk/layers/c2/upper/d/own")"
    stop c2
    stop c1
    expect_nothing_left
}

@test "the sandbox, whose pid namespace it is" { with_runtimes a_sandbox; }

a_default() { # RUNTIME
    hook_config '{"rules": [{"container": "c1", "defaults": {"disk-size": "10Mi"}}]}'
    pod "$1" "$shims/$1" 'del(.annotations)'
    expect_eq "running 1 " "$(guarded c2)"
    expect_held by_socket
    stop c1
    stop c2
    expect_nothing_left
}

@test "with a disk default in the node config anybody is guarded" { with_runtimes a_default; }
