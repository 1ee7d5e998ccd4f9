#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
#
# `bulkhead configure`: what it writes on a default node is what lies in config/; containerd and podman read it as it is
# meant, run containers through the shim by it, and those that were made before it; and it is taken away to the byte. (Of
# CRI-O, which Debian does not have, there are the files alone.) docker: shim-docker.bats, and configure-docker.bats; more of containerd: configure-containerd.bats.
load ../helpers
load ../disk
load ../containerd
load ../shim

BULKHEAD=${BULKHEAD_HOOK%/*}/bulkhead
toml=/etc/containerd/config.toml

setup_file() {
    node_setup_file
    busybox_tar
    docker_archive
    cp "$toml" /run/own.toml
}

setup() {
    node_setup
    shim_install
    cp /run/own.toml "$toml"
}

teardown() {
    node_teardown
    "$BULKHEAD" configure podman --remove &>/dev/null || true
    rm -rf /var/lib/kubelet
}

configure() { "$BULKHEAD" configure "$@"; }

# The engines' files and folders: what is in them, and when files were last written.
etc() { (cd /etc && find containerd containers docker crio -printf '%p %m %U %G\n' -type f -printf '%T@\n' -exec sha256sum {} \; 2>/dev/null) || true; }

@test "what it writes on a default node is what lies in config/, and is taken away to the byte" {
    local engine before file real=/usr/libexec/crio
    rm "$toml"
    install -d /etc/crio/crio.conf.d "$real"
    install "$(command -v crun)" "$real/crun"
    cat >/etc/crio/crio.conf.d/10-crio.conf <<'END'
[crio.image]
signature_policy = "/etc/crio/policy.json"

[crio.runtime]
default_runtime = "crun"

[crio.runtime.runtimes.crun]
runtime_path = "/usr/libexec/crio/crun"
runtime_root = "/run/crun"
monitor_path = "/usr/libexec/crio/conmon"
allowed_annotations = [
    "io.containers.trace-syscall",
]
END
    hook_config "{\"runtime\": {\"path\": [\"runc\", \"$real/crun\"]}}"
    before=$(etc | grep -v "^[0-9]*\\.")
    local -A files=([podman]=/etc/containers/containers.conf.d/50-bulkhead.conf [docker]=/etc/docker/daemon.json
        [containerd]=$toml [crio]=/etc/crio/crio.conf.d/50-bulkhead.conf)
    for engine in "${!files[@]}"; do
        file=${files[$engine]}
        configure "$engine"
        diff --unified "$checkout/config/$engine/${file##*/}" "$file"
    done
    configure crio --remove
    configure docker --remove
    configure podman --remove
    configure containerd --remove
    expect_eq "$before" "$(etc | grep -v "^[0-9]*\\.")"
    expect_empty "$(ls /var/lib/bulkhead/configure)"
    rm -rf /etc/crio "$real"
}

# Of containerd's own reading of its config: the default runtime, what ours lets through and runs, and what runtimes there are.
as_read() {
    containerd config dump 2>/dev/null >/run/dump
    python3 -c 'import json, tomllib
cri = tomllib.load(open("/run/dump", "rb"))["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]
ours = cri["runtimes"]["bulkhead"]
print(cri["default_runtime_name"], *ours["pod_annotations"], *ours["container_annotations"], ours["options"]["BinaryName"],
      ours["options"].get("SystemdCgroup"), *sorted(cri["runtimes"]))'
}

@test "containerd reads what is written into each kind of config, a second time nothing is, and it is taken away to the byte" {
    local text systemd before
    local -A texts=(
        [own]=$(<"$toml")
        [comment]='# nothing yet'
        [options]=$'version = 2\n['"$cri_section"$'.containerd] # mine\n  snapshotter = "overlayfs"\n['"$cri_section"$'.containerd.runtimes.runc]\n  runtime_type = "io.containerd.runc.v2"\n  ['"$cri_section"$'.containerd.runtimes.runc.options]\n    SystemdCgroup = true'
        [braces]=$'version = 2\n['"$cri_section"$'.containerd]\nruntimes = { runc = { runtime_type = "io.containerd.runc.v2" } }\r\n'
        [dump]=$(containerd config default)
    )
    for text in "${!texts[@]}"; do
        if [[ $text == dump ]] && ! matrix; then continue; fi
        echo "# $text" >&2
        printf '%s' "${texts[$text]}" >"$toml"
        rm -rf /var/lib/kubelet
        if [[ $text == comment ]]; then
            mkdir /var/lib/kubelet
            printf 'apiVersion: kubelet.config.k8s.io/v1beta1\ncgroupDriver: "systemd" # ours\n' >/var/lib/kubelet/config.yaml
        fi
        before=$(etc)
        configure containerd --default --dry-run >/run/diff
        expect_eq "$before" "$(etc)"
        configure containerd --default
        case $text in comment | options) systemd=True ;; dump) systemd=False ;; *) systemd=None ;; esac
        expect_eq "bulkhead io.bulkhead.* io.bulkhead.*/* io.bulkhead.* io.bulkhead.*/* /usr/bin/bulkhead-runtime $systemd bulkhead runc" "$(as_read)"
        before=$(etc)
        expect_eq "nothing to do" "$(configure containerd --default)"
        expect_eq "$before" "$(etc)"
        configure containerd --remove
        printf '%s' "${texts[$text]}" | cmp - "$toml"
    done
}

@test "a pod of containerd's goes through it, with the annotations that are ours and no other" {
    local container
    cri_home_make
    cri_config_of_places >"$cri_home/config.toml"
    configure containerd --engine-config "$cri_home/config.toml" --default
    cri_start
    expect_match "bulkhead: configure: process $(<"$cri_home/pid") \(containerd\) reads $cri_home/config.toml: name that" \
        "$(configure containerd --dry-run 2>&1)"
    cri_pod shop web io.bulkhead.pids-max=100 other.example/key=value >/run/ids || { cri_log | tail -5; return 1; }
    read -r _ container </run/ids
    expect_eq 100 "$(cat "/sys/fs/cgroup/k8s.io/$container/pids.max")"
    expect_eq '["io.bulkhead.pids-max"]' \
        "$(jq --compact-output '.annotations | keys | map(select(test("bulkhead|example")))' "$(cri_bundle "$container")/config.json")"
    cri_stop
    expect_empty "$(ls -A "$receipts")" "receipts"
}

runtime_of_podman() { podman info --format '{{.Host.OCIRuntime.Path}}' 3>&-; }

pids_of() { cgroup_value "$1" pids.max; } # NAME

@test "podman goes through it; containers that were made before it, and with it, start, stop and are removed when it comes and goes" {
    RUNTIME=crun
    container_start before --annotation io.bulkhead.pids-max=50
    if matrix; then container_start running; fi
    engine stop --time 0 before
    expect_eq /usr/bin/crun "$(runtime_of_podman)"

    configure podman
    expect_eq /usr/libexec/bulkhead/crun "$(runtime_of_podman)"
    engine start before
    engine inspect --format '{{.State.Pid}}' before >"$facts/before.pid"
    expect_eq 50 "$(pids_of before)"
    container_start with --annotation io.bulkhead.pids-max=60
    expect_eq 60 "$(pids_of with)"
    if matrix; then
        container_exec running true
        engine stop --time 0 running
    fi

    configure podman --remove
    expect_eq /usr/bin/crun "$(runtime_of_podman)"
    container_exec with true
    engine stop --time 0 with before
    engine start with before
    engine inspect --format '{{.State.Pid}}' with >"$facts/with.pid"
    expect_eq 2048 "$(pids_of with)" # podman's own
    container_delete with
    container_delete before
    if matrix; then container_delete running; fi
    [[ ! -e /etc/containers/containers.conf.d ]]
    expect_empty "$(ls -A "$receipts")" "receipts"
}

@test "what is not to be changed is refused in words, with 1, and left as it is; usage is 2" {
    local before
    before=$(etc)
    run setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$BULKHEAD" configure podman
    expect_eq "1 bulkhead: configure: only root can change what engines read" "$status $output"
    for arguments in '' cri-o 'podman --default --remove'; do
        # shellcheck disable=SC2086 # several words
        run configure $arguments
        expect_eq 2 "$status"
    done
    mkdir -p /var/lib/rancher/k3s/agent/etc/containerd
    run configure containerd
    expect_eq 1 "$status"
    expect_match '^bulkhead: configure: the containerd of /var/lib/rancher/k3s/agent/etc/containerd has its config made from a template' "$output"
    rm -r /var/lib/rancher
    expect_eq "$before" "$(etc)"
    echo 'version = ' >"$toml"
    before=$(etc)
    run configure containerd
    expect_eq "1 bulkhead: configure: $toml: line 1: " "$status ${output%Error*}"
    expect_eq "$before" "$(etc)"
}
