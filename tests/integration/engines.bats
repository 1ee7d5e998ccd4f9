#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a container is, by CRI-O's annotations in a bundle of containers/storage. runtime/oci/engine.h says which of them
# are the tenant's; tests/unit/oci/engine_hostile_test.cpp has them as each engine writes them.

load helpers

# The current bundle, to where CRI-O has it.
move_to_storage() {
    local place=$work/storage/overlay-containers/$id/userdata
    mkdir -p "$(dirname "$place")"
    mv "$bundle" "$place"
    ln -s "$place" "$bundle"
    bundle=$place
}

crio_annotate() { bundle_annotate "io.kubernetes.cri-o.$1" "$2"; }

# A container that CRI-O made for the pod "pod" of the namespace "shop", of the sandbox "sandbox-of-it".
crio_workload() { # ID
    bundle_new "$1"
    bundle_hook
    bundle_annotate io.bulkhead.pids-max/web 20
    bundle_annotate io.bulkhead.segment.x path=/mnt/x,size=1Mi
    crio_annotate ContainerID "$id"
    crio_annotate ContainerType container
    crio_annotate Name k8s_web_pod_shop_uid_0
    crio_annotate SandboxName k8s_pod_shop_uid_0
    bundle_annotate io.kubernetes.container.name web
    bundle_annotate io.kubernetes.pod.namespace shop
    move_to_storage
    mount_hostname_of sandbox-of-it
}

mount_hostname_of() { # ID
    local file=$work/storage/overlay-containers/$1/userdata/hostname
    mkdir -p "$(dirname "$file")"
    echo pod >"$file"
    # shellcheck disable=SC2016 # jq's variable
    bundle_edit --arg source "$file" '.mounts += [{
        destination: "/etc/hostname", type: "bind", source: $source, options: ["bind", "ro"]}]'
}

expect_walls() {
    expect_eq 20 "$(cgroup_value pids.max)"
    [[ -d $state_dir/segments/k8s/shop/x && ! -e $state_dir/segments/k8s/victim && ! -e $state_dir/segments/local ]]
}

@test "a workload of CRI-O's gets its walls, and those of its own namespace" {
    crio_workload a
    container_start
    expect_walls
}

@test "one that says it is a sandbox gets them all the same" {
    crio_workload a
    crio_annotate ContainerType sandbox
    crio_annotate HostnamePath "$work/storage/overlay-containers/$id/userdata/hostname"
    container_start
    expect_walls
}

@test "what only a CRI-O that was started anew or a checkpoint writes does not choose the namespace" {
    crio_workload a
    crio_annotate SandboxName k8s_pod_victim_uid_0
    crio_annotate Namespace victim
    crio_annotate Labels '{"io.kubernetes.container.name":"other","io.kubernetes.pod.namespace":"victim"}'
    container_start
    expect_walls
    crio_workload b
    crio_annotate Name k8s_k8s_web_pod_shop_uid_0_pod_shop_uid0
    container_start
    expect_walls
}

@test "a sandbox of CRI-O's gets nothing, and is not what its pod's annotations say" {
    crio_workload a
    mount_hostname_of "$id"
    crio_annotate HostnamePath "$work/storage/overlay-containers/$id/userdata/hostname"
    crio_annotate Name k8s_web_pod_victim_uid_0
    crio_annotate ContainerID 0000
    container_start
    expect_eq max "$(cgroup_value pids.max)"
    [[ ! -e $state_dir ]]
}

@test "names of CRI-O's that it cannot have written are refused" {
    crio_workload a
    crio_annotate ContainerID 0000
    expect_refused 77 "io.kubernetes.cri-o.ContainerID is not this container's id, so CRI-O's keys here are forged; \
use an image without them"
    crio_annotate ContainerID "$id"
    crio_annotate Name k8s_web_pod_victim_uid_0
    expect_refused 77 "io.kubernetes.cri-o.Name is not of the container and namespace that the kubelet's labels name, \
so one of them is forged; use an image that is no checkpoint"
    [[ ! -e $state_dir/segments ]]
}
