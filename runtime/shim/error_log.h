// SPDX-License-Identifier: Apache-2.0
// How an error of the shim's reaches the user: as the one record that the runtime itself would have left.
//
// containerd's shim reads the last record of level "error" out of --log, docker through it; podman takes the file for
// one JSON object, so that a second record would spoil the first; CRI-O, which gives no --log, takes what conmon read
// on stderr.
#pragma once

#include "runtime/shim/command_line.h"

#include <chrono>
#include <string>
#include <string_view>

namespace bulkhead::shim {

enum class LogFormat { text, json };

// `line` (as of report_line: printable, not too long) as the runtime writes an error to a log file, with its line's
// end.
[[nodiscard]] std::string log_record(std::string_view line, LogFormat format, Dialect dialect,
                                     std::chrono::sys_time<std::chrono::microseconds> now);

// Appends `line` to the invocation's log. Where there is none, or none that can be written to, crun's journald: and
// syslog: too, it goes to stderr as it is.
void report_error(const Invocation& invocation, Dialect dialect, std::string_view line);

} // namespace bulkhead::shim
