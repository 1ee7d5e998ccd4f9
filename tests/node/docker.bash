# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What suites with docker share. Its layers are overlays in $docker_home, its containers have no network, and all that
# it is told is in daemon.json, as on any machine.
#
#   dockerd_start [JSON]     with JSON merged into daemon.json; `docker load` or `docker import` is the suite's
#   dockerd_reload JSON      the same, of what dockerd reads again at SIGHUP
#   dockerd_stop             its containers stop with it
#   docker_clean             no container is left
#   docker_start NAME [OPT...] [-- CMD...]    in the background, of $docker_image; CMD is `sleep` if there is none
#   docker_wait  [OPT...] -- CMD...           wait, exit as it did
#   docker_full_id NAME      docker_pid NAME       docker_upper NAME
#   docker_has OPTION        of `docker run`

docker_home=${docker_home:-/mnt/xfs/docker}
docker_image=busybox
daemon_json=/etc/docker/daemon.json

dockerd_config() { # JSON
    local now='{"storage-driver": "overlay2", "bridge": "none", "iptables": false, "ip6tables": false,
        "ip-forward": false, "ip-masq": false}'
    if [[ -s $daemon_json ]]; then now=$(<"$daemon_json"); fi
    mkdir -p "${daemon_json%/*}"
    jq --null-input --argjson now "$now" --argjson more "$1" --arg home "$docker_home" \
        '$now + {"data-root": $home} + $more' >"$daemon_json"
}

dockerd_start() { # [JSON]
    dockerd_config "${1:-{\}}"
    dockerd </dev/null &>>/run/dockerd.log 3>&- &
    echo $! >/run/dockerd-pid
    wait_until 60 docker version &>/dev/null || { tail -20 /run/dockerd.log; return 1; }
}

dockerd_reload() { # JSON
    local before
    before=$(wc -l </run/dockerd.log)
    dockerd_config "$1"
    kill -HUP "$(</run/dockerd-pid)"
    wait_until 20 eval "tail -n +$((before + 1)) /run/dockerd.log | grep -q 'Reloaded configuration'"
}

dockerd_stop() {
    [[ -s /run/dockerd-pid ]] || return 0
    kill "$(</run/dockerd-pid)" 2>/dev/null || true
    wait_until 60 process_is_gone "$(</run/dockerd-pid)"
    rm -f /run/dockerd-pid
}

docker_clean() {
    docker ps --all --quiet 2>/dev/null | xargs --no-run-if-empty docker rm --force &>/dev/null || true
}

docker_start() { # NAME [OPT...] [-- CMD...]
    local options command
    split_at_dashes "${@:2}"
    ((${#command[@]} > 0)) || command=(sleep 1000)
    docker run --detach --name "$1" --network none "${options[@]}" "$docker_image" "${command[@]}" >/dev/null 3>&-
}

docker_wait() { # [OPT...] -- CMD...
    local options command
    split_at_dashes "$@"
    docker run --rm --network none "${options[@]}" "$docker_image" "${command[@]}" </dev/null 3>&-
}

docker_full_id() { docker inspect --format '{{.Id}}' "$1"; } # NAME

docker_pid() { docker inspect --format '{{.State.Pid}}' "$1"; } # NAME

docker_upper() { docker inspect --format '{{.GraphDriver.Data.UpperDir}}' "$1"; } # NAME

docker_has() { docker run --help | grep -q -- " $1 "; } # OPTION
