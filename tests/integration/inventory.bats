#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: runc
# matrix-runtime: crun
#
# bulkhead list, inspect, segment and, without a terminal, top: what they say of real containers is what the kernel says,
# and what they print is what config/bulkhead.output.schema.json says. (Disks are in the node's suite of the same name.)
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load segments
bats_require_minimum_version 1.5.0

# Into $said.
ask() { # ARG...
    said=$(bulkhead "$@" -o json)
    run "$BATS_TEST_DIRNAME/output-valid" "$(schema_of "$@")" <<<"$said"
    expect_eq "0 " "$status $output" "bulkhead $* against the schema"
}

schema_of() { if [[ $1 == segment ]]; then echo "$1-$2"; else echo "$1"; fi; } # ARG...

say() { jq --raw-output "$@" <<<"$said"; }

of() { say --arg id "$1" ".containers[] | select(.id == \$id) | $2"; } # ID FILTER

refused() { # REGEX ARG...: exit status 1, nothing on standard output
    run --separate-stderr bulkhead "${@:2}"
    expect_eq "1 " "$status $output" "bulkhead ${*:2}"
    # shellcheck disable=SC2154 # run sets it
    expect_match "$1" "$stderr"
}

container_asking() { # ID [KEY VALUE]...
    bundle_new "$1"
    bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
    bundle_hook
    shift
    while (($# > 0)); do
        bundle_annotate "io.bulkhead.$1" "$2"
        shift 2
    done
    container_start
}

shm_in_use() { # bytes, by statfs(2)
    local total free size
    read -r total free size < <(stat --file-system --format='%b %f %S' "/proc/$(container_pid)/root/dev/shm")
    echo $(((total - free) * size))
}

kill_alone() { # its poststop is never run
    kill -KILL "$(container_pid)"
    wait_until 5 process_is_gone "$(container_pid)"
}

# --- Containers ----------------------------------------------------------------------------------------------------------

@test "a container with limits: list, inspect and top say what the kernel has" {
    hook_config '{"defaults": {"pids-max": 77}}'
    container_asking a shm-size 16Mi memory-max 64Mi segment.x 'path=/mnt/x size=8Mi'
    container_exec dd if=/dev/zero of=/dev/shm/zeroes bs=1M count=3 2>/dev/null
    container_exec dd if=/dev/zero of=/mnt/x/zeroes bs=1M count=2 2>/dev/null
    ask list
    expect_eq "running $(container_pid) null null $bundle none" \
        "$(of a '[.status, .pid, .engine, .kubernetes, .bundle, .guard.state] | map(tostring) | join(" ")')"
    expect_eq "$(shm_in_use) $(container_shm_size) false" "$(of a '"\(.shm.used) \(.shm.limit) \(.shm.host)"')"
    expect_eq "$((3 * MiB)) $((16 * MiB)) false" "$(of a '"\(.shm.used) \(.shm.limit) \(.shm.host)"')"
    expect_eq "$(cgroup_value memory.max)" "$(of a .memory.limit)"
    expect_eq 77 "$(of a .pids.limit)"
    expect_match '^[1-9]$' "$(of a .pids.used)"
    # What is in tmpfs is charged to who wrote it.
    (($(of a .memory.shmem) >= 5 * MiB && $(of a .memory.usage) >= $(of a .memory.workingSet) &&
        $(of a .memory.workingSet) >= 5 * MiB)) || complain "$(of a .memory)"
    expect_eq "null" "$(of a .disk)"
    expect_eq 'x local /mnt/x false' "$(of a '.segments[] | [.name, .scope, .path, .readOnly] | map(tostring) | join(" ")')"
    expect_eq "container container config container" "$(of a '[.asked[].by] | sort_by(. == "config") | [.[0], .[1], .[3], .[2]] | join(" ")')"
    (($(date +%s) - $(date -d "$(of a .started)" +%s) < 60)) || complain "started $(of a .started)"

    ask inspect a
    expect_eq "a $((2 * MiB)) $((8 * MiB)) a null" \
        "$(say '[.container.id, .segments[0].used, .segments[0].size, .segments[0].members[0].container, .lastRefusal] | map(tostring) | join(" ")')"
    ask top
    expect_eq 'a x' "$(say '[.containers[0].id, .segments[0].name] | join(" ")')"

    run bulkhead list
    expect_match '^CONTAINER +ENGINE +STATUS +SHM +DISK +MEMORY +PIDS +GUARD$' "${lines[0]}"
    expect_match '^a +- +running +3Mi/16Mi +- +[0-9.]+Mi/64Mi +[0-9]/77 +-$' "${lines[1]}"
    run bulkhead inspect a
    expect_match $'\nshm +3Mi of 16Mi \\(19 %\\)\n' "$output"
    expect_match $'\nsegment x +2Mi of 8Mi \\(25 %\\); at /mnt/x: local/x; members a\n' "$output"
    expect_match $'\nasked +'"$config"': defaults.pids-max="77", by the node config' "$output"
    run bulkhead top
    expect_match '^bulkhead top - [0-9:]{8}, 1 container, 1 segment; by memory$' "${lines[0]}"
    expect_match '^a .* 3Mi/16Mi' "${lines[2]}"
}

@test "one that died is gone, and one that is deleted is no more" {
    container_asking a shm-size 16Mi
    kill_alone
    ask list
    expect_eq 'gone null null null' "$(of a '[.status, .shm, .memory, .pids] | map(tostring) | join(" ")')"
    expect_match '^a +- +gone +- +- +- +- +-$' "$(bulkhead list | tail -n 1)"
    container_delete
    ask list
    expect_eq '[]' "$(say --compact-output .containers)"
}

@test "with the host's /dev/shm it is said that it is the host's" {
    bundle_new a
    bundle_hook
    bundle_edit 'del(.linux.namespaces[] | select(.type == "ipc"))
        | (.mounts[] | select(.destination == "/dev/shm")) = {destination: "/dev/shm", type: "bind", source: "/dev/shm",
            options: ["rbind"]}'
    bundle_annotate io.bulkhead.pids-max 50
    container_start
    ask list
    expect_eq true "$(of a .shm.host)"
    expect_match '^a +- +running +host ' "$(bulkhead list | tail -n 1)"
}

@test "what a broken receipt says is told, and hides no other container" {
    container_asking a pids-max 50
    mkdir -m 700 "$state_dir/containers/b"
    (umask 077 && printf '{"id": "\033[2J"' >"$state_dir/containers/b/ff.json")
    ask list
    expect_eq 'a' "$(say '.containers[].id')"
    expect_eq 'containers/b' "$(say '.problems[].name')"
    run --separate-stderr bulkhead list
    expect_eq "0 2" "$status ${#lines[@]}"
    expect_match '^bulkhead: list: containers/b: receipt ff.json: ' "$stderr"
    ask inspect a
}

@test "what others wrote moves no cursor" {
    container_asking a pids-max 50
    local receipt
    receipt=$(echo "$state_dir"/containers/a/*.json)
    (umask 077 && jq '.guard = {putUp: 0, escapable: "\u001b]0;x\u0007\u009b2J"}
        | .asked["io.bulkhead.pids-max"] = "\u001b[2J\n5"' "$receipt" >"$work/receipt")
    mv "$work/receipt" "$receipt"
    local command
    for command in 'list' 'list -o json' 'inspect a' 'inspect a -o json' 'top' 'top -o json'; do
        # shellcheck disable=SC2086 # words
        run bulkhead $command
        expect_eq 0 "$status"
        expect_empty "$(LC_ALL=C grep -c -a '[^ -~]' <<<"$output" | grep -v '^0$')" "bulkhead $command"
    done
    ask inspect a
    expect_eq $'\e[2J\n5' "$(say '.container.asked[].value')" "JSON has it all the same"
    expect_eq escapable "$(say .container.guard.state)"
}

@test "ids by their beginning; where several are meant, or none, they are named" {
    container_asking abc1 pids-max 50
    container_asking abd2 pids-max 50
    expect_eq abc1 "$(bulkhead inspect abc -o json | jq --raw-output .container.id)"
    refused '^bulkhead: inspect: "ab" is the beginning of several ids; write more of it
    abc1  .*/bundles/abc1
    abd2  .*/bundles/abd2$' inspect ab
    refused '^bulkhead: inspect: no container "abe" has a receipt here$' inspect abe
    refused '^bulkhead: inspect: no container "abc" has a receipt here$' inspect abc --bundle /elsewhere
    local path
    cd "$work/bundles"
    for path in "$work/bundles/abc1" "$work/bundles/abc1/" ./abc1 abc1/ abd2/../abc1; do
        expect_eq abc1 "$(bulkhead inspect abc1 --bundle "$path" -o json | jq --raw-output .container.id)" "$path"
    done
    run bulkhead inspect
    expect_eq 2 "$status"
}

@test "why a container was refused is said where one looks for it" {
    bundle_new a
    bundle_hook
    bundle_annotate io.bulkhead.shm-size 512m
    run container_start
    [[ $status != 0 ]]
    refused '^bulkhead: inspect: no container "a" has a receipt here
last refusal, at createRuntime: bulkhead: a: io.bulkhead.shm-size="512m": ' inspect a
    bundle_annotate io.bulkhead.shm-size 4Mi
    runtime delete --force a 2>/dev/null || true
    container_start
    ask inspect a
    expect_eq '64 createRuntime' "$(say '.lastRefusal | "\(.code) \(.stage)"')"
    expect_match $'\nlast refusal +64 at createRuntime\nbulkhead: a: ' "$(bulkhead inspect a)"
}

# --- Segments ------------------------------------------------------------------------------------------------------------

@test "segments are listed with who is in them, and removed when nobody is" {
    member_start a 'path=/mnt/x size=8Mi'
    member_start b 'path=/mnt/x'
    container_exec dd if=/dev/zero of=/mnt/x/zeroes bs=1M count=2 2>/dev/null
    ask segment ls
    expect_eq "x local true $((2 * MiB)) $((8 * MiB)) false a,b" \
        "$(say '.segments[] | [.name, .scope, .mounted, .used, .size, .kept, ([.members[].container] | join(","))] | map(tostring) | join(" ")')"
    expect_match '^x +local +2Mi/8Mi +2 +no$' "$(bulkhead segment ls | tail -n 1)"
    refused '^bulkhead: segment rm: local/x has members; stop them first: a \(process [0-9]+\), b \(process [0-9]+\)$' \
        segment rm x
    refused '^bulkhead: segment rm: there is no segment "y"$' segment rm y
    expect_mounted
    kill_alone
    bundle_use a
    kill_alone
    ask segment ls
    expect_eq 0 "$(say '.segments[0].members | length')"
    ask segment rm x
    expect_eq "$(<"$checkout/tests/unit/data/output/segment-rm.json")" "$said"
    expect_empty "$(segment_mounts)"
    [[ ! -e $state_dir/segments ]] || complain "$(find "$state_dir/segments")"
    refused 'there is no segment "x"' segment rm x
}

@test "a declared segment that is kept goes when the operator says so; of one name in several scopes one is meant" {
    hook_config '{"segments": {"x": {"size": "4Mi", "readers": ["*"], "writers": ["*"], "keep": true}}}'
    member_start a 'path=/mnt/x'
    container_delete
    ask segment ls
    expect_eq 'node true 0' "$(say '.segments[] | "\(.scope) \(.kept) \(.members | length)"')"
    rm "$config"
    member_start b 'path=/mnt/x size=1Mi'
    refused '^bulkhead: segment rm: "x" is the name of several segments: local/x, node/x$' segment rm x
    expect_eq 'removed node/x' "$(bulkhead segment rm node/x)"
    ask segment ls
    expect_eq local "$(say '.segments[].scope')"
}

@test "looking takes nothing away and leaves nothing" {
    ask list
    ask segment ls
    ask top
    [[ ! -e $state_dir ]] || complain "$(find "$state_dir")"
    member_start a 'path=/mnt/x size=8Mi'
    local before
    before=$(find "$state_dir" -printf '%p %i %m %T@\n' | sort)
    for _ in 1 2 3; do bulkhead top >/dev/null; done
    expect_eq "$before" "$(find "$state_dir" -printf '%p %i %m %T@\n' | sort)"
    container_delete
    expect_nothing_left
}

# --- Whoever asks, and how -----------------------------------------------------------------------------------------------

@test "who is not root is told so" {
    local command
    for command in 'list' 'inspect a' 'top' 'segment ls' 'segment rm x'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups "$BULKHEAD" $command
        expect_eq "1 " "$status $output"
        expect_match '^bulkhead: .*: only root can see what containers hold$' "$stderr"
    done
}

@test "wrong usage" {
    local command
    for command in 'segment' 'segment mv x' 'segment rm' 'list x' 'list -o yaml' 'top -d 0' 'top -d x' 'top -d nan' 'top -d -nan' 'top -d inf' \
        'inspect a b' 'inspect a --bundle='; do
        # shellcheck disable=SC2086 # words
        run bulkhead $command
        expect_eq 2 "$status" "bulkhead $command"
    done
}

@test "what the unit tests have on paper is what the schema says" {
    local command file
    for command in list inspect segment-ls segment-rm top gc check-config doctor configure explain; do
        for file in "$checkout/tests/unit/data/output/$command"*.json; do
            run "$BATS_TEST_DIRNAME/output-valid" "$command" <"$file"
            expect_eq "0 " "$status $output" "$file"
        done
    done
}
