#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# From createRuntime to poststop, in every order that a runtime or an accident may bring: what is left, and what is not.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers

MiB=$((1 << 20))

setup() {
    harness_setup
    others=()
}

teardown() {
    if ((${#others[@]} > 0)); then kill -KILL "${others[@]}" || true; fi
    harness_teardown
}

bundle_asking() { # [ID]
    bundle_new "${1:-c1}"
    bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
    bundle_hook
    bundle_annotate io.bulkhead.shm-size 16Mi
    bundle_annotate io.bulkhead.pids-max 20
}

# With a tmpfs of the engine's, which outlives the container: there it shows whether something was given back.
bundle_asking_of_engine() {
    bundle_asking
    mkdir "$work/shm"
    mount -t tmpfs -o mode=1777,size=64M shm "$work/shm"
    bundle_edit --arg source "$work/shm" '(.mounts[] | select(.destination == "/dev/shm")) |=
        {destination, type: "bind", $source, options: ["rbind", "rw"]}'
}

receipts() { find "$state_dir/containers" -type f 2>/dev/null || true; }

receipt_count() { receipts | wc -l; }

expect_limits() {
    expect_eq $((16 * MiB)) "$(container_shm_size)"
    expect_eq 20 "$(cgroup_value pids.max)"
}

expect_hook() { # CODE STAGE STATE
    run hook "$2" <<<"$3"
    expect_eq "$1" "$status" "exit status with $output"
    if [[ $1 == 0 ]]; then expect_empty "$output"; fi
}

@test "a receipt while the container runs, and nothing of it afterwards" {
    bundle_asking
    container_start
    expect_limits
    expect_eq 1 "$(receipt_count)"
    expect_match "^$state_dir/containers/c1/[0-9a-f]+\.json\$" "$(receipts)"
    expect_eq "c1 $bundle $(container_pid) 16Mi 20" "$(jq --raw-output '"\(.id) \(.bundle) \(.pid) " +
        "\(.asked["io.bulkhead.shm-size"]) \(.asked["io.bulkhead.pids-max"])"' "$(receipts)")"
    expect_eq '700 600' "$(stat -c %a "$state_dir") $(stat -c %a "$(receipts)")"
    container_delete
    expect_eq "$state_dir/counters" "$(find "$state_dir" -type f)"
    expect_empty "$(ls "$state_dir/containers")"
}

@test "a container that asks for nothing costs nothing" {
    bundle_new
    bundle_hook
    container_start
    [[ ! -e $state_dir ]]
    container_delete
    [[ ! -e $state_dir ]]
    local state
    state=$(hook_state creating $$)
    echo 'this is { not JSON, io.bulkhead.' >"$bundle/config.json"
    expect_hook 0 createRuntime "$state"
    rm "$bundle/config.json"
    mkfifo "$bundle/config.json" # opening it would wait
    expect_hook 0 createRuntime "$state"
    expect_hook 0 poststop "$state"
    [[ ! -e $state_dir ]]
}

@test "without an argument the stage is told by the state" {
    bundle_asking_of_engine
    bundle_edit '.hooks[][].args |= .[:-1]'
    container_start
    expect_limits
    expect_eq 1 "$(receipt_count)"
    run hook < <(hook_state running "$(container_pid)")
    expect_eq 65 "$status"
    container_delete
    expect_empty "$(receipts)"
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "registered twice, the second createRuntime changes nothing" {
    bundle_asking_of_engine
    bundle_hook
    container_start
    expect_limits
    expect_eq 1 "$(receipt_count)"
    expect_eq $((64 * MiB)) "$(jq .shm.oldSize "$(receipts)")"
    container_delete
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
    expect_empty "$(receipts)"
}

@test "a later createRuntime of the same container leaves receipt and limits as they are" {
    bundle_asking
    container_start
    local before
    before=$(cat "$(receipts)"; stat -c '%i %Y' "$(receipts)")
    expect_hook 0 createRuntime "$(hook_state created "$(container_pid)")"
    expect_eq "$before" "$(cat "$(receipts)"; stat -c '%i %Y' "$(receipts)")"
    expect_limits
}

@test "poststop before createRuntime, twice, and of what it does not know" {
    bundle_asking
    expect_hook 0 poststop "$(hook_state stopped)"
    [[ ! -e $state_dir ]]
    container_start
    container_delete
    expect_hook 0 poststop "$(hook_state stopped)"
    expect_hook 0 poststop "$(hook_state stopped)"
    bundle_asking unknown
    expect_hook 0 poststop "$(hook_state stopped)"
    expect_hook 0 poststop "this is no state, but of io.bulkhead."
    expect_hook 0 poststop ''
    expect_empty "$(receipts)"
}

@test "poststop works without config and bundle" {
    bundle_asking_of_engine
    container_start
    local state
    state=$(hook_state stopped)
    runtime kill "$id" KILL
    wait_until 5 process_is_gone "$(container_pid)"
    mv "$bundle/config.json" "$bundle/away"
    expect_hook 0 poststop "$state"
    expect_empty "$(receipts)"
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
    mv "$bundle/away" "$bundle/config.json"
}

@test "poststop without our annotations in its state still gives back" {
    bundle_asking_of_engine
    container_start
    runtime kill "$id" KILL
    wait_until 5 process_is_gone "$(container_pid)"
    expect_hook 0 poststop "$(hook_state stopped | jq --compact-output 'del(.annotations)')"
    expect_empty "$(receipts)"
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "a container that is refused leaves no receipt" {
    bundle_asking
    bundle_annotate io.bulkhead.memory-max 64Ki
    run container_start
    [[ $status != 0 ]]
    expect_empty "$(receipts)"
    expect_eq 75 "$(jq .code "$state_dir"/errors/*.json)"
}

@test "a container that fails after us leaves no receipt and has given back" {
    bundle_asking_of_engine
    bundle_edit '.hooks.createRuntime += [{path: "/bin/sh", args: ["sh", "-c", "cat >/dev/null; exit 1"]}]'
    run container_start
    [[ $status != 0 ]]
    # runc calls poststop itself; crun leaves it to whoever deletes the container.
    container_delete || true
    hook poststop < <(hook_state stopped)
    expect_empty "$(receipts)"
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
}

# The limits come first, then the directory for a tmpfs cannot be made: the root became read-only after we had looked.
@test "a step that fails takes back what the steps before it wrote" {
    bundle_asking
    bundle_edit 'del(.mounts[] | select(.destination | startswith("/dev")))'
    bundle_edit --arg hook "$work/hook" '.hooks.createRuntime[0].path = $hook'
    bundle_annotate io.bulkhead.memory-max 128Mi
    cat >"$work/hook" <<EOF
#!/bin/bash
state=\$(cat)
pid=\$(jq .pid <<<"\$state")
nsenter --target="\$pid" --mount --root mount -o remount,bind,ro "$bundle/rootfs" || exit 1
$(declare -f cgroup_version cgroup_directory cgroup_read_v1 cgroup_value)
strace -f -o "$work/calls" -e trace=write,mkdirat "$BULKHEAD_HOOK" "\$@" <<<"\$state"
status=\$?
{ cgroup_value memory.max \$pid; cgroup_value pids.max \$pid; find "$state_dir/containers" -name '*.json'; } >"$work/after"
exit \$status
EOF
    chmod 755 "$work/hook"
    run container_start
    [[ $status != 0 ]]
    expect_eq "69 bulkhead: $id: io.bulkhead.shm-size=\"16Mi\": /dev/shm is not there and the container's root is read-only; \
make the directory in the image" "$(jq --raw-output '"\(.code) \(.line)"' "$state_dir"/errors/*.json)"
    expect_match '"134217728"' "$(cat "$work/calls")" # it was written, before
    expect_match 'mkdirat\([0-9]+, "shm", 0755\) += -1 EROFS' "$(cat "$work/calls")"
    expect_eq $'max\nmax' "$(<"$work/after")"
}

@test "the late poststop of a first container does nothing to a second of its id and bundle" {
    bundle_asking_of_engine
    container_start
    container_delete
    container_start
    local before
    before=$(cat "$(receipts)")
    expect_hook 0 poststop "$(hook_state stopped)"
    expect_eq "$before" "$(cat "$(receipts)")"
    expect_limits
    container_delete
    expect_empty "$(receipts)"
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "what a container without a poststop left is given back when the next one starts" {
    bundle_asking_of_engine
    local hooks
    hooks=$(jq .hooks.poststop "$bundle/config.json")
    bundle_edit 'del(.hooks.poststop)'
    container_start
    container_delete
    expect_eq 1 "$(receipt_count)"
    expect_eq $((16 * MiB)) "$(tmpfs_size "$work/shm")"
    bundle_edit --argjson hooks "$hooks" '.hooks.poststop = $hooks | .annotations["io.bulkhead.shm-size"] = "32Mi"'
    container_start
    expect_eq 1 "$(receipt_count)"
    expect_eq "$(container_pid) $((64 * MiB)) $((32 * MiB))" \
        "$(jq --raw-output '"\(.pid) \(.shm.oldSize) \(.shm.newSize)"' "$(receipts)")"
    expect_eq $((32 * MiB)) "$(container_shm_size)"
    container_delete
    expect_eq $((64 * MiB)) "$(tmpfs_size "$work/shm")"
}

@test "the receipt of another process that lives is in the way" {
    bundle_asking
    container_start
    local before
    before=$(cat "$(receipts)")
    sleep 1000 >/dev/null 2>&1 3>&- &
    others+=($!)
    run hook createRuntime < <(hook_state creating "$!")
    expect_eq 75 "$status"
    expect_eq "bulkhead: c1: another container of this id and bundle is running (process $(container_pid)); stop it first" \
        "$output"
    expect_eq "$before" "$(cat "$(receipts)")"
    expect_limits
}
