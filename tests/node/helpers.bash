# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the suites in suites/ share. They run inside the node, as root, with nothing else there; what they write to its
# file system vanishes with it. A suite begins with
#
#   # node: systemd            or: # node: plain   (no systemd, cgroupfs alone)   ... and may add: xfs ext4
#   load ../helpers
#
# and tests/run boots one node for it; by hand: `tests/run node NAME`. One that is about races says as well
#
#   # smp: 4
#
# and is run by `tests/run --all` once more, on so many processors (`node --smp`). A suite with a setup_file, setup or teardown of
# its own calls node_setup_file, node_setup or node_teardown in it.
#
#   use RUNTIME MANAGER               runc|crun, systemd|cgroupfs: for the functions below (crun, and what the boot has)
#   engine ARG...                     podman with both of them
#   container_start NAME [OPT...] [-- CMD...]   in the background; CMD is `sleep` if there is none
#   container_run [OPT...] -- CMD...  wait, exit as it did
#   container_exec NAME CMD...
#   container_delete NAME             stop at once and remove (this is where poststop runs)
#   container_id NAME                 container_pid NAME     (of one that container_start started)
#   container_shm_size NAME           bytes of its /dev/shm
#   cgroup_leaf NAME                  the cgroup its process is in
#   cgroup_scope NAME                 the one the engine asked for: above the leaf for crun with systemd, else the same.
#                                     (There crun 1.8 limits the leaf alone, and systemd knows nothing of it; 1.21 both.)
#   cgroup_value NAME FILE            a file of the leaf
#   unit_of NAME                      systemd's name of the scope
#
#   hook_install                      put our hook and its hooks.d file where a package would
#   hook_remove
#   hook_config JSON                  write /etc/bulkhead/bulkhead.json, as root would
#   journal [journalctl OPT...]       the messages of this test, up to now
#
# and what ../common.bash has: skip_because, expect_eq, expect_match, expect_empty, wait_until, process_is_gone.
# Every engine call takes a second or two here.

# shellcheck source=tests/common.bash
source "$BATS_TEST_DIRNAME/../../common.bash"

checkout=$(realpath "$BATS_TEST_DIRNAME/../../..")
BULKHEAD_HOOK=${BULKHEAD_HOOK:-$checkout/build/release/bin/bulkhead-hook}
image=localhost/busybox
installed_hook=/usr/libexec/oci/hooks.d/bulkhead-hook
facts=/run/node-containers
hooks_d=/usr/share/containers/oci/hooks.d

setup_file() { node_setup_file; }
setup() { node_setup; }
teardown() { node_teardown; }

has_systemd() { [[ -d /run/systemd/system ]]; }

# Once for a suite: the image, without a network.
node_setup_file() {
    # In memory of its own, as the node's root is an overlay already and the engine's layers cannot be put on one.
    mkdir -p /var/lib/containers
    mountpoint --quiet /var/lib/containers || mount -t tmpfs tmpfs /var/lib/containers
    mkdir -p "$facts"
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    tar -C "$root" -c . | podman import --quiet - "$image" >/dev/null 3>&-
    rm -rf "$root"
}

node_setup() {
    if has_systemd; then use crun systemd; else use crun cgroupfs; fi
    test_began=$(date +%s.%6N)
}

node_teardown() {
    timeout 60 podman rm --force --all --time 0 >/dev/null 2>&1 3>&- || true
    rm -f "$facts"/*
    hook_remove
    rm -rf /etc/bulkhead
}

use() { # RUNTIME MANAGER
    RUNTIME=$1
    MANAGER=$2
}

# Without bats' own descriptor, which it waits for: conmon would hold it for as long as the container lives.
engine() { podman --runtime "$RUNTIME" --cgroup-manager "$MANAGER" "$@" 3>&-; }

# Sets options and command from "[OPT...] [-- CMD...]".
split_at_dashes() {
    options=() command=()
    while (($# > 0)) && [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    if (($# > 0)); then command=("${@:2}"); fi
}

# Its id and process are kept in files, as asking the engine for them takes a second each time.
container_start() { # NAME [OPT...] [-- CMD...]
    local name=$1 options command
    split_at_dashes "${@:2}"
    ((${#command[@]} > 0)) || command=(sleep 1000)
    rm -f "$facts/$name".{id,pid}
    engine run --detach --name "$name" --cidfile "$facts/$name.id" --pidfile "$facts/$name.pid" --network none \
        "${options[@]}" "$image" "${command[@]}" </dev/null
}

container_run() { # [OPT...] -- CMD...
    local options command
    split_at_dashes "$@"
    engine run --rm --network none "${options[@]}" "$image" "${command[@]}" </dev/null
}

container_exec() { engine exec "$@" </dev/null; }

container_delete() { engine rm --force --time 0 "$1" >/dev/null; }

container_id() { cat "$facts/$1.id"; }

container_pid() { cat "$facts/$1.pid"; }

container_shm_size() { tmpfs_size "/proc/$(container_pid "$1")/root/dev/shm"; }

cgroup_leaf() { # NAME
    printf '/sys/fs/cgroup%s\n' "$(sed -n 's/^0:://p' "/proc/$(container_pid "$1")/cgroup")"
}

cgroup_scope() { # NAME
    local leaf
    leaf=$(cgroup_leaf "$1")
    printf '%s\n' "${leaf%.scope/*}$([[ $leaf == *.scope/* ]] && echo .scope)"
}

cgroup_value() { cat "$(cgroup_leaf "$1")/$2"; } # NAME FILE

unit_of() { basename "$(cgroup_scope "$1")"; }

hook_install() {
    install -D --mode=755 "$BULKHEAD_HOOK" "$installed_hook"
    install -D --mode=644 --target-directory="$hooks_d" "$checkout/config/hooks.d/50-bulkhead.json"
}

hook_remove() { rm -f "$installed_hook" "$hooks_d/50-bulkhead.json"; }

hook_config() { # JSON
    install -d --mode=755 /etc/bulkhead
    (umask 077 && printf '%s\n' "$1" >/etc/bulkhead/bulkhead.json)
}

journal() {
    journalctl --sync
    # Not by cursor: systemd 252 loses the first message after it when it selects by a field as well.
    journalctl --quiet --no-pager --since "@$test_began" "$@"
}
