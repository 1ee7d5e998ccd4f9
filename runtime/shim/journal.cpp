// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/journal.h"

#include "runtime/base/line.h"
#include "runtime/ledger/last_error.h"
#include "runtime/sys/journal.h"

namespace bulkhead::shim {

namespace {
constexpr std::string_view stage = "shim";
}

void Journal::warning(std::string_view text) const {
    sys::log_to_journal(sys::Priority::warning, report_line(container_, text), container_, stage);
}

std::string Journal::refusal(const Error& error) const {
    auto line = report_line(container_, error.what);
    sys::log_to_journal(sys::Priority::error, line, container_, stage);
    ledger::keep_refusal(state_dir_, container_, stage, error.code, line);
    return line;
}

} // namespace bulkhead::shim
