#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
# matrix: units are changed seldom; a minute
#
# The units as systemd runs them: hardened, and able all the same to do in PID 1's mount namespace what they are for.
load ../helpers
load ../disk

bulkhead=$(dirname "$BULKHEAD_HOOK")/bulkhead
units=/usr/lib/systemd/system
segments=/run/bulkhead/segments
for_node_exporter=/var/lib/prometheus/node-exporter

setup_file() {
    install --mode=755 "$bulkhead" /usr/bin/bulkhead
    install --mode=644 --target-directory="$units" "$checkout"/systemd/*.{service,timer}
    systemctl daemon-reload
}

setup() {
    test_began=$(date +%s.%6N)
    disk_setup
}

teardown() {
    systemctl stop copy.service 'bulkhead-*.timer' 2>/dev/null || true
    systemctl reset-failed 2>/dev/null || true
    rm -rf "$for_node_exporter" /run/systemd/system/bulkhead-*.d
    systemctl daemon-reload
    awk -v place="$segments" 'index($5, place) == 1 { print $5 }' /proc/self/mountinfo | tac | xargs --no-run-if-empty umount
    disk_teardown
}

mounts_of_node() { grep -F " $segments" /proc/1/mountinfo; }

shmem_kib() { awk '/^Shmem:/ { print $2 }' /proc/meminfo; }

main_process() { systemctl show --value --property=MainPID "$1"; }

# Its process and its runtime are gone, and nobody called poststop.
leave_behind() { # NAME
    local pid
    pid=$("$RUNTIME" state "$1" | jq .pid)
    kill -KILL "$pid"
    wait_until 5 process_is_gone "$pid"
    rm -rf "/run/$RUNTIME/$1" "$bundles/$1/started"
}

# 16 MiB in a directory that only its user may enter, below one that is sticky.
fill() { # NAME DIRECTORY
    # shellcheck disable=SC2016 # the container's shell expands it
    inside --user 1000:1000 "$1" sh -c 'umask 077; mkdir "$0/d"; dd if=/dev/zero of="$0/d/zeroes" bs=1M count=16 2>/dev/null' "$2"
}

# A unit that took all mounts with it, so that to unmount a segment frees nothing.
copy_mounts() {
    systemd-run --quiet --unit=copy unshare --mount --propagation private sh -c "mount --bind $segments/local/x /mnt && exec sleep 1000"
    wait_until 20 eval "grep -q ' /mnt .* tmpfs bulkhead ' /proc/\$(main_process copy)/mountinfo"
}

said_by() { # UNIT
    journalctl --sync
    journalctl --quiet --no-pager --output=cat --since "@$test_began" _SYSTEMD_UNIT="$1" _COMM=bulkhead
}

@test "systemd finds nothing to say of the units, and their exposure is below 2.5" {
    local name names services
    names=$(cd "$checkout/systemd" && echo *.service *.timer)
    # shellcheck disable=SC2086 # words
    run env -C "$units" systemd-analyze verify --man=no $names # man is not in the node
    expect_eq '0 ' "$status $output"
    services=$(cd "$checkout/systemd" && echo *.service)
    for name in $services; do
        run systemd-analyze security --no-pager --threshold=24 "$name"
        expect_eq 0 "$status" "$output"
        echo "# $(grep 'Overall exposure' <<<"$output" | tr -cd '[:print:]')" >&3
    done
}

@test "gc as a unit gives back what the dead left where PID 1 is: segments, their memory, and limits" {
    local before
    layer_make c1
    start c1 disk-size=10Mi pids-max=50 'segment.x=path=/mnt/x size=32Mi' 'segment.y=path=/dev/shm size=32Mi'
    fill c1 /mnt/x
    fill c1 /dev/shm
    copy_mounts
    leave_behind c1
    expect_eq 2 "$(mounts_of_node | grep -c ' tmpfs bulkhead ')"
    expect_eq 10240 "$(limits | cut -d' ' -f3)"
    before=$(shmem_kib)

    systemctl start bulkhead-gc.service
    expect_match "^released containers/c1/[0-9a-f]+\.json of c1\$" "$(said_by bulkhead-gc.service)"
    expect_empty "$(mounts_of_node)"
    ((before - $(shmem_kib) > 31000)) || complain "memory stays: $before KiB before, $(shmem_kib) KiB after"
    expect_match ' /mnt .* tmpfs bulkhead ' "$(cat "/proc/$(main_process copy)/mountinfo")" # and is empty
    expect_nothing_left
    [[ ! -e $segments ]] || complain "$(find $segments)"

    systemctl start bulkhead-gc.service
    expect_eq 1 "$(said_by bulkhead-gc.service | wc -l)" "of nothing it says nothing"
}

@test "gc as a unit reads the node config: a segment that was kept and is declared no more goes" {
    local declared='{"size": "4Mi", "readers": ["*"], "writers": ["*"], "keep": true}'
    layer_make c1
    hook_config "{\"segments\": {\"market\": $declared}}"
    start c1 'segment.market=path=/mnt/x'
    leave_behind c1
    systemctl start bulkhead-gc.service
    expect_match " $segments/node/market .* tmpfs bulkhead " "$(mounts_of_node)"
    hook_config '{}'
    systemctl start bulkhead-gc.service
    expect_match 'released segments/node/market$' "$(said_by bulkhead-gc.service)"
    expect_empty "$(mounts_of_node)"
}

@test "gc as a unit fails, and says why, where something cannot be given back" {
    local uuid
    layer_make c1
    start c1 disk-size=10Mi
    uuid=$(basename "$(record_files)") uuid=${uuid%-*.json}
    leave_behind c1
    layer_unmount c1
    umount /mnt/xfs
    run systemctl start bulkhead-gc.service
    expect_eq 1 "$status"
    expect_match "kept disk/.*: the disk $uuid is not mounted" "$(said_by bulkhead-gc.service)"
    mount -t xfs -o prjquota /dev/ubdb /mnt/xfs
    systemctl start bulkhead-gc.service
    expect_nothing_left
}

metric() { awk -v name="$1" '$1 == name { print $2 }' "$for_node_exporter/bulkhead.prom"; } # NAME{LABELS}

@test "metrics as a unit sees what is where PID 1 is, and writes it where node_exporter reads it" {
    mkdir -p "$for_node_exporter"
    layer_make c1
    start c1 disk-size=10Mi pids-max=50 'segment.x=path=/mnt/x size=32Mi' 'shm-size=8Mi'
    fill c1 /mnt/x
    inside c1 dd if=/dev/zero of=/big bs=1M count=4 2>/dev/null
    inside c1 dd if=/dev/zero of=/dev/shm/big bs=1M count=2 2>/dev/null
    systemctl start bulkhead-metrics.service
    expect_empty "$(said_by bulkhead-metrics.service)"
    expect_eq 0 "$(metric bulkhead_problems)"
    expect_eq 0.5 "$(metric 'bulkhead_fullest_ratio{resource="segments"}')"
    expect_eq 0.25 "$(metric 'bulkhead_fullest_ratio{resource="shm"}')"
    expect_eq 10485760 "$(metric 'bulkhead_limit_bytes{resource="disk"}')"
    (($(metric 'bulkhead_used_bytes{resource="disk"}') >= 4 << 20))
    expect_eq 50 "$(metric 'bulkhead_limit_objects{resource="pids"}')"
    expect_eq 1 "$(metric bulkhead_starts_total)"
    expect_eq '644 bulkhead.prom' "$(stat -c %a "$for_node_exporter/bulkhead.prom") $(ls -A "$for_node_exporter")"
    leave_behind c1
    systemctl start bulkhead-metrics.service
    expect_eq 1 "$(metric bulkhead_gone_containers)"
    systemctl start bulkhead-gc.service
    systemctl start bulkhead-metrics.service
    expect_eq 0 "$(metric bulkhead_gone_containers)"
    local kind
    for kind in receipt segment disk_record; do
        expect_eq 1 "$(metric "bulkhead_gc_released_total{kind=\"$kind\"}")" "$kind"
    done
}

@test "metrics as a unit writes in node_exporter's directory alone, be it somebody else's" {
    mkdir -p "$for_node_exporter" /run/systemd/system/bulkhead-metrics.service.d
    chown 1234:1234 "$for_node_exporter"
    systemctl start bulkhead-metrics.service
    expect_eq '0 644' "$(stat -c '%u %a' "$for_node_exporter/bulkhead.prom")"
    printf '[Service]\nExecStart=\nExecStart=/usr/bin/bulkhead metrics --output-file /etc/bulkhead.prom\n' \
        >/run/systemd/system/bulkhead-metrics.service.d/elsewhere.conf
    systemctl daemon-reload
    run systemctl start bulkhead-metrics.service
    expect_eq 1 "$status"
    expect_match '/etc/bulkhead.prom: .*Read-only file system' "$(said_by bulkhead-metrics.service)"
    [[ ! -e /etc/bulkhead.prom ]]
}

@test "without node_exporter's directory metrics as a unit does nothing, and nothing fails; its timer waits for it" {
    systemctl start bulkhead-metrics.service bulkhead-metrics.timer
    expect_eq 'inactive active' "$(systemctl is-active bulkhead-metrics.service bulkhead-metrics.timer | paste -sd ' ')"
    systemctl stop bulkhead-metrics.timer
    expect_eq success "$(systemctl show --value --property=Result bulkhead-metrics.service)"
    [[ ! -e $for_node_exporter ]]
}

# With the waiting shortened, as nobody has an hour.
runs_by_itself() { # UNIT
    mkdir -p "/run/systemd/system/$1.timer.d"
    printf '[Timer]\nOnCalendar=\nOnBootSec=\nOnUnitActiveSec=\nOnUnitInactiveSec=\nOnActiveSec=1\nOnUnitInactiveSec=2\nAccuracySec=100ms\nRandomizedDelaySec=0\n' \
        >"/run/systemd/system/$1.timer.d/soon.conf"
    systemctl daemon-reload
    systemctl start "$1.timer"
    wait_until 30 ran_since 0 "$1.service"
    wait_until 30 ran_since "$(last_run_of "$1.service")" "$1.service"
    systemctl stop "$1.timer"
    rm -r "/run/systemd/system/$1.timer.d"
    systemctl daemon-reload
}

last_run_of() { systemctl show --value --property=ExecMainExitTimestampMonotonic "$1"; } # UNIT

ran_since() { # MICROSECONDS UNIT
    local last
    last=$(last_run_of "$2")
    [[ $last -gt $1 && $(systemctl show --value --property=ExecMainStatus "$2") == 0 ]]
}

# Not while the service runs.
will_run_again() { # TIMER
    [[ $(systemctl show --value --property=NextElapseUSecMonotonic --property=NextElapseUSecRealtime "$1") == *[1-9]* ]]
}

@test "the timers run what they are for, again and again" {
    local timer
    mkdir -p "$for_node_exporter"
    for timer in "$checkout"/systemd/*.timer; do
        timer=$(basename "$timer" .timer)
        systemctl enable --quiet --now "$timer.timer"
        wait_until 30 will_run_again "$timer.timer"
        systemctl disable --quiet --now "$timer.timer"
        runs_by_itself "$timer"
    done
}

@test "tmpfiles.d makes the directories root's alone, and removes nothing" {
    rm -rf /run/bulkhead /var/lib/bulkhead
    local conf=$checkout/systemd/tmpfiles.d/bulkhead.conf
    systemd-tmpfiles --create "$conf"
    expect_eq 'drwx------ root root' "$(stat -c '%A %U %G' /run/bulkhead)"
    expect_eq 'drwx------ root root' "$(stat -c '%A %U %G' /var/lib/bulkhead)"
    touch -d '2 years ago' /run/bulkhead/x /var/lib/bulkhead/x
    systemd-tmpfiles --create --clean --remove "$conf"
    [[ -e /run/bulkhead/x && -e /var/lib/bulkhead/x ]]
}
