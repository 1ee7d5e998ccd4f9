#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The runtime shim: what goes through it untouched, and what it writes into config.json. The disk's limits are shown in
# the node, which has quotas (tests/node/suites/shim*.bats); the guard in shim-guard.bats.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load shim

setup() { shim_setup; }
teardown() { shim_teardown; }

# --- As the real runtime ---------------------------------------------------------------------------------------------

# Both print the time before an error.
without_time() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)/TIME/' "$1"; }

output_of() { # NAME CMD...
    local status=0
    "${@:2}" >"$work/$1.out" 2>"$work/$1.err" </dev/null || status=$?
    echo "$status" >"$work/$1.status"
}

expect_same_output() { # WHAT
    expect_eq "$(<"$work/real.status")" "$(<"$work/shim.status")" "exit status of $1"
    cmp "$work/real.out" "$work/shim.out" || complain "standard output of $1"
    expect_eq "$(without_time "$work/real.err")" "$(without_time "$work/shim.err")" "standard error of $1"
}

same() { # ARG...
    output_of real plain "$@"
    output_of shim runtime "$@"
    expect_same_output "$*"
}

@test "what is not about a container is the real runtime's, to the byte" {
    local call
    for call in features --version -v --help -h help "help run" "run --help" "state --help" list \
        "list --format json" "list -q" "list --help" nonsense "nonsense c1" --nonsense "--nonsense state c1" "state" \
        "state c1" "delete c1" "delete --force c1" "kill c1" "start c1" "ps c1" "pause c1" "exec c1 true" "update c1" \
        "--log" "create" "run"; do
        # shellcheck disable=SC2086 # words
        same $call
    done
    output_of real "$RUNTIME"
    output_of shim env PATH="$shims:$PATH" "$RUNTIME"
    expect_same_output "no words at all"
    expect_match . "$(cat "$work/real.out" "$work/real.err")"
    expect_empty "$(find "$state_dir" -type f)"
}

@test "what is about a container that lives is the real runtime's, to the byte" {
    asking pids-max 20
    container_start
    local call
    for call in "state c1" "list" "list -q" "list --format json" "ps --format json c1" "start c1" "delete c1" \
        "kill c1 0" "exec c1 cat /etc/none" "exec c1" "run --bundle $bundle c1" "create --bundle $bundle c1"; do
        # shellcheck disable=SC2086 # words
        same $call
    done
    output_of shim runtime pause c1
    output_of real plain resume c1
    expect_same_output "pause and resume"
    expect_eq running "$(runtime state c1 | jq --raw-output .status)"
}

# As a rootless engine's runtime: what root's containers were promised is not to be read by him.
@test "exec and update by who is not root on the node are the real runtime's, to the byte" {
    asking pids-max 20
    container_start
    chmod 755 "$work"
    mkdir --mode=755 "$work/theirs"
    install "$BULKHEAD_RUNTIME" "$work/theirs/$RUNTIME"
    local nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups) call
    for call in "exec c1 true" "update --pids-limit 5 c1"; do
        # shellcheck disable=SC2086 # words
        output_of real "${nobody[@]}" "$RUNTIME" --root "$work/none" $call
        # shellcheck disable=SC2086
        output_of shim "${nobody[@]}" env PATH="$work/theirs:$PATH" "$RUNTIME" --root "$work/none" $call
        expect_same_output "$call by nobody"
    done
}

# One of each, as it can be done but once.
end_of() { # NAME CMD
    asking pids-max 20
    container_start
    "$2" kill c1 KILL
    wait_until 10 process_is_gone "$(container_pid)"
    output_of "$1" "$2" state c1
    sed -i -E '/"(created|pid)"/d' "$work/$1.out"
    cp "$work/$1.out" "$work/$1.state"
    output_of "$1" "$2" delete c1
    expect_nothing_left
}

@test "the state of a stopped container, and its removal" {
    end_of real plain
    end_of shim runtime
    expect_same_output "delete"
    cmp "$work/real.state" "$work/shim.state"
    expect_match '"stopped"' "$(<"$work/shim.state")"
}

@test "a log in the runtime's own words" {
    local format which
    for format in text json; do
        for which in plain runtime; do
            : >"$work/$which.log"
            run "$which" --log "$work/$which.log" --log-format "$format" state c1
            expect_eq 1 "$status"
        done
        expect_match 'c1|does not exist' "$(<"$work/plain.log")"
        expect_eq "$(without_time "$work/plain.log")" "$(without_time "$work/runtime.log")"
    done
}

counted() { "$BULKHEAD" metrics | awk -v name="$1" '$1 == name { print $2 }'; } # NAME{LABELS}

@test "what the shim refuses is counted, and once what the hook does behind it" {
    asking shm-size 512m
    run container_start
    expect_eq 1 "$status"
    expect_eq '1 0' "$(counted 'bulkhead_refusals_total{code="64"}') $(counted bulkhead_starts_total)"
    asking pids-max 20
    container_start
    container_delete
    asking pids-max 20 segment.x 'path=/proc/x size=1Mi'
    run container_start
    [[ $status != 0 ]]
    expect_eq '2 1' "$(counted 'bulkhead_refusals_total{code="64"}') $(counted bulkhead_starts_total)"
    asking shm-size 1Mi # what is on /dev/shm only the hook sees
    mkdir "$work/volume"
    mount -t tmpfs host "$work/volume"
    bundle_edit --arg source "$work/volume" \
        '(.mounts[] | select(.destination == "/dev/shm")) |= {destination, type: "bind", $source, options: ["rbind"]}'
    run container_start
    [[ $status != 0 ]]
    expect_eq '1 1' "$(counted 'bulkhead_refusals_total{code="77"}') $(counted bulkhead_starts_total)"
    umount --lazy "$work/volume"
}

# --- Nothing asked ---------------------------------------------------------------------------------------------------

expect_untouched() {
    cp "$bundle/config.json" "$work/before"
    stat -c '%i %Y' "$bundle/config.json" >"$work/before.status"
    container_start
    cmp "$work/before" "$bundle/config.json"
    expect_eq "$(<"$work/before.status")" "$(stat -c '%i %Y' "$bundle/config.json")" "the same file"
    expect_eq 0 "$(filters_of "$(container_pid)")"
    expect_empty "$(find "$state_dir" /var/lib/bulkhead -mindepth 1)"
    container_delete
}

@test "a container that asks for nothing: no filter, no edit, no receipt" {
    rm "$config"
    asking
    expect_untouched
    node_config '{"max": {"pids-max": 100}, "disk": {"guard": "require"}}'
    asking
    bundle_annotate io.kubernetes.cri.container-name bulkhead
    expect_untouched
}

# --- config.json -----------------------------------------------------------------------------------------------------

our_entry() {
    printf '{"path":"%s","args":["bulkhead-hook"],"env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],"timeout":10}' \
        "$BULKHEAD_HOOK"
}

# What no engine writes, though it may: fields nobody knows, numbers that no double holds, escapes, and white space.
make_odd() {
    bundle_edit '.["zz-first"] = {b: 1, a: "@big@", "": [[], {}, null, "é \u0001 / \\ \" "]}
        | .linux["unknown-b"] = {"zz": "@big@", "aa": "@odd@"} | .linux["unknown-a"] = true
        | .process.rlimits = [{type: "RLIMIT_CORE", hard: "@big@", soft: 0}]
        | .linux.resources.pids = {"after": 1, limit: "@pids@"} | .["zz-last"] = "@last@"'
    sed -i -E 's/"@big@"/18446744073709551615/
        s|"@odd@"|[ -0.0,1E+2 ,123456789012345678901234567890, "\\/\\u0041\\ud83d\\ude00"]|
        s/^  /\t/; s/": \[$/"  :\t[/; s/$/\r/' "$bundle/config.json"
    printf '\n\n \t' >>"$bundle/config.json"
    mv "$bundle/config.json" "$work/marked"
}

# The marks stand for what the shim changes, and for nothing at first.
fill() { # PIDS BEHIND-LAST [IN-CREATERUNTIME BEHIND-CREATERUNTIME]
    PIDS=$1 LAST=$2 IN=${3:-} BEHIND=${4:-} perl -pe '
        s/"\@pids\@"/$ENV{PIDS}/; s/"\@last\@"/"last"$ENV{LAST}/; s/"\@in\@"/{"path":"\/bin\/true"}$ENV{IN}/;
        s/(?<=zz-hook": 1)/$ENV{BEHIND}/' "$work/marked"
}

expect_edited() {
    container_start
    diff "$work/wanted" "$bundle/config.json"
    expect_eq 20 "$(cgroup_value pids.max)"
    expect_eq running "$(receipt | jq --raw-output .phase)"
    container_delete
    expect_nothing_left
}

@test "all of config.json survives to the byte, apart from what is added; twice is once" {
    asking pids-max 20
    make_odd
    fill 100 '' >"$bundle/config.json"
    fill 20 ",\"hooks\":{\"createRuntime\":[$(our_entry)],\"poststop\":[$(our_entry)]}" >"$work/wanted"
    expect_different "$bundle/config.json" "$work/wanted"
    expect_edited
    expect_edited
}

@test "beside the hooks of others" {
    asking pids-max 20
    bundle_edit '.hooks = {"poststart": [], "createRuntime": ["@in@"], "zz-hook": 1}'
    make_odd
    fill 100 '' >"$bundle/config.json"
    fill 20 '' ",$(our_entry)" ",\"poststop\":[$(our_entry)]" >"$work/wanted"
    expect_different "$bundle/config.json" "$work/wanted"
    expect_edited
    expect_edited
}
