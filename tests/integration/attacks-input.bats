#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtime: none
#
# States and config.json as no engine writes them: megabytes of annotations, a hundred thousand of them, the longest that is
# read and one byte more, nesting, keys twice, bytes that are no text. In time, in words, all or nothing.
# shellcheck disable=SC2016 # jq's variables
load helpers
load attacks

setup() {
    attack_setup
    victim_told # what a runtime says of it is as it should be
    cp "$bundle/config.json" "$work/config.json"
}
teardown() { attack_teardown; }

# config.json as perl makes it from itself ($_), to the byte.
config_by_perl() { # EXPRESSION
    perl -0777 -pe "$1" "$work/config.json" >"$bundle/config.json"
}

add_annotations() { # PERL EXPRESSION: a list of keys and values
    config_by_perl 'my @added = ('"$1"'); my $text = "";
        while (@added) { $text .= sprintf q("%s": "%s",), splice @added, 0, 2 } s/("annotations": \{)/$1$text/ or die'
}

within_seconds() { # SECONDS
    local began=${EPOCHREALTIME/[.,]/}
    hook_with createRuntime
    ((${EPOCHREALTIME/[.,]/} - began < $1 * 1000000)) || complain "it took $((${EPOCHREALTIME/[.,]/} - began)) us"
}

is_put_up() {
    within_seconds 5
    expect_eq '0 ' "$status $output"
    expect_walls
    victim_over
    victim_told
}

is_refused() { # CODE REGEX
    within_seconds 5
    expect_refused_with "$1" "$2"
    ((${#output} <= 500)) || complain "a line of ${#output} bytes"
}

@test "a megabyte of somebody else's, as one value, one key, and a hundred thousand" {
    add_annotations '"other", "x" x 1_000_000'
    is_put_up
    add_annotations '"x" x 1_000_000, "other"'
    is_put_up
    add_annotations 'map { ("other$_", "x") } 1 .. 100_000'
    is_put_up
    add_annotations 'map { ("io.bulkhead.pids-max/other$_", "5") } 1 .. 50_000'
    is_put_up
}

@test "a megabyte of ours is refused in one line" {
    add_annotations '"io.bulkhead.pids-max/c1", "1" x 1_000_000'
    is_refused 64 'is longer than 64 characters$'
    add_annotations '"io.bulkhead.segment.y", "path=/" . "1" x 1_000_000'
    is_refused 64 'is longer than 512 characters$'
    add_annotations '"io.bulkhead." . "x" x 1_000_000, "1"'
    is_refused 64 'unknown annotation'
    add_annotations 'map { ("io.bulkhead.unknown$_", "1") } 1 .. 50_000'
    is_refused 64 'unknown annotation'
    add_annotations 'map { ("io.bulkhead.segment.s$_", "path=/s$_,size=1Mi") } 1 .. 50_000'
    is_refused 64 'is one segment too many; a container can have 64$'
}

@test "config.json of the most that is read, and of one byte more" {
    config_by_perl 's/\s+\z//; $_ .= " " x ((4 << 20) - length)'
    expect_eq $((4 << 20)) "$(stat -c %s "$bundle/config.json")"
    is_put_up
    config_by_perl 's/\s+\z//; $_ .= " " x ((4 << 20) + 1 - length)'
    is_refused 65 'config.json: is larger than 4194304 bytes$'
    truncate -s 10G "$bundle/config.json"
    is_refused 65 'config.json: is larger than 4194304 bytes$'
}

@test "config.json that is no file, or is not there" {
    rm "$bundle/config.json"
    mkdir "$bundle/config.json"
    is_refused 65 'config.json is not a regular file$'
    rmdir "$bundle/config.json"
    mkfifo "$bundle/config.json"
    is_refused 65 'config.json is not a regular file$'
    rm "$bundle/config.json"
    ln -s /dev/zero "$bundle/config.json"
    is_refused 65 'config.json is not a regular file$'
    rm "$bundle/config.json"
    is_refused 65 "config.json is not there; the state's bundle is wrong\$"
}

@test "nesting to the depth that is read, and deeper" {
    config_by_perl 's/\{/{"other": @{["[" x 60]}@{["]" x 60]},/'
    is_put_up
    local depth
    for depth in 100 2000000; do
        config_by_perl 's/\{/{"other": @{["[" x '$depth']}@{["]" x '$depth']},/'
        is_refused 65 'other is malformed, cut off or nested too deeply$'
        config_by_perl 's/\{/{"other": @{["{\"a\":" x ('$depth' \/ 4)]}/'
        is_refused 65 'other is malformed, cut off or nested too deeply$'
    done
}

# The first or the last: which one an engine, an admission policy and the hook believe is not the same.
@test "a key twice, by whatever spelling" {
    config_by_perl 's/\{/{"annotations": {},/'
    is_refused 65 'JSON has the key "annotations" twice$'
    config_by_perl 's/\{/{"annotat\\u0069ons": {},/'
    is_refused 65 'JSON has the key "annotations" twice$'
    add_annotations '"io.bulkhead.pids-max", "21"'
    is_refused 65 'annotations has the key "io.bulkhead.pids-max" twice$'
    add_annotations '"io.bulkhead.pids-ma\\u0078", "21"'
    is_refused 65 'annotations has the key "io.bulkhead.pids-max" twice$'
}

@test "NUL, bytes that are no UTF-8, halves of surrogates, numbers beyond all" {
    config_by_perl 's/16Mi/16\\u0000Mi/'
    is_refused 65 'annotations.io.bulkhead.shm-size has a NUL character$'
    config_by_perl 's/16Mi/16\0Mi/'
    is_refused 65 'annotations.io.bulkhead.shm-size is not a valid string$'
    config_by_perl 's/16Mi/16\xff\xfe\xed\xa0\x80Mi/'
    is_refused 64 'unknown unit'
    config_by_perl 's/16Mi/16\\ud800Mi/'
    is_refused 65 'annotations.io.bulkhead.shm-size is not a valid string$'
    config_by_perl 's/"20"/1e999/'
    is_refused 65 'annotations.io.bulkhead.pids-max is not a string$'
    config_by_perl 's/"20"/20/'
    is_refused 65 'annotations.io.bulkhead.pids-max is not a string$'
    config_by_perl 's/\{/\xef\xbb\xbf{/'
    is_refused 65 'JSON is not an object$'
    config_by_perl 's/"io\.bulk/"io.\\u0062ulk/'
    is_put_up
}

@test "states: a hundred megabytes, NUL, a number beyond all" {
    perl -e 'print "{\"x\": \"", "y" x 100_000_000, "\","; $_ = <>; print substr $_, 1' "$work/stdin" >"$work/large"
    mv "$work/large" "$work/stdin"
    is_refused 65 'the state is larger than 1 MiB$'
    hook_state creating "$victim" | sed 's/"id":"c1"/"id":"c1\\u0000"/' >"$work/stdin"
    is_refused 65 'id has a NUL character$'
    hook_state creating "$victim" | sed 's/"id":"c1"/"id":"c\xff1"/' >"$work/stdin"
    is_refused 65 'is not a container id'
    hook_state creating "$victim" | sed 's/"pid":[0-9]*/"pid":1e999/' >"$work/stdin"
    is_refused 65 'pid is not an integer, or out of range$'
    hook_state creating "$victim" | sed 's/"bundle":"/&..\//' >"$work/stdin"
    is_refused 65 'is not an absolute path$'
}
