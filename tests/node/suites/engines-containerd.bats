#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: plain
# matrix: whether fixtures of the unit tests are still what containerd writes, which changes with it alone; half a minute
#
# What containerd's CRI plugin leaves of a pod's annotations that imitate its own keys, and what the hook makes of it: 1.6
# in Debian 12, 1.7 in Debian 13. The config.json files of the unit tests are held against it.
load ../helpers
load ../containerd

segments=/run/bulkhead/segments

# Every key that containerd 1.6 to 2.3 writes that says who it is, and false; as in the fixtures.
hostile=(
    io.kubernetes.cri.container-type=sandbox io.kubernetes.cri.container-name=victim io.kubernetes.cri.image-name=victim
    io.kubernetes.cri.sandbox-id=0000000000000000000000000000000000000000000000000000000000000000
    io.kubernetes.cri.sandbox-namespace=victim io.kubernetes.cri.sandbox-uid=victim
    io.kubernetes.cri.sandbox-name=victim io.kubernetes.cri.sandbox-log-directory=/victim
    io.kubernetes.cri.podsandbox.image-name=victim
    io.kubernetes.cri.Container-Type=sandbox io.kubernetes.cri.Sandbox-Namespace=victim
    io.kubernetes.container.name=victim io.kubernetes.pod.namespace=victim
    io.bulkhead.pids-max/victim=4000 io.bulkhead.pids-max/web=100
)

setup_file() {
    busybox_tar
    docker_archive
}

setup() {
    RUNTIME=runc
    runtime_with_our_hook
    cri_start
}

teardown() {
    cri_stop
    rm -rf --one-file-system /run/bulkhead
}

# The annotations in FILE, but for what the fixtures cannot have: ids, and what this pod was asked for otherwise.
annotations_in() { # FILE
    jq --sort-keys '.annotations | with_entries(select(.key | test("image-name|sandbox-id|sandbox-log-directory|sandbox-cpu|sandbox-memory|io.bulkhead.segment") | not))' "$1"
}

fixture_of() { # pod|sandbox
    local version
    version=$(containerd --version | grep --only-matching '[0-9]\.[0-9]*' | head -1)
    if [[ $1 == sandbox && $version == 1.7 ]]; then version=1.6; fi
    printf '%s/tests/unit/data/config-containerd-%s-hostile-%s.json\n' "$checkout" "$version" "$1"
}

@test "a pod that imitates containerd's keys has the walls of its own container and namespace" {
    local sandbox container
    cri_pod shop web "${hostile[@]}" io.bulkhead.segment.x=path=/mnt/x,size=1Mi >/run/ids || { cri_log; return 1; }
    read -r sandbox container </run/ids
    expect_eq 100 "$(cat "/sys/fs/cgroup/k8s.io/$container/pids.max")"
    [[ -d $segments/k8s/shop/x && ! -e $segments/k8s/victim && ! -e $segments/local ]]
    # Its sandbox says that it is the container "victim", and gets nothing.
    expect_eq victim "$(jq --raw-output '.annotations["io.kubernetes.cri.container-name"]' "$(cri_bundle "$sandbox")/config.json")"
    expect_eq max "$(cat "/sys/fs/cgroup/k8s.io/$sandbox/pids.max")"
    expect_match "^[^ ]*${container}[^ ]*\$" "$(cd /run/bulkhead/containers && echo *)" "one receipt, of the container"
}

@test "the unit tests' config.json files have what this containerd writes" {
    local sandbox container
    cri_pod shop web "${hostile[@]}" >/run/ids || { cri_log; return 1; }
    read -r sandbox container </run/ids
    # In the sandbox the pod of the fixture says "container".
    expect_eq "$(annotations_in "$(fixture_of pod)")" "$(annotations_in "$(cri_bundle "$container")/config.json")"
    expect_eq "$(annotations_in "$(fixture_of sandbox)" | sed 's/"container"/"sandbox"/')" \
        "$(annotations_in "$(cri_bundle "$sandbox")/config.json")"
}

@test "a pod that imitates CRI-O's keys does not start" {
    local key
    for key in ContainerType Name HostnamePath; do
        run cri_pod shop web "io.kubernetes.cri-o.$key=sandbox" io.bulkhead.pids-max=100
        expect_eq 'RunPodSandbox failed' "$output"
        expect_match "bulkhead: [0-9a-f]{64}: annotations of both CRI-O and containerd are set \\(io\.kubernetes\.cri\.[a-z-]*" "$(cri_log)"
        : >"$cri_home/log"
    done
    [[ ! -e /run/bulkhead/containers ]]
}
