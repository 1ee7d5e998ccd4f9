// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/inventory_output.h"

#include "cli/inventory_model.h"
#include "cli/printed.h"
#include "support/golden.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace bulkhead;
using cli::Inspection;
using test::expect_golden;
using test::text_of;

namespace {

Inspection inspection_of(const inventory::Container& container) {
    const auto node = test::node();
    Inspection inspection{.container = container, .segments = {}, .last_refusal = {}};
    if (!container.segments.empty()) {
        inspection.segments = {node.segments[0]};
    }
    return inspection;
}

} // namespace

TEST_CASE("list") {
    const auto node = test::node();
    expect_golden("list.txt", text_of(cli::table_of_containers(node, false).lines(false)));
    expect_golden("list-no-trunc.txt", text_of(cli::table_of_containers(node, true).lines(false)));
    expect_golden("list.json", text_of(cli::json_of_containers(node)));
}

TEST_CASE("list, of nothing and outside of Kubernetes") {
    const inventory::Inventory nothing;
    CHECK(text_of(cli::table_of_containers(nothing, false).lines(false)) ==
          "CONTAINER  ENGINE  STATUS  SHM  DISK  MEMORY  PIDS  GUARD\n");
    expect_golden("list-nothing.json", text_of(cli::json_of_containers(nothing)));
    inventory::Inventory one;
    one.containers = {test::db()};
    CHECK(text_of(cli::table_of_containers(one, false).lines(false)) ==
          "CONTAINER  ENGINE  STATUS   SHM   DISK  MEMORY  PIDS    GUARD\n"
          "db         podman  running  host  -     4Ki/-   99/100  escapable\n");
}

TEST_CASE("inspect") {
    auto inspection = inspection_of(test::web());
    expect_golden("inspect.json", text_of(cli::json_of(inspection)));
    expect_golden("inspect.txt", text_of(cli::lines_of(inspection)));
}

TEST_CASE("inspect, of one that is not as it should be") {
    auto inspection = inspection_of(test::db());
    inspection.last_refusal = {.id = "db", .stage = "update", .code = 77, .line = "bulkhead: db: no \033[1m"};
    expect_golden("inspect-escapable.json", text_of(cli::json_of(inspection)));
    expect_golden("inspect-escapable.txt", text_of(cli::lines_of(inspection)));
}

TEST_CASE("segment ls") {
    const auto node = test::node();
    expect_golden("segment-ls.txt", text_of(cli::table_of_segments(node.segments).lines(false)));
    expect_golden("segment-ls.json", text_of(cli::json_of_segments(node)));
}

TEST_CASE("top -o json") { expect_golden("top.json", text_of(cli::json_of(test::node()))); }

TEST_CASE("ids that were drawn are cut, names that were chosen are not") {
    CHECK(cli::short_id(test::web_id) == "4f1c0e7d9b2a");
    CHECK(cli::short_id("0123456789abcdef0123456789abcdef") == "0123456789ab");
    CHECK(cli::short_id("0123456789abcdef") == "0123456789abcdef");
    CHECK(cli::short_id("the-database-of-the-shop-number-01") == "the-database-of-the-shop-number-01");
    CHECK(cli::short_id("").empty());
}

TEST_CASE("what is said of a container, in words") {
    auto inspection = inspection_of(test::web());
    auto& container = inspection.container;
    const auto line = [&](const std::string& name) {
        for (const auto& said : cli::lines_of(inspection)) {
            if (said.starts_with(name + " ")) {
                return said.substr(18);
            }
        }
        return std::string("nothing");
    };
    CHECK(line("guard") == "guarded: the disk limit cannot be taken off from inside");
    container.disk.reset();
    CHECK(line("guard") == "guarded");
    container.guard = inventory::Guard::not_needed;
    CHECK(line("guard") == "not needed: the disk limit holds without it");
    container.guard = inventory::Guard::none;
    CHECK(line("guard") == "none");
    container.status = inventory::Status::prepared;
    CHECK(line("status") == "prepared, its runtime is process 4711, since 2027-01-15 08:00:00 UTC");
    container.status = inventory::Status::gone;
    container.started.reset();
    CHECK(line("status") == "gone, process 4711, of an earlier boot");
    container.memory->low = Bytes{test::mebibyte};
    CHECK(line("memory-low") == "1Mi");
    inspection.segments.clear();
    CHECK(line("segment feed") == "not mounted; at /dev/feed (read-only): k8s/shop/feed");
    container = {};
    container.id = "c";
    CHECK(cli::lines_of(inspection).back() == "guard             none");
}
