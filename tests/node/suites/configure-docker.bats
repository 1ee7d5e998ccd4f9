#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs
# matrix: what of it is new after shim-docker.bats are more starts of dockerd, a quarter of a minute each
#
# `bulkhead configure docker`: dockerd reloads, and starts, on what it writes into each kind of daemon.json; containers go
# through the shim; those that were made before it start, stop and are removed when it comes and when it has gone.
load ../helpers
load ../disk
load ../docker
load ../shim

BULKHEAD=${BULKHEAD_HOOK%/*}/bulkhead

configure() { "$BULKHEAD" configure docker "$@"; }

own='{
	"storage-driver": "overlay2",
	"data-root": "/mnt/xfs/docker",  "bridge": "none",
	"iptables": false, "ip6tables": false, "ip-forward": false, "ip-masq": false
}'

setup_file() {
    shim_install
    escape_tar /run/root.tar
    mkdir -p /etc/docker
    printf '%s' "$own" >"$daemon_json"
    dockerd_run
    docker import /run/root.tar "$docker_image" >/dev/null
    docker_start before
    docker_start running
    docker stop --time 0 before >/dev/null
}

teardown_file() {
    docker_clean
    dockerd_stop
}

teardown() {
    if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then tail -5 /run/dockerd.log; fi
    rm -rf /etc/bulkhead
}

# With daemon.json as it is.
dockerd_run() {
    dockerd </dev/null &>>/run/dockerd.log 3>&- &
    echo $! >/run/dockerd-pid
    wait_until 60 docker version &>/dev/null || { tail -20 /run/dockerd.log; return 1; }
}

reload() { # what `systemctl reload docker` does
    local before
    before=$(wc -l </run/dockerd.log)
    kill -HUP "$(</run/dockerd-pid)"
    wait_until 20 eval "tail -n +$((before + 1)) /run/dockerd.log | grep -q 'Reloaded configuration'"
}

restart() {
    dockerd_stop
    dockerd_run
}

runtime_of() { docker inspect --format '{{.HostConfig.Runtime}}' "$1"; } # NAME

pids_of() { cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(docker_pid "$1")/cgroup")/pids.max"; } # NAME

default_runtime() { docker info --format '{{.DefaultRuntime}}'; }

@test "docker goes through it after a reload; a container that was made before it goes on" {
    hook_config '{"defaults": {"pids-max": 50}}'
    expect_eq "now run: systemctl reload docker" "$(configure | tail -1)"
    reload
    expect_eq runc "$(default_runtime)"
    docker_start c1 --runtime bulkhead
    expect_eq 50 "$(pids_of c1)"
    configure --default
    reload
    expect_eq bulkhead "$(default_runtime)"
    docker_start c2
    expect_eq "bulkhead 50" "$(runtime_of c2) $(pids_of c2)"
    docker start before >/dev/null
    expect_eq runc "$(runtime_of before)"
    [[ $(pids_of before) != 50 ]]
    docker stop --time 0 before running c1 c2 >/dev/null
    docker rm c1 c2 >/dev/null
    expect_empty "$(ls -A "$receipts")" "receipts"
}

@test "it is taken away to the byte, dockerd starts on the rest, and containers made before start, stop and are removed" {
    expect_eq "now run: systemctl restart docker" "$(configure --remove 2>/dev/null | tail -1)"
    expect_eq "$own" "$(<"$daemon_json")"
    restart
    expect_eq runc "$(default_runtime)"
    docker start before >/dev/null
    docker stop --time 0 before >/dev/null
    docker rm before running >/dev/null
}

@test "dockerd takes what is written into each kind of daemon.json" {
    local text
    dockerd_stop
    for text in "${own//$'\n'/$'\r\n'}" "$(tr -d ' \n\t' <<<"$own")" "${own%\}*}, \"runtimes\": {\"other\": {\"path\": \"/usr/bin/crun\"}}, \"default-runtime\": \"other\"}"; do
        printf '%s' "$text" >"$daemon_json"
        configure --default
        if dockerd --help | grep -q -- --validate; then dockerd --validate; fi
        dockerd_run
        expect_eq bulkhead "$(default_runtime)"
        docker_wait -- true
        dockerd_stop
        configure --remove
        printf '%s' "$text" | cmp - "$daemon_json"
    done
    dockerd_run
}
