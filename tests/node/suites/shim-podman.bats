#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
# matrix: what of it is new after shim.bats and the demo is containers made before, a minute
#
# podman with the shim before its runtimes in containers.conf, with its layers on XFS: containers that were made before
# it and that have the real runtime's path in podman's database or none, a stopped container started again, and a program
# that tries to leave its quota.
load ../helpers
load ../disk
load ../shim

conf=/etc/containers/containers.conf

setup_file() {
    on xfs
    shim_install
    escape_tar /run/root.tar
    seccomp_profiles
    mkdir -p "$facts"
    plain_conf
    engine import --quiet - "$image" </run/root.tar >/dev/null
    container_start before-running --annotation io.bulkhead.disk-size=20Mi
    container_start before --annotation io.bulkhead.disk-size=20Mi
    engine stop --time 0 before
    shim_conf
}

setup() { on xfs; }

teardown() {
    engine rm --force --time 0 c1 &>/dev/null || true
    rm -f "$hooks_d/50-bulkhead.json"
}

teardown_file() { engine rm --force --all --time 0 &>/dev/null || true; }

# In the place of helpers.bash's: which runtime is containers.conf's to say.
engine() { podman --root "$disk/podman" --runroot /run/podman-xfs --storage-driver overlay --cgroup-manager systemd "$@" 3>&-; }

plain_conf() { printf '[engine]\nruntime = "%s"\n' "${1:-crun}" >"$conf"; }

# As `bulkhead configure podman` does: the first that exists is taken.
shim_conf() {
    plain_conf "${1:-crun}"
    cat >>"$conf" <<END
[engine.runtimes]
crun = ["$shims/crun", "/usr/bin/crun"]
runc = ["$shims/runc", "/usr/bin/runc", "/usr/sbin/runc"]
END
}

limit_of() { # NAME
    quota_of "$(project "$(engine inspect --format '{{.GraphDriver.Data.UpperDir}}' "$1")")" | cut -d' ' -f3
}

expect_limit() { # NAME
    expect_eq 20480 "$(limit_of "$1")"
    expect_eq "running 1 " "$(guarded "$(container_id "$1")")"
    run container_exec "$1" sh -c 'df -k /; dd if=/dev/zero of=/big bs=1M count=30'
    expect_match ' 20480 .*No space left on device' "$output"
    container_exec "$1" rm /big
}

stopped_and_started() { # RUNTIME
    shim_conf "$1"
    container_start c1 --annotation io.bulkhead.disk-size=20Mi
    expect_limit c1
    engine stop --time 0 c1
    expect_nothing_left
    engine start c1
    expect_limit c1
    if matrix; then
        engine restart --time 0 c1
        expect_limit c1
    fi
    container_delete c1
    expect_nothing_left
}

@test "a stopped container has its limit when it is started again" {
    stopped_and_started crun
    if matrix; then stopped_and_started runc; fi
}

@test "containers that were made before it go on, are walled from their next start, and are removed" {
    container_exec before-running true
    expect_empty "$(limits)"
    engine start before
    expect_limit before
    if matrix; then
        engine restart --time 0 before-running
        expect_limit before-running
    fi
    container_delete before
    container_delete before-running
    expect_nothing_left
}

escape_under() { # PROFILE USER...
    local user profile=()
    if [[ $1 != default ]]; then profile=(--security-opt "seccomp=$1"); fi
    container_start c1 --annotation io.bulkhead.disk-size=20Mi "${profile[@]}"
    for user in "${@:2}"; do
        if matrix; then
            stays_in "$user" container_run --annotation io.bulkhead.disk-size=20Mi "${profile[@]}" --user "$user" --
        fi
        stays_in "$user" container_exec --user "$user" c1
    done
    container_delete c1
}

@test "escape: gets out without the shim" {
    plain_conf
    hook_install
    gets_out container_run --annotation io.bulkhead.disk-size=20Mi --
}

@test "escape: as root and as another, in the first process and in a session, under each kind of profile" {
    shim_conf
    under_profiles escape_under
    expect_nothing_left
}
