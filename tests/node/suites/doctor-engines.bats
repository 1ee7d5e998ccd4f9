#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
# matrix: dockerd and containerd are started, a minute
#
# `bulkhead doctor` on a node with docker and with containerd: their own links, and daemons that do not know yet what
# their configs say.
load ../helpers
load ../disk
load ../containerd
load ../docker
load ../shim
load ../doctor

ours='{"runtimes": {"bulkhead": {"path": "/usr/libexec/bulkhead/runc"}}, "default-runtime": "bulkhead"}'

setup_file() {
    shim_install
    mkdir -m 700 /run/bulkhead /var/lib/bulkhead
}

setup() { on xfs; }

teardown() {
    docker_clean
    dockerd_stop
    rm -rf /etc/bulkhead
}

@test "docker" {
    hook_config '{"defaults": {"pids-max": 100}}' # 20.10 has no annotations
    dockerd_start
    run unwell docker
    expect_eq 'failed docker.runtime' "$output"
    "$bulkhead" configure docker --default
    expect_failed docker.daemon docker
    dockerd_reload '{}'
    expect_eq '' "$(unwell docker)"
    if ! docker_has --annotation; then
        rm -r /etc/bulkhead
        expect_warning docker.annotations docker
        hook_config '{"defaults": {"pids-max": 100}}'
    fi
    dockerd_config '{"runtimes": {"bulkhead": {"path": "/usr/libexec/bulkhead/runc"}}}'
    expect_failed docker.daemon docker
    dockerd_reload '{}'
    expect_eq '' "$(unwell docker)"
    dockerd_reload '{"default-runtime": "runc"}'
    expect_warning docker.default-runtime docker
    dockerd_config '{"default-runtime": "bulkhead"}'
    expect_failed docker.daemon docker
    dockerd_stop
    expect_eq '' "$(unwell docker)"
    jq 'del(.runtimes, ."default-runtime")' "$daemon_json" >/run/edited
    cat /run/edited >"$daemon_json"
    run unwell docker
    expect_eq 'failed docker.runtime' "$output"
    expect_eq '' "$(unwell | grep docker)" # it is not asked for, and does not run
    dockerd_start
    expect_eq 'warning docker.runtime' "$(unwell | grep docker)"
}

@test "a throw-away container of docker's" {
    hook_config '{"defaults": {"pids-max": 100}}'
    dockerd_start "$ours"
    run ran docker
    if docker_has --annotation; then
        expect_match 'docker.run ok: ' "$output"
        expect_match 'docker.run-guard ok: ' "$output"
        expect_match 'docker.run-clean ok: ' "$output"
    else
        expect_eq 'docker.run skipped: docker before 25 has no annotations' "$output"
    fi
    expect_empty "$(docker ps --all --quiet)$(docker images --quiet)"
}

@test "a throw-away container of containerd's" {
    mkdir -p "$disk/containerd" /var/lib/containerd /etc/containerd
    mount --bind "$disk/containerd" /var/lib/containerd
    rm -f /etc/containerd/config.toml
    "$bulkhead" configure containerd --default
    containerd </dev/null &>/run/containerd.log 3>&- &
    local pid=$!
    wait_until 30 ctr version >/dev/null
    expect_empty "$(unwell containerd)" # "runc", which configure wrote beside it, is named and no warning
    run ran containerd
    kill "$pid"
    wait_until 30 process_is_gone "$pid"
    expect_eq 7 "${#lines[@]}" "$output"
    expect_match 'containerd.run ok: ' "$output"
    expect_match 'containerd.run-pids skipped: ' "$output"
    expect_match 'containerd.run-disk ok: disk-size 8[0-9]{6}' "$output"
    expect_match 'containerd.run-guard ok: ' "$output"
    expect_match 'containerd.run-clean ok: ' "$output"
    containerd </dev/null &>/run/containerd.log 3>&- &
    pid=$!
    wait_until 30 ctr version >/dev/null
    expect_empty "$(ctr namespaces list --quiet)"
    kill "$pid"
    wait_until 30 process_is_gone "$pid"
    umount /var/lib/containerd
    rm -rf /etc/containerd "$disk/containerd"
}

@test "containerd, by the config that it was started with" {
    local config=$cri_home/config.toml
    busybox_tar
    docker_archive
    cri_root=$disk/cri cri_runtime=$shims/runc
    cri_start
    expect_warning containerd.annotations containerd
    sed -i 's|^pod_annotations.*|pod_annotations = ["io.bulkhead.*", "io.bulkhead.*/*"]|' "$config"
    expect_failed containerd.daemon containerd
    touch --date='1 hour ago' "$config"
    expect_eq '' "$(unwell containerd)"
    sed -i '/^pod_annotations/d' "$config"
    touch --date='1 hour ago' "$config"
    expect_failed containerd.annotations containerd
    sed -i '/^BinaryName/d' "$config"
    touch --date='1 hour ago' "$config"
    expect_failed containerd.runtime containerd
    cri_stop
    rm -rf --one-file-system "$disk/cri"
}
