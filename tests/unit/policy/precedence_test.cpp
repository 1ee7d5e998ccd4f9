// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/precedence.h"

#include <doctest/doctest.h>
#include <optional>
#include <string>

using namespace bulkhead;
using oci::Key;

namespace {

using Limit = std::optional<std::uint64_t>;
constexpr auto none = std::nullopt;

bool stays(Key key, Limit engines, std::uint64_t wanted, bool by_default = false, bool allow_raise = false) {
    oci::Setting setting;
    setting.key = key;
    setting.file = by_default ? "FILE" : "";
    return policy::engines_stays(setting, {.allow_raise = allow_raise}, engines, wanted);
}

} // namespace

TEST_CASE("limits are only tightened") {
    for (const auto key : {Key::memory_max, Key::memory_high, Key::memory_swap_max, Key::pids_max}) {
        for (const bool by_default : {false, true}) {
            CHECK(!stays(key, none, 5, by_default));
            CHECK(!stays(key, 6, 5, by_default));
            CHECK(stays(key, 5, 5, by_default));
            CHECK(stays(key, 4, 5, by_default));
            CHECK(stays(key, 0, 5, by_default));
        }
    }
}

TEST_CASE("with allow-raise who asks may have more, and a default not") {
    CHECK(!stays(Key::pids_max, 4, 5, false, true));
    CHECK(!stays(Key::pids_max, 6, 5, false, true));
    CHECK(!stays(Key::pids_max, none, 5, false, true));
    CHECK(stays(Key::pids_max, 5, 5, false, true));
    CHECK(stays(Key::pids_max, 4, 5, true, true));
    CHECK(!stays(Key::pids_max, 6, 5, true, true));
}

TEST_CASE("memory-low is whose asks for it; a default is for where there is none") {
    CHECK(!stays(Key::memory_low, 4, 5));
    CHECK(!stays(Key::memory_low, 6, 5));
    CHECK(!stays(Key::memory_low, none, 5)); // "max": all of it is protected
    CHECK(stays(Key::memory_low, 5, 5));
    CHECK(!stays(Key::memory_low, 0, 5, true));
    CHECK(stays(Key::memory_low, 1, 5, true));
    CHECK(stays(Key::memory_low, none, 5, true));
}

TEST_CASE("a container that is killed as a whole stays one") {
    for (const bool allow_raise : {false, true}) {
        CHECK(!stays(Key::memory_oom_group, 0, 1, false, allow_raise));
        CHECK(!stays(Key::memory_oom_group, 0, 1, true, allow_raise));
        CHECK(stays(Key::memory_oom_group, 1, 1, false, allow_raise));
        CHECK(stays(Key::memory_oom_group, 1, 0, false, allow_raise));
        CHECK(stays(Key::memory_oom_group, 0, 0, false, allow_raise));
    }
}

TEST_CASE("what may be left out: where the config says so, and never what is not allowed") {
    policy::OnError config;
    const Error missing{.code = Code::unsupported, .number = 0, .what = {}};
    CHECK(!policy::may_start_without(oci::Resource::disk, missing, config));
    config.warn[static_cast<std::size_t>(oci::Resource::disk)] = true;
    for (const auto code : {Code::unsupported, Code::busy, Code::system, Code::internal, Code::malformed_input}) {
        CHECK(policy::may_start_without(oci::Resource::disk, {.code = code, .number = 0, .what = {}}, config));
        CHECK(!policy::may_start_without(oci::Resource::shm, {.code = code, .number = 0, .what = {}}, config));
    }
    for (const auto code : {Code::not_allowed, Code::invalid_annotation}) {
        CHECK(!policy::may_start_without(oci::Resource::disk, {.code = code, .number = 0, .what = {}}, config));
    }
}
