// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/error_log.h"

#include "runtime/base/line.h"
#include "support/child.h"
#include "support/descriptor.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using namespace bulkhead::shim;
using test::TemporaryDirectory;

namespace {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

// 2024-02-29 23:59:58.000042 UTC
constexpr Time leap_day{std::chrono::microseconds(1709251198000042)};

std::string record(std::string_view line, LogFormat format, Dialect dialect, Time now = leap_day) {
    return log_record(line, format, dialect, now);
}

// What ends up on stderr while `invocation` is told of `line`.
std::string on_stderr(const Invocation& invocation, Dialect dialect, std::string_view line) {
    const TemporaryDirectory directory;
    const auto found = test::in_child([&](test::Findings& findings) {
        const int file = ::open(directory.path("stderr").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        findings.expect(::dup2(file, STDERR_FILENO) == STDERR_FILENO, "dup2");
        report_error(invocation, dialect, line);
    });
    CHECK(found == "");
    return directory.read("stderr");
}

Invocation logging_to(const std::string& log, const std::string& format) {
    Invocation invocation;
    invocation.log = log;
    invocation.log_format = format;
    return invocation;
}

} // namespace

TEST_CASE("a record, as runc and crun write it") {
    const std::string line = R"(bulkhead: c1: io.bulkhead.pids-max="x\y": no)";
    CHECK(record(line, LogFormat::json, Dialect::runc) ==
          R"({"level":"error","msg":"bulkhead: c1: io.bulkhead.pids-max=\"x\\y\": no","time":"2024-02-29T23:59:58Z"})"
          "\n");
    CHECK(
        record(line, LogFormat::json, Dialect::crun) ==
        R"({"msg":"bulkhead: c1: io.bulkhead.pids-max=\"x\\y\": no","level":"error","time":"2024-02-29T23:59:58.000042Z"})"
        "\n");
    CHECK(record(line, LogFormat::text, Dialect::runc) ==
          R"(time="2024-02-29T23:59:58Z" level=error msg="bulkhead: c1: io.bulkhead.pids-max=\"x\\y\": no")"
          "\n");
    CHECK(record(line, LogFormat::text, Dialect::crun) == line + "\n");
}

TEST_CASE("times") {
    const auto second = std::chrono::seconds(1);
    CHECK(record("x", LogFormat::text, Dialect::runc, Time{}) ==
          "time=\"1970-01-01T00:00:00Z\" level=error msg=\"x\"\n");
    CHECK(record("x", LogFormat::text, Dialect::runc, leap_day + second * 2) ==
          "time=\"2024-03-01T00:00:00Z\" level=error msg=\"x\"\n");
    CHECK(record("x", LogFormat::json, Dialect::crun, Time{} + std::chrono::microseconds(999999)) ==
          "{\"msg\":\"x\",\"level\":\"error\",\"time\":\"1970-01-01T00:00:00.999999Z\"}\n");
}

TEST_CASE("whatever the line has in it, the record is one line of JSON with a message that is not too long") {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
    }
    for (const auto& line :
         {all, std::string(10000, '"'), std::string(10000, '\\'), std::string("a\nb"), std::string()}) {
        for (const auto dialect : {Dialect::runc, Dialect::crun}) {
            const auto text = record(line, LogFormat::json, dialect);
            CHECK(text.find('\n') == text.size() - 1);
            const auto json = nlohmann::json::parse(text);
            CHECK(json.size() == 3);
            CHECK(json["level"] == "error");
            CHECK(json["msg"] == printable_line(line));
            CHECK(json["msg"].get<std::string>().size() <= 500);
            CHECK(std::regex_match(json["time"].get<std::string>(),
                                   std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z)")));
            const auto plain = record(line, LogFormat::text, dialect);
            CHECK(plain.find('\n') == plain.size() - 1);
        }
    }
}

TEST_CASE("exactly one record is appended to the log, and nothing said on stderr") {
    const TemporaryDirectory directory;
    directory.write("log.json", "{\"level\":\"warning\"}\n");
    const auto invocation = logging_to(directory.path("log.json"), "json");
    CHECK(on_stderr(invocation, Dialect::runc, "one") == "");
    CHECK(on_stderr(invocation, Dialect::runc, "two") == "");
    const auto text = directory.read("log.json");
    CHECK(std::regex_match(text, std::regex("\\{\"level\":\"warning\"\\}\n"
                                            "\\{\"level\":\"error\",\"msg\":\"one\",\"time\":\"[^\"]*\"\\}\n"
                                            "\\{\"level\":\"error\",\"msg\":\"two\",\"time\":\"[^\"]*\"\\}\n")));
}

TEST_CASE("a log that is not there yet is made; text unless the format is json") {
    for (const auto* const format : {"", "text", "xml", "JSON"}) {
        const TemporaryDirectory directory;
        CHECK(on_stderr(logging_to(directory.path("log"), format), Dialect::crun, "no") == "");
        CHECK(directory.read("log") == "no\n");
    }
}

TEST_CASE("crun's kinds of log") {
    const TemporaryDirectory directory;
    CHECK(on_stderr(logging_to("file:" + directory.path("a:b"), ""), Dialect::crun, "no") == "");
    CHECK(directory.read("a:b") == "no\n");
    for (const auto& log : std::vector<std::string>{"journald:x", "syslog:", "other:x", directory.path("c:d")}) {
        CHECK(on_stderr(logging_to(log, "json"), Dialect::crun, "no") == "no\n");
    }
    CHECK(on_stderr(logging_to(directory.path("c:d"), "text"), Dialect::runc, "no") == "");
    CHECK(directory.read("c:d").ends_with(" level=error msg=\"no\"\n"));
}

TEST_CASE("without a log that can be written to, the line goes to stderr") {
    const TemporaryDirectory directory;
    REQUIRE(::mkfifo(directory.path("fifo").c_str(), 0600) == 0); // nobody reads it
    CHECK(on_stderr(Invocation{}, Dialect::runc, "a \"b\"") == "a \"b\"\n");
    CHECK(on_stderr(logging_to(directory.path("no/log"), "json"), Dialect::runc, "no") == "no\n");
    CHECK(on_stderr(logging_to(directory.path(), "json"), Dialect::runc, "no") == "no\n");
    CHECK(on_stderr(logging_to(directory.path("fifo"), "json"), Dialect::runc, "no") == "no\n");
    CHECK(on_stderr(Invocation{}, Dialect::runc, "a\x1b[2Jb") == "a?[2Jb\n");
}
