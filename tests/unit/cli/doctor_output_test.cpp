// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/doctor_output.h"

#include "cli/printed.h"
#include "support/golden.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using doctor::Check;
using test::expect_golden;
using test::text_of;

namespace {

std::vector<Check> checks() {
    std::vector<Check> checks;
    doctor::Section node(checks, "node");
    node.add("config", "/etc/bulkhead/bulkhead.json", doctor::well());
    node.add("kernel", "Linux 6.1.0", doctor::warning("it has no quota for ext4's projects", "use XFS"));
    doctor::Section podman(checks, "podman");
    podman.add("version", "podman 4.3.1", doctor::well());
    podman.add("hooks-d.json", "/usr/share/containers/oci/hooks.d/10-bulkhead.json",
               doctor::failed("there is none\033[2J", "apt install --reinstall bulkhead"));
    podman.add("run", "a throw-away container", doctor::skipped("not asked for: --run"));
    return checks;
}

} // namespace

TEST_CASE("doctor: by engine, with a reason and a mend of what is not ok") {
    expect_golden("doctor.txt", text_of(cli::lines_of(checks(), false, false)));
    expect_golden("doctor.json", text_of(cli::json_of(checks())));
}

TEST_CASE("doctor --verbose: at what it looked") {
    expect_golden("doctor-verbose.txt", text_of(cli::lines_of(checks(), true, false)));
}

TEST_CASE("doctor: a warning is healthy, a failure is not") {
    auto some = checks();
    CHECK(cli::json_of(some)["healthy"] == false);
    std::erase_if(some, [](const Check& check) { return check.finding.verdict == doctor::Verdict::failed; });
    CHECK(cli::json_of(some)["healthy"] == true);
}

TEST_CASE("doctor, in colours: of the verdicts alone") {
    const auto lines = cli::lines_of(checks(), false, true);
    CHECK(lines.at(1) == "  ok       config");
    CHECK(lines.at(2) == "  \033[33mwarning \033[0m kernel              it has no quota for ext4's projects");
    CHECK(lines.at(6) == "  \033[31mfailed  \033[0m hooks-d.json        there is none?[2J");
    CHECK(lines.at(8) == "  \033[2mskipped \033[0m run                 not asked for: --run");
}
