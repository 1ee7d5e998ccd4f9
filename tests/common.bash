# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the helpers of all bats suites share, on this kernel and in the node. They load it; a suite loads its helpers.
#
#   skip_because REASON         this cannot be tested here
#   matrix                      true in the whole matrix (tests/run --all, which sets MATRIX)
#   expect_eq WANT GOT [WHAT]   expect_match REGEX TEXT [WHAT]   expect_empty TEXT [WHAT]
#   wait_until SECONDS CMD...   until CMD succeeds, at most so long
#   process_is_gone PID         or dead and not yet fetched by its parent
#   tmpfs_size DIRECTORY        bytes that the tmpfs on it can hold

skip_because() { skip "$*"; }

matrix() { [[ -n ${MATRIX:-} ]]; }

complain() { # LINE...
    printf '%s\n' "$@" >&2
    return 1
}

expect_eq() { # WANT GOT [WHAT]
    [[ $1 == "$2" ]] || complain "${3:-not as expected}" "  expected: $1" "  got:      $2"
}

expect_match() { # REGEX TEXT [WHAT]
    [[ $2 =~ $1 ]] || complain "${3:-not as expected}" "  expected: /$1/" "  got:      $2"
}

expect_empty() { expect_eq '' "$@"; }

wait_until() { # SECONDS CMD...
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

process_is_gone() { # PID
    local state
    state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || true
    [[ -z $state || $state == [ZX] ]]
}

tmpfs_size() { # DIRECTORY
    local blocks size
    read -r blocks size < <(stat --file-system --format='%b %S' "$1")
    echo $((blocks * size))
}

# A root file system of the least that runs: busybox by some of its names. Made once for a suite, and copied.
busybox_root() { # DIRECTORY
    local applet made=$BATS_RUN_TMPDIR/busybox_root
    if [[ ! -d $made ]]; then
        rm -rf "$made.new"
        mkdir -p "$made.new"/{bin,dev,etc,proc,sys,tmp}
        cp "$(command -v busybox)" "$made.new/bin/busybox"
        for applet in sh cat dd df echo false ls mkdir mount rm sleep stat touch true umount; do
            ln -s busybox "$made.new/bin/$applet"
        done
        mv "$made.new" "$made"
    fi
    mkdir -p "$1"
    cp --archive "$made"/* "$1"
}
