#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd
# matrix: on version 1 the integration tests do the same; a minute
#
# Updates through the runtime shim on cgroup v2 and with systemd's cgroup driver, and what a daemon-reload leaves of the
# limits that the shim put into config.json. (On version 1: tests/integration/shim-update.bats.)
# shellcheck disable=SC2016 # jq's variables
load ../helpers
load ../disk
load ../shim

MiB=$((1 << 20))
unit=test-c1.scope

setup_file() { shim_install; }

setup() {
    node_setup
    bundle=/run/bundle
    mkdir -p "$bundle"
    busybox_root "$bundle/rootfs"
}

teardown() {
    end &>/dev/null || true
    rm -rf "$bundle" /run/bulkhead
}

through_shim() { "$shims/$which" --systemd-cgroup "$@" 3>&-; }

begin() { # RUNTIME [KEY=VALUE...]
    which=$1
    [[ -f $BATS_RUN_TMPDIR/config.json ]] || runc spec --bundle "$BATS_RUN_TMPDIR"
    jq '.process.terminal = false | .process.args = ["sleep", "1000"] | .root.readonly = false
        | .linux.cgroupsPath = "system.slice:test:c1"
        | .annotations = ($ARGS.positional | map(capture("(?<key>[^=]*)=(?<value>.*)") | .key |= "io.bulkhead." + .)
            | from_entries)' "$BATS_RUN_TMPDIR/config.json" --args "${@:2}" >"$bundle/config.json"
    through_shim run --detach --bundle "$bundle" --pid-file "$bundle/pid" c1 </dev/null >"$bundle/log" 2>&1 ||
        complain "$(<"$bundle/log")"
}

end() { through_shim delete --force c1; }

for_each_runtime() { # CMD...
    local each
    for each in runc crun; do
        echo "# $each" >&2
        "$@" "$each"
        end
        expect_empty "$(find /run/bulkhead/containers -type f)"
    done
}

leaf() { printf '/sys/fs/cgroup%s\n' "$(sed -n 's/^0:://p' "/proc/$(<"$bundle/pid")/cgroup")"; }

# As its process has them, and what systemd will write to the scope at its next occasion.
expect_limits() { # MEMORY PIDS [lowered]
    expect_eq "$1 $2" "$(cat "$(leaf)"/{memory,pids}.max | paste -sd ' ')" "memory.max and pids.max"
    systemctl daemon-reload
    expect_eq "$1 $2" "$(cat "$(leaf)"/{memory,pids}.max | paste -sd ' ')" "the same after daemon-reload"
    # crun 1.8 updates the leaf alone.
    if [[ ${3:-} == lowered && $which == crun ]]; then return; fi
    expect_eq "$1 $2" "$(cat /sys/fs/cgroup/system.slice/"$unit"/{memory,pids}.max | paste -sd ' ')" "the scope's"
}

kubelet_resources() { # [FILTER]
    jq --null-input --compact-output '{
        devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 3, access: "rwm"}],
        memory: {}, cpu: {shares: 512, quota: 20000, period: 100000}} | '"${1:-.}"
}

update() { through_shim update --resources=- c1 <<<"$1"; } # RESOURCES

reloaded() { # RUNTIME
    local file
    begin "$1" memory-max=64Mi memory-high=48Mi memory-swap-max=16Mi pids-max=50 memory-oom-group=true
    expect_limits $((64 * MiB)) 50
    for file in memory.high=$((48 * MiB)) memory.swap.max=$((16 * MiB)) memory.oom.group=1; do
        expect_eq "${file#*=}" "$(<"$(leaf)/${file%=*}")" "${file%=*} after daemon-reload"
    done
    expect_eq kill "$(systemctl show --property OOMPolicy --value "$unit")"
    expect_eq "'kill'" "$(jq --raw-output '.annotations["org.systemd.property.OOMPolicy"]' "$bundle/config.json")"
    update "$(kubelet_resources '.unified = {"memory.max": "max", "memory.high": "max", "memory.swap.max": "1073741824",
        "memory.oom.group": "0", "pids.max": "max"}')"
    expect_limits $((64 * MiB)) 50
    expect_eq "$((48 * MiB)) $((16 * MiB)) 1" \
        "$(cat "$(leaf)"/memory.{high,swap.max,oom.group} | paste -sd ' ')" "high, swap.max, oom.group"
}

@test "limits in config.json survive daemon-reload, memory-oom-group too, and an update by the files' names" {
    for_each_runtime reloaded
}

brought_down() { journal | grep --count 'c1: an update asks for more .* is brought down' || true; }

kubelet() { # RUNTIME
    local before
    before=$(brought_down)
    begin "$1" memory-max=64Mi pids-max=50
    update "$(kubelet_resources '.memory.limit = 268435456 | .pids.limit = 1000')"
    expect_limits $((64 * MiB)) 50
    expect_eq "20000 100000" "$(<"$(leaf)/cpu.max")"
    update "$(kubelet_resources '.memory.limit = -1 | .pids.limit = -1')"
    expect_limits $((64 * MiB)) 50
    update "$(kubelet_resources '.memory.limit = 33554432 | .pids.limit = 30')"
    expect_limits $((32 * MiB)) 30 lowered
    update "$(kubelet_resources)"
    expect_limits $((32 * MiB)) 30 lowered
    through_shim update --memory 268435456 --memory-swap 536870912 --pids-limit 1000 c1
    expect_limits $((64 * MiB)) 50
    expect_eq $((before + 3)) "$(brought_down)" "in the journal"
    "$which" --systemd-cgroup update --memory 268435456 --memory-swap 268435456 --pids-limit 1000 c1
    expect_eq "$((256 * MiB)) 1000" "$(cat "$(leaf)"/{memory,pids}.max | paste -sd ' ')" "without the shim"
}

@test "a kubelet's update does not get past the receipt; one without memory and pids leaves them" {
    for_each_runtime kubelet
}
