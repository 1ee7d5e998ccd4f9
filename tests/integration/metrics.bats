#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: runc
# matrix-runtime: crun
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
    expect_eq $((4 * MiB)) "$(value 'bulkhead_container_used_bytes{id="a",bundle="",namespace="",pod="",container="",resource="shm"}')"
    expect_eq 20 "$(value 'bulkhead_container_limit_objects{id="b",bundle="",namespace="",pod="",container="",resource="pids"}')"
    kill -KILL "$(container_pid)"
    wait_until 5 process_is_gone "$(container_pid)"
    measure
    expect_eq '1 1' "$(value bulkhead_gone_containers) $(value 'bulkhead_containers{guard="none"}')"
    bulkhead gc
    measure
    expect_eq '0 1' "$(value bulkhead_gone_containers) $(value 'bulkhead_gc_released_total{kind="receipt"}')"
    expect_eq 0 "$(value 'bulkhead_gc_released_total{kind="segment"}')" # a is in it
    bundle_use a
    kill -KILL "$(container_pid)"
    wait_until 5 process_is_gone "$(container_pid)"
    local said
    said=$(bulkhead gc -o json)
    expect_eq 'receipt released a' "$(jq -r '.items[] | "\(.kind) \(.outcome) \(.container)"' <<<"$said")"
    run "$BATS_TEST_DIRNAME/output-valid" gc <<<"$said"
    expect_eq "0 " "$status $output" "gc against the schema"
    measure
    expect_eq '2 1' "$(value 'bulkhead_gc_released_total{kind="receipt"}') $(value 'bulkhead_gc_released_total{kind="segment"}')"
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

@test "two containers with one id are two, each with its bundle's hash" {
    bundle_asking a
    container_start
    local receipt=$state_dir/containers/a/other.json
    (umask 077 && jq '.bundle = "/other"' "$state_dir"/containers/a/*.json >"$work/other")
    mv "$work/other" "$receipt"
    measure --per-container
    expect_eq 2 "$(grep -cE '^bulkhead_container_limit_objects\{id="a",bundle="[0-9a-f]+",.*resource="pids"\} 20$' <<<"$metrics")" "$metrics"
    expect_empty "$(grep -v '^#' <<<"$metrics" | sed 's/ [^ ]*$//' | sort | uniq -d)" "a series that is there twice"
    expect_match "bundle=\"$(basename "$(find "$state_dir/containers/a" -name '*.json' ! -name other.json)" .json)\"" "$metrics"
    rm "$receipt"
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

@test "bulkhead(1) has every name" {
    local name
    bundle_asking a
    container_start
    for name in $(bulkhead metrics --format prometheus --per-container | grep -oE '^bulkhead_[a-z_]+' | sort -u); do
        grep -qE "[*_]${name}[*_]" "$checkout/packaging/man/bulkhead.1.scd" || complain "$name is not there"
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

@test "what others put in its place is not followed, and they cannot hold it up" {
    mkdir -m 777 "$work/out"
    echo mine >"$work/mine"
    ln -s "$work/mine" "$work/out/bulkhead.prom"
    exec 4<"$work/out"
    setpriv --reuid=nobody --regid=nogroup --clear-groups flock --nonblock 4
    bulkhead metrics --output-file "$work/out/bulkhead.prom"
    expect_eq mine "$(<"$work/mine")"
    [[ -f $work/out/bulkhead.prom && ! -L $work/out/bulkhead.prom ]]
    expect_eq bulkhead.prom "$(ls -A "$work/out")"
}

@test "the name that it is written by is another one each time" {
    local names
    names=$(for _ in 1 2 3; do
        strace -e trace=renameat2 -o "$work/trace" "$BULKHEAD" --state-dir "$state_dir" metrics --output-file "$work/bulkhead.prom"
        grep -oE '"\.bulkhead-[0-9a-f]{8}\.tmp"' "$work/trace"
    done)
    expect_eq 3 "$(sort -u <<<"$names" | wc -l)" "$names"
}

@test "what a killed run left goes with the next, and nothing that is not of one" {
    mkdir -m 777 "$work/out"
    local out=$work/out named=$work/out/.bulkhead-0000000
    (exec 2>/dev/null; strace --quiet=all --output=/dev/null --inject=renameat2:signal=KILL "$BULKHEAD" \
        --state-dir "$state_dir" metrics --output-file "$out/bulkhead.prom") || true
    expect_match '^\.bulkhead-[0-9a-f]{8}\.tmp$' "$(ls -A "$out")"
    echo mine >"$work/mine"
    ln -s "$work/mine" "${named}1.tmp"
    ln "$work/mine" "${named}2.tmp"
    mkfifo "${named}3.tmp"
    mkdir "${named}4.tmp"
    setpriv --reuid=nobody --regid=nogroup --clear-groups touch "${named}5.tmp"
    touch "${named}6.tmp" "$out/.bulkhead-7"
    exec 4<"${named}6.tmp"
    flock --nonblock 4 # another run writes it
    timeout 20 "$BULKHEAD" --state-dir "$state_dir" metrics --output-file "$out/bulkhead.prom"
    expect_eq ".bulkhead-00000001.tmp .bulkhead-00000002.tmp .bulkhead-00000003.tmp .bulkhead-00000004.tmp \
.bulkhead-00000005.tmp .bulkhead-00000006.tmp .bulkhead-7 bulkhead.prom" "$(cd "$out" && printf '%s\n' .b* * | LC_ALL=C sort | paste -sd ' ')"
    expect_eq mine "$(<"$work/mine")"
    exec 4<&-
    bulkhead metrics --output-file "$out/bulkhead.prom"
    [[ ! -e ${named}6.tmp && -e ${named}5.tmp ]]
}

@test "what is no file is not replaced" {
    mkdir "$work/out" "$work/out/directory"
    mknod "$work/out/device" c 0 0 # the number of a whiteout: may be made everywhere, and leads to no device
    mkfifo "$work/out/fifo"
    (cd "$work/out" && /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")')
    local name before
    before=$(stat -c '%n %F %i' "$work/out"/*)
    for name in device fifo socket directory; do
        run timeout 20 "$BULKHEAD" --state-dir "$state_dir" metrics --output-file "$work/out/$name"
        expect_eq "1 bulkhead: metrics: $work/out/$name: is neither a regular file nor a symlink, and is not replaced" "$status $output"
    done
    expect_eq "$before" "$(stat -c '%n %F %i' "$work/out"/*)"
    expect_eq 4 "$(find "$work/out" -mindepth 1 | wc -l)"
}

@test "nothing is replaced in /dev, by whatever path" {
    # A /dev of its own, which nobody else sees.
    in_own_dev() { # ARG...
        # shellcheck disable=SC2016 # for that shell
        unshare --mount --propagation private sh -c 'mount -t tmpfs tmpfs /dev && cd / && ln -s elsewhere /dev/stdout && echo file >/dev/file || exit 99
            "$@" 2>&1; echo "$? $(ls -A /dev | paste -sd " ") $(readlink /dev/stdout) $(cat /dev/file)"' \
            sh "$BULKHEAD" --state-dir "$state_dir" metrics --output-file "$@"
    }
    local path
    ln -s /dev "$work/dev"
    for path in /dev/stdout /dev/file /dev/new dev/file "$work/dev/file"; do
        expect_eq "bulkhead: metrics: $path: is in /dev, where nothing is replaced
1 file stdout elsewhere file" "$(in_own_dev "$path")"
    done
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
    run bulkhead metrics --output-file ''
    expect_eq 2 "$status"
}
