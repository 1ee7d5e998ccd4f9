// SPDX-License-Identifier: Apache-2.0
// The guard's filter in classic BPF, made by the compiler. libseccomp cannot say it: it has no name for
// file_setattr(2), and compares all 64 bits of an argument where the kernel takes an ioctl request for 32.
#pragma once

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <span>
#include <string_view>

namespace bulkhead::shim {

// Since Linux 6.17; one number on all that are listed here.
constexpr std::uint32_t number_of_file_setattr = 469;

// A way into the kernel, with numbers of its own.
struct Entry {
    std::uint32_t audit_architecture = 0;
    std::uint32_t ioctl = 0;
    // x86-64's second set of numbers, x32, has this bit and another number for ioctl. Both of ioctl's are denied with
    // the bit and without: Linux before 5.4 took either for either.
    std::uint32_t flag = 0;
    std::uint32_t flagged_ioctl = 0;
};

struct Architecture {
    std::string_view name;
    std::array<Entry, 2> entries; // its own, and that of 32-bit programs
};

// Out of the kernel's tables: arch/x86/entry/syscalls, scripts/syscall.tbl, arch/arm/tools/syscall.tbl.
constexpr Architecture x86_64{
    .name = "x86-64",
    .entries{{{.audit_architecture = AUDIT_ARCH_X86_64, .ioctl = 16, .flag = 0x40000000, .flagged_ioctl = 514},
              {.audit_architecture = AUDIT_ARCH_I386, .ioctl = 54}}}};
// The kernel calls the 32-bit programs' AUDIT_ARCH_ARM whatever its byte order.
constexpr Architecture arm64{.name = "arm64",
                             .entries{{{.audit_architecture = AUDIT_ARCH_AARCH64, .ioctl = 29},
                                       {.audit_architecture = AUDIT_ARCH_ARM, .ioctl = 54}}}};
constexpr std::array<Architecture, 2> architectures{x86_64, arm64};

// What changes a project id or takes the inherit flag off a directory. The first two are the same number on all
// architectures above, for 32-bit programs too; FS_IOC_SETFLAGS of those is FS_IOC32_SETFLAGS.
constexpr std::array<std::uint32_t, 3> denied_requests{FS_IOC_FSSETXATTR, FS_IOC_SETFLAGS, FS_IOC32_SETFLAGS};
static_assert(denied_requests == std::array<std::uint32_t, 3>{0x401c5820, 0x40086602, 0x40046602});

class GuardProgram {
public:
    constexpr explicit GuardProgram(const Architecture& architecture) {
        load(offsetof(seccomp_data, arch));
        for (const auto& entry : architecture.entries) {
            add_entry(entry);
        }
        answer(SECCOMP_RET_ALLOW); // no such entry is known to the kernel
        place(Label::request);
        load(request_offset);
        for (const auto request : denied_requests) {
            jump_if(request, Label::no_such_request);
        }
        answer(SECCOMP_RET_ALLOW);
        // What a file system without project ids says, and a kernel without the call.
        place(Label::no_such_request);
        answer(SECCOMP_RET_ERRNO | ENOTTY);
        place(Label::no_such_call);
        answer(SECCOMP_RET_ERRNO | ENOSYS);
        resolve();
    }

    [[nodiscard]] constexpr std::span<const sock_filter> instructions() const {
        return std::span(instructions_).first(size_);
    }

private:
    enum class Label : std::uint8_t { next, request, no_such_request, no_such_call };

    // The low half of ioctl's second argument: the kernel looks at no more of it.
    static constexpr std::uint32_t request_offset =
        offsetof(seccomp_data, args[1]) + (std::endian::native == std::endian::little ? 0 : 4);

    constexpr void add_entry(const Entry& entry) {
        const auto test = size_;
        add(BPF_JMP | BPF_JEQ | BPF_K, entry.audit_architecture);
        load(offsetof(seccomp_data, nr));
        if (entry.flag != 0) {
            add(BPF_ALU | BPF_AND | BPF_K, ~entry.flag);
        }
        jump_if(number_of_file_setattr, Label::no_such_call);
        jump_if(entry.ioctl, Label::request);
        if (entry.flag != 0) {
            jump_if(entry.flagged_ioctl, Label::request);
        }
        answer(SECCOMP_RET_ALLOW);
        instructions_[test].jf = static_cast<std::uint8_t>(size_ - test - 1);
    }

    constexpr void load(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, offset); }
    constexpr void answer(std::uint32_t action) { add(BPF_RET | BPF_K, action); }
    constexpr void jump_if(std::uint32_t value, Label target) {
        targets_[size_] = target;
        add(BPF_JMP | BPF_JEQ | BPF_K, value);
    }
    constexpr void add(std::uint16_t code, std::uint32_t k) {
        instructions_[size_++] = {.code = code, .jt = 0, .jf = 0, .k = k};
    }

    constexpr void place(Label label) { places_[static_cast<std::size_t>(label)] = size_; }
    constexpr void resolve() {
        for (std::size_t at = 0; at < size_; ++at) {
            if (targets_[at] != Label::next) {
                const auto place = places_[static_cast<std::size_t>(targets_[at])];
                instructions_[at].jt = static_cast<std::uint8_t>(place - at - 1);
            }
        }
    }

    static constexpr std::size_t most = 24;
    std::array<sock_filter, most> instructions_{};
    std::array<Label, most> targets_{};
    std::array<std::size_t, 4> places_{};
    std::size_t size_ = 0;
};

} // namespace bulkhead::shim
