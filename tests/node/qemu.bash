# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# The node under QEMU: node's other machine, for what needs more than one processor. To be sourced by node.
#
# QEMU translates the code (TCG) with a thread for each processor, so that they really run at once, as far as this machine
# has processors itself. There is nothing of KVM, which few build machines give.

qemu_disks() {
    local kind
    for kind in xfs ext4; do
        if [[ -z ${disks[$kind]:-} ]]; then continue; fi
        # What the node syncs need not outlive this machine.
        printf '%s\n' -drive "id=$kind,file=${disks[$kind]//,/,,},format=raw,if=none,cache=unsafe,discard=unmap" \
            -device "virtio-blk-pci,drive=$kind,serial=$kind"
    done
}

# Twice the same folders: overlayfs takes no layer that lies inside another.
qemu_folders() {
    local tag
    for tag in root layer; do
        printf '%s\n' -virtfs "local,id=$tag,mount_tag=$tag,path=$1,security_model=passthrough,multidevs=remap,readonly=on"
        set -- "$1/node/layer"
    done
}

# As serial lines are in UML: the output, the status, the console. The third has an interrupt of its own, as the first
# would wait for it else.
qemu_lines() {
    local line number=0 interrupts=(4 3 7)
    for line in 3 4 2; do
        printf '%s\n' -chardev "file,id=line$number,path=/proc/self/fd/$line,append=on" \
            -device "isa-serial,chardev=line$number,index=$number,irq=${interrupts[number]}"
        number=$((number + 1))
    done
}

run_qemu() {
    # Only mkfs needed them; 9P, which follows from one file system to the next, would show them to the node.
    umount --recursive "$root/dev"
    umount "$root/proc"
    local -a options lines folders drives
    # shellcheck disable=SC2054 # the commas are QEMU's
    options=(
        -nodefaults -no-user-config -display none -monitor none -no-reboot
        -machine pc,usb=off -accel tcg,thread=multi -cpu qemu64,+rdrand -smp "$processors" -m "${NODE_MEM:-2G}"
        -kernel "$kernel/vmlinuz" -initrd "$kernel/initrd"
        -append "quiet apparmor=0 audit=0 init_on_alloc=0 tsc=reliable console=ttyS2 panic=-1 mitigations=off nowatchdog node_init=$init"
    )
    mapfile -t lines < <(qemu_lines)
    mapfile -t folders < <(qemu_folders "$root")
    mapfile -t drives < <(qemu_disks)
    # Not by exec: as the first process of its namespace it would be deaf to its own abort().
    env -i PATH=/usr/bin:/bin qemu-system-x86_64 "${options[@]}" "${lines[@]}" "${folders[@]}" "${drives[@]}" </dev/null
}
