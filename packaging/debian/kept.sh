# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# dpkg passes over a file that is diverted, so that there is no moment without hook and shim. A diversion is named for a
# package, whose files it is not for: bulkhead-kept, which nobody has.

keep_programs() {
    for file in $programs; do
        dpkg-divert --quiet --package bulkhead-kept --no-rename --divert "$file.kept" --add "$file"
    done
}

programs_are_kept() { [ -n "$(dpkg-divert --list "$hook")" ]; }

# Also when a removal did not come to its end: what is installed next would go beside.
let_go() {
    for file in $programs; do
        dpkg-divert --quiet --package bulkhead-kept --no-rename --divert "$file.kept" --remove "$file"
    done
}
