// SPDX-License-Identifier: Apache-2.0
// The resources of an update on standard input.
#include "runtime/shim/update.h"

#include "fuzz.h"

#include <nlohmann/json.hpp>
#include <string>

namespace bulkhead::fuzz {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t memory = 1 << 20;
constexpr std::int64_t pids = 10;

void require_at_most(const Json& resources, const char* group, const char* member, std::int64_t most) {
    const auto at = Json::json_pointer(std::string("/") + group + "/" + member);
    if (resources.contains(at) && resources[at].is_number_integer()) {
        require(resources[at] >= 0, "no limit is lifted"); // 0 is "as it was", or nothing at all
        require(resources[at] <= most, "no update gets past what was promised");
    }
}

} // namespace

void fuzz(std::string_view input) {
    const shim::Promised promised{.memory = memory, .swap = 0, .pids = pids, .unified = {{"memory.high", 4096}}};
    const auto clamped = shim::clamp_resources(input, promised);
    if (!clamped) {
        require_sound(clamped.error());
        return;
    }
    const auto twice = shim::clamp_resources(*clamped, promised);
    require(twice && *twice == *clamped, "what is clamped is clamped");
    const auto resources = Json::parse(*clamped, nullptr, false);
    if (resources.is_object()) { // what is nobody's may be malformed: the runtime refuses it
        require_at_most(resources, "memory", "limit", memory);
        require_at_most(resources, "memory", "swap", memory);
        require_at_most(resources, "pids", "limit", pids);
    }
}

} // namespace bulkhead::fuzz
