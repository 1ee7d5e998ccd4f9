// SPDX-License-Identifier: Apache-2.0
#include "hooks/arguments.h"

#include <doctest/doctest.h>
#include <vector>

using namespace bulkhead;
using hook::Arguments;
using hook::Stage;

namespace {

struct Accepted {
    std::vector<std::string> words;
    std::optional<Stage> stage;
    std::string config;
    std::string state_dir;
};

struct Refused {
    std::vector<std::string> words;
    std::string what;
};

Result<Arguments> parse(std::vector<std::string> words) {
    std::vector<char*> pointers;
    pointers.reserve(words.size());
    for (auto& word : words) {
        pointers.push_back(word.data());
    }
    return hook::parse_arguments(pointers);
}

const std::string config = Arguments{}.config;
const std::string state = Arguments{}.state_dir;
const std::string usage = "; usage: bulkhead-hook [--config FILE] [--state-dir DIR] [createRuntime|poststop]";

} // namespace

TEST_CASE("the defaults") {
    CHECK(config == "/etc/bulkhead/bulkhead.json");
    CHECK(state == "/run/bulkhead");
    CHECK(!Arguments{}.stage);
}

TEST_CASE("command lines that are good") {
    const std::vector<Accepted> table{
        {{}, std::nullopt, config, state},
        {{"bulkhead-hook"}, std::nullopt, config, state},
        {{"anything at all"}, std::nullopt, config, state},
        {{"h", "createRuntime"}, Stage::create_runtime, config, state},
        {{"h", "prestart"}, Stage::create_runtime, config, state},
        {{"h", "poststop"}, Stage::poststop, config, state},
        {{"h", "--config", "/c"}, std::nullopt, "/c", state},
        {{"h", "--state-dir", "/s", "poststop"}, Stage::poststop, config, "/s"},
        {{"h", "--config", "/c", "--state-dir", "/s", "createRuntime"}, Stage::create_runtime, "/c", "/s"},
        {{"h", "createRuntime", "--state-dir", "/s", "--config", "/c"}, Stage::create_runtime, "/c", "/s"},
        {{"h", "--config", "/a", "--config", "/b"}, std::nullopt, "/b", state},
        {{"h", "--config", "/--state-dir"}, std::nullopt, "/--state-dir", state},
    };
    for (const auto& row : table) {
        const auto arguments = parse(row.words);
        REQUIRE(arguments);
        CHECK(arguments->stage == row.stage);
        CHECK(arguments->config == row.config);
        CHECK(arguments->state_dir == row.state_dir);
    }
}

TEST_CASE("command lines that are an error in the registration of the hook") {
    const std::vector<Refused> table{
        {{"h", "start"}, "unexpected argument \"start\""},
        {{"h", ""}, "unexpected argument \"\""},
        {{"h", "createruntime"}, "unexpected argument \"createruntime\""},
        {{"h", "-h"}, "unexpected argument \"-h\""},
        {{"h", "--help"}, "unexpected argument \"--help\""},
        {{"h", "--config=/c"}, "unexpected argument \"--config=/c\""},
        {{"h", "createRuntime", "createRuntime"}, "unexpected argument \"createRuntime\""},
        {{"h", "createRuntime", "poststop"}, "unexpected argument \"poststop\""},
        {{"h", "--config"}, "--config needs an absolute path"},
        {{"h", "--config", ""}, "--config needs an absolute path"},
        {{"h", "--config", "c"}, "--config needs an absolute path"},
        {{"h", "--config", "--state-dir", "/s"}, "--config needs an absolute path"},
        {{"h", "--state-dir"}, "--state-dir needs an absolute path"},
        {{"h", "--state-dir", "./s"}, "--state-dir needs an absolute path"},
        {{"h", std::string(1000, 'x')}, "unexpected argument \"" + std::string(64, 'x') + "...\""},
    };
    for (const auto& row : table) {
        CAPTURE(row.what);
        const auto arguments = parse(row.words);
        REQUIRE(!arguments);
        CHECK(arguments.error().what == row.what + usage);
        CHECK(arguments.error().code == Code::bad_config);
    }
}

TEST_CASE("the names of the stages") {
    CHECK(hook::name_of(Stage::create_runtime) == "createRuntime");
    CHECK(hook::name_of(Stage::poststop) == "poststop");
}
