#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The node config on real containers: rules, maxima, defaults for who asks for nothing, on-error, allow-raise, drop-ins.
# shellcheck disable=SC2016 # jq's variables
load helpers
load segments

under_containerd() { # NAMESPACE [CONTAINER]
    in_namespace "$1"
    bundle_annotate io.kubernetes.cri.container-name "${2:-web}"
}

under_crio() { # NAMESPACE [CONTAINER]
    bundle_annotate io.kubernetes.cri-o.ContainerType container
    bundle_annotate io.kubernetes.cri-o.Name "k8s_${2:-web}_pod_$1_0000-1111_0"
}

receipt() { cat "$state_dir/containers/$id"/*.json; }

# A container that says nothing of us, with the hook all the same.
silent_new() {
    bundle_new
    bundle_hook
}

expect_untouched() {
    expect_eq max "$(cgroup_value pids.max)"
    expect_eq $((64 << 20)) "$(container_shm_size)"
    [[ ! -e $state_dir ]] || complain "a state directory was made"
}

rules='{
  "max": {"shm-size": "16Mi"},
  "rules": [
    {"namespace": "ml-*", "max": {"shm-size": "128Mi", "pids-max": 100}},
    {"namespace": "batch", "allow": ["pids-max"], "defaults": {"pids-max": 30}}
  ]
}'

@test "two namespaces with different rules get different answers to the same annotations" {
    local engine
    hook_config "$rules"
    for engine in under_containerd under_crio; do
        bundle_new "ml-$engine"
        bundle_hook
        bundle_annotate io.bulkhead.shm-size 100Mi
        "$engine" ml-train
        container_start
        expect_eq $((100 << 20)) "$(container_shm_size)"
        container_delete
        "$engine" prod
        expect_refused 77 "io.bulkhead.shm-size=\"100Mi\": exceeds the maximum of 16Mi (max.shm-size in $config); ask for less"
        "$engine" batch
        expect_refused 77 "io.bulkhead.shm-size=\"100Mi\": rules[1].allow in $config does not list it; leave it out"
    done
}

@test "a pod cannot choose its rule" {
    hook_config "$rules"
    bundle_new
    bundle_hook
    under_crio prod
    bundle_annotate io.kubernetes.cri-o.Namespace ml-train
    bundle_annotate io.kubernetes.cri-o.SandboxName k8s_POD_pod_ml-train_0000-1111_0
    bundle_annotate io.kubernetes.cri-o.ContainerName train
    bundle_annotate io.bulkhead.shm-size 100Mi
    expect_refused 77 "io.bulkhead.shm-size=\"100Mi\": exceeds the maximum of 16Mi (max.shm-size in $config); ask for less"
    bundle_annotate io.kubernetes.cri.sandbox-namespace ml-train
    expect_refused_like 77 'annotations of both CRI-O and containerd are set .*'
}

@test "defaults are for who asks for nothing, and bounded by what the engine set" {
    silent_new
    container_start
    expect_untouched
    container_delete
    hook_config '{"defaults": {"pids-max": 40, "shm-size": "8Mi", "memory-max": "64Mi"}}'
    container_start
    expect_eq 40 "$(cgroup_value pids.max)"
    expect_eq $((64 << 20)) "$(cgroup_value memory.max)"
    expect_eq $((8 << 20)) "$(container_shm_size)"
    expect_eq "$config: defaults.pids-max" "$(receipt | jq --raw-output '.asked | keys[] | select(endswith("pids-max"))')"
    container_delete
    [[ ! -e $state_dir/containers/$id ]]
    # The engine's 20 and 4 MiB are less, and what was asked for is what is wanted.
    bundle_edit '.linux.resources.pids.limit = 20
        | (.mounts[] | select(.destination == "/dev/shm") | .options) += ["size=4m"]
        | (.mounts[] | select(.destination == "/dev/shm") | .options) -= ["size=65536k"]'
    bundle_annotate io.bulkhead.memory-max 128Mi
    container_start
    expect_eq 20 "$(cgroup_value pids.max)"
    expect_eq $((4 << 20)) "$(container_shm_size)"
    expect_eq $((128 << 20)) "$(cgroup_value memory.max)"
}

@test "defaults of a rule reach its namespace, and no sandbox" {
    hook_config "$rules"
    silent_new
    container_start
    expect_untouched
    container_delete
    under_containerd batch
    container_start
    expect_eq 30 "$(cgroup_value pids.max)"
    container_delete
    rm -r "$state_dir"
    bundle_annotate io.kubernetes.cri.container-type sandbox
    container_start
    expect_untouched
}

@test "a container that only says it is a sandbox gets the defaults all the same" {
    # As CRI-O and containerd write it: their own key wins over the pod's. What a pod can still say is the other's.
    hook_config '{"defaults": {"pids-max": 40}}'
    silent_new
    under_crio prod
    bundle_annotate io.kubernetes.cri.container-type sandbox
    expect_refused_like 77 'annotations of both CRI-O and containerd are set .*'
}

@test "a default that cannot be had keeps the container from starting, and names its place" {
    hook_config '{"defaults": {"disk-size": "1Gi"}}'
    silent_new
    expect_refused_like 69 "$config: defaults.disk-size=\"1Gi\": .*"
}

@test "a bad config refuses those who fall under its defaults, and no others" {
    hook_config '{"dsk": {}, "rules": [{"namespace": "batch", "defaults": {"pids-max": 30}}]}'
    silent_new
    container_start
    container_delete
    under_containerd batch
    expect_refused 78 "$config: dsk is not known to this version; the nearest that is known is \"disk\""
}

@test "on-error: warn starts the container without that wall, and the receipt says so" {
    hook_config '{"on-error": {"disk": "warn"}}'
    silent_new
    bundle_annotate io.bulkhead.disk-size 1Gi
    bundle_annotate io.bulkhead.pids-max 50
    container_start
    expect_eq 50 "$(cgroup_value pids.max)"
    expect_eq disk "$(receipt | jq --raw-output '.leftOut[0].resource')"
    expect_match '^io.bulkhead.disk-size="1Gi": ' "$(receipt | jq --raw-output '.leftOut[0].reason')"
    expect_eq false "$(receipt | jq 'has("disk")')"
    container_delete
    # Another wall is still one, and a verdict is no failure.
    bundle_annotate io.bulkhead.segment.x path=/mnt/x
    expect_refused_like 64 '.*says no size.*'
    hook_config '{"on-error": {"disk": "warn", "shm": "warn"}, "max": {"shm-size": "1Mi"}}'
    bundle_edit 'del(.annotations."io.bulkhead.segment.x")'
    bundle_annotate io.bulkhead.shm-size 2Mi
    expect_refused_like 77 '.*exceeds the maximum of 1Mi.*'
}

@test "on-error: warn, where it fails half-way: what was done of that wall is taken back" {
    hook_config '{"on-error": {"segments": "warn"}}'
    member_start other 'path=/mnt/y size=4Mi' y
    silent_new
    bundle_annotate io.bulkhead.segment.x 'path=/mnt/x size=1Mi'
    bundle_annotate io.bulkhead.segment.y 'path=/mnt/y size=1Mi'
    bundle_annotate io.bulkhead.pids-max 50
    container_start
    expect_eq 50 "$(cgroup_value pids.max)"
    expect_eq segments "$(receipt | jq --raw-output '.leftOut[0].resource')"
    expect_match '^io.bulkhead.segment.y=.*size is less than the segment.s 4Mi' \
        "$(receipt | jq --raw-output '.leftOut[0].reason')"
    expect_eq 1 "$(segment_mounts | wc -l)" "segments"
    expect_empty "$(grep /mnt/ "/proc/$(container_pid)/mountinfo")" "mounts in the container"
    container_delete
    bundle_use other
    container_delete
    expect_nothing_left
}

@test "allow-raise: an annotation may be above what the engine set" {
    silent_new
    bundle_edit '.linux.resources.pids.limit = 20 | .linux.resources.memory.limit = 67108864'
    bundle_annotate io.bulkhead.pids-max 50
    bundle_annotate io.bulkhead.memory-max 128Mi
    container_start
    expect_eq 20 "$(cgroup_value pids.max)"
    expect_eq $((64 << 20)) "$(cgroup_value memory.max)"
    container_delete
    hook_config '{"cgroup": {"allow-raise": true}, "defaults": {"memory-swap-max": "1Gi"}}'
    container_start
    expect_eq 50 "$(cgroup_value pids.max)"
    expect_eq $((128 << 20)) "$(cgroup_value memory.max)"
}

@test "drop-ins are put over the config in the order of their names" {
    hook_config '{"max": {"pids-max": 10}, "rules": [{"namespace": "x"}]}'
    mkdir "$config.d"
    printf '{"max": {"pids-max": 20}} // more\n' >"$config.d/10-more.json"
    printf '{"max": {"pids-max": 30}}\n' >"$config.d/20-most.json"
    silent_new
    bundle_annotate io.bulkhead.pids-max 30
    container_start
    container_delete
    bundle_annotate io.bulkhead.pids-max 31
    expect_refused 77 "io.bulkhead.pids-max=\"31\": exceeds the maximum of 30 (max.pids-max in $config.d/20-most.json); ask for less"
    printf '{"max": null}\n' >"$config.d/30-none.json"
    container_start
}

@test "all segments of a namespace together have a maximum" {
    hook_config '{"max": {"segments-total": "3Mi"}, "segments": {"all": {"writers": ["*"]}}}'
    member_new one 'path=/mnt/x size=2Mi'
    in_namespace prod
    container_start
    member_new two 'path=/mnt/y size=2Mi' y
    in_namespace prod
    expect_refused 77 "io.bulkhead.segment.y=\"path=/mnt/y size=2Mi\": all segments here together would exceed the \
maximum of 3Mi (max.segments-total in $config); others have 2Mi; ask for less"
    in_namespace other
    container_start
    container_delete
    member_start three 'path=/mnt/z size=8Mi' all # the node's own
    container_delete
    bundle_use one
    container_delete
    expect_nothing_left
}

@test "a segment's maximum, and one that nobody may have" {
    hook_config '{"max": {"segment-size": "1Mi"}, "rules": [{"namespace": "no", "allow": []}]}'
    member_new one 'path=/mnt/x size=2Mi'
    expect_refused 77 "io.bulkhead.segment.x=\"path=/mnt/x size=2Mi\": size exceeds the maximum of 1Mi \
(max.segment-size in $config); ask for less"
    bundle_annotate io.bulkhead.segment.x 'path=/mnt/x size=1Mi'
    in_namespace no
    expect_refused 77 "io.bulkhead.segment.x=\"path=/mnt/x size=1Mi\": rules[0].allow in $config does not list it; leave it out"
}

@test "disk.guard: require refuses a disk limit without the guard" {
    hook_config '{"disk": {"guard": "require"}}'
    silent_new
    bundle_annotate io.bulkhead.disk-size 1Gi
    expect_refused 77 'io.bulkhead.disk-size="1Gi": the node config requires that nobody can take a disk limit off (disk.guard), and this container could: it does not run behind the guard of bulkhead-runtime'
}

@test "memory-low with a maximum" {
    hook_config '{"max": {"memory-low": "1Mi"}}'
    silent_new
    bundle_annotate io.bulkhead.memory-low 2Mi
    expect_refused 77 "io.bulkhead.memory-low=\"2Mi\": exceeds the maximum of 1Mi (max.memory-low in $config); ask for less"
    bundle_annotate io.bulkhead.memory-low 1Mi
    if [[ $(cgroup_version) == 1 ]]; then
        expect_refused 69 'io.bulkhead.memory-low="1Mi": cgroup v1 has no such limit; it needs cgroup v2'
    else
        container_start
        expect_eq $((1 << 20)) "$(cgroup_value memory.low)"
    fi
}
