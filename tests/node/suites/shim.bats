#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
#
# The runtime shim in front of runc and crun, for bundles by hand and with podman. There is no hooks.d and no hook in any
# bundle: what calls the hook is the shim's doing.
# shellcheck disable=SC2016 # jq's variables and awk's
load ../helpers
load ../disk
load ../shim

setup_file() {
    shim_install
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    on xfs
    tar -C "$root" -c . | engine import --quiet - "$image" >/dev/null
    rm -rf "$root"
    mkdir -p "$facts"
}

setup() {
    node_setup
    disk_setup
}

teardown() {
    engine rm --force --all --time 0 &>/dev/null || true
    disk_teardown
    rm -rf /etc/bulkhead /run/bulkhead
}

# In the place of helpers.bash's: the layers are on $disk, and the runtime is the shim.
engine() {
    podman --root "$disk/podman" --runroot /run/podman-xfs --storage-driver overlay \
        --runtime "$shims/${engine_runtime:-crun}" --cgroup-manager systemd "$@" 3>&-
}

leave_project='xfs_io -c "chproj 0" -c "chattr -P" /d 2>&1; xfs_io -r -c lsproj /d'

a_limit_that_holds() { # RUNTIME
    layer_make c1
    shim_start "$1" c1 disk-size=10Mi pids-max=50
    expect_eq 10240 "$(limit_of c1)"
    expect_eq "running 1 " "$(guarded c1)"
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

@test "a limit that cannot be taken off from inside, nor from an exec" { with_runtimes a_limit_that_holds; }

without_the_shim() { # RUNTIME
    layer_make c1
    RUNTIME=$1
    start c1 disk-size=10Mi
    expect_eq "running 0 it does not run behind the guard of bulkhead-runtime" "$(guarded c1)"
    expect_match 'disk-size="10Mi": it can be taken off from inside: it does not run behind' "$(journal)"
    inside c1 sh -c 'b mkdir /out; xfs_io -r -c "chproj 0" /out; xfs_io -r -c "chattr -P" /out'
    inside c1 dd if=/dev/zero of=/out/big bs=1M count=20
    stop c1
}

@test "without the shim the same container gets out" { with_runtimes without_the_shim; }

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

@test "a container that asks for nothing: no filter, no edit, no receipt" { with_runtimes nothing_asked; }

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

@test "neighbours are guarded, without a wall of their own" { with_runtimes neighbours; }

# What is changed in config.json, and why the limit does not hold then. Behind the guard where there is a 1.
ways_out='0|.process.capabilities.bounding += ["CAP_SYS_ADMIN"]|it may have CAP_SYS_ADMIN
0|.process.capabilities.bounding += ["CAP_DAC_READ_SEARCH"]|it may have CAP_DAC_READ_SEARCH
0|.process.capabilities.bounding += ["CAP_SYS_MODULE"]|it may have CAP_SYS_MODULE
0|.process.capabilities.bounding += ["CAP_SYS_RAWIO"]|it may have CAP_SYS_RAWIO
1|.linux.namespaces |= map(select(.type != "pid"))|it is in the host.s pid namespace, and so are processes that are not guarded
1|.linux.resources.devices += [{allow: true, type: "b", major: 98, access: "rwm"}]|it may write to a block device'

does_not_hold() { # RUNTIME GUARDED JQ REASON
    layer_make c1
    shim_bundle "$1" c1 disk-size=10Mi
    bundle_edit c1 "$3"
    start_again c1
    expect_eq "$2" "$(filters_of "$(pid_of c1)")"
    expect_match "^running $2 $4$" "$(guarded c1)"
    expect_eq 10240 "$(limit_of c1)"
    expect_match "c1: io.bulkhead.disk-size=\"10Mi\": it can be taken off from inside: $4" "$(journal)"
    stop c1
    hook_config '{"disk": {"guard": "require"}}'
    shim_bundle "$1" c1 disk-size=10Mi
    bundle_edit c1 "$3"
    run start_again c1
    expect_eq 1 "$status"
    expect_match "\(disk.guard\), and this container could: $4" "$output"
    expect_nothing_left
    rm -r /etc/bulkhead
}

@test "where the guard cannot hold: auto says so, require refuses" {
    local line guarded change reason
    while IFS= read -r line; do
        guarded=${line%%|*} reason=${line##*|} change=${line#*|}
        matrix || [[ $guarded == 1 || $reason == *CAP_SYS_ADMIN ]] || continue # which capabilities, the unit tests know
        does_not_hold runc "$guarded" "${change%|*}" "$reason"
        disk_clean
    done <<<"$ways_out"
    does_not_hold crun 0 '.process.capabilities.bounding += ["CAP_SYS_ADMIN"]' 'it may have CAP_SYS_ADMIN'
}

what_holds() { # RUNTIME
    hook_config '{"disk": {"guard": "require"}}'
    layer_make c1
    shim_start "$1" c1 disk-size=10Mi
    expect_eq "running 1 " "$(guarded c1)"
    stop c1
    RUNTIME=$1
    run start c1 disk-size=10Mi
    [[ $status != 0 ]]
    RUNTIME=$shims/$1
    expect_nothing_left
    rm -r /etc/bulkhead
}

@test "required, it is there: behind the shim, and only there" { with_runtimes what_holds; }

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

@test "an error before the runtime starts is one record in its log" { with_runtimes errors_reach_the_user; }

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

@test "a runtime that fails after the shim's work: gc finds it, and a second try works" { with_runtimes half_way; }

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

@test "a second create of a container that lives changes nothing of the first" { with_runtimes second_create; }

# The hook holds the layer's lock while it puts the limit up; who gives back what the shim prepared takes it as well.
hook_fails() { # RUNTIME
    local hook=$installed_hook
    layer_make c1
    mv "$hook" "$hook.real"
    # From the second on, as the first is how the hook looks whether the layer's id is its own.
    printf '%s\n' '#!/bin/sh' "exec strace --quiet=all -o /dev/null --trace=open_tree \\
        --inject=open_tree:error=ENOMEM:when=2+ $hook.real \"\$@\"" >"$hook"
    chmod 755 "$hook"
    shim_bundle "$1" c1 disk-size=10Mi
    run start_again c1
    mv "$hook.real" "$hook"
    [[ $status != 0 ]]
    expect_match 'disk-size=.*Cannot allocate memory|exit code: 71' "$output"
    expect_nothing_left
}

@test "a hook that fails takes the limit that the shim prepared with it" { with_runtimes hook_fails; }

# What no engine makes: HOME/ID/upper is what tells whether the id of a layer is its alone.
below_the_root() { # RUNTIME
    lower_make
    mkdir -p "$disk"/{upper,work,merged}
    mount -t overlay -o "lowerdir=$disk/lower,upperdir=$disk/upper,workdir=$disk/work" overlay "$disk/merged"
    shim_bundle "$1" c1 disk-size=10Mi
    bundle_edit c1 ".root.path = \"$disk/merged\""
    run start_again c1
    expect_eq 1 "$status"
    expect_match 'c1: io.bulkhead.disk-size="10Mi": the writable layer \(/mnt/xfs/upper\) has not two directories above it' "$(journal)"
    expect_match "(exit status |exit code: |status: )69\\b" "$output"
    expect_nothing_left
    umount "$disk/merged"
    rm -rf "$disk"/{upper,work,merged}
}

@test "a layer that lies at the root of its disk is refused in words" { with_runtimes below_the_root; }

# The hook waits for it: between the shim and the hook.
label_foreign() {
    until [[ -e /run/hook-waits ]]; do sleep 0.1; done
    xfs_io -c "chproj $(upper_id c1)" "$disk/foreign"
    touch /run/labelled
}

id_of_another() { # RUNTIME
    local hook=$installed_hook
    rm -f /run/{hook-waits,labelled}
    layer_make c1
    mkdir "$disk/foreign"
    mv "$hook" "$hook.real"
    printf '%s\n' '#!/bin/sh' 'touch /run/hook-waits; until [ -e /run/labelled ]; do sleep 0.1; done' \
        "exec $hook.real \"\$@\"" >"$hook"
    chmod 755 "$hook"
    shim_bundle "$1" c1 disk-size=10Mi
    label_foreign 3>&- &
    run start_again c1
    mv "$hook.real" "$hook"
    expect_eq 1 "$status"
    expect_match "(exit status |exit code: |status: )71\\b" "$output"
    expect_match 'the writable layer \(.*/upper\) has no project id that is its alone' "$(journal)"
    rmdir "$disk/foreign"
    expect_nothing_left
}

@test "an id that somebody else has by the time that the hook comes is refused" { with_runtimes id_of_another; }

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

@test "podman, whose runtime is the shim: limits, a restart, an error" { with_runtimes with_podman; }
