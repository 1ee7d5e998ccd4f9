#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
# matrix: needs packages, which take minutes to build (packaging/build; tests/run --all does it)
#
# From the Debian package alone: installed, used with no further step, configured, upgraded and removed while a container
# runs, purged. One node, in this order.
load ../helpers
load ../disk

deb=$(echo "$checkout"/dist/bulkhead_*_amd64.deb)

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

receipt() { jq --raw-output "$2" "$receipts/$(engine inspect --format '{{.Id}}' "$1")"/*.json; } # NAME JQ

expect_walls() { # NAME
    expect_eq 8192 "$(engine exec "$1" df -k /dev/shm | awk 'NR == 2 { print $2 }')"
    expect_eq 1024 "$(engine exec "$1" df -k /feed | awk 'NR == 2 { print $2 }')"
    run engine exec "$1" dd if=/dev/zero of=/big bs=1M count=30
    expect_match 'No space left on device' "$output"
    expect_eq "67108864 40" "$(receipt "$1" '"\(.promises["memory-max"]) \(.promises["pids-max"])"')"
}

install_package() { # DEB
    DEBIAN_FRONTEND=noninteractive dpkg --install "$1" 2>&1
}

@test "installed, and the timer runs" {
    install_package "$deb"
    expect_eq "enabled active" "$(systemctl is-enabled bulkhead-gc.timer) $(systemctl is-active bulkhead-gc.timer)"
    expect_eq "700 root" "$(stat --format '%a %U' /run/bulkhead)"
    expect_eq "$(bulkhead version)" "bulkhead $(dpkg-query --show --showformat='${Version}' bulkhead)"
    systemctl start bulkhead-gc.service
}

@test "a container with all that there is, and no further step" {
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    tar -C "$root" -c . | engine import --quiet - "$image" >/dev/null
    rm -rf "$root"
    start_with_everything plain
    expect_walls plain
    expect_eq 0 "$(receipt plain .guard.putUp)"
    engine rm --force --time 0 plain
    expect_eq "" "$(ls -A "$receipts")"
}

@test "bulkhead configure podman: the same container behind the guard" {
    bulkhead configure podman
    start_with_everything guarded
    expect_walls guarded
    expect_eq "1 " "$(receipt guarded '"\(.guard.putUp) \(.guard.escapable)"')"
}

@test "upgraded while it runs" {
    local tree=/run/upgrade
    dpkg-deb --raw-extract "$deb" "$tree"
    sed -i 's/^Version: .*/&+1/' "$tree/DEBIAN/control"
    dpkg-deb --build --root-owner-group "$tree" /run/newer.deb >/dev/null
    mkdir -p /etc/bulkhead
    printf '{"max": {"shm-size": "1Gi"}}\n' >/etc/bulkhead/bulkhead.json
    # In every moment of it an engine finds what it was told of.
    strace --quiet=all --follow-forks --trace=rename,renameat,renameat2,unlink,unlinkat --output=/run/upgrade.calls \
        dpkg --install /run/newer.deb >/dev/null 2>&1
    run grep -E 'unlink.*"(/usr/libexec/oci/hooks.d/bulkhead-hook|/usr/bin/bulkhead-runtime)"' /run/upgrade.calls
    expect_empty "$output"
    expect_eq '{"max": {"shm-size": "1Gi"}}' "$(</etc/bulkhead/bulkhead.json)"
    expect_walls guarded
    start_with_everything second
    engine rm --force --time 0 second
}

@test "a config that is wrong is told, and breaks no installation" {
    printf '{"max": {"shm-size": 1.5}}\n' >/etc/bulkhead/bulkhead.json
    run install_package /run/newer.deb
    expect_eq 0 "$status" "with $output"
    expect_match 'the node config is not sound' "$output"
    expect_match 'max.shm-size' "$output"
    rm /etc/bulkhead/bulkhead.json
}

@test "removed while it runs: it is stopped and deleted, and its limits are given back" {
    run dpkg --remove bulkhead
    expect_eq 0 "$status" "with $output"
    expect_match 'podman is still configured for the runtime shim' "$output"
    [[ ! -e /usr/share/containers/oci/hooks.d/50-bulkhead.json && ! -e /usr/bin/bulkhead ]]
    expect_walls guarded
    engine stop --time 0 guarded
    engine rm guarded
    expect_eq "" "$(ls -A "$receipts")"
    expect_eq "" "$(limits)"
    run systemctl is-active bulkhead-gc.timer
    expect_match '^inactive|^unknown' "$output"
}

@test "purged: nothing is left" {
    dpkg --purge bulkhead
    rm -rf /etc/containers/containers.conf.d/50-bulkhead.conf # the admin was told
    run find / -xdev \( -path /proc -o -path /bulkhead -o -path /node -o -path /etc/bulkhead-node -o -path "$disk" -o -path /run/newer.deb -o -path /run/upgrade \) -prune \
        -o -iname '*bulkhead*' -print
    expect_empty "$output"
    engine run --rm --network none "$image" true
}
