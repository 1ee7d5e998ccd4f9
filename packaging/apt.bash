# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What packaging/build and packaging/check share: what they need is installed, where that may be done. $work is theirs.
# shellcheck disable=SC2154

say() { printf 'packaging/%s: %s\n' "${0##*/}" "$*"; }

is_installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

by_apt() { # COMMAND PACKAGE...
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get "$1" --yes --no-install-recommends "${@:2}"; } >"$work/log" 2>&1 </dev/null ||
        { cat "$work/log"; return 1; }
}

install_missing() { # PACKAGE...
    local package missing=()
    for package; do
        is_installed "$package" || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then return; fi
    if ((EUID != 0)); then say "missing packages: ${missing[*]} (run as root to have them installed)"; return 1; fi
    say "installing ${missing[*]}"
    by_apt install "${missing[@]}"
}
