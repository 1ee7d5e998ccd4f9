#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# node: systemd xfs ext4
# matrix: dockerd is started nine times, four minutes
#
# The disk limit beside docker, which counts project ids up from the highest that it finds in its home and asks nobody;
# and with containerd.
load ../helpers
load ../disk
load ../docker
load ../containerd

top_id=$(((1 << 31) - 1))

setup_file() { busybox_tar; }

setup() { disk_setup; }

teardown() {
    if [[ -d $docker_home ]]; then docker_clean; fi
    containerd_stop
    dockerd_stop
    umount_below "$docker_home"
    rm -rf --one-file-system "$docker_home"
    on ext4
    disk_clean
    on xfs
    disk_teardown
}

umount_below() { # DIRECTORY
    awk -v below="$1/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | tac |
        while read -r place; do umount --lazy "$place"; done
}

# --- docker ---------------------------------------------------------------------------------------------------------

docker_begin() {
    dockerd_start '{"exec-opts": ["native.cgroupdriver=cgroupfs"]}'
    docker import /run/busybox.tar "$docker_image" >/dev/null
}

dockerd_restart() {
    dockerd_stop
    dockerd_start
}

docker_run() { docker_start "$1" --storage-opt "size=$2M"; } # NAME MiB

docker_id() { project "$(docker_upper "$1")"; } # NAME

docker_limit() { quota_of "$(docker_id "$1")" | cut -d' ' -f3; } # NAME

# Ours: as docker lays its layers out, in its home.
ours_in_docker() { # NAME MiB
    local layer=$docker_home/overlay2/$1
    lower_make
    mkdir -p "$layer"/{diff,work,merged}
    (cd "$docker_home/overlay2" &&
        mount -t overlay -o "lowerdir=$disk/lower,upperdir=$1/diff,workdir=$1/work" overlay "$layer/merged")
    bundle "$1" "disk-size=$2Mi"
    bundle_edit "$1" ".root.path = \"$layer/merged\""
    start_again "$1"
}

ours_remove() { # NAME
    stop "$1"
    umount "$docker_home/overlay2/$1/merged"
    rm -r "${docker_home:?}/overlay2/$1"
}

our_id() { project "$docker_home/overlay2/$1/diff"; } # NAME

our_limit() { quota_of "$(our_id "$1")" | cut -d' ' -f3; } # NAME

# "NAME=MiB...": every limit is what it was, and no two layers have one id.
expect_limits() { # OURS-OR-DOCKER'S NAME MiB...
    local whose name size taken=()
    while (($# > 0)); do
        whose=$1 name=$2 size=$3
        shift 3
        expect_eq "$name $((size * 1024))" "$name $("${whose}_limit" "$name")"
        taken+=("$("${whose}_id" "$name")")
    done
    expect_empty "$(printf '%s\n' "${taken[@]}" | sort | uniq -d)" "ids of two layers"
}

@test "docker's containers before and after ours, and dockerd started again" {
    docker_begin
    docker_run theirs 30
    ours_in_docker ours 20
    expect_limits docker theirs 30 our ours 20
    expect_eq $top_id "$(our_id ours)"
    docker_run second 40
    expect_limits docker theirs 30 our ours 20 docker second 40
    dockerd_restart
    docker start theirs >/dev/null
    expect_limits docker theirs 30 our ours 20
    ours_in_docker more 25
    docker start second >/dev/null
    expect_limits docker theirs 30 our ours 20 our more 25 docker second 40
}

# From here on docker has no number left for a container of its own, and says so; it takes none of ours.
docker_after_restart() { # EXPECT-LIMITS ARG...
    dockerd_restart
    if docker_run fresh 50 &>/run/docker-said; then
        expect_limits "$@" docker fresh 50
        docker rm --force fresh >/dev/null
    else
        expect_limits "$@"
    fi
}

@test "ours, dockerd started again, then a container of docker's" {
    docker_begin
    ours_in_docker ours 20
    docker_after_restart our ours 20
}

@test "ours at the top and one below, the top one removed, dockerd started again, ours again, then docker's" {
    docker_begin
    ours_in_docker first 20
    ours_in_docker second 25
    expect_eq "$top_id $((top_id - 1))" "$(our_id first) $(our_id second)"
    ours_remove first
    docker_after_restart our second 25
    ours_in_docker third 15
    docker_after_restart our second 25 our third 15
    (($(our_id third) < top_id - 1))
}

@test "the top id outside of docker's home, the next in it" {
    docker_begin
    mkdir -p "$disk/layers/elsewhere"
    xfs_io -r -c "chproj $top_id" "$disk/layers/elsewhere"
    ours_in_docker ours 20
    local id
    id=$(our_id ours)
    ((id < top_id - 4000 && id > top_id - 9000)) || complain "$id is not clear of it, as docker counts up from ours"
    docker_after_restart our ours 20
    expect_eq "1 0" "$(quota_of $top_id | cut -d' ' -f4,3 | awk '{ print $2, $1 }')" "the one outside"
}

@test "ours outside of docker's home, at the bottom of the range" {
    docker_begin
    docker_run theirs 30
    layer_make c1
    start c1 disk-size=20Mi
    expect_eq $((1 << 30)) "$(upper_id c1)"
    docker_after_restart docker theirs 30
    expect_eq "$(upper_id c1) 20480" "$(limits | awk -v id="$(upper_id c1)" '$1 == id { print $1, $3 }')"
}

@test "ids of podman's that lie in our range" {
    local id=$((1 << 30))
    mkdir -p "$disk/layers/podmans"
    xfs_quota -x -c "project -s -d 0 -p $disk/layers/podmans $id" "$disk" >/dev/null
    limit_by_hand $id bhard=30m
    layer_make c1
    start c1 disk-size=20Mi
    expect_eq $((id + 1)) "$(upper_id c1)"
    stop c1
    expect_eq "$id 0 30720 0 0" "$(limits)"
    # And one whose files are gone, with its limit left.
    rmdir "$disk/layers/podmans"
    layer_make c2
    start c2 disk-size=20Mi
    [[ $(upper_id c2) != "$id" ]]
}

# --- containerd -----------------------------------------------------------------------------------------------------

containerd_start() {
    mkdir -p /run/ctd "$disk/containerd"
    printf 'version = 2\nroot = "%s"\nstate = "/run/ctd/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "/run/ctd/socket"\n' \
        "$disk/containerd" >/run/ctd/config.toml
    containerd --config /run/ctd/config.toml </dev/null &>>/run/containerd.log 3>&- &
    echo $! >/run/containerd-pid
    wait_until 30 ctr_ version &>/dev/null || { tail -20 /run/containerd.log; return 1; }
}

containerd_stop() {
    [[ -s /run/containerd-pid ]] || return 0
    if [[ -e /run/ctd/socket ]]; then
        ctr_ task kill --signal KILL c1 &>/dev/null || true
        sleep 1
        ctr_ container delete c1 &>/dev/null || true
    fi
    kill "$(</run/containerd-pid)" || true
    wait_until 30 process_is_gone "$(</run/containerd-pid)"
    rm -f /run/containerd-pid
    for kind in xfs ext4; do rm -rf --one-file-system "/mnt/$kind/containerd"; done
}

ctr_() { ctr --address /run/ctd/socket "$@" 3>&-; }

with_containerd() {
    local upper
    containerd_start
    runtime_with_our_hook
    docker_archive
    ctr_ image import /run/image.tar >/dev/null
    ctr_ run --detach --runc-binary /run/with-hook --annotation io.bulkhead.disk-size=10Mi \
        docker.io/library/busybox:latest c1 sleep 1000
    ctr_ task exec --exec-id a c1 df -k / >/run/df
    expect_match ' 10240 ' "$(tail -1 /run/df)"
    run ctr_ task exec --exec-id b c1 dd if=/dev/zero of=/big bs=1M count=20
    expect_match "$full" "$output"
    ctr_ task exec --exec-id c c1 rm /big
    wait_until 10 ctr_ task exec --exec-id "d$RANDOM" c1 dd if=/dev/zero of=/big bs=1M count=8
    ctr_ task kill --signal KILL c1
    wait_until 20 eval 'ctr_ task list | grep -q "c1.*STOPPED"'
    ctr_ task delete c1 || true
    expect_nothing_left
    ctr_ container delete c1
    containerd_stop
}

@test "containerd: a container of ctr's has its limit, and gives it back" { with_each with_containerd; }
