#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What the hook refuses, with which exit status and in which words; and what it must bear without a word.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers

bundle_with_hook() {
    bundle_new
    bundle_hook
}

expect_value_refused() { # KEY VALUE WHAT [CODE]
    bundle_edit --arg key "io.bulkhead.$1" --arg value "$2" '.annotations = {($key): $value}'
    expect_refused "${4:-64}" "io.bulkhead.$1=\"$2\": $3"
}

@test "numbers that are none" {
    bundle_with_hook
    expect_value_refused shm-size "" "is empty; write a number"
    expect_value_refused shm-size -1 "is negative; write a positive number, or leave it out"
    expect_value_refused shm-size half "does not begin with a digit; write a whole number, or leave it out"
    expect_value_refused shm-size +5 "does not begin with a digit; write a whole number, or leave it out"
    expect_value_refused pids-max 10k 'has "k" after the number; write digits only'
    expect_value_refused memory-max " 1Gi" "does not begin with a digit; write a whole number, or leave it out"
}

@test "units that are none, or two" {
    bundle_with_hook
    expect_value_refused shm-size 64m '"m" is milli in Kubernetes and MiB in docker; write 64Mi or 67108864'
    expect_value_refused memory-max 2g '"g" is nothing in Kubernetes and GiB in docker; write 2Gi or 2147483648'
    expect_value_refused memory-max 1.5Gi "fractions are not accepted; write a whole number with a smaller unit"
    expect_value_refused shm-size 64MB \
        'unknown unit "MB"; write bytes, or k, M, G, T (powers of 1000), Ki, Mi, Gi, Ti'
    expect_value_refused memory-swap-max "1 Gi" \
        'unknown unit " Gi"; write bytes, or k, M, G, T (powers of 1000), Ki, Mi, Gi, Ti'
}

@test "values out of range" {
    bundle_with_hook
    local none="is 0, which would be no limit or no room; write more or leave it out"
    expect_value_refused shm-size 0 "$none"
    expect_value_refused memory-max 0 "$none"
    expect_value_refused pids-max 0 "$none"
    expect_value_refused memory-max 65535 "is too little; write at least 65536"
    expect_value_refused pids-max 4194305 "is more than the kernel takes; write at most 4194304"
}

@test "values that are too large" {
    bundle_with_hook
    expect_value_refused memory-max 9223372036854775808 "is larger than 9223372036854775807; write less"
    expect_value_refused memory-max 8388608Ti "is larger than 9223372036854775807; write less"
    local ram
    ram=$(($(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) * 1024))
    bundle_edit '.annotations = {"io.bulkhead.shm-size": "1000Ti"}'
    run container_start
    expect_match "io.bulkhead.shm-size=\"1000Ti\": exceeds the maximum of [0-9]+([KMG]i)? \(half of the node's RAM\); ask \
for less" "$(jq --raw-output .line "$state_dir"/errors/*.json)"
    expect_eq 77 "$(jq .code "$state_dir"/errors/*.json)"
    # Just above the half, in whole pages.
    bundle_edit --arg size $((ram / 2 + 65536)) '.annotations = {"io.bulkhead.shm-size": $size}'
    run container_start
    expect_match "(exit status |exit code: )77" "$output"
}

@test "neither true nor false; unknown keys; keys of other containers" {
    bundle_with_hook
    expect_value_refused memory-oom-group yes 'is neither "true" nor "false"; write one of them'
    expect_value_refused shm-sise 1Mi "unknown annotation; the nearest known one is io.bulkhead.shm-size"
    expect_value_refused Memory-Max/c1 1Mi "unknown annotation; the nearest known one is io.bulkhead.memory-max"
    expect_value_refused pids-max/ 5 "what follows the slash is not a container's name; write 1 to 253 letters, digits and _.+-"
    expect_value_refused pids-max/a/b 5 "what follows the slash is not a container's name; write 1 to 253 letters, digits and _.+-"
    expect_value_refused shm-size/other 64m '"m" is milli in Kubernetes and MiB in docker; write 64Mi or 67108864'
}

@test "a key for another container is ignored" {
    bundle_with_hook
    bundle_annotate io.bulkhead.pids-max/other 5
    container_start
    expect_eq max "$(cgroup_value pids.max)"
    [[ ! -e $state_dir ]]
}

@test "an annotation that would break the line does not" {
    bundle_with_hook
    bundle_annotate io.bulkhead.pids-max $'1\nbulkhead: c1: all is well\e[2J'
    expect_refused 64 'io.bulkhead.pids-max="1?bulkhead: c1: all is well?[2J": has "?bulkhead: c1: all is well?[2J" after the number; write digits only'
}

@test "annotations of both engines are refused" {
    bundle_with_hook
    bundle_annotate io.bulkhead.shm-size 16Mi
    bundle_annotate io.kubernetes.cri-o.SandboxID abc
    bundle_annotate io.kubernetes.cri.sandbox-id abc
    expect_refused 77 "annotations of both CRI-O and containerd are set (io.kubernetes.cri.sandbox-id among them); remove \
the io.kubernetes.cri keys from the pod"
}

@test "a pod's sandbox gets nothing" {
    bundle_with_hook
    bundle_annotate io.kubernetes.cri.container-type sandbox
    bundle_annotate io.bulkhead.shm-size 16Mi
    bundle_annotate io.bulkhead.pids-max 20
    container_start
    expect_eq $((64 << 20)) "$(container_shm_size)"
    expect_eq max "$(cgroup_value pids.max)"
    [[ ! -e $state_dir ]]
}

@test "a bad config is refused with its place, but not for containers that ask for nothing" {
    bundle_with_hook
    hook_config '{"disk": {"implied-inodes": 1}}'
    container_start
    container_delete
    bundle_annotate io.bulkhead.pids-max 100
    expect_refused 78 "$config: disk.implied-inodes is neither true nor false"
    hook_config '{"disk": {"project-ids": [7, 3]}}'
    expect_refused 78 "$config: disk.project-ids has a first id above the last one"
    hook_config '{"disks": {}}'
    expect_refused 78 "$config: disks is not known to this version; the nearest that is known is \"disk\""
    hook_config '{'
    expect_refused 78 "$config: JSON is malformed or cut off"
    hook_config '{"disk": {"project-ids": [3, 7], "implied-inodes": false}}'
    container_start
    container_delete
    mkdir "$config.d"
    container_start
    container_delete
    touch "$config.d/10-x.json"
    expect_refused 78 "$config.d/10-x.json: JSON is not an object"
    hook_config '{"max": {"shm-size": "512m"}, "rules": [{"namespace": "*"}, {"namespace": "x"}]}'
    rm "$config.d/10-x.json"
    expect_refused 78 "$config: max.shm-size is \"512m\": \"m\" is milli in Kubernetes and MiB in docker; write 512Mi or 536870912 \
(and 1 more: see bulkhead check-config)"
}

@test "a config that another could write to is not believed" {
    bundle_with_hook
    bundle_annotate io.bulkhead.pids-max 100
    hook_config '{}'
    chmod 666 "$config"
    expect_refused 78 "$config: is not root's alone to write; chown root and chmod go-w it"
    chmod 600 "$config"
    chown 1 "$config"
    expect_refused 78 "$config: is not root's alone to write; chown root and chmod go-w it"
    chown 0 "$config"
    chmod 775 "$work"
    expect_refused 78 "$work: is not root's alone to write; chown root and chmod go-w it"
    chmod 755 "$work"
    rm "$config"
    mkdir "$config"
    expect_refused 78 "$config: is not a regular file"
    rmdir "$config"
    mkfifo "$config"
    expect_refused 78 "$config: is not a regular file"
}

# --- By itself -------------------------------------------------------------------------------------------------------

expect_hook() { # CODE LINE STATE
    run hook createRuntime <<<"$3"
    expect_eq "$1" "$status" "exit status for ${3:0:200}, with $output"
    expect_match "$2" "$output"
}

# A state whose bundle asks for something, of a process that lives.
asking_state() {
    bundle_with_hook
    bundle_annotate io.bulkhead.pids-max 100
    state=$(hook_state creating "$$")
}

@test "arguments that it does not know" {
    local usage='; usage: bulkhead-hook [--config FILE] [--state-dir DIR] [createRuntime|poststop]'
    run "$BULKHEAD_HOOK" --nonsense </dev/null
    expect_eq 78 "$status"
    expect_eq "bulkhead: unexpected argument \"--nonsense\"$usage" "$output"
    run "$BULKHEAD_HOOK" --config relative.json createRuntime </dev/null
    expect_eq 78 "$status"
    expect_eq "bulkhead: --config needs an absolute path$usage" "$output"
    run hook createRuntime poststop </dev/null
    expect_eq 78 "$status"
}

@test "a state that is cut off" {
    asking_state
    local length
    for ((length = ${#state} - 1; length > 0; length -= 7)); do
        # Without our prefix in what is left, it is nothing to us.
        if [[ ${state:0:length} == *io.bulkhead.* ]]; then
            expect_hook 65 "^bulkhead: .*(cut off|is missing|malformed)" "${state:0:length}"
        else
            expect_hook 0 '^$' "${state:0:length}"
        fi
    done
}

@test "a state with wrong types or values" {
    asking_state
    local edit
    for edit in '.id = 5' 'del(.id)' '.id = "a/b"' '.id = ".."' '.id = ""' '.id = "a b"' '.id = ("a" * 256)' \
        '.bundle = []' 'del(.bundle)' '.bundle = "here"' '.status = 1' 'del(.status)' '.pid = "7"' '.pid = 1.5' \
        '.pid = -1' '.pid = 4294967296' '.pid = {}' '[.]' 'tojson' '.bundle = "/\u0000"'; do
        expect_hook 65 '^bulkhead: ' "$(jq --compact-output "$edit" <<<"$state")"
    done
    expect_empty "$(find "$state_dir" -type f -not -path '*/errors/*' -not -name counters 2>/dev/null)"
}

@test "a state with a key twice" {
    asking_state
    expect_hook 65 'has the key "id" twice' "{\"id\":\"other\",${state:1}"
    expect_hook 65 'has the key "pid" twice' "{\"\\u0070id\":1,${state:1}"
}

@test "a state that is nested deeply" {
    asking_state
    local opening closing
    opening=$(printf '[%.0s' {1..50000}) closing=$(printf ']%.0s' {1..50000})
    expect_hook 65 'nested too deeply' "{\"x\":$opening$closing,${state:1}"
    expect_hook 65 'malformed' "{\"x\":$opening,${state:1}"
}

@test "a process that is none" {
    asking_state
    local missing='^bulkhead: c1: the state names no process \(pid is missing, 0 or 1\); register the hook for createRuntime and poststop alone, and without a stage if it is for both$' gone
    expect_hook 65 "$missing" "$(jq --compact-output 'del(.pid)' <<<"$state")"
    expect_hook 65 "$missing" "$(hook_state creating 0)"
    expect_hook 65 "$missing" "$(hook_state creating 1)"
    true 3>&- &
    gone=$!
    wait "$gone"
    expect_hook 71 "^bulkhead: c1: process $gone of the container is gone\$" "$(hook_state creating "$gone")"
}

# bash's own way to give it that much: neither arguments nor here-documents are needed.
large() { # COUNT: so many bytes that are part of a string
    head -c "$1" /dev/zero | tr '\0' x
}

@test "a megabyte of annotations" {
    asking_state
    { printf '{"x":"'; large 1100000; printf '",%s\n' "${state:1}"; } >"$work/ours"
    sed 's/io\.bulkhead\./io.container./g' "$work/ours" >"$work/others"
    run hook createRuntime <"$work/ours"
    expect_eq 65 "$status"
    expect_eq "bulkhead: the state is larger than 1 MiB" "$output"
    run hook createRuntime <"$work/others"
    expect_eq 0 "$status"
    expect_empty "$output"
    run hook poststop <"$work/ours"
    expect_eq 0 "$status"
}

@test "standard input is read to its end, whatever it is and whatever comes of it" {
    local arguments start
    for arguments in createRuntime poststop --nonsense ''; do
        for start in '{"id": "io.bulkhead."' '{' ''; do
            # shellcheck disable=SC2086 # no argument at all is one of the cases
            { printf %s "$start"; head -c 3000000 /dev/zero && echo "written" >"$work/writer"; } |
                hook $arguments >/dev/null 2>&1 || true
            expect_eq written "$(cat "$work/writer")" "hook $arguments, of $start..."
            rm "$work/writer"
        done
    done
}
