// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/gc_output.h"

#include "cli/printed.h"
#include "support/golden.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using Item = ledger::GcItem;
using Kind = Item::Kind;
using Outcome = Item::Outcome;
using test::expect_golden;
using test::text_of;

namespace {

std::vector<Item> items() {
    return {
        {.kind = Kind::receipt,
         .outcome = Outcome::released,
         .container = "web",
         .name = "containers/web/6f1ed002ab5595859014ebf0951522d9.json",
         .why = ""},
        {.kind = Kind::segment, .outcome = Outcome::released, .container = "", .name = "segments/local/x", .why = ""},
        {.kind = Kind::disk_record,
         .outcome = Outcome::kept,
         .container = "db",
         .name = "disks/2f3c1f5e-8a0f-4d5c-9a57-5f0b1f6a2d11/1073741824.json",
         .why = "its file system is not mounted; once it is, run bulkhead gc"},
        {.kind = Kind::disk_record,
         .outcome = Outcome::forgotten,
         .container = "",
         .name = "disks/00000000-0000-0000-0000-000000000000/7.json",
         .why = ""},
        {.kind = Kind::receipt,
         .outcome = Outcome::failed,
         .container = "",
         .name = "containers/evil/x.json",
         .why = "is \033[31mmalformed\n\xff"}};
}

} // namespace

TEST_CASE("gc") {
    expect_golden("gc.txt", text_of(cli::lines_of(items(), false)));
    expect_golden("gc.json", text_of(cli::json_of(items(), false)));
}

TEST_CASE("gc --dry-run says what would be given back, and no more than that differs") {
    auto lines = cli::lines_of(items(), true);
    expect_golden("gc-dry-run.txt", text_of(lines));
    for (auto& line : lines) {
        if (line.starts_with("to be ")) {
            line.erase(0, 6);
        }
    }
    CHECK(lines == cli::lines_of(items(), false));
    auto json = cli::json_of(items(), true);
    CHECK(json["dryRun"] == true);
    json["dryRun"] = false;
    CHECK(json == cli::json_of(items(), false));
}

TEST_CASE("gc of nothing") {
    CHECK(cli::lines_of(std::vector<Item>{}, false).empty());
    expect_golden("gc-nothing.json", text_of(cli::json_of(std::vector<Item>{}, false)));
}
