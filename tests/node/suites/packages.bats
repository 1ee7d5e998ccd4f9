#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
# matrix: needs packages, which take minutes to build (packaging/build; packaging/check and tests/run --all do it)
#
# From the Debian package alone: installed, used with no further step, by podman and containerd configured, upgraded and
# removed while containers run, purged. One node, in this order. (The rpm, without engines: packaging/rpm/try.)
load ../helpers
load ../disk
load ../containerd

deb=$(echo "$checkout"/dist/bulkhead_*_amd64.deb)
pods=/run/containerd/containerd.sock

setup_file() { :; }

setup() {
    [[ -f $deb ]] || skip_because "there is no package: packaging/build deb"
    on xfs
    test_began=$(date +%s.%6N)
}

teardown() { :; }

# Its layers on XFS, and otherwise as it is installed.
engine() { podman --root "$disk/podman" --runroot /run/podman-xfs --storage-driver overlay "$@" 3>&-; }

everything=(--annotation io.bulkhead.shm-size=8Mi --annotation io.bulkhead.disk-size=20Mi
    --annotation io.bulkhead.memory-max=64Mi --annotation io.bulkhead.pids-max=40
    --annotation 'io.bulkhead.segment.feed=path=/feed size=1Mi')

start_with_everything() { # NAME
    engine run --detach --network none --name "$1" "${everything[@]}" "$image" sleep 1000 >/dev/null
}

expect_walls() { # NAME COMMAND..., which runs what follows in it
    expect_eq 8192 "$("${@:2}" df -k /dev/shm | awk 'NR == 2 { print $2 }')"
    expect_eq 1024 "$("${@:2}" df -k /feed | awk 'NR == 2 { print $2 }')"
    run "${@:2}" dd if=/dev/zero of=/big bs=1M count=30
    expect_match 'No space left on device' "$output"
    expect_eq "67108864 40" "$(jq --raw-output '"\(.promises["memory-max"]) \(.promises["pids-max"])"' "$(receipt_of "$1")")"
}

podman_walls() { expect_walls "$1" engine exec "$1"; } # NAME

ctr_walls() { expect_walls web ctr_session; }

ctr_session() { ctr_ task exec --exec-id "e$RANDOM" web "$@"; } # COMMAND...

# An id of podman's or of ctr's.
receipt_of() { echo "$receipts/$(engine inspect --format '{{.Id}}' "$1" 2>/dev/null || echo "$1")"/*.json; }

guard_of() { jq --raw-output '"\(.guard.putUp) \(.guard.escapable)"' "$(receipt_of "$1")"; }

install_package() { # DEB
    DEBIAN_FRONTEND=noninteractive dpkg --install "$1" 2>&1
}

# dpkg, and what is renamed and unlinked under it.
watched_dpkg() { # ARGUMENT...
    DEBIAN_FRONTEND=noninteractive strace --quiet=all --follow-forks --output=/run/dpkg.calls \
        --trace=rename,renameat,renameat2,unlink,unlinkat dpkg "$@" 2>&1
}

# Of what watched_dpkg saw, hook and hooks.d's JSON: "rename hook,rename json". A rename puts it there, in one step.
order() {
    sed -nE 's/^[0-9 ]*(rename|unlink)[a-z0-9]*\(.*"([^"]*)"[^"]*\) += 0$/\1 \2/p' /run/dpkg.calls |
        sed -n "s,$installed_hook\$,hook,p; s,$hooks_d/50-bulkhead.json\$,json,p" | paste --serial --delimiters=,
}

ctr_() { ctr --namespace default "$@" 3>&-; }

@test "installed, the hook before its JSON, and the timer runs" {
    run watched_dpkg --install "$deb"
    expect_eq 0 "$status" "with $output"
    expect_eq "rename hook,rename json" "$(order)"
    expect_eq "enabled active" "$(systemctl is-enabled bulkhead-gc.timer) $(systemctl is-active bulkhead-gc.timer)"
    expect_match bulkhead-gc.timer "$(systemctl list-timers --no-legend)"
    run systemctl is-enabled bulkhead-metrics.timer # which is for who asks for it
    expect_eq disabled "$output"
    expect_eq inactive "$(systemctl is-active bulkhead-metrics.timer || true)"
    expect_eq "700 root" "$(stat --format '%a %U' /run/bulkhead)"
    expect_eq "$(bulkhead version)" "bulkhead $(dpkg-query --show --showformat='${Version}' bulkhead)"
    systemctl start bulkhead-gc.service
}

@test "what Debian tests of an installed package" {
    "$checkout/packaging/debian/tests/container"
}

@test "a podman container with all that there is, and no further step" {
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    tar -C "$root" -c . | engine import --quiet - "$image" >/dev/null
    rm -rf "$root"
    start_with_everything plain
    podman_walls plain
    expect_match '^0 ' "$(guard_of plain)"
    engine rm --force --time 0 plain
    expect_empty "$(ls -A "$receipts")"
}

@test "bulkhead configure podman: the same container behind the guard" {
    bulkhead configure podman
    start_with_everything guarded
    podman_walls guarded
    expect_eq "1 " "$(guard_of guarded)"
}

# Its pods need an image to pause with.
@test "bulkhead configure containerd, and a restart: by ctr and in a pod through the shim" {
    busybox_tar
    docker_archive
    mkdir -p "$disk/containerd" /var/lib/containerd
    mount --bind "$disk/containerd" /var/lib/containerd
    sed -i '/cri"\]$/a sandbox_image = "docker.io/library/busybox:latest"' /etc/containerd/config.toml
    systemctl start containerd
    expect_eq "now run: systemctl restart containerd" "$(bulkhead configure containerd | tail -n 1)"
    systemctl restart containerd
    ctr_ image import /run/image.tar >/dev/null
    ctr --namespace k8s.io image import /run/image.tar >/dev/null
    ctr_ run --detach --runc-binary /usr/bin/bulkhead-runtime "${everything[@]}" docker.io/library/busybox:latest web
    ctr_walls
    expect_eq "1 " "$(guard_of web)"
    "$checkout/tests/node/cri" "$pods" prod app docker.io/library/busybox:latest --handler=bulkhead \
        io.bulkhead.pids-max=77 io.bulkhead.disk-size=20Mi >/run/pod
    read -r _ container </run/pod
    expect_eq "1 " "$(guard_of "$container")"
    expect_match '"pids-max":77' "$(jq --compact-output .promises "$(receipt_of "$container")")"
}

@test "upgraded while they run" {
    systemctl enable --quiet --now bulkhead-metrics.timer
    local tree=/run/upgrade
    dpkg-deb --raw-extract "$deb" "$tree"
    sed -i 's/^Version: .*/&+1/' "$tree/DEBIAN/control"
    dpkg-deb --build --root-owner-group "$tree" /run/newer.deb >/dev/null
    printf '{"max": {"shm-size": "1Gi"}}\n' >/etc/bulkhead/bulkhead.json
    run watched_dpkg --install /run/newer.deb
    expect_eq 0 "$status" "with $output"
    # In every moment of it an engine finds what it was told of.
    expect_eq "rename hook,rename json" "$(order)"
    run grep -E 'unlink.*"/usr/bin/bulkhead-runtime"' /run/dpkg.calls
    expect_empty "$output"
    expect_eq '{"max": {"shm-size": "1Gi"}}' "$(</etc/bulkhead/bulkhead.json)"
    expect_eq $'active\nactive' "$(systemctl is-active bulkhead-gc.timer bulkhead-metrics.timer)"
    podman_walls guarded
    ctr_walls
    start_with_everything second
    engine rm --force --time 0 second
}

@test "a config that is wrong is told, and breaks no installation" {
    printf '{"max": {"shm-size": 1.5}}\n' >/etc/bulkhead/bulkhead.json
    run install_package /run/newer.deb
    expect_eq 0 "$status" "with $output"
    expect_match 'the node config is not sound' "$output"
    expect_match 'max.shm-size' "$output"
}

# With that config.
@test "removed while they run: engines are named, containers stopped and deleted, and their limits given back" {
    run watched_dpkg --remove bulkhead
    expect_eq 0 "$status" "with $output"
    expect_match 'podman is still configured for the runtime shim \(/etc/containers/containers.conf.d/[a-z0-9-]*.conf\); what mends it: bulkhead configure podman --remove' "$output"
    expect_match 'containerd is still configured .*: bulkhead configure containerd --remove && systemctl restart containerd' "$output"
    # In no moment of it are hook or shim away.
    expect_eq "unlink json" "$(order)"
    run grep -E '"(/usr/bin/bulkhead(-runtime)?|/usr/libexec/bulkhead/[a-z]*)"' /run/dpkg.calls
    expect_empty "$output"
    expect_empty "$(dpkg-divert --list '*bulkhead*')"
    [[ ! -e $hooks_d/50-bulkhead.json ]]
    expect_eq $'inactive\ninactive' "$(systemctl is-active bulkhead-gc.timer bulkhead-metrics.timer || true)"

    podman_walls guarded
    engine stop --time 0 guarded
    engine rm guarded
    ctr_walls
    ctr_ task kill --signal KILL web
    wait_until 20 eval "ctr_ task list | grep -q '^web .*STOPPED'"
    ctr_ task delete web || true # which tells of the signal
    ctr_ container delete web
    read -r sandbox _ </run/pod
    "$checkout/tests/node/cri" "$pods" --remove "$sandbox"
    expect_nothing_left
}

# It is in dpkg's way, and gone with the next installation.
@test "a removal that was killed when it had kept the programs is no harm" {
    dpkg-divert --quiet --package bulkhead-kept --no-rename --divert "$installed_hook.kept" --add "$installed_hook"
    install_package "$deb"
    expect_empty "$(dpkg-divert --list '*bulkhead*')"
    [[ ! -e $installed_hook.kept ]]
    expect_empty "$(dpkg --verify bulkhead | grep -v ' /usr/share/')" # the node's packages come without documents
    dpkg --remove bulkhead
}

@test "what it named at its removal mends the engines" {
    bulkhead configure podman --remove
    bulkhead configure containerd --remove && systemctl restart containerd
    run grep -r bulkhead /etc/containers /etc/containerd
    expect_empty "$output"
    engine run --rm --network none "$image" true
}

@test "purged: nothing is left" {
    # What systemd writes for a timer that is made persistent by its admin.
    mkdir -p /var/lib/systemd/timers
    touch /var/lib/systemd/timers/stamp-bulkhead-{gc,metrics}.timer
    dpkg --purge bulkhead
    run find / -xdev \( -path /proc -o -path /bulkhead -o -path /node -o -path /etc/bulkhead-node -o -path "$disk" \
        -o -path /run/newer.deb -o -path /run/upgrade \) -prune -o -iname '*bulkhead*' -print
    expect_empty "$output"
    engine run --rm --network none "$image" true
}
