// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/counters.h"

#include "support/child.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using ledger::Counters;
using ledger::GcItem;
using ledger::read_counters;
using ledger::Store;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);

struct Fixture {
    test::TemporaryDirectory directory;
    std::string state = directory.path("state");
    std::string file = directory.path("state/counters");
    Store store = Store::open_or_make(state).value();

    // "STARTS CODE=N... releases of receipts, segments, records", without what is 0.
    [[nodiscard]] std::string counted() const {
        const auto counters = read_counters(state).value();
        auto text = std::to_string(counters.starts);
        for (const auto& [code, number] : counters.refusals) {
            text += number == 0 ? "" : " " + std::to_string(static_cast<int>(code)) + "=" + std::to_string(number);
        }
        for (const auto& [kind, number] : counters.releases) {
            text += number == 0 ? "" : " kind" + std::to_string(static_cast<int>(kind)) + "=" + std::to_string(number);
        }
        return text;
    }
};

GcItem item(GcItem::Kind kind, GcItem::Outcome outcome) {
    return {.kind = kind, .outcome = outcome, .container = "c", .name = "n", .why = ""};
}

} // namespace

TEST_CASE("each thing is counted by itself (root only)" * root_only) {
    const Fixture fixture;
    CHECK(fixture.counted() == "0");
    CHECK(read_counters(fixture.directory.path("none")).value().starts == 0);
    ledger::count_start(fixture.store);
    ledger::count_start(fixture.store);
    CHECK(fixture.counted() == "2");
    for (const auto code : {Code::invalid_annotation, Code::malformed_input, Code::unsupported, Code::internal,
                            Code::system, Code::busy, Code::not_allowed, Code::bad_config}) {
        for (int i = 0; i < static_cast<int>(code); ++i) {
            ledger::count_refusal(fixture.store, code);
        }
    }
    using Kind = GcItem::Kind;
    using Outcome = GcItem::Outcome;
    ledger::count_releases(fixture.store,
                           {item(Kind::receipt, Outcome::released), item(Kind::receipt, Outcome::kept),
                            item(Kind::disk_record, Outcome::forgotten), item(Kind::segment, Outcome::released),
                            item(Kind::segment, Outcome::failed), item(Kind::segment, Outcome::released),
                            item(Kind::disk_record, Outcome::released), item(Kind::disk_record, Outcome::released),
                            item(Kind::disk_record, Outcome::released)},
                           {.disks = 4, .segments = 5});
    CHECK(fixture.counted() == "2 64=64 65=65 69=69 70=70 71=71 75=75 77=77 78=78 kind0=1 kind2=7 kind1=7");
    CHECK(std::filesystem::file_size(fixture.file) <= 256);
    struct stat status{};
    REQUIRE(::stat(fixture.file.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == 0600);
}

TEST_CASE("many at once: what they counted, but for what two did at the same moment (root only)" * root_only) {
    constexpr std::uint64_t processes = 8;
    constexpr std::uint64_t each = 200;
    const Fixture fixture;
    std::vector<pid_t> children;
    for (std::uint64_t i = 0; i < processes; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            for (std::uint64_t n = 0; n < each; ++n) {
                ledger::count_start(fixture.store);
                ledger::count_refusal(fixture.store, Code::busy);
                ::usleep(100);
            }
            ::_exit(0);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        CHECK(test::wait_for(child) == 0);
    }
    const auto counters = read_counters(fixture.state).value();
    CHECK(counters.starts <= processes * each);
    CHECK(counters.starts > 0); // who is interrupted with the lock held loses the others' counts: no more is sure
    CHECK(counters.refusals.at(5).second <= processes * each);
    CHECK(counters.refusals.at(5).second > 0);
}

TEST_CASE("nobody waits: a count while the file is locked is lost (root only)" * root_only) {
    const Fixture fixture;
    ledger::count_start(fixture.store);
    const UniqueFd holder(::open(fixture.file.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(::flock(holder.borrow().number(), LOCK_EX) == 0);
    const auto began = std::chrono::steady_clock::now();
    ledger::count_start(fixture.store);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds(100));
    CHECK(fixture.counted() == "1");
}

TEST_CASE("failing to count is nobody's error (root only)" * root_only) {
    const Fixture fixture;
    for (const long number : {long{SYS_openat}, long{SYS_flock}, long{SYS_pread64}, long{SYS_pwrite64}}) {
        const test::FailingCall failing(number, ENOSPC);
        ledger::count_start(fixture.store);
        CHECK(test::FailingCall::seen() > 0);
    }
    CHECK(fixture.counted() == "0");
}

TEST_CASE("a file of counters that is somebody else's is neither written nor believed (root only)" * root_only) {
    const Fixture fixture;
    const auto elsewhere = fixture.directory.path("elsewhere");
    test::write_file(elsewhere, "mine");
    std::filesystem::create_symlink(elsewhere, fixture.file);
    ledger::count_start(fixture.store);
    CHECK(test::read_file(elsewhere) == "mine");
    CHECK(!read_counters(fixture.state));
    std::filesystem::remove(fixture.file);
    test::write_file(fixture.file, "12345678");
    REQUIRE(::chmod(fixture.file.c_str(), 0622) == 0);
    ledger::count_start(fixture.store);
    CHECK(test::read_file(fixture.file) == "12345678");
    CHECK(read_counters(fixture.state).error().code == Code::internal);
    std::filesystem::remove(fixture.file);
    REQUIRE(::mkfifo(fixture.file.c_str(), 0600) == 0);
    ledger::count_start(fixture.store); // and does not wait for its other end
    CHECK(!read_counters(fixture.state));
}

TEST_CASE("a file that ends in the middle of a number is as good as none there (root only)" * root_only) {
    const Fixture fixture;
    test::write_file(fixture.file, std::string(11, '\0'));
    REQUIRE(::chmod(fixture.file.c_str(), 0600) == 0);
    CHECK(fixture.counted() == "0");
    ledger::count_start(fixture.store);
    CHECK(fixture.counted() == "1");
}
