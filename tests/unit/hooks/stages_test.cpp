// SPDX-License-Identifier: Apache-2.0
// The stages and their receipts, with a process that is taken for a container's and without walls to put up.
#include "hooks/stages.h"

#include "runtime/ledger/store.h"
#include "runtime/sys/process.h"
#include "support/child.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using hook::Arguments;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);

struct Fixture {
    test::TemporaryDirectory directory;
    Arguments arguments{.config = directory.path("no-config"), .state_dir = directory.path("state"), .stage = {}};
    ledger::Store store = ledger::Store::open_or_make(arguments.state_dir).value();
    test::IdleProcess process;

    [[nodiscard]] oci::State state(oci::Status status = oci::Status::stopped) const {
        return {.id = "web", .status = status, .pid = process.pid(), .bundle = directory.path("bundle")};
    }
    [[nodiscard]] ledger::Receipt receipt() const {
        ledger::Receipt receipt;
        receipt.id = "web";
        receipt.bundle = directory.path("bundle");
        receipt.process = sys::Process::open(process.pid())->identity();
        receipt.boot_id = sys::boot_id().value();
        return receipt;
    }
    void write(const ledger::Receipt& receipt) const { CHECK(store.entry("web", receipt.bundle)->write(receipt)); }
    [[nodiscard]] Result<void> create(const hook::Report& report) const {
        hook::NodeConfig node(arguments.config);
        return hook::create_runtime(state(oci::Status::created), arguments, node, report);
    }
    [[nodiscard]] bool has_receipt() const { return directory.has("state/containers/web"); }
};

} // namespace

TEST_CASE("poststop: no state directory and no receipt are success") {
    const test::TemporaryDirectory directory;
    const Arguments arguments{.config = "/x", .state_dir = directory.path("state"), .stage = {}};
    CHECK(hook::poststop({.id = "web", .status = oci::Status::stopped, .pid = {}, .bundle = "/b"}, arguments));
    CHECK(!directory.has("state"));
}

TEST_CASE("poststop: the receipt of a container that is gone goes, and once more is no harm (root only)" * root_only) {
    const Fixture fixture;
    fixture.write(fixture.receipt());
    fixture.process.become_zombie();
    CHECK(hook::poststop(fixture.state(), fixture.arguments));
    CHECK(!fixture.has_receipt());
    CHECK(hook::poststop(fixture.state(), fixture.arguments));
    CHECK(!fixture.directory.has("state/containers/web"));
}

TEST_CASE("poststop: a successor of the same id that lives is left alone (root only)" * root_only) {
    const Fixture fixture;
    fixture.write(fixture.receipt());
    CHECK(hook::poststop(fixture.state(), fixture.arguments));
    CHECK(fixture.has_receipt());
}

TEST_CASE("poststop: a container whose main thread alone ended is waited for, and left alone if it stays (root only)" *
          root_only) {
    for (const bool killed : {false, true}) {
        CAPTURE(killed);
        Fixture fixture;
        test::IdleProcess process(test::IdleProcess::keep_a_thread);
        auto receipt = fixture.receipt();
        receipt.process = sys::Process::open(process.pid())->identity();
        fixture.write(receipt);
        process.end_main_thread();
        while (!sys::Process::open(process.pid())->main_thread_ended()) {
            sys::pause(std::chrono::milliseconds(1));
        }
        const pid_t killer = killed ? ::fork() : -1;
        if (killer == 0) { // as a runtime does that is not done yet
            sys::pause(std::chrono::milliseconds(200));
            ::kill(process.pid(), SIGKILL);
            ::_exit(0);
        }
        CHECK(hook::poststop(fixture.state(), fixture.arguments));
        CHECK(fixture.has_receipt() != killed);
        if (killed) {
            test::wait_for(killer);
        }
    }
}

TEST_CASE("poststop: a receipt of another boot, or of another process of that number, goes (root only)" * root_only) {
    const Fixture fixture;
    auto receipt = fixture.receipt();
    receipt.boot_id = "another";
    fixture.write(receipt);
    CHECK(hook::poststop(fixture.state(), fixture.arguments));
    CHECK(!fixture.has_receipt());
    receipt = fixture.receipt();
    receipt.process.start_time += 1;
    fixture.write(receipt);
    CHECK(hook::poststop(fixture.state(), fixture.arguments));
    CHECK(!fixture.has_receipt());
}

TEST_CASE("poststop: a receipt of another bundle stays (root only)" * root_only) {
    const Fixture fixture;
    auto receipt = fixture.receipt();
    receipt.boot_id = "another";
    receipt.bundle = "/another/bundle";
    fixture.write(receipt);
    CHECK(hook::poststop(fixture.state(), fixture.arguments));
    CHECK(fixture.has_receipt());
}

TEST_CASE("poststop: what cannot be known or read stays for gc (root only)" * root_only) {
    const Fixture fixture;
    fixture.write(fixture.receipt());
    {
        const test::FailingCall failing(SYS_fstatfs, EIO); // is its process alive?
        CHECK(hook::poststop(fixture.state(), fixture.arguments).error().number == EIO);
    }
    CHECK(fixture.has_receipt());
    const auto folder = fixture.directory.path("state/containers/web");
    const auto file = std::filesystem::directory_iterator(folder)->path();
    test::write_file(file, "{");
    CHECK(hook::poststop(fixture.state(), fixture.arguments).error().code == Code::internal);
    CHECK(std::filesystem::exists(file));
}

TEST_CASE("poststop: what the shim prepared is handed to a process that was restored, and to no older one (root only)" *
          root_only) {
    const auto a_tick = std::chrono::milliseconds(30); // start times are counted in 10 ms
    const test::IdleProcess older;
    sys::pause(a_tick);
    const Fixture fixture; // its process is the runtime that the shim has become
    sys::pause(a_tick);
    const test::IdleProcess restored;
    auto receipt = fixture.receipt();
    receipt.phase = ledger::Phase::prepared;
    fixture.write(receipt);
    const auto after = [&](std::optional<pid_t> pid) {
        auto state = fixture.state();
        state.pid = pid;
        CHECK(hook::poststop(state, fixture.arguments));
        return fixture.store.receipts_of("web")->at(0);
    };
    for (const auto pid : {std::optional<pid_t>(), std::optional<pid_t>(0), std::optional<pid_t>(older.pid())}) {
        CAPTURE(pid.value_or(-1));
        CHECK(after(pid).phase == ledger::Phase::prepared);
        CHECK(after(pid).process == receipt.process);
    }
    CHECK(after(restored.pid()).phase == ledger::Phase::running);
    CHECK(after(restored.pid()).process.pid == restored.pid());
}

TEST_CASE("createRuntime: a second run for the same process changes nothing (root only)" * root_only) {
    const Fixture fixture;
    fixture.directory.write("bundle/config.json",
                            R"({"root":{"path":"rootfs"},"annotations":{"io.bulkhead.shm-size":"1Mi"}})");
    auto receipt = fixture.receipt();
    receipt.asked = {{"io.bulkhead.shm-size", "as it was"}};
    fixture.write(receipt);
    const hook::Report report(fixture.arguments.state_dir);
    CHECK(fixture.create(report));
    CHECK(fixture.store.entry("web", receipt.bundle)->read().value()->asked[0].value == "as it was");
}

TEST_CASE("createRuntime: another container of this id that lives is busy (root only)" * root_only) {
    const Fixture fixture;
    fixture.directory.write("bundle/config.json",
                            R"({"root":{"path":"rootfs"},"annotations":{"io.bulkhead.shm-size":"1Mi"}})");
    const test::IdleProcess other;
    auto receipt = fixture.receipt();
    receipt.process = sys::Process::open(other.pid())->identity();
    fixture.write(receipt);
    const hook::Report report(fixture.arguments.state_dir);
    const auto refused = fixture.create(report);
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::busy);
    CHECK(refused.error().what == "another container of this id and bundle is running (process " +
                                      std::to_string(other.pid()) + "); stop it first");
    CHECK(fixture.has_receipt());
}

TEST_CASE("createRuntime: what fails leaves no receipt, a dead predecessor's included (root only)" * root_only) {
    const Fixture fixture;
    fixture.directory.write("bundle/config.json",
                            R"({"root":{"path":"rootfs"},"annotations":{"io.bulkhead.shm-size":"1Mi"}})");
    auto receipt = fixture.receipt();
    receipt.boot_id = "another";
    fixture.write(receipt);
    const hook::Report report(fixture.arguments.state_dir);
    const auto refused = fixture.create(report);
    REQUIRE(!refused); // there is no root file system
    CHECK(refused.error().what == "io.bulkhead.shm-size=\"1Mi\": container root: open " +
                                      fixture.directory.path("bundle/rootfs") + ": No such file or directory");
    CHECK(!fixture.has_receipt());
}

TEST_CASE("createRuntime: a container that the shim only guards has its receipt from then on (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess runtime;
    for (const std::string annotations : {"", R"("io.kubernetes.cri.container-type":"sandbox")"}) {
        fixture.directory.write("bundle/config.json",
                                R"({"root":{"path":"rootfs"},"annotations":{)" + annotations + "}}");
        auto receipt = fixture.receipt();
        receipt.process = sys::Process::open(runtime.pid())->identity();
        receipt.phase = ledger::Phase::prepared;
        receipt.guard = ledger::GuardRecord{.put_up = true, .escapable = "x"};
        fixture.write(receipt);
        CHECK(fixture.create(hook::Report(fixture.arguments.state_dir)));
        const auto running = fixture.store.entry("web", receipt.bundle)->read().value();
        REQUIRE(running);
        CHECK(running->phase == ledger::Phase::running);
        CHECK(running->process == fixture.receipt().process);
        REQUIRE(running->guard);
        CHECK(running->guard->put_up);
        CHECK(running->guard->escapable == "x");
    }
}

TEST_CASE("createRuntime: what fails leaves nothing of what the shim prepared (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess runtime;
    fixture.directory.write("bundle/config.json",
                            R"({"root":{"path":"rootfs"},"annotations":{"io.bulkhead.shm-size":"1Mi"}})");
    auto receipt = fixture.receipt();
    receipt.process = sys::Process::open(runtime.pid())->identity();
    receipt.phase = ledger::Phase::prepared;
    fixture.write(receipt);
    CHECK(!fixture.create(hook::Report(fixture.arguments.state_dir))); // there is no root file system
    CHECK(!fixture.has_receipt());
}
