#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
# matrix: what of it is new after the integration tests are the engines, a minute
#
# The node config with the engines: two namespaces with different rules under containerd, and with CRI-O's keys; defaults
# for every container of podman's; a rootless engine.
# shellcheck disable=SC2016 # jq's variables
load ../helpers
load ../containerd

rules='{
  "max": {"shm-size": "16Mi"},
  "rules": [
    {"namespace": "ml-*", "max": {"shm-size": "100Mi"}, "defaults": {"pids-max": 60}},
    {"namespace": "batch", "allow": ["pids-max"], "defaults": {"pids-max": 30}}
  ]
}'

setup_file() {
    node_setup_file
    mkdir -p /run/ctd /run/bundle/rootfs
    busybox_root /run/bundle/rootfs
}

teardown() {
    containerd_stop
    for runtime in runc crun; do "$runtime" --root /run/by-hand delete --force c1 &>/dev/null || true; done
    node_teardown
    rm -f "$hooks_d/50-bulkhead-always.json"
    rm -rf /run/bulkhead
}

# --- containerd, the real one ----------------------------------------------------------------------------------------

containerd_start() {
    printf 'version = 2\nroot = "/run/ctd/root"\nstate = "/run/ctd/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "/run/ctd/socket"\n' \
        >/run/ctd/config.toml
    containerd --config /run/ctd/config.toml </dev/null &>>/run/containerd.log 3>&- &
    echo $! >/run/containerd-pid
    wait_until 30 ctr_ version &>/dev/null || { tail -20 /run/containerd.log; return 1; }
    RUNTIME=runc runtime_with_our_hook
}

containerd_stop() {
    [[ -s /run/containerd-pid ]] || return 0
    ctr_delete &>/dev/null || true
    kill "$(</run/containerd-pid)" || true
    wait_until 30 process_is_gone "$(</run/containerd-pid)"
    rm -f /run/containerd-pid
}

ctr_() { ctr --address /run/ctd/socket "$@" 3>&-; }

ctr_delete() {
    ctr_ task kill --signal KILL c1
    wait_until 20 eval 'ctr_ task list | grep -q "c1.*STOPPED"'
    ctr_ task delete c1
    ctr_ container delete c1
}

# As the CRI plugin annotates a container of the namespace, over what the pod said.
ctr_run() { # NAMESPACE [ANNOTATION...]
    local options=() annotation
    for annotation in io.kubernetes.cri.container-type=container "io.kubernetes.cri.sandbox-namespace=$1" \
        io.kubernetes.cri.sandbox-id=4711 io.kubernetes.cri.container-name=web "${@:2}"; do
        options+=(--annotation "$annotation")
    done
    ctr_ run --detach --runc-binary /run/with-hook --rootfs "${options[@]}" /run/bundle/rootfs c1 /bin/sleep 1000
}

last_line() { jq --raw-output .line /run/bulkhead/errors/*.json; }

@test "containerd: two namespaces get different answers to the same annotations" {
    hook_config "$rules"
    containerd_start
    ctr_run ml-train io.bulkhead.shm-size=50Mi
    expect_eq $((50 << 20)) "$(stat --file-system --format='%b*%S' "/proc/$(ctr_pid)/root/dev/shm" | bc_)"
    expect_eq 60 "$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(ctr_pid)/cgroup")/pids.max")"
    ctr_delete
    run ctr_run prod io.bulkhead.shm-size=50Mi
    [[ $status != 0 ]]
    expect_eq 'bulkhead: c1: io.bulkhead.shm-size="50Mi": exceeds the maximum of 16Mi (max.shm-size in /etc/bulkhead/bulkhead.json); ask for less' "$(last_line)"
    expect_match 'exceeds the maximum of 16Mi' "$output" # ctr shows it
    ctr_ container delete c1
    run ctr_run batch io.bulkhead.shm-size=50Mi
    [[ $status != 0 ]]
    expect_eq 'bulkhead: c1: io.bulkhead.shm-size="50Mi": rules[1].allow in /etc/bulkhead/bulkhead.json does not list it; leave it out' "$(last_line)"
    ctr_ container delete c1
    ctr_run batch
    expect_eq 30 "$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(ctr_pid)/cgroup")/pids.max")"
    ctr_delete
    # A pod that says it is CRI-O's, in another namespace.
    run ctr_run prod io.bulkhead.shm-size=50Mi io.kubernetes.cri-o.SandboxName=k8s_pod_ml-train_0_0
    [[ $status != 0 ]]
    expect_match 'annotations of both CRI-O and containerd are set' "$(last_line)"
    ctr_ container delete c1
}

ctr_pid() { ctr_ task list | awk '$1 == "c1" { print $2 }'; }

bc_() { local text; read -r text; echo $((text)); }

# --- CRI-O's keys ----------------------------------------------------------------------------------------------------

# CRI-O itself is not in Debian: a bundle with the annotations that it writes, its hook and systemd's cgroups.
crio_bundle() { # NAMESPACE [KEY VALUE]...
    (cd /run/bundle && rm -f config.json && runc spec)
    jq --arg hook "$BULKHEAD_HOOK" --arg name "k8s_web_pod_$1_1234-5678_0" '
        .process.terminal = false | .process.args = ["sleep", "1000"]
        | .linux.cgroupsPath = "system.slice:crio:c1"
        | .annotations = {
            "io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.cri-o.SandboxID": "4711",
            "io.kubernetes.cri-o.ContainerID": "c1", "io.kubernetes.cri-o.Name": $name,
            "io.kubernetes.container.name": "web", "io.kubernetes.cri-o.Namespace": "ml-train"}
        | .hooks = {createRuntime: [{path: $hook, args: ["bulkhead-hook", "createRuntime"]}],
                    poststop: [{path: $hook, args: ["bulkhead-hook", "poststop"]}]}
        | reduce range(0; $ARGS.positional | length; 2) as $i
            (.; .annotations[$ARGS.positional[$i]] = $ARGS.positional[$i + 1])' \
        /run/bundle/config.json --args -- "${@:2}" >/run/bundle/new
    mv /run/bundle/new /run/bundle/config.json
}

by_hand() { # RUNTIME
    local status=0
    "$1" --root /run/by-hand --systemd-cgroup run --detach --bundle /run/bundle --pid-file /run/bundle/pid c1 \
        >/run/bundle/log 2>&1 </dev/null 3>&- || status=$?
    cat /run/bundle/log
    return "$status"
}

by_hand_delete() { "$1" --root /run/by-hand --systemd-cgroup delete --force c1; }

pids_max() { cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(</run/bundle/pid)/cgroup")/pids.max"; }

@test "CRI-O's keys: two namespaces get different answers to the same annotations" {
    local runtime
    hook_config "$rules"
    for runtime in runc crun; do
        crio_bundle ml-train io.bulkhead.shm-size 50Mi
        by_hand "$runtime"
        expect_eq $((50 << 20)) "$(tmpfs_size "/proc/$(</run/bundle/pid)/root/dev/shm")"
        expect_eq 60 "$(pids_max)"
        by_hand_delete "$runtime"
        crio_bundle prod io.bulkhead.shm-size 50Mi
        run by_hand "$runtime"
        [[ $status != 0 ]]
        expect_eq 'bulkhead: c1: io.bulkhead.shm-size="50Mi": exceeds the maximum of 16Mi (max.shm-size in /etc/bulkhead/bulkhead.json); ask for less' "$(last_line)"
        by_hand_delete "$runtime" || true
        crio_bundle batch io.bulkhead.shm-size 50Mi
        run by_hand "$runtime"
        [[ $status != 0 ]]
        expect_match 'rules\[1\].allow in ' "$(last_line)"
        by_hand_delete "$runtime" || true
        crio_bundle batch
        by_hand "$runtime"
        expect_eq 30 "$(pids_max)"
        by_hand_delete "$runtime"
    done
}

# --- podman ----------------------------------------------------------------------------------------------------------

@test "podman: with the hook for every container, defaults are for those that say nothing" {
    local runtime
    hook_install
    install -D --mode=644 --target-directory="$hooks_d" "$checkout/config/hooks.d/always/50-bulkhead-always.json"
    hook_config '{"defaults": {"pids-max": 70, "shm-size": "8Mi"}, "rules": [{"namespace": "@local", "max": {"pids-max": 80}}]}'
    for runtime in runc crun; do
        use "$runtime" systemd
        container_start web
        expect_eq 70 "$(cat "$(cgroup_leaf web)/pids.max")"
        expect_eq $((8 << 20)) "$(container_shm_size web)"
        systemctl daemon-reload
        expect_eq 70 "$(cat "$(cgroup_scope web)/pids.max")"
        container_delete web
        container_start web --annotation io.bulkhead.pids-max=75 --pids-limit 50
        expect_eq 50 "$(cat "$(cgroup_leaf web)/pids.max")"
        container_delete web
        run container_start web --annotation io.bulkhead.pids-max=81
        [[ $status != 0 ]]
        container_delete web || true
    done
    # Whoever takes the config away takes the defaults with it.
    rm /etc/bulkhead/bulkhead.json
    container_start web --pids-limit 90
    expect_eq 90 "$(cat "$(cgroup_leaf web)/pids.max")"
    container_delete web
    expect_empty "$(find /run/bulkhead/containers -type f 2>/dev/null)" "receipts"
}

@test "a rootless engine's container gets no defaults, and the journal says so once" {
    hook_config '{"defaults": {"pids-max": 70}}'
    run setpriv --reuid=65534 --regid=65534 --clear-groups unshare --user --map-root-user \
        "$BULKHEAD_HOOK" createRuntime <<<'{"ociVersion":"1.0.2","id":"web","status":"created","pid":1,"bundle":"/nowhere"}'
    expect_eq 0 "$status"
    expect_empty "$output"
    expect_match "the node config's defaults, if it has any, are not put on this container: bulkhead needs root" \
        "$(journal --output=cat --identifier=bulkhead-hook)"
    expect_eq 1 "$(journal --output=cat --identifier=bulkhead-hook | wc -l)"
}
