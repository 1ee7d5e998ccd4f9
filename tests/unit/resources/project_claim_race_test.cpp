// SPDX-License-Identifier: Apache-2.0
// Claims of the same ids at the same time, on a disk with project quotas.
#include "runtime/resources/project_claim.h"

#include "runtime/sys/call.h"
#include "support/fake_layer.h"

#include <doctest/doctest.h>
#include <set>
#include <sys/syscall.h>
#include <vector>

using namespace bulkhead;
using resources::claim_project_id;
using resources::IdSearch;
using sys::ProjectId;
using test::Disk;
using test::DiskKind;
using test::FakeBook;
using test::FakeLayer;
using test::Findings;
using test::label_at;
using test::needs_xfs_quota;
using test::on_layer;
using test::set_label;

namespace {

constexpr IdSearch few{.first = 100, .last = 102, .downwards = false};

std::string rival;
int looks = 0;
// Between our labelling and our second look another process takes the same id.
int take_it_too(long number) {
    if (number == SYS_quotactl_fd && ++looks == 2) {
        static_cast<void>(set_label(rival, {.id = few.first, .inherit = true}));
    }
    return 0;
}

} // namespace

TEST_CASE("an id that two claim at the same time is neither's (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              const auto layer = fake.get();
              rival = disk.path("rival");
              std::filesystem::create_directory(rival);
              looks = 0;
              sys::intercept(&take_it_too);
              const auto claimed = claim_project_id(layer, few, book);
              sys::intercept(nullptr);
              findings.expect_equal(label_at(rival), "100+");
              findings.expect(claimed == ProjectId{101}, "ours");
              findings.expect_equal(label_at(fake.path("diff")), "101+");
          }) == "");
}

namespace {

constexpr int racers = 8;
constexpr int rounds = 20;

// What each of many processes claims at once; 0 where it got none.
std::vector<ProjectId> race(Findings& findings, std::vector<FakeLayer>& fakes, const IdSearch& search) {
    std::vector<pid_t> children;
    for (auto& fake : fakes) {
        children.push_back(::fork());
        if (children.back() == 0) {
            FakeBook book;
            const auto layer = fake.get();
            const auto claimed = claim_project_id(layer, search, book);
            const bool none = !claimed && claimed.error().code != Code::busy;
            ::_exit(none ? 255 : static_cast<int>(claimed.value_or(0)));
        }
    }
    std::vector<ProjectId> claimed;
    for (const pid_t child : children) {
        const int status = test::wait_for(child);
        const auto id = WIFEXITED(status) ? static_cast<ProjectId>(WEXITSTATUS(status)) : 255;
        findings.expect(id != 255, "a racer failed");
        if (id != 0) {
            claimed.push_back(id);
        }
    }
    return claimed;
}

} // namespace

TEST_CASE("many processes that claim few ids at once: none has two owners (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(test::on_disk(DiskKind::xfs, "prjquota", [](Findings& findings, Disk& disk) {
              std::vector<FakeLayer> fakes;
              for (int racer = 0; racer < racers; ++racer) {
                  fakes.emplace_back(disk, "layer" + std::to_string(racer));
                  findings.expect(fakes.back().mount(), "overlay");
              }
              std::size_t winners = 0;
              for (int round = 0; round < rounds; ++round) {
                  for (const auto& fake : fakes) {
                      findings.expect(set_label(fake.path("diff"), {}), "reset");
                  }
                  const auto claimed = race(findings, fakes, few);
                  const std::set<ProjectId> different(claimed.begin(), claimed.end());
                  findings.expect(different.size() == claimed.size(), "an id has two owners");
                  std::multiset<std::string> labels;
                  for (const auto& fake : fakes) {
                      labels.insert(label_at(fake.path("diff")));
                  }
                  for (const auto id : claimed) {
                      findings.expect(labels.count(std::to_string(id) + "+") == 1, "its label is not there once");
                  }
                  findings.expect(labels.count("0") == racers - claimed.size(), "a loser kept a label");
                  winners += claimed.size();
              }
              findings.expect(winners >= rounds, "hardly anybody won: " + std::to_string(winners));
          }) == "");
}
