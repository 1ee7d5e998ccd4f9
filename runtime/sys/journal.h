// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace bulkhead::sys {

enum class Priority { error = 3, warning = 4, notice = 5 }; // syslog(3)

// One record for the journal, with fields of its own for container and stage; for syslog where there is no journal.
// Never blocks and never fails: a container must not depend on a log.
// (systemd: Native Journal Protocol; one datagram to /run/systemd/journal/socket)
void log_to_journal(Priority priority, std::string_view line, std::string_view container, std::string_view stage);

} // namespace bulkhead::sys
