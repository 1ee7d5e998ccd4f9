// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/guard.h"

#include "runtime/shim/guard_program.h"
#include "runtime/sys/seccomp.h"

namespace bulkhead::shim {

namespace {

#if defined(__x86_64__)
constexpr GuardProgram guard(x86_64);
constexpr std::span<const sock_filter> program = guard.instructions();
#elif defined(__aarch64__)
constexpr GuardProgram guard(arm64);
constexpr std::span<const sock_filter> program = guard.instructions();
#else
constexpr std::span<const sock_filter> program;
#endif

} // namespace

bool has_guard() { return !program.empty(); }

Result<void> put_up_guard() {
    if (!has_guard()) {
        return fail(Code::unsupported, "the guard has no filter for this machine's architecture");
    }
    return in_context("guard", sys::install_filter(program));
}

} // namespace bulkhead::shim
