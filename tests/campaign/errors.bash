# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a system call may plausibly fail with; of words that mean the same the one that strace knows.
errors_of() { # CALL
    case $1 in
    execve) echo ENOENT EACCES ENOMEM ;;
    openat*) echo ENOENT EACCES EMFILE EIO ;;
    read* | pread* | getdents*) echo EIO EINTR ;;
    write* | pwrite* | ftruncate) echo ENOSPC EIO ;;
    mkdirat | renameat* | linkat | symlinkat) echo ENOSPC EROFS EEXIST ;;
    unlinkat) echo EACCES EBUSY ;;
    fsync | fdatasync | syncfs) echo EIO ;;
    flock) echo EAGAIN EINTR ENOLCK ;;
    ioctl) echo EPERM ENOTTY EIO ;;
    quotactl*) echo ESRCH EPERM EDQUOT ENOSYS ;;
    fsopen | fsconfig | fsmount | move_mount | fspick | open_tree | mount* | umount*) echo EPERM ENOMEM ENOSYS EBUSY ;;
    setns) echo EPERM ENOMEM ;;
    mmap | brk | mprotect | munmap) echo ENOMEM ;;
    close*) echo EIO ;;
    *) echo EPERM ENOMEM ENOSYS ;;
    esac
}
