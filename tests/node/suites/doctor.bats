#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
#
# `bulkhead doctor` on a node with podman, hooks.d and the shim: it finds nothing where all is well, and the one link
# that is broken, in whatever way it is.
load ../helpers
load ../shim
load ../doctor

hook_file=$hooks_d/50-bulkhead.json
conf=/etc/containers/containers.conf.d/50-bulkhead.conf
storage=/etc/containers/storage.conf

# As the packages and `bulkhead configure podman --default` leave it.
healthy() {
    shim_install
    hook_install
    mkdir -p "${conf%/*}" /run/bulkhead /var/lib/bulkhead
    chmod 700 /run/bulkhead /var/lib/bulkhead
    printf '%s\n' '[engine]' 'runtime = "crun"' '[engine.runtimes]' "crun = [\"$shims/crun\", \"/usr/bin/crun\"]" >"$conf"
    printf '%s\n' '[storage]' 'driver = "overlay"' 'graphroot = "/mnt/xfs/podman"' 'runroot = "/run/podman-xfs"' \
        >"$storage"
}

setup_file() {
    healthy
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    tar -C "$root" -c . | podman import --quiet - "$image" >/dev/null 3>&-
    rm -rf "$root"
}

setup() {
    node_setup
    healthy
}

teardown() {
    podman rm --force --all --time 0 &>/dev/null 3>&- || true
    chown root /usr/libexec/oci
    rm -rf /etc/bulkhead /run/bulkhead /var/lib/bulkhead /etc/containers/oci "$conf" "$hooks_d"/*bulkhead* "$shims"
}

json_edit() { # FILE JQ
    jq "$2" "$1" >/run/edited
    cat /run/edited >"$1"
}

@test "nothing is found where all is well, and what was looked at is said" {
    exits 0 "$bulkhead" doctor
    expect_match '0 warnings, 0 failed' "$output"
    exits 0 "$bulkhead" doctor podman --verbose
    expect_match "ok +hooks-d.binary +$hook_file" "$output"
    expect_match "ok +runtime +crun = $shims/crun" "$output"
    expect_match 'ok +storage +/mnt/xfs/podman/overlay \(XFS\)' "$output"
    expect_eq true "$("$bulkhead" doctor -o json | jq .healthy)"
    # So it is with what configure writes.
    rm "$conf"
    "$bulkhead" configure podman
    expect_eq '' "$(unwell podman)"
    # And it is true, and so it is with what a container leaves.
    exits 0 podman run --rm --network none --annotation io.bulkhead.disk-size=10Mi "$image" df -k / 3>&-
    expect_match 'overlay +10240 ' "$output"
    expect_eq '' "$(unwell podman)"
}

@test "hooks.d: the binary" {
    rm "$installed_hook"
    expect_failed node.hook
    install -m 644 "$BULKHEAD_HOOK" "$installed_hook"
    expect_failed node.hook
    chmod 757 "$installed_hook"
    expect_failed node.hook
    chmod 755 "$installed_hook"
    chown daemon /usr/libexec/oci
    expect_failed node.hook
    chown root /usr/libexec/oci
    # podman says nothing of it.
    json_edit "$hook_file" '.hook.path = "/usr/libexec/bulkhead-hook"'
    expect_failed podman.hooks-d.binary
    exits 0 podman --runtime /usr/bin/crun run --rm --network none --annotation io.bulkhead.no-such-key=1 "$image" \
        true 3>&-
}

@test "hooks.d: the file" {
    truncate --size=100 "$hook_file"
    expect_failed podman.hooks-d.file
    hook_install
    json_edit "$hook_file" '.stages = ["poststop"]'
    expect_failed podman.hooks-d.stages
    json_edit "$hook_file" '.stages = ["createRuntime"]'
    expect_failed podman.hooks-d.stages
    hook_install
    json_edit "$hook_file" '.when.annotations = {"^io\\.bulkhed\\.": ".*"}'
    expect_failed podman.hooks-d.pattern
    json_edit "$hook_file" '.when.annotations = {".*": ".*"}'
    expect_warning podman.hooks-d.pattern
    hook_install
    json_edit "$hook_file" '.hook.args += ["createRuntime"]'
    expect_failed podman.hooks-d.arguments
    hook_install
    hook_config '{"defaults": {"pids-max": 100}}'
    expect_eq '' "$(unwell podman)" # the shim sees to it
    rm "$conf"
    expect_match 'failed podman.hooks-d.defaults' "$(unwell podman)"
}

@test "hooks.d: the directories" {
    mkdir -p /etc/containers/oci/hooks.d
    echo 'hooks_dir = ["/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"]' |
        sed -i '/^.engine.$/r /dev/stdin' "$conf"
    jq '.hook.path = "/bin/true"' "$hook_file" >/etc/containers/oci/hooks.d/50-bulkhead.json
    expect_failed podman.hooks-d.masked
    mv "$hook_file" /etc/containers/oci/hooks.d
    expect_eq '' "$(unwell podman)"
    sed -i '/^hooks_dir/d' "$conf"
    expect_failed podman.hooks-d.directory
    rm -r /etc/containers/oci/hooks.d
    sed -i '/^runtime =/d' "$conf"
    sed -i 's/^crun =/bulkhead =/' "$conf"
    run unwell
    expect_eq $'warning podman.hooks-d.directory\nwarning podman.default-runtime' "$output"
    rm "$conf"
    run unwell
    expect_eq $'failed podman.hooks-d.directory\nwarning podman.runtime' "$output"
}

@test "the shim" {
    rm /usr/bin/bulkhead-runtime
    expect_failed node.shim
    shim_install
    rm "$shims/crun"
    expect_failed node.shim-links
    ln -s /usr/bin/crun "$shims/crun"
    expect_failed node.shim-links
    shim_install
    hook_config '{"runtime": {"path": ["/usr/bin/no-crun"]}}'
    mv /usr/bin/crun /usr/bin/moved-crun
    expect_failed node.real-runtime
    mv /usr/bin/moved-crun /usr/bin/crun
    rm -r /etc/bulkhead
    sed -i "s|^crun = .*|crun = [\"/usr/bin/crun\", \"$shims/crun\"]|" "$conf"
    expect_failed podman.runtime
    printf '[engine\n' >"$conf"
    expect_failed podman.config
    printf '[engine]\n' >"$conf"
    expect_warning podman.runtime
    hook_config '{"disk": {"guard": "require"}}'
    expect_failed podman.runtime
    run unwell podman docker
    expect_eq $'failed podman.runtime\nfailed docker.runtime' "$output" # asked for by name
}

start() { # NAME [OPT...]
    podman run --detach --name "$1" --network none "${@:2}" "$image" sleep 1000 </dev/null >/dev/null 3>&-
}

no_containers() { podman rm --force --all --time 0 >/dev/null 3>&-; }

@test "containers that run, and have less than they ask for" {
    local pid limit=(--annotation io.bulkhead.disk-size=10Mi)
    start guarded "${limit[@]}"
    expect_eq '' "$(unwell podman)"
    pid=$(podman inspect --format '{{.State.Pid}}' guarded)
    nsenter --target "$pid" --pid sleep 1000 &>/dev/null 3>&- &
    wait_until 10 pgrep --parent $!
    expect_warning node.live-guard podman
    kill "$(pgrep --parent $!)"
    expect_eq '' "$(unwell podman)"
    no_containers

    mv "$hook_file" /run/hook-file
    start without --runtime /usr/bin/crun "${limit[@]}"
    mv /run/hook-file "$hook_file"
    expect_failed node.live-limits podman
    expect_match "$(podman inspect --format '{{.Id}}' without)" "$("$bulkhead" doctor podman)"
    no_containers
}

# Of the matrix: four more findings, half a minute.
# bats test_tags=matrix
@test "containers that run, and of which something else is not as it should be" {
    local receipt limit=(--annotation io.bulkhead.disk-size=10Mi)
    start escapable --runtime /usr/bin/crun "${limit[@]}"
    expect_warning node.live-disk podman
    no_containers

    start silent
    expect_eq '' "$(unwell podman)"
    hook_config '{"defaults": {"pids-max": 100}}'
    expect_warning node.live-defaults podman
    no_containers
    start receipted "${limit[@]}"
    expect_eq '' "$(unwell podman)"
    receipt=$(echo /run/bulkhead/containers/*/*.json)
    cp --archive "$receipt" /run/receipt
    echo '{' >"$receipt"
    expect_failed node.receipts podman
    mv /run/receipt "$receipt"
    no_containers
    expect_empty "$(find /run/bulkhead/containers -mindepth 1)"
}

@test "a throw-away container" {
    run ran podman
    expect_eq 7 "${#lines[@]}" "$output"
    expect_match 'podman.run ok: a container that asks for disk-size=8388608 memory-max=67108864 ' "$output"
    expect_match 'podman.run-shm ok: shm-size 4194304' "$output"
    expect_match 'podman.run-memory ok: memory-max 67108864' "$output"
    expect_match 'podman.run-pids ok: pids-max 64' "$output"
    expect_match 'podman.run-disk ok: disk-size 8[0-9]{6}' "$output"
    expect_match 'podman.run-guard ok: taking the project id off: Inappropriate ioctl for device' "$output"
    expect_match 'podman.run-clean ok: ' "$output"
    # Nothing is left of it.
    expect_empty "$(find /run/bulkhead/containers -mindepth 1)"
    expect_empty "$(podman ps --all --quiet 3>&-)"
    expect_eq "$image" "$(podman images --format '{{.Repository}}' 3>&-)"

    sed -i "s|^crun = .*|crun = [\"/usr/bin/crun\"]|" "$conf"
    hook_remove
    run ran podman
    expect_match 'podman.run-shm failed: the container asked for 4194304 and has 6[0-9]{7}' "$output"
    expect_match 'podman.run-disk failed: the container asked for 8388608 and wrote 16777216' "$output"
}

# Of the matrix: four more throw-away containers, half a minute.
# bats test_tags=matrix
@test "a throw-away container, where something is missing" {
    sed -i "s|^crun = .*|crun = [\"/usr/bin/crun\"]|" "$conf"
    expect_match 'podman.run-guard warning: the container took its disk limit off, and wrote 16777216' "$(ran podman)"
    json_edit "$hook_file" '.stages = ["createRuntime"]'
    expect_match 'podman.run-clean failed: ' "$(ran podman)"
    "$bulkhead" gc
    hook_install
    hook_config '{"rules": [{"allow": ["pids-max"]}]}'
    run ran podman
    expect_eq 3 "${#lines[@]}" "$output" # run, run-pids, run-clean
    printf '#!/bin/sh\nexit 1\n' >"$installed_hook"
    expect_match 'podman.run failed: the container did not run to its end: ' "$(ran podman)"
}

@test "a throw-away container that is broken off leaves nothing behind" {
    local pid status=0
    "$bulkhead" doctor --run podman &>/run/doctor.out 3>&- &
    pid=$!
    wait_until 30 pgrep --full '^[^ ]*podman run .* bulkhead-doctor-' # it has the image
    kill -TERM "$pid"
    wait "$pid" || status=$?
    expect_eq 143 "$status" "$(</run/doctor.out)"
    expect_empty "$(podman ps --all --quiet 3>&-)"
    expect_eq "$image" "$(podman images --format '{{.Repository}}' 3>&-)"
    expect_empty "$(find /run/bulkhead/containers -mindepth 1)"
}

@test "the timer of gc" {
    mkdir -p /usr/lib/systemd/system
    cp "$checkout"/systemd/bulkhead-gc.* /usr/lib/systemd/system
    systemctl daemon-reload
    expect_failed node.gc-timer podman
    systemctl start bulkhead-gc.timer
    expect_warning node.gc-timer podman
    systemctl enable bulkhead-gc.timer
    expect_eq '' "$(unwell podman)"
    systemctl disable --now bulkhead-gc.timer
    rm /usr/lib/systemd/system/bulkhead-gc.*
}

@test "the node: its config, our directories, the disk" {
    hook_config '{"max": {"shm-size": "512m"}}'
    expect_failed node.config
    chmod 666 /etc/bulkhead/bulkhead.json
    expect_failed node.config
    rm /etc/bulkhead/bulkhead.json
    hook_config '{"disk": {"guard": "off"}}'
    expect_warning node.guard
    rm -r /etc/bulkhead
    chown daemon /run/bulkhead
    expect_failed node.state-dir
    chown root /run/bulkhead
    mkdir -m 777 /var/lib/bulkhead/disk
    expect_failed node.records-dir
    chmod 700 /var/lib/bulkhead/disk
    sed -i 's|/mnt/xfs|/run|' "$storage"
    expect_warning podman.storage
    hook_config '{"defaults": {"disk-size": "1Gi"}}'
    expect_failed podman.storage
    mkdir /run/noquota
    truncate --size=300M /run/noquota.img
    mkfs.xfs -q /run/noquota.img
    mount -o loop /run/noquota.img /run/noquota
    sed -i 's|/run/podman"|/run/noquota/podman"|' "$storage"
    expect_failed podman.storage
    expect_match 'without project quotas' "$("$bulkhead" doctor)"
    umount /run/noquota
}
