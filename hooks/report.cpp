// SPDX-License-Identifier: Apache-2.0
#include "hooks/report.h"

#include "runtime/base/line.h"
#include "runtime/ledger/last_error.h"
#include "runtime/sys/file.h"
#include "runtime/sys/journal.h"

#include <unistd.h>

namespace bulkhead::hook {

void Report::about(std::string_view container, Stage stage) {
    container_ = container;
    stage_ = name_of(stage);
}

int Report::failure(const Error& error) const {
    const auto line = report_line(container_, error.what);
    sys::write_to_stderr(line + "\n");
    sys::log_to_journal(sys::Priority::error, line, container_, stage_);
    ledger::keep_refusal(state_dir_, container_, stage_, error.code, line);
    return static_cast<int>(error.code);
}

void Report::warning(std::string_view text) const {
    sys::log_to_journal(sys::Priority::warning, report_line(container_, text), container_, stage_);
}

} // namespace bulkhead::hook
