// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/configure_output.h"

#include "cli/printed.h"
#include "support/golden.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using engines::ConfigureOutcome;
using engines::ConfigureRequest;
using test::expect_golden;
using test::text_of;

namespace {

// One file of each kind.
ConfigureOutcome outcome() {
    return {.edits = {{.path = "/etc/crio/crio.conf.d/99-bulkhead.conf", .before = {}, .after = "[crio.runtime]\n"},
                      {.path = "/etc/docker/daemon.json",
                       .before = "{\n\t\"note\": \"Gr\xc3\xbc\xc3\x9f"
                                 "e \033[2J\xc2\x9b"
                                 "2J\"\r\n}\n",
                       .after = "{\n\t\"note\": \"Gr\xc3\xbc\xc3\x9f"
                                "e \033[2J\xc2\x9b"
                                "2J\",\r\n\t\"runtimes\": {}\r\n}\n"},
                      {.path = "/etc/containers/containers.conf", .before = "same\n", .after = "same\n"},
                      {.path = "/etc/containers/old\033.conf", .before = "no line's end", .after = {}}},
            .notes = {"containers that run keep their runtime"},
            .next = "systemctl restart crio"};
}

const ConfigureRequest request{.engine = engines::Engine::crio, .main = "/etc/crio/crio.conf"};

} // namespace

TEST_CASE("configure") {
    expect_golden("configure.txt", cli::summary_of(outcome()));
    expect_golden("configure.json", text_of(cli::json_of(outcome(), request)));
}

TEST_CASE("configure --dry-run: a patch, in which nothing is for a terminal to obey") {
    expect_golden("configure-dry-run.txt", cli::patch_of(outcome()));
}

TEST_CASE("configure where all is as it should be") {
    auto nothing = outcome();
    nothing.edits = {{.path = "/same", .before = "same\n", .after = "same\n"}};
    CHECK(cli::summary_of(nothing) == "nothing to do\n");
    CHECK(cli::patch_of(nothing).empty());
    expect_golden("configure-nothing.json", text_of(cli::json_of(nothing, request)));
}

TEST_CASE("configure for an engine that reads its config each time") {
    auto read_anew = outcome();
    read_anew.next.clear();
    CHECK(cli::summary_of(read_anew).ends_with("\nthere is nothing to restart\n"));
}
