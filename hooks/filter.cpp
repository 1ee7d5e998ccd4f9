// SPDX-License-Identifier: Apache-2.0
#include "hooks/filter.h"

#include "hooks/filter_program.h"
#include "hooks/system_calls.h"
#include "runtime/sys/seccomp.h"

namespace bulkhead::hook {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "AUDIT_ARCH_... of this architecture (linux/audit.h)"
#endif

[[maybe_unused]] constexpr FilterProgram filter(architecture, permitted_calls, SECCOMP_RET_TRAP);

} // namespace

Result<void> put_up_filter() {
#if defined(BULKHEAD_SANITIZED)
    return {};
#else
    sys::end_trapped_calls_with(static_cast<int>(Code::internal));
    return in_context("the hook's own filter", sys::install_filter(filter.instructions(), sys::Logged::yes));
#endif
}

void forgive_refused_calls() { sys::end_trapped_calls_with(0); }

} // namespace bulkhead::hook
