# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What suites with containerd share:
#
#   busybox_tar               /run/busybox.tar: a root file system
#   docker_archive [NAME [USER]]   /run/image.tar: what `docker save` writes of docker.io/library/busybox (or NAME), of that
#                             one layer, to be run as USER
#   runtime_with_our_hook     /run/with-hook: $RUNTIME, with our hook in every bundle
#
#   cri_start                 containerd with its CRI plugin, with $cri_home/config.toml, or, where that is not there,
#                             cri_config's: that runtime or $cri_runtime, its layers in $cri_root, and every annotation
#                             of a pod let through
#   cri_config_of_places      what of it says where things lie, and is Debian's CRI plugin in all else ([$cri_section])
#   cri_home_make             the place of all that, which cri_start makes as well
#   cri_pause                 stop it, and its pods go on
#   cri_stop                  and all of its pods
#   cri_remove                those alone
#   cri_pod NAMESPACE CONTAINER [KEY=VALUE...]   starts one, and prints the ids of its sandbox and its container
#   cri_bundle ID
#   cri_log
# shellcheck disable=SC2154 # set in helpers.bash

busybox_tar() {
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    tar -C "$root" -cf /run/busybox.tar .
    rm -rf "$root"
}

docker_archive() { # [NAME [USER]]
    local layer=/run/image/layer.tar
    mkdir -p /run/image
    cp /run/busybox.tar "$layer"
    printf '{"architecture":"amd64","os":"linux","config":{"User":"%s","Cmd":["/bin/sleep","1000"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "${2:-}" "$(sha256sum "$layer" | cut -d' ' -f1)" >/run/image/config.json
    echo '[{"Config":"config.json","RepoTags":["'"${1:-busybox}"':latest"],"Layers":["layer.tar"]}]' \
        >/run/image/manifest.json
    tar -C /run/image -cf /run/image.tar manifest.json config.json layer.tar
}

# The shim's runtime: it puts our hook into the bundle, as there is no other way into a container of containerd's.
runtime_with_our_hook() {
    cat >/run/with-hook <<END
#!/bin/bash
for ((i = 1; i < \$#; i++)); do
    if [[ \${!i} == --bundle ]]; then j=\$((i + 1)) bundle=\${!j}; fi
done
if [[ -n \${bundle:-} && " \$* " == *" create "* ]]; then
    jq '.hooks = {createRuntime: [{path: "$BULKHEAD_HOOK", args: ["bulkhead-hook", "createRuntime"]}],
        poststop: [{path: "$BULKHEAD_HOOK", args: ["bulkhead-hook", "poststop"]}]}' "\$bundle/config.json" >"\$bundle/new"
    mv "\$bundle/new" "\$bundle/config.json"
fi
exec $RUNTIME "\$@"
END
    chmod 755 /run/with-hook
}

# --- The CRI plugin --------------------------------------------------------------------------------------------------

cri_home=/run/cri # of its own file system, as overlays are made in it
cri_root=$cri_home/root
cri_runtime=/run/with-hook

cri_ctr() { ctr --address "$cri_home/socket" --namespace k8s.io "$@" 3>&-; }

cri_section='plugins."io.containerd.grpc.v1.cri"'

cri_config_of_places() {
    cat <<END
version = 2
root = "$cri_root"
state = "$cri_home/state"
[grpc]
address = "$cri_home/socket"
[$cri_section]
sandbox_image = "docker.io/library/busybox:latest"
END
}

cri_config() {
    cri_config_of_places
    cat <<END
[$cri_section.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["*", "*/*"]
[$cri_section.containerd.runtimes.runc.options]
BinaryName = "$cri_runtime"
END
}

cri_home_make() {
    mkdir -p "$cri_home"
    mountpoint --quiet "$cri_home" || mount -t tmpfs -o mode=755 tmpfs "$cri_home"
}

cri_start() {
    cri_home_make
    [[ -s $cri_home/config.toml ]] || cri_config >"$cri_home/config.toml"
    containerd --config "$cri_home/config.toml" </dev/null &>>"$cri_home/log" 3>&- &
    echo $! >"$cri_home/pid"
    wait_until 30 cri_ctr version &>/dev/null || { tail -20 "$cri_home/log"; return 1; }
    cri_ctr image import /run/image.tar >/dev/null
}

cri_pod() { "$checkout/tests/node/cri" "$cri_home/socket" "$1" "$2" docker.io/library/busybox:latest "${@:3}"; }

cri_bundle() { printf '%s/state/io.containerd.runtime.v2.task/k8s.io/%s\n' "$cri_home" "$1"; }

cri_log() { cat "$cri_home/log"; }

cri_remove() {
    local sandbox
    for sandbox in "$cri_home"/state/io.containerd.grpc.v1.cri/sandboxes/*; do
        [[ -d $sandbox ]] || continue
        "$checkout/tests/node/cri" "$cri_home/socket" --remove "$(basename "$sandbox")" || true
    done
}

cri_stop() {
    cri_remove
    cri_pause
    : >"$cri_home/log"
    rm -f "$cri_home/config.toml"
}

cri_pause() {
    kill "$(<"$cri_home/pid")" || true
    wait_until 30 process_is_gone "$(<"$cri_home/pid")"
}
