#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
#
# containerd with the shim as its runtime, by ctr and by the CRI plugin, with its layers on XFS: a container that is
# started again, a pod and its sandbox, what is wrong told to the user, and a program that tries to leave its quota.
load ../helpers
load ../disk
load ../containerd
load ../shim

# One containerd for all tests.
setup_file() {
    local user
    on xfs
    shim_install
    escape_tar /run/busybox.tar
    seccomp_profiles
    docker_archive
    cri_root=$disk/cri cri_runtime=$shims/runc
    cri_start
    for user in 0 1000; do
        docker_archive "busybox-$user" "$user"
        ctr_ image import /run/image.tar >/dev/null
    done
}

teardown_file() {
    cri_stop
    rm -rf --one-file-system /mnt/xfs/cri
}

milli='"m" is milli in Kubernetes and MiB in docker; write 64Mi or 67108864'

setup() { on xfs; }

teardown() {
    if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then cri_log | tail -5; fi
    cri_remove
    ctr_delete c1
    rm -rf /etc/bulkhead
}

# --- ctr -------------------------------------------------------------------------------------------------------------

ctr_() { ctr --address "$cri_home/socket" --namespace "${namespace:-default}" "$@" 3>&-; }

ctr_create() { # NAME RUNTIME [OPTION...] [-- CMD...]
    local options command
    split_at_dashes "${@:3}"
    ((${#command[@]} > 0)) || command=(sleep 1000)
    ctr_ run --runc-binary "$shims/$2" --annotation io.bulkhead.disk-size=20Mi "${options[@]}" \
        "docker.io/library/${image_of_user:-busybox-0}:latest" "$1" "${command[@]}"
}

ctr_stop() { # NAME
    ctr_ task kill --signal KILL "$1"
    wait_until 20 eval "ctr_ task list | grep -q '^$1 .*STOPPED'"
    ctr_ task delete "$1" >/dev/null || true # which tells of the signal
}

ctr_delete() { # NAME
    if ctr_ task list | grep -q "^$1 "; then ctr_stop "$1"; fi
    ctr_ container delete "$1" &>/dev/null || true
}

ctr_session() { ctr_ task exec --exec-id "e$RANDOM" "$@"; } # [OPTION...] NAME CMD...

expect_limit() { # NAME
    expect_match ' 20480 ' "$(ctr_session "$1" df -k / | tail -1)"
    expect_eq "running 1 " "$(guarded "$1")"
    run ctr_session "$1" dd if=/dev/zero of=/big bs=1M count=30
    expect_match "$full" "$output"
    ctr_session "$1" rm /big
}

started_again() { # RUNTIME
    ctr_create c1 "$1" --detach
    expect_limit c1
    ctr_session c1 touch /mine
    ctr_stop c1
    expect_nothing_left
    ctr_ task start --detach c1
    ctr_session c1 ls /mine
    expect_limit c1
    ctr_delete c1
    expect_nothing_left
}

@test "ctr: a container whose task was stopped has its limit in the next" {
    started_again runc
    if matrix; then started_again crun; fi
}

@test "ctr: what is wrong reaches its user as our one line" {
    run ctr_create c1 runc --annotation io.bulkhead.memory-max=64m --detach
    expect_eq 1 "$status"
    expect_eq "ctr: failed to create shim task: OCI runtime create failed: bulkhead: c1: io.bulkhead.memory-max=\"64m\": $milli: unknown" \
        "$output"
    expect_nothing_left
}

# Whom the image names. (The option --user of `ctr task exec` mounts the layer once more to look into /etc/passwd, which
# takes overlayfs's work directory away from the container.)
escape_by_ctr() { # SECCOMP USER...
    local user image_of_user seccomp=()
    if [[ $1 != none ]]; then seccomp=(--seccomp); fi
    if [[ $1 == /* ]]; then seccomp+=(--seccomp-profile "$1"); fi
    for user in "${@:2}"; do
        image_of_user=busybox-$user
        if matrix; then stays_in "$user" ctr_create c2 runc "${seccomp[@]}" --rm --; fi
        ctr_create c1 runc "${seccomp[@]}" --detach
        stays_in "$user" ctr_session c1
        ctr_delete c1
    done
}

# Whole, or in the normal run of one user under one profile.
escape_under() { # BY USER PROFILE...
    local profile
    if ! matrix; then
        "$1" "$3" "$2"
        return
    fi
    for profile in "${@:3}"; do "$1" "$profile" 0 1000; done
    expect_nothing_left
}

@test "ctr: escape stays in without a profile and under containerd's, in the first process and in a session" {
    escape_under escape_by_ctr 0 none default
}

# Of the matrix: what a profile has to let through, the one before says for containerd's own.
# bats test_tags=matrix
@test "ctr: the same under profiles of one's own" {
    escape_under escape_by_ctr 1000 /run/seccomp-deny.json /run/seccomp-allow.json
}

# --- The CRI plugin --------------------------------------------------------------------------------------------------

filters_of() { # ID
    local pid
    pid=$(ctr_ task list | awk -v id="$1" '$1 == id { print $2 }')
    awk '$1 == "Seccomp_filters:" { print $2 }' "/proc/$pid/status"
}

@test "cri: a pod's container has its limit, and the sandbox is guarded; both give back what they had" {
    local sandbox container namespace=k8s.io
    cri_pod shop web io.bulkhead.disk-size/web=20Mi >/run/ids
    read -r sandbox container </run/ids
    expect_limit "$container"
    expect_eq "running 1 " "$(guarded "$sandbox")"
    expect_eq "1 1" "$(filters_of "$container") $(filters_of "$sandbox")"
    cri_remove
    expect_nothing_left
}

@test "cri: what is wrong is one line in containerd's answer" {
    run cri_pod shop web io.bulkhead.memory-max=64m
    expect_eq 'StartContainer failed' "$output"
    # Quoted once more, as it is a record of containerd's.
    expect_match "error=\"failed to create containerd task: failed to create shim task: OCI runtime create failed: bulkhead: [0-9a-f]{64}: io\.bulkhead\.memory-max=\"64m\": $milli: unknown\"" \
        "$(cri_log | grep 'StartContainer for' | sed 's|\\||g')"
    cri_remove
    expect_nothing_left
}

# As the pod's first process, which leaves what came of it in memory.
pod_runs() { # USER PROFILE CMD...
    local container pid namespace=k8s.io
    cri_pod shop web "--user=$1" "--seccomp=$2" io.bulkhead.disk-size=20Mi \
        "--command=${*:3} >/dev/shm/said 2>&1; echo \$? >/dev/shm/status; exec sleep 1000" >/run/ids || return 125
    read -r _ container </run/ids
    pid=$(ctr_ task list | awk -v id="$container" '$1 == id { print $2 }')
    wait_until 60 test -s "/proc/$pid/root/dev/shm/status" || return 125
    cat "/proc/$pid/root/dev/shm/said"
    return "$(<"/proc/$pid/root/dev/shm/status")"
}

escape_by_cri() { # PROFILE USER...
    local user container namespace=k8s.io
    for user in "${@:2}"; do
        stays_in "$user" pod_runs "$user" "$1"
        read -r _ container </run/ids
        stays_in "$user" ctr_session "$container"
        cri_remove
    done
}

@test "cri: escape stays in without a profile and under containerd's, in the first process and in a session" {
    escape_under escape_by_cri 1000 Unconfined RuntimeDefault
}

# Of the matrix: what a profile has to let through, the one before says for containerd's own.
# bats test_tags=matrix
@test "cri: the same under profiles of one's own" {
    escape_under escape_by_cri 0 /run/seccomp-deny.json /run/seccomp-allow.json
}
