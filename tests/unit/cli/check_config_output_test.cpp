// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/check_config_output.h"

#include "cli/printed.h"
#include "support/golden.h"
#include "support/node_config.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using test::expect_golden;
using test::text_of;

namespace {

policy::ConfigReading reading_of(const std::string& config) {
    auto read = test::read_config_text(config);
    return {.config = std::move(read.config),
            .files = {"FILE", "FILE.d/50-more.json"},
            .problems = std::move(read.problems)};
}

} // namespace

TEST_CASE("check-config: each thing that is wrong, where it is, and nothing else") {
    const auto bad = reading_of(R"({"maximum": {}, "max": {"shm-size": "4Ki", "pids-max": "\u001b[2J"},
        "on-error": {"disk": "sometimes"}})");
    expect_golden("check-config.txt", text_of(cli::lines_of(bad, "FILE")));
    expect_golden("check-config.json", text_of(cli::json_of(bad)));
}

TEST_CASE("check-config of a sound one, and of none") {
    expect_golden("check-config-sound.txt", text_of(cli::lines_of(reading_of("{}"), "FILE")));
    expect_golden("check-config-sound.json", text_of(cli::json_of(reading_of("{}"))));
    expect_golden("check-config-none.txt", text_of(cli::lines_of({}, "/etc/bulkhead/bulkhead.json")));
    expect_golden("check-config-none.json", text_of(cli::json_of(policy::ConfigReading{})));
}
