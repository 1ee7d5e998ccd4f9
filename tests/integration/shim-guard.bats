#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Behind the shim's guard, on a kernel that runs 32-bit programs and has file_setattr (Linux 6.17): what the guard
# denies from those entries, and that nothing else is any different. The guarded container is one without a limit, of a
# pod with a key of the disk's for another: that quotas hold is shown in the node.
# shellcheck disable=SC2016,SC2030,SC2031 # jq's variables and other shells'; each test is a subshell
load helpers
load shim

programs=$checkout/build/release/tests

setup() { shim_setup; }
teardown() { shim_teardown; }

# An overlay with its upper directory on ext4, which has flags and, without the project feature, no project ids but 0.
overlay_on_ext4() {
    local disk=$work/disk
    truncate --size=16M "$disk.img"
    mkfs.ext4 -q -O ^has_journal "$disk.img"
    mkdir "$disk"
    mount -o loop "$disk.img" "$disk" || skip_because "no loop device can be had"
    mkdir "$disk/upper" "$disk/work" "$work/lower"
    busybox_root "$work/lower"
    cp "$programs/escape" "$programs/escape32" "$work/lower/bin"
    rm -rf --one-file-system "$bundle/rootfs"
    mkdir "$bundle/rootfs"
    mount -t overlay -o "lowerdir=$work/lower,upperdir=$disk/upper,workdir=$disk/work" overlay "$bundle/rootfs"
}

# Into $open and $behind: what PROGRAM says of /tmp without the shim, and behind the guard.
escape_twice() { # PROGRAM
    guarded_neighbour
    overlay_on_ext4
    bundle_edit '.process.capabilities[] += ["CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"]'
    bundle_edit --arg program "/bin/$1" '.process.args = [$program, "/tmp"]'
    local status=0
    open=$(plain run --bundle "$bundle" "$id" </dev/null 2>&1) || status=$?
    expect_eq 1 "$status" "what $1 says without the guard: $open"
    behind=$(runtime run --bundle "$bundle" "$id" </dev/null 2>&1) || complain "$1 got out: $behind"
    expect_nothing_left
}

@test "a 32-bit program: denied by int 0x80 and by the kernel's page, where without the guard it gets through" {
    "$programs/escape32" || [[ $? != 126 ]] || skip_because "this kernel runs no 32-bit programs"
    escape_twice escape32
    local entry
    for entry in 'int 0x80' "the kernel's page"; do
        expect_match "SETFLAGS by $entry: DONE" "$open"
        expect_match "SETFLAGS of 64 bits by $entry: DONE" "$open"
    done
    # ENOSYS and ENOTTY
    expect_eq "$(sed -E '/file_setattr/s/(.*): .*/\1: error 38/
        /FSSETXATTR|SETFLAGS/s/(.*): .*/\1: error 25/' <<<"$open")" "$behind"
}

results_of() { grep -E "$1" <<<"$2" | sed -E 's/.*: //' | sort | uniq -c | sed -E 's/^ +//'; } # REGEX OUTPUT

@test "a 64-bit program by every entry: denied, file_setattr too, and its 32-bit entry works" {
    escape_twice escape
    [[ $(results_of 'file_setattr by 64-bit$|file_setattr by 64-bit:' "$open") != *ENOSYS* ]] ||
        skip_because "this kernel has no file_setattr (Linux 6.17)"
    expect_match 'FSSETXATTR by 32-bit: DONE' "$open"
    expect_match 'FSSETXATTR by 64-bit: DONE' "$open"
    expect_match 'file_setattr by 32-bit: DONE' "$open"
    expect_match 'uid 1000: a directory of its own, FSSETXATTR by 64-bit: DONE' "$open"
    expect_match '^[0-9]+ ENOTTY$' "$(results_of '(FSSETXATTR|SETFLAGS) by (32|64)-bit:' "$behind")"
    expect_match '^[0-9]+ ENOSYS$' "$(results_of 'file_setattr( of a descriptor)? by (32|64)-bit:' "$behind")"
    expect_match 'uid 1000: a directory of its own, FSSETXATTR by 64-bit: ENOTTY' "$behind"
    expect_empty "$(grep DONE <<<"$behind" || true)"
}

# --- Nothing else is different ---------------------------------------------------------------------------------------

# Each applet without arguments, then what uses ioctl with some. What it says goes to /out/NAME, and how it ended. None
# can do harm in here: it may do next to nothing.
run_applets='
    grep Seccomp_filters: /proc/self/status
    mkdir /b && busybox --install -s /b
    export PATH=/b:/bin
    cd /tmp
    try() {
        name=$1; shift
        { timeout -s KILL 1 "$@" </dev/null 2>&1; echo "status $?"; } | head -c 2000 >/out/$name
    }
    for applet in $(busybox --list); do
        case $applet in
        adjtimex|date|df|free|mktemp|ps|top|uptime) ;; # say something else each time
        linuxrc|nologin|uevent|yes) ;; # do not end
        *) try $applet $applet ;;
        esac
    done
    echo text >file; ln -s file link; mkfifo fifo; dd if=/dev/zero of=image bs=1k count=64 2>/dev/null
    n=0
    while read -r line; do n=$((n + 1)); try with-$n sh -c "$line"; done'

what_uses_ioctl='ls -1aF --color=always /tmp /dev
stat -c %n.%s.%a.%h /tmp/file
stty -a
stty size
tty
ip addr; ip link; ip route; ip neigh
ifconfig -a | grep -v X; route -n; arp -n; netstat -nr
brctl show; vconfig add lo 5; tunctl -t tap7; ip link add dummy7 type dummy
hwclock -r; rtcwake -m no -s 1
blockdev --getsz /tmp/image; blockdev --getro /dev/null; fdisk -l /tmp/image; losetup -f; losetup -a
mke2fs /tmp/image 64; mkswap /tmp/image | head -n 1; blkdiscard /tmp/image; fallocate -l 8192 /tmp/large; fstrim /tmp
fatattr /tmp/file; fsfreeze --freeze /tmp; mt status; eject -T; lsscsi; cal 1 2000
mount -t tmpfs none /mnt; umount /proc; swapon /tmp/image; openvt true; chvt 1; deallocvt 9
loadkmap; dumpkmap; setkeycodes e001 30; loadfont; i2cdetect -l; ionice; nproc; resize; script -c true
cp -a /tmp/file /tmp/copy; mv /tmp/copy /tmp/moved; truncate -s 10M /tmp/moved; du -a /tmp
unshare -Ur id -u; unshare -Ur cat /proc/self/uid_map; setpriv --dump; cttyhack id -u; setsid id -u'

applets() { # NAME WHICH FILTERS
    rm -rf "$bundle/rootfs/b" "$bundle/rootfs/tmp" "$bundle/rootfs/out"
    mkdir "$bundle/rootfs/tmp" "$bundle/rootfs/out"
    expect_eq "$3" "$("$2" run --bundle "$bundle" "$id" <<<"$what_uses_ioctl" | cut -f2)" "filters"
    mv "$bundle/rootfs/out" "$work/$1"
}

@test "every applet of busybox says the same behind the guard" {
    guarded_neighbour
    bundle_edit --arg script "$run_applets" '.process.args = ["sh", "-c", $script]'
    applets plain plain 0
    applets guarded runtime 1
    diff --recursive "$work/plain" "$work/guarded"
    local said
    said=$(find "$work/guarded" -type f | wc -l)
    echo "# $said programs, of which $(grep -l 'status 0' "$work"/guarded/* | wc -l) succeed" >&3
    ((said >= 250))
}

# The machine's programs, read only, in the place of busybox.
host_programs() {
    bundle_edit '.mounts += [{destination: "/usr", type: "none", source: "/usr", options: ["rbind", "ro"]}]
        | .mounts |= map(select(.destination != "/sys"))'
    mkdir "$bundle/rootfs/usr"
    rm -r "$bundle/rootfs/bin"
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$bundle/rootfs"
}

# The same SCRIPT without the shim and behind the guard, as the container's first process; into $open and $behind.
run_twice() { # SCRIPT
    bundle_edit --arg script "$1" '.process.args = ["sh", "-c", $script]'
    open=$(plain run --bundle "$bundle" "$id" 2>&1 </dev/null) || complain "without the guard: $open"
    behind=$(runtime run --bundle "$bundle" "$id" 2>&1 </dev/null) || complain "behind the guard: $behind"
    expect_eq 0 "$(filters_in "$open")"
    expect_eq 1 "$(filters_in "$behind")"
    open=$(grep -v '^Seccomp' <<<"$open") behind=$(grep -v '^Seccomp' <<<"$behind")
}

filters_in() { awk '$1 == "Seccomp_filters:" { print $2 }' <<<"$1"; } # OUTPUT

@test "chattr fails as on a file system without flags, lsattr and what else asks the disk work" {
    guarded_neighbour
    overlay_on_ext4
    host_programs
    run_twice 'grep Seccomp_ /proc/self/status; cd /tmp; rm -rf d; mkdir d; echo text >d/f
        lsattr -d d; lsattr d/f; cp --reflink=auto d/f d/g; cat d/g; filefrag d/f | sed "s/[0-9]* extent/extent/"
        chattr +A d/f; echo "chattr $?"; chattr +A d; echo "chattr $?"; lsattr -d d; lsattr d/f'
    expect_match $'chattr 0\nchattr 0\n.*A.* d\n.*A.* d/f$' "$open"
    expect_eq "$(sed 's/chattr 0/chattr 1/; s/A/-/' <<<"$open")" "$(grep -v '^chattr: ' <<<"$behind")"
    expect_eq $'chattr: Operation not supported while setting flags on d/f
chattr: Operation not supported while setting flags on d' "$(grep '^chattr: ' <<<"$behind")"
}

# script passes on the end of its own input, and the terminal echoes that whenever it comes.
shown_at() { sed 's/\r//g; s/\^@//' "$work/$1.terminal"; } # WHICH

@test "a terminal is the same" {
    guarded_neighbour
    # runc sets the size a moment after the start, crun 1.8 not at all.
    local tries=50
    if [[ $RUNTIME == crun ]]; then tries=0; fi
    bundle_edit --arg tries "$tries" '.process.terminal = true | .process.args = ["sh", "-c",
        "for i in $(seq " + $tries + "); do stty size 2>/dev/null | grep -q 33 && break; sleep 0.1; done
        grep Seccomp_ /proc/self/status; stty size; stty -a
        stty rows 30 cols 40; stty size; tty; stat -c %n.%a.%t /dev/console /dev/pts/0"]'
    local which
    for which in plain runtime; do
        declare -fx runtime plain
        export shims RUNTIME work bundle id which
        # Another shell than bash, which is all there is where $SHELL is not set, does not hand on bash's functions.
        SHELL=$(type -P bash) script --quiet --return --command \
            'stty rows 33 cols 77; "$which" run --bundle "$bundle" "$id" 3>&1' /dev/null \
            </dev/null >"$work/$which.terminal"
    done
    open=$(shown_at plain) behind=$(shown_at runtime)
    [[ $RUNTIME == crun ]] || expect_match $'\n33 77\n' "$open"
    expect_match $'Seccomp_filters:\t0.*30 40.*/dev/(pts/0|console)' "$open"
    expect_eq "${open/filters:$'\t'0/filters:$'\t'1}" "$behind"
}

user_namespace='.linux.namespaces += [{type: "user"}]
    | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings
    | .mounts |= map(select(.destination != "/sys"))'

@test "user namespaces: one in the container, the container in one, and one in that" {
    unshare --user true 2>/dev/null || skip_because "the kernel makes no user namespace here, as in any chroot (EPERM)"
    local nested='grep Seccomp_ /proc/self/status; id -u; cat /proc/self/uid_map
        unshare -Ur sh -c "id -u; cat /proc/self/uid_map
            unshare -Ur cat /proc/self/uid_map; unshare -Urm mount -t tmpfs none /tmp"'
    local fcap='.process.capabilities[] += ["CAP_SETFCAP"]' # who maps root needs it
    guarded_neighbour
    host_programs
    bundle_edit "$fcap"
    run_twice "$nested"
    expect_eq "$open" "$behind"
    guarded_neighbour
    host_programs
    bundle_edit "$fcap | $user_namespace"
    chmod 755 "$work" "$work/bundles" "$bundle"
    chown -R --no-dereference 100000:100000 "$bundle/rootfs"
    run_twice "$nested"
    expect_eq "$open" "$behind"
    expect_match '0 +100000 +65536' "$behind"
}

@test "a setuid program is one: no_new_privs is not the shim's to set" {
    guarded_neighbour
    cp "$bundle/rootfs/bin/busybox" "$bundle/rootfs/bin/su"
    chmod u+s "$bundle/rootfs/bin/su"
    printf 'root::0:0::/:/bin/sh\nuser::1000:1000::/:/bin/sh\n' >"$bundle/rootfs/etc/passwd"
    printf 'root::0:\nuser::1000:\n' >"$bundle/rootfs/etc/group"
    bundle_edit '.process.noNewPrivileges = false | .process.user = {uid: 1000, gid: 1000}
        | .process.capabilities = {bounding: ["CAP_SETUID", "CAP_SETGID"]}'
    run_twice 'busybox grep -E "Seccomp_|NoNewPrivs|Uid" /proc/self/status
        /bin/su root -c "busybox grep -E Uid:.*0.*0.*0 /proc/self/status; busybox id -u"; busybox id -u'
    expect_eq "$open" "$behind"
    expect_match $'NoNewPrivs:\t0' "$behind"
    expect_match $'Uid:\t0\t0\t0\t0\n0\n1000$' "$behind"
}

@test "disk.guard: off puts up no filter, for whomever, and a limit is escapable for it" {
    node_config '{"disk": {"guard": "off"}, "on-error": {"disk": "warn"}}'
    guarded_neighbour
    container_start
    expect_eq 0 "$(filters_of "$(container_pid)")"
    container_delete
    asking disk-size 10Mi
    container_start
    expect_eq 0 "$(filters_of "$(container_pid)")"
    expect_eq "running 0 disk.guard is off in the node config" \
        "$(receipt | jq --raw-output '"\(.phase) \(.guard.putUp) \(.guard.escapable)"')"
    container_delete
    expect_nothing_left
}

# --- A restored container --------------------------------------------------------------------------------------------

# Debian 12's criu (3.17) does not know the vdso of Linux 6.18; 4.1 does, and this was tried with it.
require_criu() {
    [[ $RUNTIME == runc ]] || "$RUNTIME" --version | grep -q +CRIU || skip_because "this $RUNTIME has no criu"
    command -v criu >/dev/null || skip_because "there is no criu"
    local said
    said=$(criu check 2>&1) || skip_because "$(criu --version | sed -n 's/Version: /criu /p') does not work on Linux" \
        "$(uname -r): $(grep Error <<<"$said" | grep -v exited | head -n 1)"
}

# Without a file outside, which criu would have to be told of.
run_for_criu() { # WHICH
    "$1" run --detach --bundle "$bundle" --pid-file "$bundle/pid" "$id" </dev/null >/dev/null 2>&1
}

checkpoint() { # WHICH
    mkdir -p "$work/images"
    "$1" checkpoint --image-path "$work/images" --work-path "$work/images" "$id" ||
        complain "$(tail -n 20 "$work/images/dump.log")"
}

restore() { # WHICH
    "$1" restore --detach --image-path "$work/images" --work-path "$work/images" --bundle "$bundle" \
        --pid-file "$bundle/pid" "$id" </dev/null >"$bundle/log" 2>&1 ||
        complain "$(<"$bundle/log")" "$(tail -n 20 "$work/images/restore.log")"
}

# The disk here has no quotas, so that the limit is left out; the verdict on the guard is the same.
asking_for_the_disk() {
    node_config '{"on-error": {"disk": "warn"}}'
    asking disk-size 10Mi pids-max 20
}

restored='a restored container cannot run behind the guard'

expect_recorded_as_restored() { # PID
    expect_eq "running $1 0 $restored" \
        "$(receipt | jq --raw-output '"\(.phase) \(.pid) \(.guard.putUp) \(.guard.escapable)"')"
    expect_eq 20 "$(receipt | jq '.promises["pids-max"]')"
    run "$BULKHEAD" gc
    expect_eq "0 " "$status $output" "gc beside it"
    expect_eq "$1" "$(receipt | jq .pid)"
}

expect_restored() {
    restore runtime
    expect_eq running "$(runtime state "$id" | jq --raw-output .status)"
    expect_recorded_as_restored "$(container_pid)"
    expect_eq 20 "$(cgroup_value pids.max)"
    runtime update --pids-limit 1000 "$id"
    expect_eq 20 "$(cgroup_value pids.max)"
}

@test "a restored container starts, and is recorded as escapable" {
    require_criu
    asking_for_the_disk
    bundle_edit 'del(.linux.namespaces[] | select(.type == "network"))' # else criu needs iptables
    run_for_criu plain
    checkpoint plain
    expect_restored
    expect_eq 0 "$(filters_of "$(container_pid)")"
    container_delete
    expect_nothing_left
    # criu itself puts a filter back that was there.
    run_for_criu runtime
    checkpoint runtime
    expect_nothing_left
    expect_restored
    expect_eq 1 "$(filters_of "$(container_pid)")"
    container_delete
    expect_nothing_left
}

filters_put_up() { # ARG... of the shim
    strace --quiet=all --trace=execve,seccomp,prctl --output="$work/calls" env PATH="$shims:$PATH" "$RUNTIME" \
        --root "$work/runtime" "$@" </dev/null >/dev/null 2>&1 3>&- || true
    awk '/^execve/ && ++programs == 3 { exit } /SECCOMP_SET_MODE_FILTER|PR_SET_SECCOMP/ { ++n } END { print n + 0 }' \
        "$work/calls" # of env and the shim
}

@test "a restore that fails: no filter was put up, and what was prepared is gc's" {
    asking_for_the_disk
    bundle_edit '.process.args = ["true"]'
    expect_eq 1 "$(filters_put_up run --bundle "$bundle" "$id")"
    expect_nothing_left
    mkdir "$work/empty"
    expect_eq 0 "$(filters_put_up restore --image-path "$work/empty" --work-path "$work/empty" \
        --bundle "$bundle" "$id")"
    expect_eq "prepared 0 20 $restored" "$(receipt |
        jq --raw-output '"\(.phase) \(.guard.putUp) \(.promises["pids-max"]) \(.guard.escapable)"')"
    "$BULKHEAD" gc
    plain delete --force "$id" &>/dev/null || true
    expect_nothing_left
}

# runc calls createRuntime then with a state that says "stopped", and with a process.
@test "what the shim prepared for a restored container is handed over, as runc calls the hook" {
    asking_for_the_disk
    bundle_edit '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "2"]}]'
    runtime create --bundle "$bundle" "$id" </dev/null >"$bundle/log" 2>&1 &
    local creating=$!
    wait_until 5 eval 'receipt &>/dev/null'
    expect_eq prepared "$(receipt | jq --raw-output .phase)"
    sleep 30 >/dev/null 3>&- & # younger than the runtime, as what is restored is
    local stated=("$BULKHEAD_HOOK") first=$!
    "${stated[@]}" < <(hook_state stopped)
    "${stated[@]}" < <(hook_state stopped "$$")
    "${stated[@]}" < <(hook_state stopped 999999999)
    expect_eq prepared "$(receipt | jq --raw-output .phase)"
    "${stated[@]}" < <(hook_state stopped "$first")
    expect_eq "running $first" "$(receipt | jq --raw-output '"\(.phase) \(.pid)"')"
    run "$BULKHEAD" gc
    expect_eq "0 running $first" "$status $(receipt | jq --raw-output '"\(.phase) \(.pid)"')"
    wait "$creating" || true
    plain delete --force "$id"
    kill "$first"
}
