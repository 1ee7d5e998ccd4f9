// SPDX-License-Identifier: Apache-2.0
// Receipts as the hook writes them, of processes that do nothing.
#include "runtime/inventory/inventory.h"

#include "runtime/ledger/segment_records.h"
#include "runtime/ledger/store.h"
#include "support/failing_call.h"
#include "support/own_machine.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>

using namespace bulkhead;
using inventory::Container;
using inventory::Guard;
using inventory::Inventory;
using inventory::Status;
using inventory::take_inventory;
using ledger::Receipt;
using ledger::Store;
using test::Findings;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);
const auto needs_mounts = doctest::skip(!test::can_mount_privately());

Receipt receipt_of(const test::IdleProcess& process, const std::string& id, const std::string& bundle) {
    Receipt receipt;
    receipt.id = id;
    receipt.bundle = bundle;
    receipt.process = sys::Process::open(process.pid())->identity();
    receipt.boot_id = sys::boot_id().value();
    return receipt;
}

struct Fixture {
    test::TemporaryDirectory directory;

    [[nodiscard]] std::string state() const { return directory.path("state"); }
    [[nodiscard]] std::string bundle(const std::string& config = "{}") const {
        directory.write("bundle/config.json", config);
        return directory.path("bundle");
    }
    void add(const Receipt& receipt) const {
        const auto entry = Store::open_or_make(state()).value().entry(receipt.id, receipt.bundle);
        static_cast<void>(entry.value().write(receipt).value());
    }
    // The one container that there is.
    [[nodiscard]] Container container(const Receipt& receipt) const {
        add(receipt);
        auto inventory = take_inventory(state()).value();
        REQUIRE(inventory.problems.empty());
        REQUIRE(inventory.containers.size() == 1);
        return inventory.containers[0];
    }
};

} // namespace

TEST_CASE("nothing was ever done on this node") {
    const test::TemporaryDirectory directory;
    const auto inventory = take_inventory(directory.path("state"));
    REQUIRE(inventory);
    CHECK(inventory->containers.empty());
    CHECK(inventory->segments.empty());
    CHECK(!directory.has("state"));
}

TEST_CASE("somebody who is not root learns why he sees nothing (not as root)" * doctest::skip(geteuid() == 0)) {
    const test::TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path("state"));
    CHECK(take_inventory(directory.path("state")).error().code == Code::internal);
}

TEST_CASE("a container that runs (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    auto receipt = receipt_of(process, "web", fixture.bundle());
    receipt.asked = {{.key = "io.bulkhead.pids-max", .value = "7"}, {.key = "FILE: defaults.shm-size", .value = "1Gi"}};
    receipt.left_out = {{.resource = oci::Resource::disk, .reason = "no quota"}};
    receipt.segments = {{.place = {.scope = "local", .name = "x"}, .path = "/x", .read_only = true}};
    const auto before = std::chrono::system_clock::now();
    const auto container = fixture.container(receipt);
    CHECK(container.id == "web");
    CHECK(container.identity.engine.empty());
    CHECK(!container.identity.name);
    CHECK(container.bundle == fixture.directory.path("bundle"));
    CHECK(container.pid == process.pid());
    CHECK(container.status == Status::running);
    REQUIRE(container.started);
    CHECK(*container.started > before - std::chrono::seconds(60));
    CHECK(*container.started < before + std::chrono::seconds(2));
    CHECK(container.guard == Guard::none);
    CHECK(!container.disk);
    REQUIRE(container.asked.size() == 2);
    CHECK(container.asked[0].key == "FILE: defaults.shm-size"); // as receipts have them, in order
    CHECK(container.asked[0].by_config);
    CHECK(!container.asked[1].by_config);
    CHECK(container.left_out.size() == 1);
    REQUIRE(container.segments.size() == 1);
    CHECK(container.segments[0].place.path() == "local/x");
    CHECK(container.segments[0].read_only);
}

TEST_CASE("one that is prepared has a runtime's process, whose own things are not the container's (root only)" *
          root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    auto receipt = receipt_of(process, "web", fixture.bundle());
    receipt.phase = ledger::Phase::prepared;
    const auto container = fixture.container(receipt);
    CHECK(container.status == Status::prepared);
    CHECK(!container.shm);
    CHECK(!container.memory);
    CHECK(!container.pids);
}

TEST_CASE("a dead process, a successor of its number and an earlier boot are gone (root only)" * root_only) {
    const Fixture fixture;
    test::IdleProcess process;
    auto receipt = receipt_of(process, "web", fixture.bundle());
    receipt.process.start_time += 1;
    auto container = fixture.container(receipt);
    CHECK(container.status == Status::gone);
    CHECK(!container.shm);
    CHECK(!container.pids);
    receipt.process.start_time -= 1;
    receipt.boot_id = "an earlier boot";
    container = fixture.container(receipt);
    CHECK(container.status == Status::gone);
    CHECK(!container.started);
    receipt.boot_id = sys::boot_id().value();
    process.end();
    receipt.phase = ledger::Phase::prepared;
    CHECK(fixture.container(receipt).status == Status::gone);
}

TEST_CASE("the guard (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    auto receipt = receipt_of(process, "web", fixture.bundle());
    const auto guard = [&](bool put_up, const std::string& why) {
        receipt.guard = {.put_up = put_up, .escapable = why};
        const auto container = fixture.container(receipt);
        CHECK(container.escapable == why);
        return container.guard;
    };
    CHECK(guard(true, "") == Guard::guarded);
    CHECK(guard(true, "why") == Guard::escapable);
    CHECK(guard(false, "why") == Guard::escapable);
    CHECK(guard(false, "") == Guard::none);
    receipt.disk = {.filesystem = "no-such-uuid", .id = 4711, .upper = "/no/such/upper"};
    CHECK(guard(false, "") == Guard::not_needed);
}

TEST_CASE("what its bundle says (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    const auto container = fixture.container(receipt_of(process, "0123", fixture.bundle(R"({"root":{"path":"rootfs"},
        "annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"web",
        "io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-name":"front"}})")));
    CHECK(container.identity.engine == "containerd");
    CHECK(container.identity.kubernetes_namespace == "shop");
    CHECK(container.identity.pod == "front");
    CHECK(container.identity.name == "web");
}

TEST_CASE("a disk that cannot be found is that container's problem alone (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    auto receipt = receipt_of(process, "web", fixture.bundle());
    receipt.disk = {.filesystem = "no-such-uuid", .id = 4711, .upper = "/no/such/upper"};
    const auto container = fixture.container(receipt);
    CHECK(container.status == Status::running);
    CHECK(!container.disk);
    REQUIRE(!container.problems.empty());
    CHECK(container.problems.back() == "disk: the disk of /no/such/upper: No such file or directory");
}

TEST_CASE("what cannot be read of a container is a problem of it (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    fixture.add(receipt_of(process, "web", fixture.bundle()));
    const test::FailingCall failing(SYS_statx, EIO); // of where /dev/shm lies
    const auto inventory = take_inventory(fixture.state()).value();
    REQUIRE(inventory.containers.size() == 1);
    REQUIRE(!inventory.containers[0].problems.empty());
    CHECK(inventory.containers[0].problems[0].starts_with("shm: "));
}

namespace {
const test::IdleProcess* ending = nullptr;

int end_it(long number) {
    if (number != SYS_statx) { // of where /dev/shm lies
        return 0;
    }
    ending->become_zombie();
    return EIO;
}
} // namespace

TEST_CASE("a container that goes while it is looked at is gone, which is no problem (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    fixture.add(receipt_of(process, "web", fixture.bundle()));
    ending = &process;
    sys::intercept(&end_it);
    const auto inventory = take_inventory(fixture.state());
    sys::intercept(nullptr);
    REQUIRE(inventory);
    REQUIRE(inventory->containers.size() == 1);
    const auto& container = inventory->containers[0];
    CHECK(container.status == inventory::Status::gone);
    CHECK(container.problems.empty());
    CHECK_FALSE(container.memory);
    CHECK_FALSE(container.pids);
}

TEST_CASE("a receipt that cannot be read is told, and the others are there, in order (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    fixture.add(receipt_of(process, "web", fixture.bundle()));
    fixture.add(receipt_of(process, "db", fixture.bundle()));
    fixture.directory.write("state/containers/db/ffff.json", "{");
    fixture.directory.write("state/containers/mail", "no directory");
    const auto inventory = take_inventory(fixture.state()).value();
    REQUIRE(inventory.containers.size() == 2);
    CHECK(inventory.containers[0].id == "db");
    CHECK(inventory.containers[1].id == "web");
    REQUIRE(inventory.problems.size() == 2);
    CHECK(inventory.problems[0].name == "containers/db");
    CHECK(inventory.problems[1].name == "containers/mail");
}

TEST_CASE("segments, with who is in them (root, mounts of its own)" * needs_mounts) {
    const auto found = test::as_init([](Findings& findings) {
        const Fixture fixture;
        findings.expect(test::mount_tmpfs(fixture.directory.path(), "run", "mode=755"), "mount");
        const test::IdleProcess process;
        const test::IdleProcess stranger;
        const policy::SegmentPlace place{.scope = "k8s/shop", .name = "feed"};
        const auto join = [&](const Receipt& receipt, bool keep) {
            auto request =
                oci::parse_request({{.key = "io.bulkhead.segment.feed", .value = "path=/x,size=1Mi"}}, "web");
            auto asked = request->segments().at(0);
            policy::SegmentPlan plan;
            plan.asked = asked;
            plan.place = place;
            plan.size = asked.options.size;
            plan.keep = keep;
            ledger::SegmentRecords records(fixture.state(), receipt, "containers/web/h.json");
            findings.expect(records.join(plan, "").has_value(), "join");
        };
        const auto web = receipt_of(process, "web", fixture.bundle());
        fixture.add(web);
        auto old = web; // of another boot, when the same numbers were another process's
        old.id = "old";
        old.boot_id = "another";
        fixture.add(old);
        join(web, true);
        join(receipt_of(stranger, "unknown", "/b"), true);
        test::write_file(fixture.state() + "/segments/k8s/shop/feed/file", std::string(5000, 'x'));
        const auto look = [&] {
            const auto inventory = take_inventory(fixture.state()).value();
            std::string text;
            for (const auto& segment : inventory.segments) {
                text += segment.place.path() + " " + std::to_string(segment.used.value) + "/" +
                        (segment.size ? std::to_string(segment.size->value) : "none") + (segment.kept ? " kept" : "") +
                        (segment.mounted ? "" : " not mounted") + ":";
                for (const auto& member : segment.members) {
                    text += " " + std::to_string(member.pid) + "=" + member.container;
                }
            }
            for (const auto& problem : inventory.problems) {
                text += problem.reason;
            }
            return text;
        };
        const auto pid = [](const test::IdleProcess& of) { return std::to_string(of.pid()); };
        findings.expect_equal(look(),
                              "k8s/shop/feed 8192/1048576 kept: " + pid(stranger) + "= " + pid(process) + "=web");
        stranger.become_zombie();
        findings.expect_equal(look(), "k8s/shop/feed 8192/1048576 kept: " + pid(process) + "=web");
        process.become_zombie();
        findings.expect_equal(look(), "k8s/shop/feed 8192/1048576 kept:");
        findings.expect(::umount2((fixture.state() + "/segments/k8s/shop/feed").c_str(), MNT_DETACH) == 0, "umount");
        findings.expect_equal(look(), "k8s/shop/feed 0/none kept not mounted:");
        ::umount2(fixture.directory.path().c_str(), MNT_DETACH);
    });
    CHECK(test::is_well(found));
    CHECK(found.substr(0, found.find_last_not_of('\n') + 1) == "");
}
