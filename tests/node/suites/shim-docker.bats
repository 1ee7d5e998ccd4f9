#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
#
# docker, whose default runtime is the shim, with its layers on XFS: what is asked for holds in the first process, in a
# session and after a start, is receipted and given back; docker's user sees what is wrong; an update takes nothing back;
# and a program that leaves docker's own quota does not leave ours. Debian 12's docker (20.10) has no --annotation: there
# it is the node config's defaults that ask, in Debian 13's (26.1) annotations do.
load ../helpers
load ../disk
load ../docker
load ../shim

# One dockerd for all tests, as its start takes a quarter of a minute. It begins as docker is without us.
setup_file() {
    shim_install
    escape_tar /run/root.tar
    seccomp_profiles
    dockerd_start
    docker import /run/root.tar "$docker_image" >/dev/null
    docker_start before-stopped
    docker stop --time 0 before-stopped >/dev/null
    if matrix; then docker_start before-running; fi
    "${BULKHEAD_HOOK%/*}/bulkhead" configure docker --default
    dockerd_reload '{}'
}

teardown_file() {
    docker_clean
    dockerd_stop
}

setup() {
    on xfs
    asked=()
}

teardown() {
    docker ps --all --quiet --filter name=^c | xargs --no-run-if-empty docker rm --force &>/dev/null || true
    if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then tail -5 /run/dockerd.log; fi
    rm -rf /etc/bulkhead
}

# In the way that this docker has. Sets asked, for docker run.
ask() { # KEY=VALUE...
    local word
    asked=()
    if docker_has --annotation; then
        for word in "$@"; do asked+=(--annotation "io.bulkhead.$word"); done
    else
        hook_config "$(jq --null-input '{defaults: ($ARGS.positional | map(split("=") | {(.[0]): .[1]}) | add)}' --args "$@")"
    fi
}

ask_all() { ask disk-size=20Mi shm-size=8Mi pids-max=50 memory-max=64Mi; }

inspect() { # NAME: sets id, upper and cgroup
    local pid
    read -r id upper pid < <(docker inspect --format '{{.Id}} {{.GraphDriver.Data.UpperDir}} {{.State.Pid}}' "$1")
    cgroup=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
}

session() { docker exec "$@" </dev/null 3>&-; } # [OPT...] NAME CMD...

look='df -k / /dev/shm; dd if=/dev/zero of=/big bs=1M count=30; rm /big'

lines_that_say() { docker logs "$1" 2>&1 | grep -c "$2"; } # NAME WHAT

# Of its first process as well, which looks at each start.
expect_walls() { # NAME START: which it is, from 1
    inspect "$1"
    expect_eq 20480 "$(quota_of "$(project "$upper")" | cut -d' ' -f3)"
    expect_eq "67108864 50" "$(<"$cgroup/memory.max") $(<"$cgroup/pids.max")"
    expect_eq "running 1 " "$(guarded "$id")"
    wait_until 20 eval "((\$(lines_that_say $1 'No space left on device') == $2))"
    expect_eq "$2 $2" "$(lines_that_say "$1" '^overlay  *20480 ') $(lines_that_say "$1" '^shm  *8192 ')"
    expect_match 'overlay  *20480 .*shm  *8192 .*No space left on device' "$(session "$1" sh -c "$look" 2>&1)"
}

@test "what is asked for holds, in the first process and in a session; so after stop and start, and a restart" {
    ask disk-size=20Mi shm-size=8Mi pids-max=50 memory-max=64Mi
    docker_start c1 "${asked[@]}" -- sh -c "$look; exec sleep 1000"
    expect_walls c1 1
    docker stop --time 0 c1 >/dev/null
    expect_nothing_left
    docker start c1 >/dev/null
    expect_walls c1 2
    if matrix; then
        docker restart --time 0 c1 >/dev/null
        expect_walls c1 3
    fi
    docker rm --force c1 >/dev/null
    expect_nothing_left
}

@test "what is wrong reaches docker's user as our one line" {
    ask disk-size=20Mi memory-max=64m
    run docker_wait "${asked[@]}" -- true
    expect_eq 125 "$status"
    expect_eq 1 "$(grep -c bulkhead <<<"$output")"
    expect_match 'OCI runtime create failed: bulkhead: [0-9a-f]{64}: .*memory-max.*"m" is milli in Kubernetes and MiB in docker; write 64Mi or 67108864: unknown' "$output"
}

cgroup_files() { echo "$(<"$cgroup/memory.max") $(<"$cgroup/pids.max")"; }

@test "docker update takes back nothing of it" {
    ask pids-max=50 memory-max=64Mi
    docker_start c1 "${asked[@]}"
    inspect c1
    docker update --memory 128m --memory-swap 256m --pids-limit 500 c1
    expect_eq "67108864 50" "$(cgroup_files)"
    docker update --memory 32m --memory-swap 64m --pids-limit 40 c1
    expect_eq "33554432 40" "$(cgroup_files)"
    # The memory, of which this one does not speak, stays as it is.
    docker update --pids-limit -1 c1
    expect_eq "33554432 50" "$(cgroup_files)"
}

@test "containers that were made before it, with docker's own runtime, stop, start and are removed" {
    local name
    if matrix; then docker stop --time 0 before-running; fi
    for name in $(docker ps --all --format '{{.Names}}'); do
        docker start "$name"
        session "$name" true
        docker stop --time 0 "$name"
        docker rm "$name"
    done
    expect_empty "$(docker ps --all --quiet)"
}

# --- Ways out ----------------------------------------------------------------------------------------------------------

# Docker does not take its limits off.
forget_limits() {
    local id commands=()
    for id in $(limits | cut -d' ' -f1); do commands+=(-c "limit -p bsoft=0 bhard=0 isoft=0 ihard=0 $id"); done
    xfs_quota -f -x "${commands[@]}" "$disk"
}

@test "escape: gets out of docker's own quota, and not out of ours" {
    gets_out docker_wait --runtime runc --storage-opt size=20M --
    forget_limits
    ask disk-size=20Mi
    stays_in 0 docker_wait "${asked[@]}" --
    expect_nothing_left
}

escape_under() { # PROFILE USER...
    local user profile=()
    if [[ $1 != default ]]; then profile=(--security-opt "seccomp=$1"); fi
    docker_start c1 "${asked[@]}" "${profile[@]}"
    for user in "${@:2}"; do
        if matrix; then stays_in "$user" docker_wait "${asked[@]}" "${profile[@]}" --user "$user" --; fi
        stays_in "$user" session --user "$user" c1
    done
    docker rm --force c1 >/dev/null
}

# Of the matrix: the one before does it for one of them.
# bats test_tags=matrix
@test "escape: as root and as another, in the first process and in a session, under each kind of profile" {
    ask disk-size=20Mi
    under_profiles escape_under
    expect_nothing_left
}
