# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the campaigns share. Each makes a container that asks for all there is: a size of /dev/shm, limits of the cgroup, a
# segment and, where /mnt/xfs is a disk with project quotas, a disk limit. Starting a program takes 30 ms in User-Mode
# Linux, so what a run needs around it is done by tests/programs/scene.cpp and by the shell itself.
#
#   campaign_begin ARG...       reads the options (below) and what is left of them into $arguments, prepares
#   ask COMMAND...              of scene; its answer is in $answer
#   fresh_node                  as after a boot, with a fresh layer where there is a disk
#   container_begin             that, and a process that is the container; its number is in $pid, states for the hook in
#                               $work/creating and $work/stopped
#   process_begin               another process is the container
#   look_at_limits PID PREFIX   what is in force for PID, into $in_force; PREFIX is where its root is for itself
#   calls_in FILE               of strace, into $calls, each as "NAME N [written]": its N-th call of that name
#   tell_whole                  says what $whole has
#   each_call STAGE COMMAND...  COMMAND STAGE NAME N INJECTION for each of $calls and each way to break it there
#   injected NAME N INJECTION COMMAND...   the command under strace; its status is in $status, what it says in $said
#   collect WHAT                gc, which must have nothing to say
#   expect_gone WHAT            the layer goes; what is left then is a leak, and is cleared away
#   complain WHAT TEXT          a leak
#   campaign_end
#
#   --from N, --to N            of the calls of all stages, numbered from 1, these alone
#   --kill                      and no errors
# shellcheck disable=SC2034 # the campaigns read what is set here

checkout=$(dirname "$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")")
programs=$checkout/build/release/bin
hook=$programs/bulkhead-hook
bulkhead=$programs/bulkhead
work=/run/campaign
disk=/mnt/xfs
places=(/etc/bulkhead /run/bulkhead /var/lib/bulkhead /usr/libexec "$work")
runs=0 leaks=0 points=0 from=1 to=1000000 kill_alone='' calls=() said='' whole=''
shopt -s globstar dotglob nullglob
# shellcheck source=tests/campaign/errors.bash
source "$checkout/tests/campaign/errors.bash"

# --- The machine -----------------------------------------------------------------------------------------------------

campaign_begin() { # ARG...
    arguments=()
    while (($# > 0)); do
        case $1 in
        --from) from=$2; shift ;;
        --to) to=$2; shift ;;
        --kill) kill_alone=yes ;;
        *) arguments+=("$1") ;;
        esac
        shift
    done
    own_places
    mkdir -p "$work"/{bundle,root/mnt}
    root=$work/root
    has_disk=''
    if mountpoint --quiet "$disk"; then has_disk=yes root=$disk/layer/merged; fi
    coproc scene { exec "$checkout/build/release/tests/scene" "$disk"; }
    choose_cgroups
    trap leave EXIT
    ask_for_everything
    list_left
    before=$left
}

# Not the machine's own: another campaign may be at work.
own_places() {
    local place
    for place in "${places[@]}"; do
        mkdir -p "$place"
        mount -t tmpfs -o mode=755 tmpfs "$place"
    done
    cgroup=campaign-$SRANDOM
}

leave() {
    umount --lazy "${places[@]}"
    rmdir "${cgroups[@]}" 2>/dev/null || true
}

choose_cgroups() {
    if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
        cgroups=("/sys/fs/cgroup/$cgroup")
        values=("${cgroups[0]}"/{memory.max,pids.max})
        echo '+memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
    else
        cgroups=("/sys/fs/cgroup/memory/$cgroup" "/sys/fs/cgroup/pids/$cgroup")
        values=("${cgroups[0]}/memory.limit_in_bytes" "${cgroups[1]}/pids.max")
    fi
}

# The root of the container, and its config.json; a campaign with a real runtime has its own.
ask_for_everything() {
    local lower=$root
    if [[ $has_disk ]]; then lower=$disk/lower; fi
    mkdir -p "$root" "$lower"/{dev/shm,mnt}
    asked='{"io.bulkhead.shm-size": "16Mi", "io.bulkhead.memory-max": "64Mi", "io.bulkhead.pids-max": "50",
        "io.bulkhead.segment.x": "path=/mnt/x,size=1Mi"}'
    if [[ $has_disk ]]; then asked=$(jq '."io.bulkhead.disk-size" = "10Mi"' <<<"$asked"); fi
    asked=$(jq --compact-output . <<<"$asked")
    jq --null-input --arg root "$root" --arg cgroup "/$cgroup" --argjson asked "$asked" '{ociVersion: "1.0.2", root: {path: $root},
        annotations: $asked, linux: {cgroupsPath: $cgroup, namespaces: [{type: "ipc"}, {type: "pid"}]},
        mounts: [{destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["size=65536k"]}]}' \
        >"$work/bundle/config.json"
}

ask() { # COMMAND...
    local line
    answer=''
    echo "$*" >&"${scene[1]}"
    while IFS= read -r -t 60 line <&"${scene[0]}" || { echo "scene does not answer to $*"; exit 1; }; do
        if [[ -z $line ]]; then break; fi
        answer+=$line$'\n'
    done
}

# As on a node that was booted just now, so that each run makes the same calls: directories and counters stay otherwise.
fresh_node() {
    ask empty /run/bulkhead /var/lib/bulkhead "$work/root/mnt"
    if [[ $has_disk ]]; then ask layer; fi
}

container_begin() {
    fresh_node
    process_begin
    write_state stopped 0
}

process_begin() {
    ask start "$root" "${cgroups[@]}"
    pid=${answer%$'\n'}
    write_state creating "$pid"
}

write_state() { # STATUS PID
    printf '{"ociVersion":"1.0.2","id":"c1","status":"%s","pid":%d,"bundle":"%s","annotations":%s}' \
        "$1" "$2" "$work/bundle" "$asked" >"$work/$1"
}

# --- What there is ---------------------------------------------------------------------------------------------------

look_at_limits() { # PID PREFIX
    local fields shm='' segment='' file value
    # Of several in a place the last is on top.
    while read -ra fields; do
        case ${fields[4]} in
        "$2/dev/shm") shm=${fields[-1]} ;;
        "$2/mnt/x") segment=${fields[-1]} ;;
        esac
    done <"/proc/$1/mountinfo"
    in_force="/dev/shm $shm"$'\n'"/mnt/x $segment"$'\n'
    for file in "${values[@]}"; do
        read -r value <"$file"
        in_force+="${file##*/} $value"$'\n'
    done
    if [[ $has_disk ]]; then
        ask quotas
        while read -ra fields; do
            if ((${#fields[@]} && fields[1])); then in_force+="disk ${fields[1]} KiB, ${fields[2]} inodes"$'\n'; fi
        done <<<"$answer"
    fi
}

# Once the container is gone, and its layer. Errors that were told stay told, counters count, hints are hints.
list_left() {
    local fields mounts=() path
    left=''
    mapfile -t mounts </proc/1/mountinfo
    for path in "${mounts[@]}"; do
        read -ra fields <<<"$path"
        left+="mount ${fields[4]} ${fields[-3]}"$'\n'
    done
    for path in /run/bulkhead/** /var/lib/bulkhead/**; do
        case $path in
        /run/bulkhead/errors* | /run/bulkhead/counters* | /run/bulkhead/hints*) ;;
        /run/bulkhead/segments/?*) left+=$path$'\n' ;;
        *) if [[ ! -d $path ]]; then left+=$path$'\n'; fi ;;
        esac
    done
    if [[ $has_disk ]]; then
        ask quotas
        left+=$answer
    fi
}

expect_gone() { # WHAT
    local tries
    if [[ $has_disk ]]; then ask no-layer; fi
    for tries in {1..50}; do
        list_left
        if [[ $left == "$before" ]]; then return; fi
        sleep 0.1 # XFS frees the inodes of the layer a moment later
    done
    complain "$1: this is left" "$(diff <(echo "$before") <(echo "$left") || true)"
    clear_away
}

# So that what comes next begins where it must.
clear_away() {
    local place id _
    for place in /run/bulkhead/segments/**/ /run/bulkhead/segments; do umount --lazy "$place" 2>/dev/null || true; done
    rm -rf /run/bulkhead/* /var/lib/bulkhead/*
    if [[ $has_disk ]]; then
        while read -r id _; do
            if [[ $id ]]; then xfs_quota -x -c "limit -p bsoft=0 bhard=0 isoft=0 ihard=0 $id" "$disk"; fi
        done <<<"$answer"
    fi
    list_left
    if [[ $left != "$before" ]]; then echo "it cannot be cleared away"; exit 1; fi
}

collect() { # WHAT
    "$bulkhead" gc >"$work/said" 2>&1 || complain "$1: gc fails" "$(<"$work/said")"
}

# --- A run -----------------------------------------------------------------------------------------------------------

complain() { # WHAT TEXT
    leaks=$((leaks + 1))
    printf 'LEAK %s\n' "$1"
    printf '    %s\n' "${2//$'\n'/$'\n    '}"
}

# Without the execve that is strace's own, which it does not count, what comes after that of the runtime, and calls that
# this strace does not know and so cannot break (statmount, for 6.1). What is written down of disks is marked: it is not
# gone while it is there, and who would be told so would take our limit for another's.
calls_in() { # FILE
    mapfile -t calls < <(awk -F'(' '$1 ~ /^[a-z0-9_]+$/ && $1 !~ /^(exit_group|syscall_0x.*)$/ &&
        ($1 != "execve" || after++) {
            print $1, ++n[$1], /"\/var\/lib\/bulkhead"|"disk"|"[0-9a-f-]+-[0-9]+\.json"/ && !/ENOENT/ ? "written" : "" }' "$1")
}

tell_whole() { printf 'in force: %s\n' "${whole//$'\n'/, }"; }

# Into a file, and in a group that is quiet, where the shell would tell each death. strace is the grandchild here, and
# leaves who becomes another program to himself (where it is not that which is to fail).
injected() { # NAME N INJECTION COMMAND...
    local leave=(--detach-on=execve)
    if [[ $1 == execve ]]; then leave=(); fi
    status=0
    {
        strace --daemonize "${leave[@]}" --quiet=all --output=/dev/null --trace="$1" --inject="$1:$3:when=$2" \
            "${@:4}" >"$work/said" 2>&1 || status=$?
    } 2>/dev/null
    read_file said "$work/said"
    expect_strace
}

expect_strace() { if [[ $said == *"strace: "* ]]; then complain "$what: strace" "$said"; fi; }
# Without a process, which $(<FILE) is.
read_file() { # VARIABLE FILE
    IFS= read -r -d '' "$1" <"$2" || true
}

# Who cannot get back to the mounts that he came from can undo nothing there, and ends.
is_lost() { [[ $said == *"back to our mount namespace"* || $said == *"return to our root"* ]]; }

# Who was refused has nothing left to be collected.
expect_taken_back() {
    local path left_over=()
    for path in /run/bulkhead/containers/** /var/lib/bulkhead/disk/** /run/bulkhead/segments/?*; do
        if [[ ! -d $path || $path == */segments/* ]]; then left_over+=("$path"); fi
    done
    if ((${#left_over[@]} > 0)); then complain "$what: it is refused, and leaves something" "$said"$'\n'"${left_over[*]}"; fi
}

each_call() { # STAGE COMMAND...
    local call number error written
    for call in "${calls[@]}"; do
        points=$((points + 1))
        if ((points < from || points > to)); then continue; fi
        read -r call number written <<<"$call"
        for error in signal=KILL $([[ $kill_alone ]] || errors_of "$call"); do
            if [[ $written && $error == ENOENT ]]; then continue; fi
            runs=$((runs + 1))
            if ((runs % 100 == 0)); then echo "$runs runs, at call $points ($SECONDS s)"; fi
            what="$1, $call number $number, $error"
            "${@:2}" "$1" "$call" "$number" "${error/#E/error=E}"
        done
    done
    echo "$1: ${#calls[@]} calls, $runs runs so far"
}

# Without memory libc itself ends by a signal, before main().
expect_no_crash() { # CALL
    if [[ $1 != brk && $1 != mmap ]] && ((status == 132 || status == 134 || status == 135 || status == 136 || status == 139)); then
        complain "$what: it crashes with $status" "$said"
    fi
}

campaign_end() {
    echo "$points calls, $runs runs, $leaks leaks"
    ((leaks == 0))
}
