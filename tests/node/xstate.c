// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into User-Mode Linux, which up to 6.12 has 2696 bytes for the vector registers of its processes. That is
// too little where the processor has AMX: there Linux takes them only whole (ptrace says EFAULT), and the node would
// die in its first process. What is missing is handed in as zeros: no process of the node can use the registers that it
// stands for, as it could only get leave to by asking this machine's kernel.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long ptrace_function(enum __ptrace_request request, pid_t pid, void* address, void* data);

static ptrace_function* real_ptrace;
static char whole[1 << 16];
static size_t whole_size; // as this machine's kernel wants it

static void learn_size(pid_t pid, void* registers) {
    struct iovec all = {.iov_base = whole, .iov_len = sizeof whole};
    if (real_ptrace(PTRACE_GETREGSET, pid, registers, &all) == 0) {
        whole_size = all.iov_len;
    }
}

static long set_whole(pid_t pid, void* registers, const struct iovec* given) {
    struct iovec all = {.iov_base = whole, .iov_len = whole_size};
    memcpy(whole, given->iov_base, given->iov_len);
    memset(whole + given->iov_len, 0, whole_size - given->iov_len);
    return real_ptrace(PTRACE_SETREGSET, pid, registers, &all);
}

// User-Mode Linux asks from one thread only, and always with all four arguments.
long ptrace(enum __ptrace_request request, ...) {
    va_list rest;
    va_start(rest, request);
    const pid_t pid = va_arg(rest, pid_t);
    void* const address = va_arg(rest, void*);
    void* const data = va_arg(rest, void*);
    va_end(rest);

    if (real_ptrace == NULL) {
        *(void**)&real_ptrace = dlsym(RTLD_NEXT, "ptrace");
    }
    if (request == PTRACE_SETREGSET && address == (void*)NT_X86_XSTATE) {
        const struct iovec* const given = data;
        if (whole_size == 0) {
            learn_size(pid, address);
        }
        if (given->iov_len < whole_size) {
            return set_whole(pid, address, given);
        }
    }
    return real_ptrace(request, pid, address, data);
}
