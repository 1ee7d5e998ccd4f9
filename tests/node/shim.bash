# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the suites of the shim share, to be loaded after disk.bash:
#
#   shim_install             the shim and the hook where a package puts them; nothing calls the hook but the shim's edits
#   escape_tar FILE          a root file system: busybox, and /escape
#   seccomp_profiles         /run/seccomp-allow.json and -deny.json: by default all is allowed but a call or two, and
#                            nothing but what is listed, which is what the escape tries as well
#   shim_bundle RUNTIME NAME [KEY=VALUE...]   a bundle without a hook, and $RUNTIME is the shim in front of RUNTIME
#   shim_start RUNTIME NAME [KEY=VALUE...]    run it
#   with_runtimes CMD...     CMD runc and CMD crun; without $MATRIX one of them, test by test in turn
#   pid_of NAME              filters_of PID: how many seccomp filters are on it
#   limit_of NAME            of its layer, in KiB
#   receipt ID               what is in it
#   guarded ID               "PHASE PUT-UP ESCAPABLE" of it
#   stays_in USER CMD...     CMD runs /escape as USER under a limit of $escape_limit: nothing gets through, and no more
#                            than that can be written
#   under_profiles CMD       CMD PROFILE USER... for each kind of seccomp profile, as docker and podman name them
#   gets_out CMD...          CMD runs it as root, and everything gets through
# shellcheck disable=SC2154 # set in helpers.bash and disk.bash

BULKHEAD_RUNTIME=$checkout/build/release/bin/bulkhead-runtime
shims=/usr/libexec/bulkhead

shim_install() {
    install -D --mode=755 "$BULKHEAD_RUNTIME" /usr/bin/bulkhead-runtime
    install -D --mode=755 "$BULKHEAD_HOOK" "$installed_hook"
    mkdir -p "$shims"
    install --mode=755 "$checkout/build/release/bin/bulkhead-probe" "$shims"
    ln -sf /usr/bin/bulkhead-runtime "$shims/runc"
    ln -sf /usr/bin/bulkhead-runtime "$shims/crun"
}

# What is tried as another user is done elsewhere.
escape_tar() { # FILE
    local root
    root=$(mktemp -d)
    busybox_root "$root"
    mkdir -m 1777 "$root"/tmp/{0,1000}
    install "$checkout/build/release/tests/escape" "$root/escape"
    printf 'root:x:0:0::/:/bin/sh\nsomebody:x:1000:1000::/:/bin/sh\n' >"$root/etc/passwd"
    tar -C "$root" -cf "$1" .
    rm -rf "$root"
}

# A call of an architecture that is not named kills. podman's own profile is of the second kind; added to it is what
# escape would use. In the form of OCI, as containerd reads no other.
seccomp_profiles() {
    local architectures='["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]'
    jq --null-input --argjson architectures "$architectures" '{defaultAction: "SCMP_ACT_ALLOW", $architectures,
        syscalls: [{names: ["keyctl", "swapon"], action: "SCMP_ACT_ERRNO"}]}' >/run/seccomp-allow.json
    jq --argjson architectures "$architectures" 'del(.archMap) | .architectures = $architectures
        | .syscalls += [{action: "SCMP_ACT_ALLOW", args: [], names: ["ioctl", "iopl", "io_uring_setup",
            "io_uring_enter", "mount", "name_to_handle_at", "open_by_handle_at", "process_vm_readv", "ptrace",
            "quotactl", "quotactl_fd", "umount2", "unshare"]}]' \
        /usr/share/containers/seccomp.json >/run/seccomp-deny.json
}

shim_bundle() { # RUNTIME NAME [KEY=VALUE...]
    RUNTIME=$shims/$1
    bundle "${@:2}"
    bundle_edit "$2" 'del(.hooks)'
}

shim_start() { # RUNTIME NAME [KEY=VALUE...]
    shim_bundle "$@"
    start_again "$2"
}

with_runtimes() { # CMD...
    local each both=(runc crun)
    if ! matrix; then both=("${both[BATS_TEST_NUMBER % 2]}"); fi
    for each in "${both[@]}"; do
        echo "# $each" >&2
        "$@" "$each"
        disk_clean
    done
}

pid_of() { "$RUNTIME" state "$1" | jq .pid; } # NAME

filters_of() { awk '$1 == "Seccomp_filters:" { print $2 }' "/proc/$1/status"; } # PID

limit_of() { quota_of "$(upper_id "$1")" | cut -d' ' -f3; } # NAME

receipt() { cat "$receipts/$1"/*.json; } # ID

guarded() { receipt "$1" | jq --raw-output '"\(.phase) \(.guard.putUp) \(.guard.escapable)"'; } # ID

escape_limit=$((20 << 20))
escape_tries=$((30 << 20))

without_labels() { grep -v ', \(FSSETXATTR\|SETFLAGS\|SETFLAGS32\|file_setattr\)'; }

# The least that must be among what it says, with the guard's own answer, shows that it has tried.
stays_in() { # USER CMD...
    local went
    run "${@:2}" /escape "/tmp/$1" "$escape_tries"
    expect_eq 0 "$status" "$(grep -v ': E[A-Z0-9]*$' <<<"$output")"
    grep -q "uid $1: a directory, FSSETXATTR by 64-bit: ENOTTY" <<<"$output" ||
        complain "it has not tried" "$(without_labels <<<"$output")"
    went=$(sed -n "s/^uid $1: writing .* of which \\([0-9]*\\) went: E.*/\\1/p" <<<"$output")
    ((went > 0 && went <= escape_limit)) || complain "went: $went" "$(without_labels <<<"$output")"
}

under_profiles() { # CMD
    local profile
    if ! matrix; then
        "$1" unconfined 1000
        return
    fi
    for profile in default unconfined /run/seccomp-allow.json /run/seccomp-deny.json; do "$1" "$profile" 0 1000; done
}

gets_out() { # CMD...
    run "$@" /escape /tmp/0 "$escape_tries"
    expect_eq 1 "$status" "$output"
    expect_match 'uid 0: the directory itself, FSSETXATTR by 64-bit: DONE' "$output"
    expect_match "of which $escape_tries went: DONE" "$output"
}
