#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# bulkhead check-config: what it says of good and bad configs, to people and to programs.
load helpers

drop_in() { # NAME JSON
    mkdir -p "$config.d"
    (umask 022 && printf '%s\n' "$2" >"$config.d/$1")
}

as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$BULKHEAD" --config "$config" "$@"; }

expect_says() { # STATUS LINE...
    local wanted=$1
    shift
    expect_eq "$wanted" "$status" "exit status"
    expect_eq "$(printf '%s\n' "$@")" "$output"
}

expect_as_the_schema_says() { # COMMAND
    run "$BATS_TEST_DIRNAME/output-valid" "$1" < <(bulkhead "$1" -o json)
    expect_eq "0 " "$status $output" "bulkhead $1 against the schema"
}

@test "the version, to people and to programs" {
    local version
    version=$(sed -n 's/^project(bulkhead VERSION \([0-9.]*\).*/\1/p' "$checkout/CMakeLists.txt")
    expect_eq "bulkhead $version" "$(bulkhead version)"
    expect_eq "{\"schemaVersion\":1,\"version\":\"$version\"}" "$(bulkhead version -o json | jq -c .)"
    expect_as_the_schema_says version
    expect_eq "bulkhead $version" "$(bulkhead --version)"
}

@test "a command that there is not: named, with the one that may be meant" {
    local word
    for word in lsit chek-config $'\e[31mred' ''; do
        run "$BULKHEAD" "$word"
        expect_eq 2 "$status" "with $word"
        case $word in
        lsit) expect_eq 'bulkhead: unknown command "lsit"; did you mean list?' "$output" ;;
        chek-config) expect_eq 'bulkhead: unknown command "chek-config"; did you mean check-config?' "$output" ;;
        *) expect_match '^bulkhead: unknown command ".*"; see bulkhead --help$' "$output" ;;
        esac
        expect_empty "$(grep --only-matching $'\e' <<<"$output" || true)" "escapes"
    done
}

wrong() { # LINE ARG...
    run "$BULKHEAD" "${@:2}"
    expect_eq "2 bulkhead: $1" "$status $output" "bulkhead ${*:2}"
}

@test "what is wrong with a command line is one line, with the help to read" {
    wrong 'a subcommand is required; see bulkhead --help'
    wrong 'gc: the following argument was not expected: --bogus; see bulkhead gc --help' gc --bogus
    wrong 'gc: the following argument was not expected: ?[31mred; see bulkhead gc --help' gc $'\e[31mred'
    wrong 'inspect: id is required; see bulkhead inspect --help' inspect
    wrong 'top: --delay: needs a number of seconds from 0.1 to 3600; see bulkhead top --help' top --delay nan
    wrong 'doctor: ENGINE: x not in {crio,containerd,podman,docker}; see bulkhead doctor --help' doctor x
    wrong 'list: --output: xml not in {table,json}; see bulkhead list --help' list -o xml
    wrong 'unknown command "lits"; did you mean list?' -o json lits
    wrong 'segment: a subcommand is required; see bulkhead segment --help' segment
    wrong 'segment: unknown command "x"; see bulkhead segment --help' segment x
}

@test "the help of each command has the options of all" {
    local each
    for each in list inspect top segment 'segment rm' check-config configure doctor explain gc metrics version; do
        # shellcheck disable=SC2086 # two words
        run "$BULKHEAD" $each --help
        expect_eq 0 "$status" "$each"
        expect_match 'Options of every command:' "$output" "$each"
        expect_match '  -o,--output FORMAT:\{table,json\}' "$output" "$each"
        expect_match '  --state-dir DIR=/run/bulkhead' "$output" "$each"
    done
    expect_eq 1 "$("$BULKHEAD" --help | grep --count -e --state-dir)"
}

@test "what cannot be printed is an error, of the shortest answer too" {
    local each
    for each in --version version --help check-config; do
        run bash -c '"$@" >/dev/full' - "$BULKHEAD" "$each"
        expect_eq '1 bulkhead: standard output: No space left on device' "$status $output" "$each"
    done
}

@test "a sound config: one line, with all files" {
    hook_config '{"max": {"pids-max": 100}} // a comment'
    run bulkhead check-config
    expect_says 0 "sound: $config"
    drop_in 20-b.json '{"max": {"pids-max": 200}}'
    drop_in 10-a.json '{}'
    drop_in not-read.txt '{'
    run bulkhead check-config
    expect_says 0 "sound: $config, $config.d/10-a.json, $config.d/20-b.json"
}

@test "no config is said, and is none but the defaults" {
    run bulkhead check-config
    expect_says 0 "no config at $config; the built-in defaults are in force"
    expect_eq '{"schemaVersion":1,"files":[],"problems":[],"sound":true}' "$(bulkhead check-config -o json | jq -c .)"
    expect_as_the_schema_says check-config
}

@test "every problem has its line: the file, the place in it, the reason" {
    hook_config '{"disks": {}, "max": {"shm-size": "512m", "pids-max": -1},
        "rules": [{"namespace": "*"}, {"namespace": "prod"}]}'
    drop_in 10-a.json '{'
    drop_in 20-b.json '{"on-error": {"shm": "ignore"}}'
    run bulkhead check-config
    expect_says 1 "$config.d/10-a.json: JSON is malformed or cut off" \
        "$config: disks is not known to this version; the nearest that is known is \"disk\"" \
        "$config: max.pids-max is no number; write digits, or a quantity in quotes" \
        "$config: max.shm-size is \"512m\": \"m\" is milli in Kubernetes and MiB in docker; write 512Mi or 536870912" \
        "$config.d/20-b.json: on-error.shm is neither \"fail\" nor \"warn\"" \
        "$config: rules[1] can never match, as rules[0] before it matches all that it does"
}

@test "for programs: files, problems and the verdict" {
    hook_config '{"disk": {"guard": "yes"}}'
    drop_in 10-a.json '[]'
    run bulkhead -o json check-config
    expect_eq 1 "$status"
    expect_eq "$(jq --null-input --sort-keys --arg config "$config" '{
        files: [$config, $config + ".d/10-a.json"],
        problems: [
            {file: ($config + ".d/10-a.json"), path: "", reason: "JSON is not an object"},
            {file: $config, path: "disk.guard", reason: "is none of \"auto\", \"require\" and \"off\""}],
        schemaVersion: 1, sound: false}')" "$(jq --sort-keys . <<<"$output")"
    expect_as_the_schema_says check-config
}

@test "what a config says cannot move a cursor, nor end a line" {
    hook_config '{"a\u001b[31m\nb": 1}'
    run bulkhead check-config
    expect_says 1 "$config: a?[31m?b is not known to this version"
    expect_eq $'a\e[31m\nb' "$(bulkhead check-config -o json | jq --raw-output '.problems[0].path')"
}

@test "a config that others can write to is a problem, and so is what is in it" {
    hook_config '{"disks": {}}'
    chmod 666 "$config"
    run bulkhead check-config
    expect_says 1 "$config: is not root's alone to write; chown root and chmod go-w it" \
        "$config: disks is not known to this version; the nearest that is known is \"disk\""
}

@test "a relative path is from here" {
    hook_config '{}'
    mkdir "$work/below"
    cd "$work/below"
    run "$BULKHEAD" check-config --config ../bulkhead.json
    expect_says 0 "sound: $config"
    run "$BULKHEAD" check-config --config ''
    expect_eq 2 "$status"
}

@test "who is not root is told what can be seen" {
    hook_config '{"disks": {}}'
    chmod 644 "$config"
    run as_nobody check-config
    expect_says 1 "$config: disks is not known to this version; the nearest that is known is \"disk\""
    hook_config '{}'
    chmod 600 "$config"
    run as_nobody check-config
    expect_says 1 "$config: open $config: Permission denied"
}

@test "the hook takes what is sound, and refuses with the first problem where it is not" {
    id=c1 bundle=$work/bundle
    mkdir -p "$bundle"
    echo '{"root": {"path": "rootfs"}, "annotations": {"io.bulkhead.pids-max": "5"}}' >"$bundle/config.json"
    hook_config '{"disks": {}, "maximum": {}}'
    expect_eq 1 "$(bulkhead check-config >/dev/null; echo $?)"
    run hook createRuntime < <(hook_state creating $$)
    expect_eq 78 "$status"
    expect_eq "bulkhead: c1: $(bulkhead check-config | head -n 1) (and 1 more: see bulkhead check-config)" "$output"
    hook_config '{"max": {"pids-max": 4}}'
    expect_eq 0 "$(bulkhead check-config >/dev/null; echo $?)"
    run hook createRuntime < <(hook_state creating $$)
    expect_eq 77 "$status"
}

@test "the schema gives the same verdict on configs as the parser, as far as a schema can" {
    run "$BATS_TEST_DIRNAME/config-verdicts" "$BULKHEAD" "$work"
    expect_match '^[0-9]+ configs, [0-9]+ at random: 0 differences$' "$output"
    expect_eq 0 "$status"
}

@test "the example is sound" {
    cp "$checkout/config/bulkhead.json" "$config"
    chmod 644 "$config"
    run bulkhead check-config
    expect_says 0 "sound: $config"
}
