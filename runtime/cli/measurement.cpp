// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/measurement.h"

#include "runtime/ledger/store.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace bulkhead::cli {

namespace {

using inventory::Container;
using inventory::Guard;
using inventory::Inventory;
using inventory::Membership;
using inventory::Status;
using ledger::GcItem;
using Type = MetricFamily::Type;

// What one holder holds of one resource.
struct Use {
    std::uint64_t used = 0;
    std::optional<std::uint64_t> limit;
};

std::optional<std::uint64_t> number_of(std::optional<Bytes> size) {
    return size ? std::optional(size->value) : std::nullopt;
}
std::optional<std::uint64_t> number_of(std::optional<Count> count) {
    return count ? std::optional(count->value) : std::nullopt;
}

// The host's own is none of the container's, and a segment there is counted as a segment.
std::optional<Use> shm_of(const Container& container) {
    const auto& shm = container.shm;
    const auto segment = std::ranges::find(container.segments, "/dev/shm", &Membership::path);
    return shm && !shm->hosts && segment == container.segments.end()
               ? std::optional(Use{shm->used.value, number_of(shm->limit)})
               : std::nullopt;
}
std::optional<Use> disk_of(const Container& container) {
    const auto& disk = container.disk;
    return disk ? std::optional(Use{disk->used.value, number_of(disk->limit)}) : std::nullopt;
}
std::optional<Use> inodes_of(const Container& container) {
    const auto& disk = container.disk;
    return disk ? std::optional(Use{disk->used_inodes.value, number_of(disk->inodes_limit)}) : std::nullopt;
}
std::optional<Use> memory_of(const Container& container) {
    const auto& memory = container.memory;
    return memory ? std::optional(Use{memory->working_set.value, number_of(memory->limit)}) : std::nullopt;
}
std::optional<Use> pids_of(const Container& container) {
    const auto& pids = container.pids;
    return pids ? std::optional(Use{pids->used.value, number_of(pids->limit)}) : std::nullopt;
}

struct Resource {
    std::string_view name;
    bool bytes = true; // else things
    std::optional<Use> (*of)(const Container&) = nullptr;
};

constexpr std::array<Resource, 5> resources{{{"shm", true, &shm_of},
                                             {"disk", true, &disk_of},
                                             {"memory", true, &memory_of},
                                             {"disk_inodes", false, &inodes_of},
                                             {"pids", false, &pids_of}}};

// Limits are anything up to the largest number: a sum that is too large is that, and not a small one.
void add_up(std::uint64_t& sum, std::uint64_t number) {
    sum += std::min(number, std::numeric_limits<std::uint64_t>::max() - sum);
}

struct Sum {
    std::string_view resource;
    bool bytes = true;
    std::uint64_t used = 0;
    std::uint64_t limit = 0;
    std::uint64_t limited = 0;
    double fullest = 0;

    void add(const Use& use) {
        add_up(used, use.used);
        if (use.limit) {
            add_up(limit, *use.limit);
            ++limited;
            // A limit of 0 is one that is reached.
            const auto ratio = *use.limit == 0 ? 1.0 : static_cast<double>(use.used) / static_cast<double>(*use.limit);
            fullest = std::max(fullest, ratio);
        }
    }
};

Sum sum_of(const Resource& resource, const std::vector<Container>& containers) {
    Sum sum{.resource = resource.name, .bytes = resource.bytes};
    std::set<dev_t> seen; // the containers of a pod have one /dev/shm
    for (const auto& container : containers) {
        const auto use = resource.of(container);
        const bool again = use && resource.of == &shm_of && !seen.insert(container.shm->device).second;
        if (use && !again) {
            sum.add(*use);
        }
    }
    return sum;
}

std::vector<Sum> sums_of(const Inventory& inventory) {
    std::vector<Sum> sums;
    for (const auto& resource : resources) {
        sums.push_back(sum_of(resource, inventory.containers));
    }
    Sum segments{.resource = "segments"};
    for (const auto& segment : inventory.segments) {
        segments.add({segment.used.value, number_of(segment.size)}); // nothing, of one that is not mounted
    }
    sums.push_back(segments);
    return sums;
}

template <typename Value>
Sample sample(std::string_view label, std::string_view of, Value value) {
    return {.labels = {{std::string(label), std::string(of)}}, .value = fmt::format("{}", value)};
}

template <typename Value>
MetricFamily single(Type type, std::string name, std::string help, Value value) {
    return {.type = type,
            .name = std::move(name),
            .unit = "",
            .help = std::move(help),
            .samples = {{.labels = {}, .value = fmt::format("{}", value)}}};
}

void add_node(std::vector<MetricFamily>& metrics, const Measurement& measurement) {
    metrics.push_back({.type = Type::info,
                       .name = "bulkhead_build",
                       .unit = "",
                       .help = "The version of bulkhead.",
                       .samples = {sample("version", measurement.version, 1)}});
    metrics.push_back(single(Type::gauge, "bulkhead_config_sound",
                             "Whether the node config is sound, or there is none.", measurement.config_sound ? 1 : 0));
}

std::uint64_t guarded_as(Guard guard, const std::vector<Container>& containers) {
    return static_cast<std::uint64_t>(std::ranges::count_if(containers, [&](const Container& container) {
        return container.status != Status::gone && container.guard == guard;
    }));
}

std::uint64_t problems_of(const Inventory& inventory) {
    std::uint64_t problems = inventory.problems.size();
    for (const auto& container : inventory.containers) {
        problems += container.problems.size();
    }
    return problems;
}

void add_holders(std::vector<MetricFamily>& metrics, const Inventory& inventory) {
    constexpr std::array<std::pair<Guard, std::string_view>, 4> guards{{{Guard::none, "none"},
                                                                        {Guard::guarded, "guarded"},
                                                                        {Guard::not_needed, "not_needed"},
                                                                        {Guard::escapable, "escapable"}}};
    MetricFamily containers{.type = Type::gauge,
                            .name = "bulkhead_containers",
                            .unit = "",
                            .help = "Containers that bulkhead limits or guards, by whether a disk limit holds in them.",
                            .samples = {}};
    for (const auto& [guard, word] : guards) {
        containers.samples.push_back(sample("guard", word, guarded_as(guard, inventory.containers)));
    }
    metrics.push_back(std::move(containers));
    metrics.push_back(single(Type::gauge, "bulkhead_gone_containers",
                             "Containers that are gone and left something that bulkhead gc has yet to give back.",
                             std::ranges::count(inventory.containers, Status::gone, &Container::status)));
    metrics.push_back(single(Type::gauge, "bulkhead_segments", "Segments that are mounted.",
                             std::ranges::count(inventory.segments, true, &inventory::Segment::mounted)));
    metrics.push_back(single(Type::gauge, "bulkhead_problems",
                             "Receipts, segments and uses that could not be read just now.", problems_of(inventory)));
}

MetricFamily family_of(std::string name, std::string unit, std::string help) {
    return {
        .type = Type::gauge, .name = std::move(name), .unit = std::move(unit), .help = std::move(help), .samples = {}};
}

// Ratios need no more digits than somebody reads.
std::string ratio_text(double ratio) { return fmt::format("{:.4g}", ratio); }

void add_sums(std::vector<MetricFamily>& metrics, const Inventory& inventory) {
    auto used_bytes = family_of("bulkhead_used_bytes", "bytes", "What all containers, or segments, hold together.");
    auto limit_bytes =
        family_of("bulkhead_limit_bytes", "bytes", "What those of them that have a limit may hold together.");
    auto used_objects = family_of("bulkhead_used_objects", "objects",
                                  "Inodes, or processes and threads, that all containers have together.");
    auto limit_objects =
        family_of("bulkhead_limit_objects", "objects", "How many of them those with a limit may have.");
    auto limited = family_of("bulkhead_limited", "", "How many containers, or segments, have a limit.");
    auto fullest = family_of("bulkhead_fullest_ratio", "ratio", "Used by limit, of the one where that is the most.");
    for (const auto& sum : sums_of(inventory)) {
        (sum.bytes ? used_bytes : used_objects).samples.push_back(sample("resource", sum.resource, sum.used));
        (sum.bytes ? limit_bytes : limit_objects).samples.push_back(sample("resource", sum.resource, sum.limit));
        limited.samples.push_back(sample("resource", sum.resource, sum.limited));
        fullest.samples.push_back(sample("resource", sum.resource, ratio_text(sum.fullest)));
    }
    for (auto* family : {&used_bytes, &limit_bytes, &used_objects, &limit_objects, &limited, &fullest}) {
        metrics.push_back(std::move(*family));
    }
}

std::string_view word_for(GcItem::Kind kind) {
    switch (kind) {
    case GcItem::Kind::receipt:
        return "receipt";
    case GcItem::Kind::disk_record:
        return "disk_record";
    case GcItem::Kind::segment:
        return "segment";
    }
    return "";
}

void add_counters(std::vector<MetricFamily>& metrics, const ledger::Counters& counters) {
    metrics.push_back(single(Type::counter, "bulkhead_starts",
                             "Containers that were started with limits since the node booted.", counters.starts));
    MetricFamily refusals{.type = Type::counter,
                          .name = "bulkhead_refusals",
                          .unit = "",
                          .help = "Refusals of the hook and of the shim, by exit status, since the node booted.",
                          .samples = {}};
    for (const auto& [code, number] : counters.refusals) {
        refusals.samples.push_back(sample("code", std::to_string(static_cast<int>(code)), number));
    }
    metrics.push_back(std::move(refusals));
    MetricFamily releases{.type = Type::counter,
                          .name = "bulkhead_gc_released",
                          .unit = "",
                          .help = "What bulkhead gc gave back of containers that are gone, since the node booted.",
                          .samples = {}};
    for (const auto& [kind, number] : counters.releases) {
        releases.samples.push_back(sample("kind", word_for(kind), number));
    }
    metrics.push_back(std::move(releases));
}

// Two engines may use one id: those containers' bundles, as in the names of their receipts. Of all others none, which
// makes no other series where an engine has them elsewhere.
class BundleLabels {
public:
    explicit BundleLabels(const std::vector<Container>& containers) {
        for (const auto& container : containers) {
            ++containers_[container.id];
        }
    }

    [[nodiscard]] std::string of(const Container& container) const {
        return containers_.at(container.id) > 1 ? fmt::format("{:x}", ledger::short_hash(container.bundle)) : "";
    }

private:
    std::map<std::string_view, std::size_t> containers_; // by id
};

Sample of_container(const Container& container, std::string_view bundle, std::string_view resource,
                    std::uint64_t value) {
    const auto& identity = container.identity;
    return {.labels = {{"id", container.id},
                       {"bundle", std::string(bundle)},
                       {"namespace", identity.kubernetes_namespace.value_or("")},
                       {"pod", identity.pod.value_or("")},
                       {"container", identity.name.value_or("")},
                       {"resource", std::string(resource)}},
            .value = fmt::format("{}", value)};
}

void add_containers(std::vector<MetricFamily>& metrics, const std::vector<Container>& containers) {
    auto used_bytes = family_of("bulkhead_container_used_bytes", "bytes", "What the container holds.");
    auto limit_bytes = family_of("bulkhead_container_limit_bytes", "bytes", "What it may hold, if that is limited.");
    auto used_objects = family_of("bulkhead_container_used_objects", "objects", "Inodes, or processes and threads.");
    auto limit_objects = family_of("bulkhead_container_limit_objects", "objects", "How many it may have, if limited.");
    const BundleLabels bundles(containers);
    for (const auto& container : containers) {
        const auto bundle = bundles.of(container);
        for (const auto& resource : resources) {
            const auto use = resource.of(container);
            if (use) {
                (resource.bytes ? used_bytes : used_objects)
                    .samples.push_back(of_container(container, bundle, resource.name, use->used));
            }
            if (use && use->limit) {
                (resource.bytes ? limit_bytes : limit_objects)
                    .samples.push_back(of_container(container, bundle, resource.name, *use->limit));
            }
        }
    }
    for (auto* family : {&used_bytes, &limit_bytes, &used_objects, &limit_objects}) {
        metrics.push_back(std::move(*family));
    }
}

} // namespace

std::vector<MetricFamily> metrics_of(const Measurement& measurement, Detail detail) {
    std::vector<MetricFamily> metrics;
    add_node(metrics, measurement);
    add_holders(metrics, measurement.inventory);
    add_sums(metrics, measurement.inventory);
    add_counters(metrics, measurement.counters);
    if (detail == Detail::containers) {
        add_containers(metrics, measurement.inventory.containers);
    }
    return metrics;
}

} // namespace bulkhead::cli
