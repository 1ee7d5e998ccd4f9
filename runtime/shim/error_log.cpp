// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/error_log.h"

#include "runtime/base/line.h"
#include "runtime/shim/json_edit.h"
#include "runtime/sys/file.h"

#include <array>
#include <cstdio>
#include <optional>
#include <unistd.h>

namespace bulkhead::shim {

namespace {

using Microseconds = std::chrono::sys_time<std::chrono::microseconds>;

// RFC 3339, in UTC; containerd does not take a record without a time that it can read. crun writes microseconds.
std::string format_time(Microseconds now, Dialect dialect) {
    const auto day = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(now - day);
    std::array<char, 64> text{};
    static_cast<void>(std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()),
                                    unsigned(date.month()), unsigned(date.day()), int(time.hours().count()),
                                    int(time.minutes().count()), int(time.seconds().count())));
    std::string formatted = text.data();
    if (dialect == Dialect::crun) {
        static_cast<void>(
            std::snprintf(text.data(), text.size(), ".%06d", static_cast<int>(time.subseconds().count())));
        formatted += text.data();
    }
    return formatted + "Z";
}

// The file that --log names. crun has three kinds of log ("file:PATH", "journald:ID", "syslog:ID"), runc only files.
std::optional<std::string> log_file(const Invocation& invocation, Dialect dialect) {
    constexpr std::string_view file_kind = "file:";
    const auto& log = invocation.log;
    if (log.empty()) {
        return std::nullopt;
    }
    if (dialect == Dialect::runc || !log.contains(':')) {
        return log;
    }
    return log.starts_with(file_kind) ? std::optional(log.substr(file_kind.size())) : std::nullopt;
}

// In one write, so that a record does not mix with another process's. A FIFO that nobody reads does not hold us up.
Result<void> append(const std::string& path, std::string_view record) {
    TRY_ASSIGN(const auto file,
               sys::open_at(sys::working_directory, path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK, 0644));
    return sys::write_all(file.borrow(), record);
}

} // namespace

std::string log_record(std::string_view line, LogFormat format, Dialect dialect, Microseconds now) {
    // Printable ASCII: in logfmt, which quotes as Go does, it is quoted as in JSON.
    const auto message = printable_line(line);
    const auto time = format_time(now, dialect);
    if (format == LogFormat::json) {
        return dialect == Dialect::runc
                   ? R"({"level":"error","msg":)" + json_string(message) + R"(,"time":")" + time + "\"}\n"
                   : R"({"msg":)" + json_string(message) + R"(,"level":"error","time":")" + time + "\"}\n";
    }
    return dialect == Dialect::runc ? "time=\"" + time + "\" level=error msg=" + json_string(message) + "\n"
                                    : message + "\n";
}

void report_error(const Invocation& invocation, Dialect dialect, std::string_view line) {
    const auto format = invocation.log_format == "json" ? LogFormat::json : LogFormat::text;
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    const auto file = log_file(invocation, dialect);
    if (!file || !append(*file, log_record(line, format, dialect, now))) {
        static_cast<void>(sys::write_all(BorrowedFd(STDERR_FILENO), printable_line(line) + "\n"));
    }
}

} // namespace bulkhead::shim
