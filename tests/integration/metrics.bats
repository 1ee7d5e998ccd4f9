#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# bulkhead metrics: what it says of real containers, in formats that their own readers take.
# shellcheck disable=SC2030,SC2031 # each test is a subshell
load helpers
load segments

dashboard=$checkout/config/grafana/bulkhead.json
MiB=$((1 << 20))

# A sample of $metrics.
value() { awk -v name="$1" '$1 == name { print $2 }' <<<"$metrics"; } # NAME{LABELS}

pids_are() { # USED LIMIT
    [[ "$1 $2" == "$(value 'bulkhead_used_objects{resource="pids"}') $(value 'bulkhead_limit_objects{resource="pids"}')" ]]
}

measure() { metrics=$(bulkhead metrics "$@"); }

bundle_asking() { # ID
    bundle_new "$1"
    bundle_edit 'del(.linux.resources.memory, .linux.resources.pids)'
    bundle_hook
    bundle_annotate io.bulkhead.shm-size 16Mi
    bundle_annotate io.bulkhead.pids-max 20
    bundle_annotate io.bulkhead.segment.x 'path=/mnt/x size=8Mi'
}

# In $output. Only python-prometheus-client's OpenMetrics parser is strict.
run_openmetrics_parser() {
    /usr/bin/python3 -c 'import prometheus_client.openmetrics.parser' 2>/dev/null ||
        skip_because "python3-prometheus-client is not installed"
    run /usr/bin/python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.type, family.name, family.unit, len(family.samples))'
}

# --- What is said ---------------------------------------------------------------------------------------------------------

@test "two containers and the segment that they share" {
    bundle_asking a
    container_start
    container_exec dd if=/dev/zero of=/dev/shm/zeroes bs=1M count=4 2>/dev/null
    container_exec dd if=/dev/zero of=/mnt/x/zeroes bs=1M count=2 2>/dev/null
    bundle_asking b
    container_start
    measure
    expect_eq 2 "$(value bulkhead_starts_total)"
    expect_eq 2 "$(value 'bulkhead_containers{guard="none"}')"
    expect_eq $((4 * MiB)) "$(value 'bulkhead_used_bytes{resource="shm"}')"
    expect_eq $((32 * MiB)) "$(value 'bulkhead_limit_bytes{resource="shm"}')"
    expect_eq 0.25 "$(value 'bulkhead_fullest_ratio{resource="shm"}')"
    expect_eq "1 $((2 * MiB)) $((8 * MiB))" \
        "$(value bulkhead_segments) $(value 'bulkhead_used_bytes{resource="segments"}') $(value 'bulkhead_limit_bytes{resource="segments"}')"
    wait_until 10 eval 'measure; pids_are 2 40' # what exec came with may still be ending
    expect_eq 0 "$(value bulkhead_problems)"
    expect_empty "$(grep '"a"' <<<"$metrics")" "a container by name"
    measure --per-container
    expect_eq $((4 * MiB)) "$(value 'bulkhead_container_used_bytes{id="a",namespace="",pod="",container="",resource="shm"}')"
    expect_eq 20 "$(value 'bulkhead_container_limit_objects{id="b",namespace="",pod="",container="",resource="pids"}')"
    kill -KILL "$(container_pid)"
    wait_until 5 process_is_gone "$(container_pid)"
    measure
    expect_eq '1 1' "$(value bulkhead_gone_containers) $(value 'bulkhead_containers{guard="none"}')"
    bulkhead gc
    measure
    expect_eq '0 1' "$(value bulkhead_gone_containers) $(value 'bulkhead_gc_released_total{kind="receipt"}')"
}

@test "refusals by their code, and a config that is bad" {
    bundle_asking a
    bundle_annotate io.bulkhead.shm-size 512m
    refused_start 64
    bundle_asking b
    bundle_annotate io.bulkhead.memory-low 1Mi
    refused_start 77
    bundle_asking c
    bundle_annotate io.bulkhead.memory-low 1Mi
    refused_start 77
    measure
    expect_eq '1 2 0' "$(value 'bulkhead_refusals_total{code="64"}') $(value 'bulkhead_refusals_total{code="77"}') \
$(value bulkhead_starts_total)"
    expect_eq 1 "$(value bulkhead_config_sound)"
    hook_config '{"no-such-member": 1}'
    bundle_asking d
    refused_start 78
    measure
    expect_eq '0 1' "$(value bulkhead_config_sound) $(value 'bulkhead_refusals_total{code="78"}')"
}

@test "a node where nothing was ever done, and what cannot be read" {
    measure
    expect_eq '0 0' "$(value bulkhead_starts_total) $(value bulkhead_problems)"
    expect_eq "bulkhead_build_info{version=\"$(bulkhead version | cut -d' ' -f2)\"} 1" "$(grep ^bulkhead_build_info <<<"$metrics")"
    [[ ! -e $state_dir ]]
    bundle_asking a
    container_start
    echo garbage >"$(echo "$state_dir"/containers/a/*.json)"
    measure
    expect_eq 1 "$(value bulkhead_problems)"
    run setpriv --reuid=nobody --regid=nogroup --clear-groups "$BULKHEAD" metrics
    expect_eq '1 bulkhead: metrics: only root can see what containers hold' "$status $output"
    run bulkhead metrics --format json
    expect_eq 2 "$status"
}

# --- Formats --------------------------------------------------------------------------------------------------------------

@test "OpenMetrics is taken by its parser, with and without containers" {
    run_openmetrics_parser < <(bulkhead metrics)
    expect_match $'^info bulkhead_build  1\n' "$output"
    expect_match $'counter bulkhead_refusals  8' "$output"
    expect_match $'gauge bulkhead_used_bytes bytes 4' "$output"
    bundle_asking a
    container_start
    run_openmetrics_parser < <(bulkhead metrics --per-container --format openmetrics)
    expect_eq 0 "$status" "$output"
    expect_match 'gauge bulkhead_container_used_bytes bytes 2' "$output"
}

@test "promtool finds nothing to say of the other format" {
    run "$checkout/tests/promtool" --version
    if ((status == 125)); then skip_because "promtool is not installed, nor is Debian's package prometheus to be had: $output"; fi
    bundle_asking a
    container_start
    run "$checkout/tests/promtool" check metrics < <(bulkhead metrics --format prometheus --per-container)
    expect_eq '0 ' "$status $output"
    expect_empty "$(bulkhead metrics --format prometheus | grep -E '# (EOF|UNIT)')"
}

@test "the dashboard asks for what there is, and for all of it" {
    local asked printed
    asked=$(jq --raw-output '.. | .expr? // empty' "$dashboard" | grep -oE 'bulkhead_[a-z_]+' | sort -u)
    printed=$(bulkhead metrics --format prometheus | grep -oE '^bulkhead_[a-z_]+' | sort -u)
    expect_eq "$printed" "$asked"
    # What it asks with is there as well.
    expect_empty "$(comm -13 <(bulkhead metrics | grep -oE '(resource|guard)="[a-z_]+"' | sort -u) \
        <(jq --raw-output '.. | .expr? // empty' "$dashboard" | grep -oE '(resource|guard)="[a-z_]+"' | sort -u))"
    expect_eq "" "$(jq --raw-output '[.panels[].id] | group_by(.)[] | select(length > 1)' "$dashboard")" "ids that are there twice"
}

@test "bulkhead(8) has every name" {
    local name
    bundle_asking a
    container_start
    for name in $(bulkhead metrics --format prometheus --per-container | grep -oE '^bulkhead_[a-z_]+' | sort -u); do
        grep -qE "[*_]${name}[*_]" "$checkout/packaging/man/bulkhead.8.scd" || complain "$name is not there"
    done
}

# --- Files ----------------------------------------------------------------------------------------------------------------

@test "a file is replaced as a whole, for everyone to read, and nothing is left beside it" {
    mkdir "$work/out"
    echo old >"$work/out/bulkhead.prom"
    exec 4<"$work/out/bulkhead.prom"
    bulkhead metrics --format prometheus --output-file "$work/out/bulkhead.prom"
    expect_eq old "$(cat <&4)" "what was opened before"
    expect_match '^bulkhead_build_info' "$(grep -v '#' "$work/out/bulkhead.prom")"
    expect_eq "644 $(id -u) bulkhead.prom" "$(stat -c '%a %u' "$work/out/bulkhead.prom") $(ls -A "$work/out")"
    (cd "$work/out" && bulkhead metrics --output-file here.prom)
    expect_match '# EOF$' "$(<"$work/out/here.prom")"
}

@test "what others put in its place is not followed, and not waited for" {
    mkdir -m 777 "$work/out"
    echo mine >"$work/mine"
    ln -s "$work/mine" "$work/out/.bulkhead.prom.tmp"
    ln -s "$work/mine" "$work/out/bulkhead.prom"
    bulkhead metrics --output-file "$work/out/bulkhead.prom"
    expect_eq mine "$(<"$work/mine")"
    [[ -f $work/out/bulkhead.prom && ! -L $work/out/bulkhead.prom ]]
    mkfifo "$work/out/.bulkhead.prom.tmp"
    timeout 20 "$BULKHEAD" metrics --state-dir "$state_dir" --output-file "$work/out/bulkhead.prom"
    expect_eq bulkhead.prom "$(ls -A "$work/out")"
}

@test "where it cannot be written, the old file stays and the reason is told" {
    run bulkhead metrics --output-file "$work/none/bulkhead.prom"
    expect_match "^bulkhead: metrics: $work/none/bulkhead.prom: open .*No such file or directory\$" "$output"
    expect_eq 1 "$status"
    mkdir "$work/full" && mount -t tmpfs -o size=4k,nr_inodes=3 tmpfs "$work/full"
    head -c 4096 /dev/zero >"$work/full/bulkhead.prom"
    run bulkhead metrics --output-file "$work/full/bulkhead.prom"
    expect_match 'No space left on device' "$output"
    expect_eq "1 4096 bulkhead.prom" "$status $(stat -c %s "$work/full/bulkhead.prom") $(ls -A "$work/full")"
    umount "$work/full"
    run bulkhead metrics --output-file "$work/"
    expect_eq "1 bulkhead: metrics: $work/: is no file's name" "$status $output"
}
