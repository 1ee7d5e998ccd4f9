# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# What deb and rpm do when Bulkhead goes; each calls it with words of its own. Containers that run were started with the
# hook and the shim, and engines have the paths of both on record: where there are any, the two programs stay until purge
# (rpm: until somebody deletes them), or stopping and deleting such a container would fail, and its limits stay for good.
# The operator's command stays with them, as it is what takes the shim out of an engine's config. How they stay
# (keep_programs, programs_are_kept, let_go) is for each to say: debian/kept.sh, rpm/kept.sh.

hook=/usr/libexec/oci/hooks.d/bulkhead-hook
shim=/usr/bin/bulkhead-runtime
command=/usr/bin/bulkhead
names=/usr/libexec/bulkhead
programs="$hook $shim $command $names/crun $names/runc"

# Whether the process of any receipt is there. A process that has a dead one's number counts: then something stays for
# longer.
containers_live() {
    for receipt in /run/bulkhead/containers/*/*.json; do
        [ -f "$receipt" ] || continue
        pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$receipt" | head -n 1)
        if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then return 0; fi
    done
    return 1
}

# One per line: an engine whose config names the shim, and the files that do.
engines_with_shim() {
    while read -r engine files; do
        # shellcheck disable=SC2086 # several, with patterns
        naming=$(grep -lsE "^[^#]*($names/|bulkhead-runtime)" $files | tr "\n" " ")
        if [ -n "$naming" ]; then echo "$engine $naming"; fi
    done <<END
containerd /etc/containerd/config.toml /etc/containerd/conf.d/*.toml
crio /etc/crio/crio.conf /etc/crio/crio.conf.d/*
docker /etc/docker/daemon.json
podman /etc/containers/containers.conf /etc/containers/containers.conf.d/*.conf
END
}

# The rest of a line of engines_with_shim is files. podman is no daemon.
name_engines() {
    engines_with_shim | while read -r engine files; do
        mend="bulkhead configure $engine --remove"
        if [ "$engine" != podman ]; then mend="$mend && systemctl restart $engine"; fi
        echo "bulkhead: $engine is still configured for the runtime shim ($files); what mends it: $mend" >&2
    done
}

# Before the files go.
before_removal() {
    name_engines
    bulkhead gc >/dev/null 2>&1 || true
    if containers_live || [ -n "$(engines_with_shim)" ]; then keep_programs; fi
}

# When they are gone.
after_removal() {
    if ! programs_are_kept; then return; fi
    let_go
    echo "bulkhead: $hook, $shim and $command stay for containers that were started with them, or engines that are" \
        "configured for them" >&2
}

remove_programs() {
    # shellcheck disable=SC2086 # several
    rm -f $programs
    rmdir --ignore-fail-on-non-empty "$names" "${hook%/*}" "/usr/libexec/oci" 2>/dev/null || true
}

# All that is ours, the admin's config too.
purge() {
    if containers_live; then
        echo "bulkhead: containers that were started with it are still there; /run/bulkhead, /var/lib/bulkhead," \
            "$hook and $shim stay for them" >&2
    else
        remove_programs
        umount --recursive /run/bulkhead/segments 2>/dev/null || true
        rm -rf --one-file-system /run/bulkhead /var/lib/bulkhead
    fi
    rm -rf /etc/bulkhead
    rm -f /var/lib/systemd/timers/stamp-bulkhead-*.timer /var/lib/prometheus/node-exporter/bulkhead.prom
}
