#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
# matrix: what of it is new after configure.bats are more pods and starts of containerd, two minutes
#
# `bulkhead configure containerd`, with pods that were made before it, with its handler and by default, which all go on when
# it comes and when it goes; and config/containerd/base-runtime-spec.json, the way without the shim.
load ../helpers
load ../disk
load ../containerd
load ../shim

BULKHEAD=${BULKHEAD_HOOK%/*}/bulkhead

setup_file() {
    shim_install
    busybox_tar
    docker_archive
}

setup() { :; }
teardown() { :; }

configure() { "$BULKHEAD" configure containerd --engine-config "$cri_home/config.toml" "$@"; }

# A pod of the handler, or of the default one; sets sandbox and container.
pod() { # NAMESPACE [OPTION...]
    cri_pod "$1" web "${@:2}" io.bulkhead.pids-max=100 other.example/key=value >/run/ids || { cri_log | tail -5; return 1; }
    read -r sandbox container </run/ids
}

pids_max() { cat "/sys/fs/cgroup/k8s.io/$container/pids.max"; }

# The pod's annotations that containerd has let through.
let_through() { jq --compact-output '.annotations | keys | map(select(test("bulkhead|example")))' "$(cri_bundle "$1")/config.json"; }

# With a spec of ours for all of its containers, and Debian's CRI plugin in all else.
cri_config() {
    cri_config_of_places
    cat <<END
[$cri_section.containerd.runtimes.hook-only]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["io.bulkhead.*"]
base_runtime_spec = "$checkout/config/containerd/base-runtime-spec.json"
END
}

cri_again() { # what `systemctl restart containerd` does
    cri_pause
    cri_start
}

@test "containerd's pods go through it; those that were made before it, and with it, go on when it comes and goes" {
    local before with
    cri_home_make
    cri_config >"$cri_home/config.toml"
    cp "$cri_home/config.toml" /run/cri.toml
    configure
    cri_start
    pod before
    before=$sandbox
    expect_eq '[]' "$(let_through "$container")" # not ours to change: it is the built-in one
    expect_eq max "$(pids_max)"
    pod with --handler=bulkhead
    with=$sandbox
    expect_eq '["io.bulkhead.pids-max"]' "$(let_through "$container")"
    expect_eq 100 "$(pids_max)"
    expect_match "/usr/libexec/oci/hooks.d/bulkhead-hook" "$(<"$(cri_bundle "$container")/config.json")"

    configure --default
    cri_again
    pod default
    expect_eq 100 "$(pids_max)"
    "$checkout/tests/node/cri" "$cri_home/socket" --remove "$before"

    configure --remove
    cmp /run/cri.toml "$cri_home/config.toml"
    # As it was, it does not load: a config that names a runtime has no built-in one.
    printf '[%s.containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n' "$cri_section" >>"$cri_home/config.toml"
    cri_again
    "$checkout/tests/node/cri" "$cri_home/socket" --remove "$with"
    "$checkout/tests/node/cri" "$cri_home/socket" --remove "$sandbox"
    expect_empty "$(ls -A "$receipts")" "receipts"

    # The other way, without the shim: config/containerd/base-runtime-spec.json.
    pod hook --handler=hook-only
    expect_eq '["io.bulkhead.pids-max"]' "$(let_through "$container")"
    expect_eq 100 "$(pids_max)"
    cri_stop
    expect_empty "$(ls -A "$receipts")" "receipts"
}

@test "the base_runtime_spec is containerd's own spec with our hook in it" {
    expect_eq "$(ctr oci spec | jq --sort-keys 'del(.ociVersion) | .linux.maskedPaths -= ["/sys/devices/virtual/powercap"]')" \
        "$(jq --sort-keys 'del(.hooks, .ociVersion)' "$checkout/config/containerd/base-runtime-spec.json")"
}
