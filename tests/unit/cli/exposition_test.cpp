// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/exposition.h"

#include <doctest/doctest.h>

using namespace bulkhead::cli;
using Type = MetricFamily::Type;

namespace {

std::vector<MetricFamily> families() {
    return {
        {.type = Type::info, .name = "x_build", .unit = "", .help = "What it is.", .samples = {{{{"v", "1"}}, "1"}}},
        {.type = Type::counter, .name = "x_starts", .unit = "", .help = "Starts.", .samples = {{{}, "7"}}},
        {.type = Type::gauge,
         .name = "x_bytes",
         .unit = "bytes",
         .help = "Size.",
         .samples = {{{{"a", "1"}, {"b", "2"}}, "3"}, {{{"a", "2"}, {"b", "2"}}, "0.5"}}},
        {.type = Type::gauge, .name = "x_none", .unit = "", .help = "Left out.", .samples = {}}};
}

} // namespace

TEST_CASE("OpenMetrics: families without suffixes, units, an info, and an end") {
    CHECK(to_text(families(), TextFormat::openmetrics) == "# TYPE x_build info\n"
                                                          "# HELP x_build What it is.\n"
                                                          "x_build_info{v=\"1\"} 1\n"
                                                          "# TYPE x_starts counter\n"
                                                          "# HELP x_starts Starts.\n"
                                                          "x_starts_total 7\n"
                                                          "# TYPE x_bytes gauge\n"
                                                          "# UNIT x_bytes bytes\n"
                                                          "# HELP x_bytes Size.\n"
                                                          "x_bytes{a=\"1\",b=\"2\"} 3\n"
                                                          "x_bytes{a=\"2\",b=\"2\"} 0.5\n"
                                                          "# EOF\n");
    CHECK(to_text({}, TextFormat::openmetrics) == "# EOF\n");
}

TEST_CASE("Prometheus' older format: each name is a family's, and nothing else begins with #") {
    CHECK(to_text(families(), TextFormat::prometheus) == "# TYPE x_build_info gauge\n"
                                                         "# HELP x_build_info What it is.\n"
                                                         "x_build_info{v=\"1\"} 1\n"
                                                         "# TYPE x_starts_total counter\n"
                                                         "# HELP x_starts_total Starts.\n"
                                                         "x_starts_total 7\n"
                                                         "# TYPE x_bytes gauge\n"
                                                         "# HELP x_bytes Size.\n"
                                                         "x_bytes{a=\"1\",b=\"2\"} 3\n"
                                                         "x_bytes{a=\"2\",b=\"2\"} 0.5\n");
    CHECK(to_text({}, TextFormat::prometheus).empty());
}

TEST_CASE("a label's value ends no line and no string") {
    const std::vector<MetricFamily> family{
        {.type = Type::gauge, .name = "x", .unit = "", .help = "h", .samples = {{{{"l", "a\"b\\c\nd\xff\x1b"}}, "1"}}}};
    CHECK(to_text(family, TextFormat::prometheus) == "# TYPE x gauge\n# HELP x h\nx{l=\"a\\\"b\\\\c?d??\"} 1\n");
}
