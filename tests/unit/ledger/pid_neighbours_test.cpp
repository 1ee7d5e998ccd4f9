// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/pid_neighbours.h"

#include "runtime/ledger/store.h"
#include "support/child.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <unistd.h>

using namespace bulkhead;
using ledger::Receipt;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);

struct Fixture {
    test::TemporaryDirectory directory;
    std::string state_dir = directory.path("state");
    ledger::Store store = ledger::Store::open_or_make(state_dir).value();
    test::IdleProcess process;

    // One that lives, in the pid namespace of this program.
    [[nodiscard]] Receipt receipt(const std::string& id, std::optional<ledger::GuardRecord> guard) const {
        return receipt_of(process, id, std::move(guard));
    }
    [[nodiscard]] static Receipt receipt_of(const test::IdleProcess& process, const std::string& id,
                                            std::optional<ledger::GuardRecord> guard) {
        Receipt receipt;
        receipt.id = id;
        receipt.bundle = "/" + id;
        receipt.process = sys::Process::open(process.pid())->identity();
        receipt.boot_id = sys::boot_id().value();
        receipt.guard = std::move(guard);
        return receipt;
    }
    void write(const Receipt& receipt) const { CHECK(store.entry(receipt.id, receipt.bundle)->write(receipt)); }
    [[nodiscard]] ledger::PidNeighbours neighbours(oci::PidNamespace kind, const std::string& path) const {
        oci::Confinement confinement;
        confinement.pid = kind;
        confinement.pid_path = path;
        return ledger::pid_neighbours(confinement, state_dir);
    }
    [[nodiscard]] std::vector<Receipt> neighbours() const {
        return neighbours(oci::PidNamespace::joined, "/proc/self/ns/pid").receipts;
    }
};

} // namespace

TEST_CASE("neighbours are those that live in the pid namespace that is joined (root only)" * root_only) {
    const Fixture fixture;
    CHECK(fixture.neighbours().empty());
    fixture.write(fixture.receipt("one", ledger::GuardRecord{.put_up = true, .escapable = ""}));
    auto gone = fixture.receipt("gone", std::nullopt);
    ++gone.process.start_time;
    fixture.write(gone);
    REQUIRE(fixture.neighbours().size() == 1);
    CHECK(fixture.neighbours()[0].id == "one");
    CHECK(ledger::any_guarded({.receipts = fixture.neighbours()}));
    CHECK(!ledger::any_guarded({}));
    fixture.write(fixture.receipt("two", std::nullopt));
    CHECK(fixture.neighbours().size() == 2);
    CHECK(fixture.neighbours(oci::PidNamespace::own, "").receipts.empty());
    CHECK(fixture.neighbours(oci::PidNamespace::joined, "/proc/self/ns/net").receipts.empty());
    CHECK(fixture.neighbours(oci::PidNamespace::joined, fixture.directory.path("none")).receipts.empty());
}

TEST_CASE("all are guarded, where the one that made the namespace is known and is so (root only)" * root_only) {
    CHECK(test::in_child([](test::Findings& findings) {
              const Fixture fixture; // its own process is outside
              findings.expect(::unshare(CLONE_NEWPID) == 0, "unshare");
              const test::IdleProcess owner;
              const test::IdleProcess second;
              const std::optional<ledger::GuardRecord> guarded{{.put_up = true, .escapable = ""}};
              const auto all_guarded = [&] {
                  return ledger::all_guarded(fixture.neighbours(oci::PidNamespace::joined,
                                                                "/proc/" + std::to_string(owner.pid()) + "/ns/pid"));
              };
              findings.expect(!all_guarded(), "nobody is known");
              fixture.write(Fixture::receipt_of(second, "second", guarded));
              findings.expect(!all_guarded(), "the owner is not known");
              fixture.write(Fixture::receipt_of(owner, "owner", guarded));
              findings.expect(all_guarded() == true, "both are guarded");
              fixture.write(Fixture::receipt_of(owner, "owner", ledger::GuardRecord{.put_up = true, .escapable = "x"}));
              findings.expect(all_guarded() == false, "somebody without the guard has joined the owner");
              fixture.write(Fixture::receipt_of(owner, "owner", guarded));
              fixture.write(Fixture::receipt_of(second, "second", std::nullopt));
              findings.expect(all_guarded() == false, "one is not guarded");
              fixture.write(Fixture::receipt_of(second, "second", guarded));
              fixture.write(Fixture::receipt_of(owner, "owner", std::nullopt));
              findings.expect(all_guarded() == false, "the owner is not guarded");
          }) == "");
}

TEST_CASE("without a state directory there are none") {
    oci::Confinement confinement;
    confinement.pid = oci::PidNamespace::joined;
    confinement.pid_path = "/proc/self/ns/pid";
    CHECK(ledger::pid_neighbours(confinement, "/nowhere").receipts.empty());
}

TEST_CASE("a guarded container's receipt is marked once, and no other (root only)" * root_only) {
    const Fixture fixture;
    const auto limited = fixture.receipt("limited", ledger::GuardRecord{.put_up = true, .escapable = ""});
    const auto mark = [&](const Receipt& receipt) { return ledger::mark_escapable(fixture.state_dir, receipt, "why"); };
    CHECK(mark(limited) == false); // has none
    fixture.write(fixture.receipt("limited", std::nullopt));
    CHECK(mark(limited) == false); // is not guarded
    fixture.write(limited);
    auto other = limited;
    ++other.process.start_time;
    CHECK(mark(other) == false); // of an earlier container
    CHECK(mark(limited) == true);
    CHECK(fixture.store.receipts_of("limited")->at(0).guard->escapable == "why");
    CHECK(mark(limited) == false);
}
