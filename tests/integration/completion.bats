#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# The completions of bash, zsh and fish, in these shells: every command and option that --help shows, and what an option
# takes.
load helpers

completions=$checkout/packaging/completions

setup() {
    harness_setup
    mkdir "$work/bin"
    ln -s "$BULKHEAD" "$work/bin/bulkhead"
    PATH=$work/bin:$PATH
}

# What each shell offers at the end of "bulkhead WORD...", a line each.
offered_by_bash() {
    # shellcheck disable=SC2016 # for the inner one
    bash --norc -c 'source "$1"; COMP_WORDS=(bulkhead "${@:2}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _bulkhead
        printf "%s\n" "${COMPREPLY[@]}"' bash "$completions/bulkhead.bash" "$@"
}

offered_by_fish() {
    # shellcheck disable=SC2016 # for fish
    fish --no-config --command 'source $argv[1]; complete --do-complete="bulkhead "(string join " " -- $argv[2..])' \
        "$completions/bulkhead.fish" "$@" | cut -f1
}

# Its functions know words only within a line that is edited; these stand for those that are called then.
offered_by_zsh() {
    # shellcheck disable=SC2016 # for zsh
    zsh -f -c 'file=$1; shift; words=(bulkhead "$@"); CURRENT=$#words; PREFIX=$words[-1]; set --
        _describe() { print -rl -- "${(@)${(@P)2}%%:*}"; }; _files() { print -rl -- $PREFIX*(N) }; compset() { PREFIX=${PREFIX#*=} }
        source $file' zsh "$completions/_bulkhead" "$@"
}

has_shell() { command -v "$1" >/dev/null || skip_because "$1 is not installed"; }

commands_in_help() { bulkhead --help | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p'; }

options_in_help() { # WORD...
    bulkhead "$@" --help | grep -oE '^ +(-[a-zA-Z],)?--[a-z-]+' | grep -oE -- '--[a-z-]+'
}

expect_offered() { # SHELL WORD... (the last one is begun); what must be there is standard input
    local missing
    missing=$(comm -23 <(sort -u) <("offered_by_$1" "${@:2}" | sort -u))
    expect_empty "$missing" "$1 does not offer after 'bulkhead ${*:2}'"
}

everything_is_offered_by() { # SHELL
    local command nested
    expect_match 'gc' "$(commands_in_help)"
    commands_in_help | expect_offered "$1" ''
    options_in_help | expect_offered "$1" --
    for command in $(commands_in_help); do
        options_in_help "$command" | expect_offered "$1" "$command" --
        for nested in $(bulkhead "$command" --help | sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p'); do
            echo "$nested" | expect_offered "$1" "$command" ''
            options_in_help "$command" "$nested" | expect_offered "$1" "$command" "$nested" --
        done
    done
    expect_eq 'json table' "$("offered_by_$1" gc -o '' | sort | paste -sd ' ')"
    expect_eq 'gc' "$("offered_by_$1" -o json g)"
    touch "$work/state.json"
    expect_match "$work/state.json" "$("offered_by_$1" explain --state "$work/sta")"
    expect_match "$work/state.json" "$("offered_by_$1" explain "--state=$work/sta")"
}

@test "bash" { everything_is_offered_by bash; }

@test "zsh" { has_shell zsh && everything_is_offered_by zsh; }

@test "fish" { has_shell fish && everything_is_offered_by fish; }

@test "ids and segments are those that are there" {
    local shell
    bundle_new 'some.container_1'
    bundle_hook
    bundle_annotate io.bulkhead.segment.x 'path=/mnt/x size=1Mi'
    RUNTIME=runc
    container_start
    for shell in bash zsh fish; do
        command -v "$shell" >/dev/null || continue
        expect_eq some.container_1 "$("offered_by_$shell" --state-dir "$state_dir" explain --id so)" "$shell"
        expect_eq some.container_1 "$("offered_by_$shell" --state-dir "$state_dir" explain so)" "$shell"
        expect_eq --id=some.container_1 "$("offered_by_$shell" "--state-dir=$state_dir" explain --id=so | sed 's/^some/--id=&/')"
    done
    if commands_in_help | grep -qx segment; then
        expect_eq local/x "$(offered_by_bash --state-dir "$state_dir" segment rm '')"
    fi
    container_delete
}

@test "bash takes what is behind = for a word of its own" {
    expect_eq json "$(offered_by_bash gc --output = j)"
    expect_eq 'json table' "$(offered_by_bash gc --output = | sort | paste -sd ' ')"
}

@test "zsh finds no error in its file" {
    has_shell zsh
    zsh -f -n "$completions/_bulkhead"
}

@test "what is no command line of ours has no completion, and no error either" {
    local shell
    for shell in bash zsh fish; do
        command -v "$shell" >/dev/null || continue
        expect_empty "$("offered_by_$shell" no-such-command '' 2>&1)"
        expect_empty "$("offered_by_$shell" gc --no-such-option=x 2>&1)"
        expect_empty "$("offered_by_$shell" version x 2>&1)"
    done
}
