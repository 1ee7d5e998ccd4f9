# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# rpm erases whatever is the package's: each program has a second name before, and its first one back after. A stop in the
# tenth of a second between finds no hook; its limits stay until somebody gives them back.

# Of a removal that was killed: it would bring programs of then back.
forget_kept() {
    for file in $programs; do rm -f "$file.kept"; done
}

keep_programs() {
    for file in $programs; do cp -dfl "$file" "$file.kept"; done
}

programs_are_kept() { [ -f "$hook.kept" ]; }

let_go() {
    for file in $programs; do mv -fT "$file.kept" "$file"; done
}
