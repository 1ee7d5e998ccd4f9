#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: runc
# matrix-runtime: crun
#
# bulkhead explain: what it says of a bundle is what the hook then does, on a real container.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load segments

bundle_asking() { # [KEY VALUE]...
    rm -rf --one-file-system "$work/bundles/c1"
    bundle_new
    bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
    bundle_hook
    bundle_ask "$@"
}

# Into $said.
explain() {
    local status=0
    said=$(bulkhead explain --bundle "$bundle" -o json) || status=$?
    expect_eq "$([[ $(say .verdict) == refused ]] && echo 1 || echo 0)" "$status" "explain's status"
    expect_eq "$said" "$(hook_state creating | bulkhead explain --state - -o json || true)" "by its state"
    expect_empty "$(find "$state_dir" -type f -not -path '*/errors/*' -not -name counters 2>/dev/null)" "left by explain"
}

say() { jq --raw-output "$@" <<<"$said"; }

key() { say --arg key "$1" '.keys[] | select(.key == $key) | [.effect, .value] | map(tostring) | join(" ")'; } # KEY

# The hook does what explain says; $said before, the container after it.
expect_agreement() { # VERDICT
    explain
    expect_eq "$1" "$(say .verdict)" "verdict of explain: $said"
    case $1 in
    refused) expect_refusal_agrees ;;
    nothing) expect_nothing_done ;;
    limits)
        container_start
        expect_keys_agree
        expect_segments_agree
        expect_receipt_agrees
        ;;
    esac
}

expect_refusal_agrees() {
    refused_start "$(say .refusal.code)"
    expect_eq "$(say .refusal.line)" "$line"
    expect_eq "$line" "$(bulkhead explain --bundle "$bundle" | tail -n 1)" "the last line for people"
}

expect_nothing_done() {
    container_start
    expect_empty "$(find "$state_dir/containers" -type f 2>/dev/null)" "receipts"
}

expect_keys_agree() {
    local key value
    while read -r key value; do
        expect_eq "$value" "$(value_in_force "$key")" "$key, as explain says and as it is"
    done < <(say '.keys[] | select(.value != null and .effect != "atStart") | "\(.key) \(.value)"')
    # What nobody limits.
    while read -r key; do
        expect_eq max "$(value_in_force "$key")" "$key, which nobody limits"
    done < <(say '.keys[] | select(.value == null and (.key == "memory-max" or .key == "pids-max")) | .key')
}

value_in_force() { # KEY
    case $1 in
    shm-size) container_shm_size ;;
    memory-oom-group) cgroup_value memory.oom.group | sed 's/0/false/; s/1/true/' ;;
    *) cgroup_value "${1//-/.}" ;;
    esac
}

expect_segments_agree() {
    local path size place read_only
    while read -r path size place read_only; do
        expect_mounted "$path"
        expect_eq "$(stat -c %d "$state_dir/segments/$place")" \
            "$(stat -c %d "/proc/$(container_pid)/root$path")" "the segment at $path"
        [[ $size == null ]] || expect_eq "$size" "$(tmpfs_size "/proc/$(container_pid)/root$path")" "its size"
        expect_eq "$([[ $read_only == true ]] && echo ro || echo rw)" "$(awk -v at="$path" '$5 == at {
            print substr($6, 1, 2) }' "/proc/$(container_pid)/mountinfo" | tail -n 1)"
    done < <(say '.segments[] | "\(.path) \(.size) \(.place) \(.readOnly)"')
}

# What was asked, by whom, and what was left out of it.
expect_receipt_agrees() {
    local receipt
    receipt=$(cat "$state_dir"/containers/*/*.json)
    expect_eq "$(say --compact-output '[(.keys[], .segments[]) | select(.asked) | .asked |
            {((if .file then .file + ": " + .path else .annotation end)): .text}] | add // {} | to_entries | sort')" \
        "$(jq --compact-output '.asked | to_entries | sort' <<<"$receipt")" "asked"
    expect_eq "$(say --compact-output '[.keys[] | select(.effect == "leftOut") | .note] | sort')" \
        "$(jq --compact-output '[.leftOut[]?.reason] | sort' <<<"$receipt")" "left out"
}

engine_limits() { bundle_edit ".linux.resources += $1"; } # JSON

@test "asks for nothing: nothing" {
    bundle_asking
    expect_agreement nothing
    expect_eq 'nothing in its state begins with io.bulkhead., and the node config has no defaults' "$(say .reason)"
}

@test "limits where the engine set none" {
    bundle_asking shm-size 16Mi memory-max 64Mi pids-max 20
    expect_agreement limits
    expect_eq "set $((64 * MiB))" "$(key memory-max)"
    expect_eq "set 20" "$(key pids-max)"
    expect_eq "set $((16 * MiB))" "$(key shm-size)"
    expect_eq $((64 * MiB)) "$(cgroup_value memory.max)"
}

@test "the engine's tighter limits stay, its looser ones go" {
    bundle_asking memory-max 64Mi pids-max 20
    engine_limits '{memory: {limit: 33554432}, pids: {limit: 100}}'
    expect_agreement limits
    expect_eq "kept $((32 * MiB))" "$(key memory-max)"
    expect_eq "set 20" "$(key pids-max)"
    container_delete
    bundle_asking memory-max 64Mi pids-max 20
    engine_limits '{memory: {limit: 134217728}, pids: {limit: 10}}'
    expect_agreement limits
    expect_eq "set $((64 * MiB))" "$(key memory-max)"
    expect_eq "kept 10" "$(key pids-max)"
}

@test "swap: as much as the engine allowed, or less" {
    bundle_new probe
    container_start
    require_swap_accounting "$(container_pid)"
    bundle_asking memory-max 64Mi
    engine_limits '{memory: {limit: 134217728, swap: 167772160}}'
    expect_agreement limits
    expect_eq "none $((32 * MiB))" "$(key memory-swap-max)"
    container_delete
    bundle_asking memory-swap-max 16Mi
    engine_limits '{memory: {limit: 134217728, swap: 167772160}}'
    expect_agreement limits
    expect_eq "set $((16 * MiB))" "$(key memory-swap-max)"
    container_delete
    bundle_asking memory-swap-max 64Mi
    engine_limits '{memory: {limit: 134217728, swap: 167772160}}'
    expect_agreement limits
    expect_eq "kept $((32 * MiB))" "$(key memory-swap-max)"
}

@test "values as the kernel keeps them" {
    bundle_asking memory-max 64000001 shm-size 10001
    expect_agreement limits
    expect_eq "set $((64000001 / 4096 * 4096))" "$(key memory-max)"
    expect_eq "set 12288" "$(key shm-size)"
}

@test "a limit is raised where the config lets it, and by no default" {
    hook_config '{"cgroup": {"allow-raise": true}, "defaults": {"memory-max": "1Gi"}}'
    bundle_asking pids-max 50
    engine_limits '{memory: {limit: 33554432}, pids: {limit: 10}}'
    expect_agreement limits
    expect_eq "set 50" "$(key pids-max)"
    expect_eq "kept $((32 * MiB))" "$(key memory-max)"
}

@test "defaults: the top level's and the rule's, under an annotation and a maximum" {
    hook_config '{"defaults": {"pids-max": 100, "memory-max": "1Gi"}, "max": {"memory-max": "128Mi"},
        "rules": [{"namespace": "prod", "defaults": {"pids-max": 30}}]}'
    bundle_asking
    expect_agreement limits
    expect_eq "set 100" "$(key pids-max)"
    expect_eq "set $((128 * MiB))" "$(key memory-max)"
    container_delete
    bundle_asking
    in_namespace prod
    expect_agreement limits
    expect_eq "set 30" "$(key pids-max)"
    expect_eq 'rules[0]' "$(say .rule.path)"
    container_delete
    bundle_asking pids-max 40
    in_namespace other
    expect_agreement limits
    expect_eq "set 40" "$(key pids-max)"
    expect_eq null "$(say .rule)"
}

@test "a sandbox gets nothing, whatever the config has" {
    hook_config '{"defaults": {"pids-max": 100}}'
    bundle_asking pids-max 5
    in_namespace prod
    bundle_annotate io.kubernetes.cri.container-type sandbox
    expect_agreement nothing
    expect_eq "it is a pod's sandbox, which gets no limits of its own" "$(say .reason)"
}

@test "a default of /dev/shm: smaller, not larger, and none is made" {
    local shm='(.mounts[] | select(.destination == "/dev/shm"))'
    hook_config '{"defaults": {"shm-size": "16Mi"}}'
    bundle_asking
    expect_agreement limits
    expect_eq "set $((16 * MiB))" "$(key shm-size)"
    container_delete
    bundle_edit "$shm.options = [\"nosuid\", \"nodev\", \"size=8m\"]"
    expect_agreement limits
    expect_eq "kept $((8 * MiB))" "$(key shm-size)"
    container_delete
    bundle_edit "del($shm)"
    expect_agreement limits
    expect_eq "none null" "$(key shm-size)"
    [[ ! -e /proc/$(container_pid)/root/dev/shm ]]
}

@test "/dev/shm is made where there is none" {
    bundle_asking shm-size 16Mi
    bundle_edit 'del(.mounts[] | select(.destination == "/dev/shm"))'
    expect_agreement limits
    expect_eq 'made, as the container has none' "$(say '.keys[0].note')"
    expect_eq $((16 * MiB)) "$(container_shm_size)"
}

@test "segments: a container's own, a declared one, one at /dev/shm" {
    hook_config '{"segments": {"feed": {"size": "2Mi", "readers": ["@local"], "writers": ["prod"]}},
        "defaults": {"shm-size": "1Mi"}, "max": {"segments-total": "64Mi"}}'
    bundle_asking segment.x path=/mnt/x,size=1Mi segment.feed path=/mnt/feed,ro
    expect_agreement limits
    expect_eq "local/x node/feed" "$(say '[.segments[].place] | sort | join(" ")')"
    expect_eq $((64 * MiB)) "$(say '.segments[] | select(.name == "x") | .total.value')"
    container_delete
    bundle_asking segment.x path=/dev/shm,size=3Mi
    in_namespace prod
    expect_agreement limits
    expect_eq k8s/prod/x "$(say '.segments[0].place')"
    expect_eq 'the segment at /dev/shm has its own size' "$(say '.keys[0].note')"
}

@test "refused for what is written: 64" {
    local asked
    for asked in "shm-size 512m" "shm-sise 1Gi" "pids-max 0" "segment.x size=1Mi" "segment.X path=/x"; do
        # shellcheck disable=SC2086 # a key and a value
        bundle_asking $asked
        expect_agreement refused
        expect_eq 64 "$(say .refusal.code)"
    done
    bundle_asking segment.x path=/dev/shm,size=1Mi shm-size 1Mi
    expect_agreement refused
    expect_eq 64 "$(say .refusal.code)"
}

@test "refused for what the config says: 77" {
    hook_config '{"max": {"shm-size": "32Mi", "segment-size": "1Mi"},
        "rules": [{"namespace": "@local"}, {"namespace": "batch", "allow": ["pids-max"]}],
        "segments": {"feed": {"size": "1Mi", "readers": ["@local"], "writers": ["prod"]}}}'
    local asked
    for asked in "shm-size 33Mi" "memory-low 1Mi" "segment.x path=/x,size=2Mi" "segment.x path=/x,size=1Mi,exec" \
        "segment.feed path=/x"; do
        # shellcheck disable=SC2086
        bundle_asking $asked
        expect_agreement refused
        expect_eq 77 "$(say .refusal.code)"
        expect_eq 'rules[0]' "$(say .rule.path)"
    done
    bundle_asking shm-size 1Mi
    in_namespace batch
    expect_agreement refused
    expect_match 'rules\[1\].allow in .* does not list it' "$(say .refusal.line)"
}

@test "refused for what the container is: 77" {
    bundle_asking segment.x path=/mnt/x,size=1Mi,ro
    bundle_edit '.process.capabilities.bounding += ["CAP_SYS_ADMIN"]'
    expect_agreement refused
    bundle_asking pids-max 5
    in_namespace prod
    bundle_annotate io.kubernetes.cri-o.Name k8s_web_pod_prod_uid_0
    expect_agreement refused
    expect_eq '77 null' "$(say '"\(.refusal.code) \(.container.engine)"')"
    bundle_asking shm-size 16Mi
    bundle_edit '(.mounts[] | select(.destination == "/dev/shm")) |=
        {destination, type: "bind", source: "/dev/shm", options: ["rbind", "rw"]}'
    expect_agreement refused
    expect_match "the host's own" "$(say .refusal.line)"
}

@test "refused for what the engine does not tell: 65" {
    hook_config '{"rules": [{"namespace": "prod", "max": {"pids-max": 5}}]}'
    bundle_asking pids-max 5
    bundle_annotate io.kubernetes.cri.container-type container
    expect_agreement refused
    expect_eq 65 "$(say .refusal.code)"
    bundle_asking pids-max/web 5
    bundle_annotate io.kubernetes.cri.container-type container
    expect_agreement refused
}

@test "one container's key for a pod's /dev/shm: 69" {
    mkdir "$work/shm"
    mount -t tmpfs -o size=8M shm "$work/shm"
    bundle_asking shm-size/web 16Mi
    in_namespace prod
    bundle_edit --arg source "$work/shm" '(.mounts[] | select(.destination == "/dev/shm")) |=
        {destination, type: "bind", $source, options: ["rbind", "rw"]}'
    expect_agreement refused
    expect_eq 69 "$(say .refusal.code)"
    hook_config '{"on-error": {"shm": "warn"}}'
    expect_agreement limits
    expect_match '^leftOut ' "$(key shm-size)"
    expect_eq $((8 * MiB)) "$(container_shm_size)"
}

@test "what cgroup v1 has not: 69, or left out" {
    require_version_1
    bundle_asking memory-high 64Mi pids-max 20
    expect_agreement refused
    expect_eq 69 "$(say .refusal.code)"
    hook_config '{"on-error": {"cgroup": "warn"}}'
    expect_agreement limits
    expect_eq "leftOut null" "$(key memory-high)"
    expect_eq "set 20" "$(key pids-max)"
}

@test "a bad config refuses whom it concerns: 78" {
    hook_config '{"disks": {}, "rules": [{"namespace": "prod", "defaults": {"pids-max": 5}}]}'
    bundle_asking pids-max 5
    expect_agreement refused
    expect_eq 78 "$(say .refusal.code)"
    bundle_asking
    in_namespace prod
    expect_agreement refused
    bundle_asking
    in_namespace other
    expect_agreement nothing
    expect_eq false "$(say .config.sound)"
}

@test "what is found when the container starts is not promised" {
    bundle_asking memory-max 64Ki
    explain
    expect_eq limits "$(say .verdict)"
    expect_match 'what it uses by then' "$(say '.atStart[0]')"
    expect_refused_like 75 'io.bulkhead.memory-max="64Ki": the container already uses .*'
}

@test "what a runtime does not tell the hook it does not see" {
    bundle_asking shm-size 512m
    run bulkhead explain --state - < <(hook_state creating | jq 'del(.annotations)')
    expect_eq 0 "$status"
    expect_match 'nothing is done   nothing in its state begins with io.bulkhead.' "$output"
    run hook createRuntime < <(hook_state creating $$ | jq 'del(.annotations)')
    expect_eq 0 "$status"
    run bulkhead explain --state - <<<'{"io.bulkhead.": "cut off"'
    expect_eq 1 "$status"
    expect_eq 'bulkhead: JSON is malformed or cut off' "${lines[-1]}"
    run hook createRuntime <<<'{"io.bulkhead.": "cut off"'
    expect_eq '65 bulkhead: JSON is malformed or cut off' "$status $output"
}

@test "the container's id is the bundle's name, or said" {
    bundle_asking pids-max/c1 5 pids-max/other 7
    explain
    expect_eq "set 5" "$(key pids-max)"
    cd "$work/bundles"
    for said in c1/ ./c1 "$bundle//"; do
        expect_eq "c1 $bundle" "$(bulkhead explain --bundle "$said" -o json | jq -r '.container | "\(.id) \(.bundle)"')"
    done
    said=$(bulkhead explain --bundle c1 --id other -o json)
    expect_eq "set 7" "$(key pids-max)"
    mkdir -p "$work/overlay-containers/0123"
    mv "$bundle" "$work/overlay-containers/0123/userdata"
    expect_eq 0123 "$(bulkhead explain --bundle "$work/overlay-containers/0123/userdata" -o json |
        jq --raw-output .container.id)"
}

@test "by its id, or the beginning of it: as by its bundle, and why it was refused" {
    bundle_asking shm-size 512m
    refused_start 64
    run bulkhead explain c1
    expect_eq "1 bulkhead: explain: no container \"c1\" has a receipt here
last refusal, at createRuntime: $line" "$status $output"
    run bulkhead explain --bundle "$bundle"
    expect_eq "last refusal      64 at createRuntime: $line" "${lines[2]}"
    bundle_asking shm-size 16Mi pids-max 20
    container_start
    said=$(bulkhead explain c1 -o json)
    expect_eq "limits c1 $bundle" "$(say '"\(.verdict) \(.container.id) \(.container.bundle)"')"
    expect_eq "set 20" "$(key pids-max)"
    expect_eq "createRuntime 64 $line" "$(say '.lastRefusal | "\(.stage) \(.code) \(.line)"')"
    expect_eq "$said" "$(bulkhead explain --bundle "$bundle" -o json)" "by its bundle"
    expect_eq "$said" "$(bulkhead explain c -o json)" "by the beginning of its id"
    expect_match "^last refusal      64 at createRuntime: bulkhead: c1: " "$(bulkhead explain c1 | grep '^last')"
    bundle_edit '.annotations["io.bulkhead.pids-max"] = "none"' # now it would be refused
    run bulkhead explain c1
    expect_match '^1 bulkhead: c1: io.bulkhead.pids-max="none": ' "$status ${lines[-1]}"
    container_delete
    run bulkhead explain nobody
    expect_eq '1 bulkhead: explain: no container "nobody" has a receipt here' "$status $output"
}

@test "an id that several begin with is not enough" {
    bundle_asking pids-max 5
    container_start
    local first=$bundle
    bundle_new c2
    bundle_hook
    bundle_annotate io.bulkhead.pids-max 5
    container_start
    run bulkhead explain c
    expect_eq "1 bulkhead: explain: \"c\" is the beginning of several ids; write more of it
    c1  $first
    c2  $bundle" "$status $output"
    expect_eq c2 "$(bulkhead explain c2 -o json | jq -r .container.id)"
}

@test "what cannot be explained" {
    mkdir "$work/a b"
    run bulkhead explain --bundle "$work/a b"
    expect_eq '1 bulkhead: explain: "a b" is not a container id; say which with --id' "$status $output"
    run bulkhead explain --bundle "$work/a b" --id c1
    expect_eq "bulkhead: c1: $work/a b/config.json is not there; the state's bundle is wrong" "${lines[-1]}"
    run bulkhead explain --state "$work/none"
    expect_eq "1 bulkhead: explain: open $work/none: No such file or directory" "$status $output"
    local wrong
    for wrong in "" "--bundle $work --state -" "--id c1 --state -" "--bundle" "--id c1" \
        "c1 --bundle $work" "c1 --state -" "c1 --id c1" "c1 c2"; do
        # shellcheck disable=SC2086 # words
        run bulkhead explain $wrong </dev/null
        expect_eq 2 "$status" "explain $wrong"
    done
}
