#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
#
# The runtime shim in front of runc and crun, for bundles by hand, with podman and with containerd. There is no hooks.d
# and no hook in any bundle: what calls the hook is the shim's doing.
# shellcheck disable=SC2016 # jq's variables and awk's
load ../helpers
load ../disk
load ../containerd

BULKHEAD_RUNTIME=$checkout/build/release/bin/bulkhead-runtime
shims=/usr/libexec/bulkhead

setup_file() {
    install -D --mode=755 "$BULKHEAD_RUNTIME" /usr/bin/bulkhead-runtime
    install -D --mode=755 "$BULKHEAD_HOOK" "$installed_hook"
    mkdir -p "$shims"
    ln -sf /usr/bin/bulkhead-runtime "$shims/runc"
    ln -sf /usr/bin/bulkhead-runtime "$shims/crun"
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    on xfs
    tar -C "$root" -c . | engine import --quiet - "$image" >/dev/null
    rm -rf "$root"
    mkdir -p "$facts"
    busybox_tar
}

setup() {
    node_setup
    disk_setup
}

teardown() {
    engine rm --force --all --time 0 &>/dev/null || true
    ctr_stop
    disk_teardown
    rm -rf /etc/bulkhead /run/bulkhead
}

# In the place of helpers.bash's: the layers are on $disk, and the runtime is the shim.
engine() {
    podman --root "$disk/podman" --runroot /run/podman-xfs --storage-driver overlay \
        --runtime "$shims/${engine_runtime:-crun}" --cgroup-manager systemd "$@" 3>&-
}

# A bundle without a hook, through the shim.
shim_bundle() { # RUNTIME NAME [KEY=VALUE...]
    RUNTIME=$shims/$1
    bundle "${@:2}"
    bundle_edit "$2" 'del(.hooks)'
}

shim_start() { # RUNTIME NAME [KEY=VALUE...]
    shim_bundle "$@"
    start_again "$2"
}

pid_of() { "$RUNTIME" state "$1" | jq .pid; } # NAME

filters_of() { awk '$1 == "Seccomp_filters:" { print $2 }' "/proc/$1/status"; } # PID

receipt() { cat "$receipts/$1"/*.json; } # NAME

limit_of() { quota_of "$(upper_id "$1")" | cut -d' ' -f3; } # NAME

leave_project='xfs_io -c "chproj 0" -c "chattr -P" /d 2>&1; xfs_io -r -c lsproj /d'

for_each_runtime() { # CMD...
    local each
    for each in runc crun; do
        echo "# $each" >&2
        "$@" "$each"
        disk_clean
    done
}

a_limit_that_holds() { # RUNTIME
    layer_make c1
    shim_start "$1" c1 disk-size=10Mi pids-max=50
    expect_eq 10240 "$(limit_of c1)"
    expect_eq "running 1 " "$(receipt c1 | jq --raw-output '"\(.phase) \(.guard.putUp) \(.guard.escapable)"')"
    expect_eq 1 "$(filters_of "$(pid_of c1)")"
    expect_eq "$(pid_of c1)" "$(receipt c1 | jq .pid)"
    expect_eq 50 "$(jq .linux.resources.pids.limit "$bundles/c1/config.json")"
    run inside c1 sh -c 'cp /d/file /d/mine; xfs_io -c "chproj 0" /d/mine'
    expect_match 'Inappropriate ioctl for device' "$output"
    run inside c1 sh -c 'xfs_io -c "chattr -P" /d'
    expect_match 'Inappropriate ioctl for device' "$output"
    run inside c1 dd if=/dev/zero of=/big bs=1M count=20
    expect_match "$full" "$output"
    stop c1
    expect_nothing_left
}

@test "a limit that cannot be taken off from inside, nor from an exec" { for_each_runtime a_limit_that_holds; }

without_the_shim() { # RUNTIME
    layer_make c1
    RUNTIME=$1
    start c1 disk-size=10Mi
    inside c1 sh -c 'b mkdir /out; xfs_io -r -c "chproj 0" /out; xfs_io -r -c "chattr -P" /out'
    inside c1 dd if=/dev/zero of=/out/big bs=1M count=20
    stop c1
}

@test "without the shim the same container gets out" { for_each_runtime without_the_shim; }

nothing_asked() { # RUNTIME
    layer_make c1
    shim_bundle "$1" c1
    bundle_edit c1 'del(.annotations)'
    cp "$bundles/c1/config.json" /run/before
    start_again c1
    cmp /run/before "$bundles/c1/config.json"
    expect_eq 0 "$(filters_of "$(pid_of c1)")"
    [[ ! -e /run/bulkhead ]]
    stop c1
}

@test "a container that asks for nothing: no filter, no edit, no receipt" { for_each_runtime nothing_asked; }

neighbours() { # RUNTIME
    layer_make c1
    shim_bundle "$1" c1 disk-size/other=10Mi
    start_again c1
    expect_eq 1 "$(filters_of "$(pid_of c1)")"
    expect_eq "running 1" "$(receipt c1 | jq --raw-output '"\(.phase) \(.guard.putUp)"')"
    expect_empty "$(limits)"
    stop c1
    expect_nothing_left
    hook_config '{"rules": [{"namespace": "elsewhere", "defaults": {"disk-size": "1Gi"}}]}'
    layer_make c2
    shim_bundle "$1" c2
    bundle_edit c2 'del(.annotations)'
    start_again c2
    expect_eq 1 "$(filters_of "$(pid_of c2)")"
    stop c2
    expect_nothing_left
    rm -r /etc/bulkhead
}

@test "neighbours are guarded, without a wall of their own" { for_each_runtime neighbours; }

what_does_not_hold() { # RUNTIME
    layer_make c1
    shim_bundle "$1" c1 disk-size=10Mi
    bundle_edit c1 '.process.capabilities.bounding += ["CAP_SYS_ADMIN"]'
    start_again c1
    expect_eq 0 "$(filters_of "$(pid_of c1)")"
    expect_eq "0 it may have CAP_SYS_ADMIN" "$(receipt c1 | jq --raw-output '"\(.guard.putUp) \(.guard.escapable)"')"
    expect_eq 10240 "$(limit_of c1)"
    stop c1
    hook_config '{"disk": {"guard": "require"}}'
    layer_make c2
    shim_bundle "$1" c2 disk-size=10Mi
    bundle_edit c2 '.process.capabilities.bounding += ["CAP_SYS_ADMIN"]'
    run start_again c2
    [[ $status != 0 ]]
    expect_match 'the node config requires the guard' "$output"
    shim_bundle "$1" c2 disk-size=10Mi
    start_again c2
    stop c2
    rm -r /etc/bulkhead
    expect_nothing_left
}

@test "where the guard cannot hold: auto says so, require refuses" { for_each_runtime what_does_not_hold; }

errors_reach_the_user() { # RUNTIME
    layer_make c1
    shim_bundle "$1" c1 disk-size=512m
    : >/run/log.json
    run "$RUNTIME" --log /run/log.json --log-format json run --bundle "$bundles/c1" c1 </dev/null
    expect_eq 1 "$status"
    expect_empty "$output"
    expect_eq 1 "$(wc -l </run/log.json)"
    expect_eq 'bulkhead: c1: io.bulkhead.disk-size="512m": "m" is milli in Kubernetes and MiB in docker; write 512Mi or 536870912' \
        "$(jq --raw-output .msg /run/log.json)"
    expect_nothing_left
}

@test "an error before the runtime starts is one record in its log" { for_each_runtime errors_reach_the_user; }

half_way() { # RUNTIME
    layer_make c1
    shim_bundle "$1" c1 disk-size=10Mi
    bundle_edit c1 '.process.args = ["/not/there"]'
    run start_again c1
    [[ $status != 0 ]]
    "$checkout/build/release/bin/bulkhead" gc
    expect_nothing_left
    RUNTIME=$shims/$1
    bundle_edit c1 '.process.args = ["sleep", "1000"]'
    stop c1 &>/dev/null || true
    start_again c1
    expect_eq 10240 "$(limit_of c1)"
    stop c1
    expect_nothing_left
}

@test "a runtime that fails after the shim's work: gc finds it, and a second try works" { for_each_runtime half_way; }

second_create() { # RUNTIME
    local before
    layer_make c1
    shim_start "$1" c1 disk-size=10Mi
    before=$(receipt c1)
    cp "$bundles/c1/config.json" /run/before
    run "$RUNTIME" run --detach --bundle "$bundles/c1" c1 </dev/null
    [[ $status != 0 ]]
    expect_match 'exist' "$output"
    expect_eq "$before" "$(receipt c1)"
    expect_eq 10240 "$(limit_of c1)"
    cmp /run/before "$bundles/c1/config.json"
    stop c1
    expect_nothing_left
}

@test "a second create of a container that lives changes nothing of the first" { for_each_runtime second_create; }

# --- podman ----------------------------------------------------------------------------------------------------------

with_podman() { # RUNTIME
    local upper
    engine_runtime=$1
    container_start c1 --annotation io.bulkhead.disk-size=10Mi --annotation io.bulkhead.shm-size=8Mi
    upper=$(engine inspect --format '{{.GraphDriver.Data.UpperDir}}' c1)
    expect_eq 10240 "$(quota_of "$(project "$upper")" | cut -d' ' -f3)"
    expect_eq $((8 << 20)) "$(container_shm_size c1)"
    expect_eq 1 "$(receipt "$(container_id c1)" | jq .guard.putUp)"
    run container_exec c1 dd if=/dev/zero of=/big bs=1M count=20
    expect_match "$full" "$output"
    engine restart --time 0 c1 >/dev/null
    expect_eq 10240 "$(quota_of "$(project "$upper")" | cut -d' ' -f3)"
    container_delete c1
    expect_nothing_left
    run container_start c2 --annotation io.bulkhead.shm-size=512m
    [[ $status != 0 ]]
    expect_match 'io.bulkhead.shm-size=.*512m.*is milli in Kubernetes' "$output"
    container_delete c2 || true
}

@test "podman, whose runtime is the shim: limits, a restart, an error" { for_each_runtime with_podman; }

# --- containerd ------------------------------------------------------------------------------------------------------

ctr_start() {
    mkdir -p /run/ctd "$disk/containerd"
    printf 'version = 2\nroot = "%s"\nstate = "/run/ctd/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "/run/ctd/socket"\n' \
        "$disk/containerd" >/run/ctd/config.toml
    containerd --config /run/ctd/config.toml </dev/null &>>/run/containerd.log 3>&- &
    echo $! >/run/ctd/pid
    wait_until 30 ctr_ version &>/dev/null || { tail -20 /run/containerd.log; return 1; }
    docker_archive
    ctr_ image import /run/image.tar >/dev/null
}

ctr_stop() {
    [[ -s /run/ctd/pid ]] || return 0
    ctr_ task kill --signal KILL c1 &>/dev/null || true
    sleep 1
    ctr_ task delete c1 &>/dev/null || true
    ctr_ container delete c1 &>/dev/null || true
    kill "$(</run/ctd/pid)" || true
    wait_until 30 process_is_gone "$(</run/ctd/pid)"
    rm -f /run/ctd/pid
    rm -rf --one-file-system "$disk/containerd"
}

ctr_() { ctr --address /run/ctd/socket "$@" 3>&-; }

ctr_run() { # RUNTIME [ANNOTATION...]
    local options=() annotation
    for annotation in "${@:2}"; do options+=(--annotation "$annotation"); done
    ctr_ run --detach --runc-binary "$shims/$1" "${options[@]}" docker.io/library/busybox:latest c1 sleep 1000
}

with_ctr() { # RUNTIME
    ctr_run "$1" io.bulkhead.disk-size=10Mi
    ctr_ task exec --exec-id a c1 df -k / >/run/df
    expect_match ' 10240 ' "$(tail -1 /run/df)"
    expect_eq 1 "$(receipt c1 | jq .guard.putUp)"
    run ctr_ task exec --exec-id b c1 dd if=/dev/zero of=/big bs=1M count=20
    expect_match "$full" "$output"
    ctr_ task kill --signal KILL c1
    wait_until 20 eval 'ctr_ task list | grep -q "c1.*STOPPED"'
    ctr_ task delete c1 || true
    expect_nothing_left
    ctr_ container delete c1
    run ctr_run "$1" io.bulkhead.disk-size=10
    [[ $status != 0 ]]
    ctr_ container delete c1 || true
    run ctr_run "$1" io.bulkhead.shm-size=512m
    [[ $status != 0 ]]
    expect_match 'is milli in Kubernetes' "$output"
    ctr_ container delete c1 || true
}

@test "containerd: a container of ctr's through the shim" {
    ctr_start
    with_ctr runc
    with_ctr crun
    ctr_stop
}
