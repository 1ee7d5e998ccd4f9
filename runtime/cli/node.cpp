// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/node.h"

#include "runtime/base/line.h"
#include "runtime/sys/namespace.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

namespace bulkhead::cli {

using inventory::Container;
using inventory::Inventory;
using inventory::Segment;

Result<void> need_root(std::string_view what) {
    return ::geteuid() == 0 ? Result<void>{} : fail(Code::not_allowed, "only root can " + std::string(what));
}

Result<void> enter_node() {
    TRY(need_root("see what containers hold"));
    return sys::enter_mount_namespace_of_init();
}

Result<Inventory> look_at_node(const Options& options) { return inventory::take_inventory(options.state_dir); }

void print_problems(const Inventory& inventory, const char* command) {
    for (const auto& problem : inventory.problems) {
        fmt::print(stderr, "{}\n", report_line(command, problem.name + ": " + problem.reason));
    }
}

int fail_command(const char* command, const Error& error) {
    fmt::print(stderr, "{}\n", report_line(command, error.what));
    return something_wrong;
}

namespace {
// Runtimes write a bundle's path as they were given it, "/a//b" and "/a/./b" too, and people with a slash behind it.
std::string normal(const std::string& bundle) {
    const auto path = std::filesystem::path(bundle).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).string();
}
} // namespace

Result<const Container*> find_container(const Inventory& inventory, const std::string& id, const std::string& bundle,
                                        std::vector<const Container*>& candidates) {
    candidates.clear();
    const auto normal_bundle = normal(bundle);
    bool exact = false;
    for (const auto& container : inventory.containers) {
        const bool is_it = container.id == id;
        if (id.empty() || !container.id.starts_with(id) ||
            (!bundle.empty() && normal(container.bundle) != normal_bundle) || (exact && !is_it)) {
            continue;
        }
        if (is_it && !exact) { // then those that only begin with it are not meant
            exact = true;
            candidates.clear();
        }
        candidates.push_back(&container);
    }
    if (candidates.empty()) {
        const auto unread = std::ranges::find_if(
            inventory.problems, [&](const inventory::Problem& problem) { return problem.name == "containers/" + id; });
        if (unread != inventory.problems.end()) {
            return fail(Code::internal, unread->name + ": " + unread->reason);
        }
        return fail(Code::malformed_input, "no container " + in_quotes(id) + " has a receipt here");
    }
    if (candidates.size() > 1) {
        return fail(Code::busy, in_quotes(id) + (exact ? " is the id of several containers; say which with --bundle"
                                                       : " is the beginning of several ids; write more of it"));
    }
    return candidates.front();
}

std::optional<ledger::LastError> last_refusal(const Options& options, const std::string& id) {
    const auto store = ledger::Store::open(options.state_dir);
    return store && *store ? ledger::recall_error(**store, id).value_or(std::nullopt) : std::nullopt;
}

namespace {

// What could have been meant; or why there is none of that id, where it was refused.
void print_instead(const std::string& id, const std::vector<const Container*>& candidates, const Options& options) {
    for (const auto* const container : candidates) {
        fmt::print(stderr, "{}\n", printable_line("    " + container->id + "  " + container->bundle));
    }
    const auto refusal = candidates.empty() ? last_refusal(options, id) : std::nullopt;
    if (refusal) {
        fmt::print(stderr, "{}\n", printable_line("last refusal, at " + refusal->stage + ": " + refusal->line));
    }
}

} // namespace

int on_container(const char* command, const Options& options, const std::string& id, const std::string& bundle,
                 const UseOfContainer& use) {
    const auto entered = enter_node();
    const auto inventory = entered ? look_at_node(options) : std::unexpected(entered.error());
    if (!inventory) {
        return fail_command(command, inventory.error());
    }
    std::vector<const Container*> candidates;
    const auto container = find_container(*inventory, id, bundle, candidates);
    if (!container) {
        fail_command(command, container.error());
        print_instead(id, candidates, options);
        return something_wrong;
    }
    return use(*inventory, **container);
}

Result<const Segment*> find_segment(const Inventory& inventory, const std::string& name) {
    std::vector<const Segment*> found;
    for (const auto& segment : inventory.segments) {
        if (segment.place.name == name || segment.place.path() == name) {
            found.push_back(&segment);
        }
    }
    if (found.empty()) {
        return fail(Code::malformed_input, "there is no segment " + in_quotes(name));
    }
    if (found.size() > 1) {
        std::vector<std::string> places;
        for (const auto* const segment : found) {
            places.push_back(segment->place.path());
        }
        return fail(Code::busy,
                    fmt::format("{} is the name of several segments: {}", in_quotes(name), fmt::join(places, ", ")));
    }
    return found.front();
}

} // namespace bulkhead::cli
