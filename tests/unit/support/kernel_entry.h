// SPDX-License-Identifier: Apache-2.0
// System calls by every entry that the kernel has for a program of this machine: its own, on x86-64 that for x32
// programs (the same with a bit in the number), and that for 32-bit programs, which a 64-bit one can take as well.
#pragma once

#include <cerrno>
#include <cstdint>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::test {

constexpr long x32_bit = 0x40000000;
constexpr long ioctl_of_x32 = 514;
constexpr long ioctl_of_i386 = 54;
constexpr long file_getattr = 468; // by all of them
constexpr long file_setattr = 469;

// 0 or more, or the errno, negative.
inline long call_native(long number, long first, long second, long third, long fourth = 0, long fifth = 0) {
    errno = 0;
    const long result = ::syscall(number, first, second, third, fourth, fifth);
    return result < 0 ? -errno : result;
}

#if defined(__x86_64__)
// By int 0x80: of each argument only the lower 32 bits count, so pointers must be of low_memory().
inline long call_i386(long number, long first, long second, long third, long fourth = 0, long fifth = 0) {
    long result = number; // NOLINT(misc-const-correctness): the assembler writes to it
    asm volatile("int $0x80"
                 : "+a"(result)
                 : "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(fifth)
                 : "memory", "cc", "r8", "r9", "r10", "r11");
    return static_cast<std::int32_t>(result);
}

// Whether the kernel has that entry: tried in a child, which dies of it where it has not.
inline bool has_i386_entry() {
    const pid_t child = ::fork();
    if (child == 0) {
        constexpr long getpid_of_i386 = 20;
        ::_exit(call_i386(getpid_of_i386, 0, 0, 0) == ::getpid() ? 0 : 1);
    }
    int status = -1;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && status == 0;
}
#endif

// A page that 32 bits can name; nullptr where there is none.
inline void* low_memory() {
#if defined(__x86_64__)
    constexpr int where = MAP_32BIT;
#else
    constexpr int where = 0;
#endif
    constexpr std::size_t page = 4096;
    void* memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | where, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

} // namespace bulkhead::test
