// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/measurement.h"

#include "cli/inventory_model.h"
#include "support/golden.h"

#include <doctest/doctest.h>
#include <limits>
#include <map>

using namespace bulkhead;
using cli::Detail;
using cli::Measurement;
using inventory::Container;
using inventory::Guard;
using inventory::Status;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

Container container(const std::string& id) {
    Container container;
    container.id = id;
    container.status = Status::running;
    return container;
}

inventory::ShmUse shm(std::uint64_t used, std::uint64_t limit, dev_t device) {
    return {.used = Bytes{used * mebibyte}, .limit = Bytes{limit * mebibyte}, .hosts = false, .device = device};
}

inventory::PidsUse pids(std::uint64_t used, std::optional<std::uint64_t> limit) {
    return {.used = Count{used}, .limit = limit ? std::optional(Count{*limit}) : std::nullopt};
}

// Each sample by "NAME LABEL=VALUE...".
std::map<std::string, std::string> samples_of(const Measurement& measurement, Detail detail = Detail::node) {
    std::map<std::string, std::string> samples;
    for (const auto& family : cli::metrics_of(measurement, detail)) {
        for (const auto& sample : family.samples) {
            auto name = family.name;
            for (const auto& [label, value] : sample.labels) {
                name += " " + label + "=" + value;
            }
            CHECK(samples.emplace(name, sample.value).second);
        }
    }
    return samples;
}

} // namespace

TEST_CASE("metrics, in both formats") {
    Measurement measurement{.inventory = test::node(), .counters = {}, .config_sound = true, .version = "1.2.3"};
    measurement.counters.starts = 12;
    measurement.counters.refusals.at(0).second = 3;
    const auto text = [&](Detail detail, cli::TextFormat format) {
        return cli::to_text(cli::metrics_of(measurement, detail), format);
    };
    test::expect_golden("metrics.txt", text(Detail::node, cli::TextFormat::openmetrics));
    test::expect_golden("metrics-prometheus.txt", text(Detail::node, cli::TextFormat::prometheus));
    test::expect_golden("metrics-per-container.txt", text(Detail::containers, cli::TextFormat::openmetrics));
}

TEST_CASE("every node tells the same, one without containers too") {
    Measurement measurement;
    const auto none = samples_of(measurement);
    measurement.inventory.containers = {container("a")};
    measurement.inventory.containers[0].pids = pids(1, 2);
    measurement.inventory.segments.resize(3);
    const auto some = samples_of(measurement);
    CHECK(std::ranges::equal(none, some, {}, &std::pair<const std::string, std::string>::first,
                             &std::pair<const std::string, std::string>::first));
    CHECK(none.size() < 60);
    CHECK(none.at("bulkhead_fullest_ratio resource=disk") == "0");
}

TEST_CASE("sums, and the one that is the fullest") {
    Measurement measurement;
    auto& containers = measurement.inventory.containers;
    containers = {container("a"), container("b"), container("c")};
    containers[0].pids = pids(10, 100);
    containers[1].pids = pids(30, 40);
    containers[2].pids = pids(1000, std::nullopt);
    containers[0].memory = inventory::MemoryUse{};
    containers[0].memory->usage = Bytes{90};
    containers[0].memory->working_set = Bytes{50};
    containers[0].memory->limit = Bytes{100};
    containers[1].disk = inventory::DiskUse{.filesystem = "f",
                                            .id = 7,
                                            .upper = "/u",
                                            .used = Bytes{5},
                                            .limit = Bytes{0},
                                            .used_inodes = Count{3},
                                            .inodes_limit = Count{9}};
    measurement.inventory.segments.resize(2);
    measurement.inventory.segments[0].mounted = true;
    measurement.inventory.segments[0].used = Bytes{1};
    measurement.inventory.segments[0].size = Bytes{3};
    const auto samples = samples_of(measurement);
    CHECK(samples.at("bulkhead_used_objects resource=pids") == "1040");
    CHECK(samples.at("bulkhead_limit_objects resource=pids") == "140");
    CHECK(samples.at("bulkhead_limited resource=pids") == "2");
    CHECK(samples.at("bulkhead_fullest_ratio resource=pids") == "0.75");
    CHECK(samples.at("bulkhead_used_bytes resource=memory") == "50");
    CHECK(samples.at("bulkhead_limit_bytes resource=memory") == "100");
    CHECK(samples.at("bulkhead_used_bytes resource=disk") == "5");
    CHECK(samples.at("bulkhead_fullest_ratio resource=disk") == "1"); // of 0
    CHECK(samples.at("bulkhead_used_objects resource=disk_inodes") == "3");
    CHECK(samples.at("bulkhead_fullest_ratio resource=disk_inodes") == "0.3333");
    CHECK(samples.at("bulkhead_segments") == "1");
    CHECK(samples.at("bulkhead_used_bytes resource=segments") == "1");
    CHECK(samples.at("bulkhead_limit_bytes resource=segments") == "3");
    CHECK(samples.at("bulkhead_limited resource=segments") == "1");
}

TEST_CASE("a sum that is too large is the largest number, and not a small one") {
    constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
    Measurement measurement;
    auto& containers = measurement.inventory.containers;
    containers = {container("a"), container("b"), container("c")};
    containers[0].pids = pids(1, largest - 1);
    containers[1].pids = pids(largest - 3, 1);
    containers[2].pids = pids(2, std::nullopt);
    auto samples = samples_of(measurement);
    CHECK(samples.at("bulkhead_used_objects resource=pids") == std::to_string(largest));
    CHECK(samples.at("bulkhead_limit_objects resource=pids") == std::to_string(largest));
    containers[2].pids = pids(3, 1);
    samples = samples_of(measurement);
    CHECK(samples.at("bulkhead_used_objects resource=pids") == std::to_string(largest));
    CHECK(samples.at("bulkhead_limit_objects resource=pids") == std::to_string(largest));
}

TEST_CASE("one /dev/shm is counted once, and neither the host's nor a segment") {
    Measurement measurement;
    auto& containers = measurement.inventory.containers;
    containers = {container("a"), container("b"), container("c"), container("d"), container("e")};
    containers[0].shm = shm(1, 64, 50);
    containers[1].shm = shm(1, 64, 50);
    containers[2].shm = shm(4, 32, 51);
    containers[3].shm = shm(500, 1000, 2);
    containers[3].shm->hosts = true;
    containers[4].shm = shm(500, 1000, 52);
    containers[4].segments = {{.place = {}, .path = "/dev/shm", .read_only = false}};
    const auto samples = samples_of(measurement);
    CHECK(samples.at("bulkhead_used_bytes resource=shm") == std::to_string(5 * mebibyte));
    CHECK(samples.at("bulkhead_limit_bytes resource=shm") == std::to_string(96 * mebibyte));
    CHECK(samples.at("bulkhead_limited resource=shm") == "2");
    CHECK(samples.at("bulkhead_fullest_ratio resource=shm") == "0.125");
}

TEST_CASE("containers by their guard, what is gone, and problems") {
    Measurement measurement;
    auto& containers = measurement.inventory.containers;
    containers = {container("a"), container("b"), container("c"), container("d")};
    containers[0].guard = Guard::guarded;
    containers[1].guard = Guard::escapable;
    containers[1].status = Status::prepared;
    containers[2].guard = Guard::escapable;
    containers[2].status = Status::gone;
    containers[3].problems = {"shm: why", "disk: why"};
    measurement.inventory.problems = {{.name = "containers/x", .reason = "why"}};
    const auto samples = samples_of(measurement);
    CHECK(samples.at("bulkhead_containers guard=guarded") == "1");
    CHECK(samples.at("bulkhead_containers guard=escapable") == "1");
    CHECK(samples.at("bulkhead_containers guard=none") == "1");
    CHECK(samples.at("bulkhead_containers guard=not_needed") == "0");
    CHECK(samples.at("bulkhead_gone_containers") == "1");
    CHECK(samples.at("bulkhead_problems") == "3");
}

TEST_CASE("counters, the version and the config") {
    Measurement measurement{.inventory = {}, .counters = {}, .config_sound = false, .version = "1.2.3"};
    measurement.counters.starts = 5;
    measurement.counters.refusals.at(6).second = 8;
    measurement.counters.releases.at(2).second = 9;
    const auto samples = samples_of(measurement);
    CHECK(samples.at("bulkhead_build version=1.2.3") == "1");
    CHECK(samples.at("bulkhead_config_sound") == "0");
    CHECK(samples.at("bulkhead_starts") == "5");
    CHECK(samples.at("bulkhead_refusals code=77") == "8");
    CHECK(samples.at("bulkhead_refusals code=64") == "0");
    CHECK(samples.at("bulkhead_gc_released kind=disk_record") == "9");
}

TEST_CASE("of each container only if asked, with its names") {
    Measurement measurement;
    measurement.inventory.containers = {container("a")};
    auto& one = measurement.inventory.containers[0];
    one.identity.kubernetes_namespace = "prod";
    one.identity.pod = "web-1";
    one.identity.name = "web";
    one.pids = pids(3, 5);
    one.shm = shm(1, 64, 50);
    one.shm->limit.reset();
    const std::string names = " id=a bundle= namespace=prod pod=web-1 container=web resource=";
    CHECK(!samples_of(measurement).contains("bulkhead_container_used_objects" + names + "pids"));
    const auto samples = samples_of(measurement, Detail::containers);
    CHECK(samples.at("bulkhead_container_used_objects" + names + "pids") == "3");
    CHECK(samples.at("bulkhead_container_limit_objects" + names + "pids") == "5");
    CHECK(samples.at("bulkhead_container_used_bytes" + names + "shm") == std::to_string(mebibyte));
    CHECK(!samples.contains("bulkhead_container_limit_bytes" + names + "shm"));
}

TEST_CASE("containers of two engines with one id are told apart by their bundles, and no others") {
    Measurement measurement;
    auto& containers = measurement.inventory.containers;
    containers = {container("web"), container("web"), container("db")};
    containers[0].bundle = "foobar"; // whose hash is known
    containers[1].bundle = "/run/other";
    containers[2].bundle = "/run/db";
    for (auto& one : containers) {
        one.pids = pids(3, 5);
    }
    const auto samples = samples_of(measurement, Detail::containers); // each is there once
    const auto name = [](const std::string& labels) {
        return "bulkhead_container_used_objects " + labels + " namespace= pod= container= resource=pids";
    };
    CHECK(samples.contains(name("id=web bundle=85944171f73967e8")));
    CHECK(!samples.contains(name("id=web bundle=")));
    CHECK(samples.contains(name("id=db bundle=")));
    CHECK(std::ranges::count_if(samples, [](const auto& sample) {
              return sample.first.starts_with("bulkhead_container_used_objects id=web ");
          }) == 2);
}
