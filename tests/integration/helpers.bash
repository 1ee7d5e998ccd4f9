# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the suites in this folder share. A suite begins with
#
#   load helpers
#
# and may say `# runtime: runc`, `# runtime: crun` or `# runtime: none` in its header: tests/run then runs it with that
# runtime alone, or once where it is about none; by default with runc and with crun, in $RUNTIME. Suites are run beside
# each other, and beside themselves with the other runtime: none may measure what they share.
#
# Each test has a folder, $work, and at any time one bundle that functions speak of, $bundle, with the container $id.
# All of it is removed after the test, however that ended. A suite with a setup or teardown of its own calls
# harness_setup first and harness_teardown last.
#
#   bundle_new [ID]             a bundle: busybox, `sleep`, no hooks; it becomes the current one (ID: default "c1")
#   bundle_use ID               go back to an earlier one
#   bundle_edit FILTER [OPT...] change its config.json by jq
#   bundle_annotate KEY VALUE   add an annotation
#   bundle_ask [KEY VALUE]...   the same of io.bulkhead.KEY
#   bundle_hook [OPT...]        put our hook in, for createRuntime and poststop, with $config, $state_dir and OPT
#   hook_config JSON            write $config (until then there is none)
#
#   container_start             create and start it in the background
#   container_run CMD...        run CMD as its first process, wait, exit as it did
#   container_exec CMD...       run CMD in the running container
#   container_delete            kill and delete it (this is where poststop runs)
#   container_pid               its first process
#   container_shm_size          bytes of its /dev/shm
#   expect_refused CODE LINE    the hook does not let it start, with this status and "bulkhead: ID: LINE"
#   expect_refused_like CODE REGEX   the same, where the line is not known to the letter
#   cgroup_value FILE [PID]     what a cgroup v2 file says of it, on v1 and hybrid as well: bytes, a count or "max"
#   cgroup_version              1 (hybrid too) or 2: where the container's limits are
#   require_version_1           skip the test where they are on version 2
#   require_swap_accounting PID skip it where the kernel does not account the swap of this process's cgroup
#   runtime ARG...              the runtime itself, with this test's --root
#
#   hook_state STATUS [PID]     print the state that a runtime would hand to a hook
#   hook ARG...                 run the hook itself, with $config and $state_dir; the state is its standard input
#   bulkhead ARG...             the operator's command, with $config and $state_dir
#
# and what ../common.bash has: skip_because, expect_eq, expect_match, expect_empty, wait_until, process_is_gone,
# tmpfs_size.

# shellcheck source=tests/common.bash
source "$BATS_TEST_DIRNAME/../common.bash"
checkout=$(realpath "$BATS_TEST_DIRNAME/../..")
BULKHEAD_HOOK=${BULKHEAD_HOOK:-$checkout/build/release/bin/bulkhead-hook}
BULKHEAD=${BULKHEAD:-${BULKHEAD_HOOK%/*}/bulkhead}
RUNTIME=${RUNTIME:-runc}

# --- Each test's own place -------------------------------------------------------------------------------------------

setup() { harness_setup; }
teardown() { harness_teardown; }

harness_setup() {
    # Not below /tmp: a config is only believed when nobody else can write to any of the folders above it.
    mkdir -p /run/bulkhead-tests
    work=$(mktemp -d /run/bulkhead-tests/XXXXXX)
    chmod 755 "$work"
    mkdir "$work/bundles" "$work/runtime"
    state_dir=$work/state
    config=$work/bulkhead.json
    # With nothing above it that suites which run at the same time would take from each other.
    cgroup_parent=/bulkhead-tests-$(basename "$work")
    bundle='' id=''
}

# After a test that failed half-way anything may be left, a hook that hangs included.
harness_teardown() {
    local directory
    for directory in "$work"/bundles/*; do
        [[ -d $directory ]] || continue
        timeout 20 "$RUNTIME" --root "$work/runtime" delete --force "$(basename "$directory")" >/dev/null 2>&1 3>&- || true
    done
    cgroups_remove
    mounts_remove
    rm -rf --one-file-system "$work"
}

cgroups_remove() {
    local tree process
    # Deepest first, and the parent last.
    while read -r tree; do
        while read -r process; do kill -KILL "$process" 2>/dev/null || true; done < <(processes_in "$tree")
        wait_until 5 cgroup_is_empty "$tree" || true
        rmdir "$tree" 2>/dev/null || true
    done < <(find /sys/fs/cgroup/ -depth -path "*$cgroup_parent*" -type d 2>/dev/null)
}

processes_in() { cat "$1/cgroup.procs" 2>/dev/null || true; }

cgroup_is_empty() { [[ -z $(processes_in "$1") ]]; }

mounts_remove() {
    local place
    while read -r place; do
        umount --lazy "$place" 2>/dev/null || true
    done < <(awk -v under="$work/" 'index($2, under) == 1 { print $2 }' /proc/mounts | tac)
}

# --- Bundles ---------------------------------------------------------------------------------------------------------

bundle_new() { # [ID]
    local made=$BATS_RUN_TMPDIR/config.json
    bundle_use "${1:-c1}"
    mkdir "$bundle"
    busybox_root "$bundle/rootfs"
    if [[ ! -f $made ]]; then config_make "$made"; fi
    sed "s|@cgroup@|$cgroup_parent/$id|" "$made" >"$bundle/config.json"
}

# The runtime's own, once for a suite.
config_make() { # FILE
    local runtime=$RUNTIME
    if [[ $runtime == none ]]; then runtime=runc; fi
    (cd "$bundle" && "$runtime" spec)
    jq '.process.terminal = false | .process.args = ["sleep", "1000"] | .root.readonly = false
        | .linux.cgroupsPath = "@cgroup@"' "$bundle/config.json" >"$1.new"
    mv "$1.new" "$1"
}

bundle_use() { # ID
    id=$1
    bundle=$work/bundles/$id
}

bundle_edit() { # FILTER [JQ OPTION...], in any order
    jq "$@" <"$bundle/config.json" >"$bundle/config.json.new"
    mv "$bundle/config.json.new" "$bundle/config.json"
}

bundle_annotate() { # KEY VALUE
    # shellcheck disable=SC2016 # jq's variables
    bundle_edit --arg key "$1" --arg value "$2" '.annotations[$key] = $value'
}

bundle_ask() { # [KEY VALUE]...
    while (($# > 0)); do
        bundle_annotate "io.bulkhead.$1" "$2"
        shift 2
    done
}

# As an engine writes it: the stage is the last argument. Sanitizers take their options from the environment.
bundle_hook() { # [OPTION...]
    # shellcheck disable=SC2016 # jq's variables
    bundle_edit --arg path "$BULKHEAD_HOOK" --arg config "$config" --arg state "$state_dir" \
        --arg asan "${ASAN_OPTIONS:-}" --arg ubsan "${UBSAN_OPTIONS:-}" \
        '
        def hook($stage): {
            path: $path, timeout: 30,
            args: (["bulkhead-hook", "--config", $config, "--state-dir", $state] + $ARGS.positional + [$stage]),
            env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ASAN_OPTIONS=" + $asan, "UBSAN_OPTIONS=" + $ubsan]
        };
        .hooks.createRuntime += [hook("createRuntime")] | .hooks.poststop += [hook("poststop")]' \
        --args -- "$@"
}

hook_config() { # JSON
    (umask 077 && printf '%s\n' "$1" >"$config")
}

# --- Containers ------------------------------------------------------------------------------------------------------

# Without bats' own descriptor, which it waits for: a container in the background would hold it.
runtime() { "$RUNTIME" --root "$work/runtime" "$@" 3>&-; }

container_start() {
    local status=0
    # To a file: the container keeps what it is given, and a pipe would never end.
    runtime run --detach --bundle "$bundle" --pid-file "$bundle/pid" "$id" >"$bundle/log" 2>&1 </dev/null || status=$?
    cat "$bundle/log"
    return "$status"
}

container_run() { # CMD...
    # shellcheck disable=SC2016 # jq's variable
    bundle_edit '.process.args = $ARGS.positional' --args -- "$@"
    runtime run --bundle "$bundle" "$id" </dev/null
}

# In a chroot an exec of runc's comes out in the root that is the mount namespace's, which is not the test's to touch.
container_exec() { # CMD...
    if in_chroot; then
        # shellcheck disable=SC2016 # the shell's own
        sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$(cgroup_directory memory)" \
            nsenter --target "$(container_pid)" --mount --root --wd --uts --ipc --net --pid -- "$@" </dev/null
    else
        runtime exec "$id" "$@" </dev/null
    fi
}

in_chroot() {
    local root
    root=$(nsenter --mount=/proc/self/ns/mnt stat -c %d:%i / 2>/dev/null) && [[ $root != "$(stat -c %d:%i /)" ]]
}

container_delete() { runtime delete --force "$id"; }

container_pid() { cat "$bundle/pid"; }

container_shm_size() { tmpfs_size "/proc/$(container_pid)/root/dev/shm"; }

expect_refused() { # CODE LINE
    refused_start "$1"
    expect_eq "bulkhead: $id: $2" "$line"
}

expect_refused_like() { # CODE REGEX
    refused_start "$1"
    expect_match "^bulkhead: $id: $2\$" "$line"
}

# Leaves in $line what the hook said, as the state directory has it. Under crun the exit status is all that its user
# sees; runc shows the line as well, with its quotes escaped once or twice.
refused_start() { # CODE
    rm -rf "$state_dir/errors"
    run container_start
    [[ $status != 0 ]] || complain "the container started"
    expect_eq "$1" "$(jq .code "$state_dir"/errors/*.json)" "exit status of the hook"
    line=$(jq --raw-output .line "$state_dir"/errors/*.json)
    if [[ $RUNTIME == crun ]]; then
        expect_match "exit code: $1[^0-9]" "$output"
    else
        expect_match "exit status $1[^0-9]" "$output"
        output=${output//\\\\\\\"/\"} output=${output//\\\"/\"}
        [[ $output == *"stderr: $line"* ]] || complain "the runtime does not show the line" "$output"
    fi
}

# --- cgroups ---------------------------------------------------------------------------------------------------------

cgroup_version() { if grep -q '^[1-9].*:memory:' /proc/self/cgroup; then echo 1; else echo 2; fi; }

require_version_1() { [[ $(cgroup_version) == 1 ]] || skip_because "limits are on cgroup v2 here"; }

# The root of the hierarchy has no such file on v2.
require_swap_accounting() { # PID
    local directory
    directory=$(cgroup_directory memory "$1")
    [[ -e $directory/memory.memsw.limit_in_bytes || -e $directory/memory.swap.max ]] ||
        skip_because "this kernel does not account swap"
}

cgroup_directory() { # CONTROLLER [PID]
    local path
    path=$(awk -F: -v wanted="$1" '
        $1 == 0 { unified = $3 }
        (","$2",") ~ (","wanted",") { found = 1; print "/" wanted $3 }
        END { if (!found) print unified }' "/proc/${2:-$(container_pid)}/cgroup")
    printf '/sys/fs/cgroup%s\n' "$path"
}

# Version 1 has no word for "no limit" but the largest number of whole pages.
cgroup_read_v1() { # FILE
    local value
    value=$(<"$1")
    if [[ $value == 9223372036854771712 ]]; then echo max; else echo "$value"; fi
}

cgroup_value() { # FILE [PID]
    local directory memory both
    directory=$(cgroup_directory "${1%%.*}" "${2:-$(container_pid)}")
    if [[ $(cgroup_version) == 2 ]]; then
        cat "$directory/$1"
        return
    fi
    case $1 in
    memory.max) cgroup_read_v1 "$directory/memory.limit_in_bytes" ;;
    memory.current) cgroup_read_v1 "$directory/memory.usage_in_bytes" ;;
    memory.swap.max) # version 1 limits memory and swap together
        memory=$(cgroup_read_v1 "$directory/memory.limit_in_bytes")
        both=$(cgroup_read_v1 "$directory/memory.memsw.limit_in_bytes")
        if [[ $both == max ]]; then echo max; else echo $((both - memory)); fi
        ;;
    pids.*) cat "$directory/$1" ;;
    *)
        echo "cgroup v1 has no $1" >&2
        return 1
        ;;
    esac
}

# --- The hook by itself ----------------------------------------------------------------------------------------------

hook_state() { # STATUS [PID]
    # shellcheck disable=SC2016 # jq's variables
    jq --null-input --compact-output --arg status "$1" --argjson pid "${2:-0}" --arg id "$id" --arg bundle "$bundle" \
        --slurpfile config "$bundle/config.json" '
        {ociVersion: "1.0.2", id: $id, status: $status, pid: $pid, bundle: $bundle,
         annotations: ($config[0].annotations // {})}'
}

hook() { "$BULKHEAD_HOOK" --config "$config" --state-dir "$state_dir" "$@"; }

# --- The operator's command ------------------------------------------------------------------------------------------

bulkhead() { "$BULKHEAD" --config "$config" --state-dir "$state_dir" "$@"; }
