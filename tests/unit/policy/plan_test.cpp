// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/plan.h"

#include <doctest/doctest.h>
#include <random>
#include <ranges>
#include <span>
#include <vector>

using namespace bulkhead;
using oci::Key;
using oci::Setting;
using policy::Limits;
using policy::make_plan;

namespace {

Setting setting(Key key, std::uint64_t value, const std::string& text = "TEXT") {
    return {.key = key,
            .annotation = "io.bulkhead." + std::string(oci::info_of(key).name),
            .text = text,
            .value = value,
            .for_one_container = false};
}

oci::Request request(const std::vector<Setting>& settings) {
    oci::Request request;
    for (const auto& one : settings) {
        request.set(one);
    }
    return request;
}

Limits limits(Key key, std::uint64_t value) {
    Limits limits;
    limits.max[static_cast<std::size_t>(key)] = {.value = value, .origin = "max in rule 3"};
    return limits;
}

} // namespace

TEST_CASE("the built-in limits: half of the RAM for /dev/shm, nothing else") {
    const auto limits = policy::built_in_limits(Bytes{8U << 20U});
    for (const auto& info : oci::annotation_keys) {
        CHECK(limits[info.key].has_value() == (info.key == Key::shm_size));
    }
    CHECK(limits[Key::shm_size]->value == 4U << 20U);
    CHECK(limits[Key::shm_size]->origin == "half of the node's RAM");
}

TEST_CASE("a maximum may be reached and not exceeded") {
    for (const auto& info : oci::annotation_keys) {
        if (info.type == oci::ValueType::boolean) {
            continue;
        }
        CHECK(make_plan(request({setting(info.key, 4096)}), limits(info.key, 4096)));
        const auto refused = make_plan(request({setting(info.key, 4097, "4097")}), limits(info.key, 4096));
        REQUIRE(!refused);
        CHECK(refused.error().code == Code::not_allowed);
        const std::string bound = info.type == oci::ValueType::bytes ? "4Ki" : "4096";
        CHECK(refused.error().what == "io.bulkhead." + std::string(info.name) + "=\"4097\": exceeds the maximum of " +
                                          bound + " (max in rule 3); ask for less");
    }
}

TEST_CASE("more than half of the RAM is refused without a config") {
    const auto limits = policy::built_in_limits(Bytes{1U << 30U});
    CHECK(make_plan(request({setting(Key::shm_size, 512U << 20U)}), limits));
    const auto refused = make_plan(request({setting(Key::shm_size, (512U << 20U) + 1, "600Mi")}), limits);
    REQUIRE(!refused);
    CHECK(refused.error().what == "io.bulkhead.shm-size=\"600Mi\": exceeds the maximum of 512Mi (half of the node's "
                                  "RAM); ask for less");
}

TEST_CASE("memory-low needs a maximum, the others do not") {
    for (const auto& info : oci::annotation_keys) {
        CHECK(make_plan(request({setting(info.key, 1)}), Limits{}).has_value() == (info.key != Key::memory_low));
    }
    for (const std::uint64_t value : {0U, 5U}) {
        const auto refused = make_plan(request({setting(Key::memory_low, value, "5")}), Limits{});
        REQUIRE(!refused);
        CHECK(refused.error().code == Code::not_allowed);
        CHECK(refused.error().what == "io.bulkhead.memory-low=\"5\": takes memory from other containers, so the node "
                                      "config must set a maximum for it, and has none; leave it out");
    }
}

TEST_CASE("a plan has what was asked for and nothing else, in the order of the table") {
    const auto nothing = make_plan(oci::Request{}, policy::built_in_limits(Bytes{1U << 30U}));
    REQUIRE(nothing);
    CHECK(nothing->empty());
    const auto shm = make_plan(request({setting(Key::shm_size, 5)}), Limits{});
    CHECK(!shm->empty());
    CHECK(shm->shm_size->value == 5);
    CHECK(shm->shm_size->text == "TEXT");
    CHECK(shm->cgroup.empty());
    const auto many = make_plan(request({setting(Key::pids_max, 1), setting(Key::memory_swap_max, 2),
                                         setting(Key::memory_oom_group, 1), setting(Key::memory_max, 3)}),
                                Limits{});
    REQUIRE(many);
    CHECK(!many->empty());
    CHECK(!many->shm_size);
    REQUIRE(many->cgroup.size() == 4);
    CHECK(many->cgroup[0].key == Key::memory_max);
    CHECK(many->cgroup[1].key == Key::memory_swap_max); // under cgroup v1 it needs memory-max before it
    CHECK(many->cgroup[2].key == Key::memory_oom_group);
    CHECK(many->cgroup[3].key == Key::pids_max);
}

TEST_CASE("a plan has every part once, in the order of the table, and knows whether the disk is among them") {
    oci::Request everything;
    for (const auto& info : std::views::reverse(oci::annotation_keys)) {
        everything.set(setting(info.key, 1));
    }
    const auto all = make_plan(everything, limits(Key::memory_low, 1))->all();
    constexpr auto single = oci::key_count - 1; // segments are planned by themselves, and come last
    REQUIRE(all.size() == single);
    for (std::size_t i = 0; i < single; ++i) {
        CHECK(all[i].key == oci::annotation_keys[i].key);
    }
    CHECK(policy::Plan{}.all().empty());
    CHECK(!policy::Plan{}.disk());
    for (const auto& info : std::span(oci::annotation_keys).first<single>()) {
        const auto plan = make_plan(request({setting(info.key, 5)}), limits(Key::memory_low, 5));
        REQUIRE(plan);
        CHECK(!plan->empty());
        CHECK(plan->disk() == (info.key == Key::disk_size || info.key == Key::disk_inodes));
        REQUIRE(plan->all().size() == 1);
        CHECK(plan->all()[0].key == info.key);
        CHECK(plan->all()[0].text == "TEXT");
    }
}

TEST_CASE("no plan exceeds a maximum or invents a setting, and only what exceeds is refused") {
    std::mt19937_64 random(20240501); // NOLINT(cert-msc32-c,cert-msc51-cpp): the same requests each time
    const auto chance = [&](unsigned one_in) { return random() % one_in == 0; };
    int refusals = 0;
    for (int round = 0; round < 20'000; ++round) {
        oci::Request asked;
        Limits bounds;
        bool allowed = true;
        for (const auto& info : oci::annotation_keys) {
            const std::uint64_t value = random() >> (random() % 64);
            const std::uint64_t most = chance(4) ? value : random() >> (random() % 64);
            const bool bounded = chance(2);
            if (bounded) {
                bounds.max[static_cast<std::size_t>(info.key)] = {.value = most, .origin = "x"};
            }
            if (chance(3)) {
                asked.set(setting(info.key, value));
                allowed = allowed && (bounded ? value <= most : info.key != Key::memory_low);
            }
        }
        const auto plan = make_plan(asked, bounds);
        CHECK(plan.has_value() == allowed);
        refusals += plan ? 0 : 1;
        for (const auto& one : plan ? plan->all() : std::vector<Setting>{}) {
            CHECK((!bounds[one.key] || one.value <= bounds[one.key]->value));
            CHECK((asked[one.key] && asked[one.key]->value == one.value));
        }
    }
    CHECK(refusals > 1000);
    CHECK(refusals < 19'000);
}
