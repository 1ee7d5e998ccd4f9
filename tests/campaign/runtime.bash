# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the campaigns that use the shim share; after campaign.bash.
#
#   bundle_begin                a bundle for runc that asks for all there is, and the hook where the shim's edit has it;
#                               $create is the command line of the shim
#   config_reset TEXT           its config.json
#   container_look              what is in force for the container of $work/pid, and the guard, into $in_force
#   container_delete            as engines do with what did not come to life, too
# shellcheck disable=SC2034,SC2154 # the campaigns read what is set here; set in campaign.bash

config=$work/bundle/config.json
create=("$work/shims/runc" --root "$work/runtime" create --bundle "$work/bundle" --pid-file "$work/pid" c1)

bundle_begin() {
    local lower=$root
    mkdir -p "$work/runtime" "$work/shims"
    # Where a node without a config, or with one that cannot be found just now, has it.
    install -D "$hook" /usr/libexec/oci/hooks.d/bulkhead-hook
    echo '{"defaults": {"pids-max": 1000}}' >/etc/bulkhead/bulkhead.json
    ln -sfn "$programs/bulkhead-runtime" "$work/shims/runc"
    if [[ $has_disk ]]; then lower=$disk/lower; fi
    mkdir -p "$lower"/{bin,proc,sys}
    cp "$(command -v busybox)" "$lower/bin/sleep"
    # A key of the disk's for a neighbour in the pod: it gets the guard, which needs no disk.
    asked=$(jq --compact-output '."io.bulkhead.disk-size/other" = "10Mi"' <<<"$asked")
    rm -f "$config"
    (cd "$work/bundle" && runc spec)
    jq --arg root "$root" --arg cgroup "/$cgroup" --argjson asked "$asked" '.process.terminal = false
        | .process.args = ["sleep", "1000"] | .root = {path: $root} | .annotations = $asked
        | .linux.cgroupsPath = $cgroup | del(.linux.resources.memory, .linux.resources.pids)' "$config" >"$work/config.new"
    mv "$work/config.new" "$config"
    read_file old_config "$config"
}

config_reset() { printf '%s' "$1" >"$config"; } # TEXT

container_look() {
    local process word number
    read_file process "$work/pid"
    look_at_limits "$process" ''
    while read -r word number; do
        if [[ $word == Seccomp_filters: ]]; then in_force+="filters $number"; fi
    done <"/proc/$process/status"
}

container_delete() {
    runc --root "$work/runtime" delete --force c1 >"$work/deleted" 2>&1 || complain "$what: delete" "$(<"$work/deleted")"
}
