// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/store.h"

#include "runtime/sys/file.h"
#include "support/child.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <chrono>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using ledger::Receipt;
using ledger::Store;
using test::TemporaryDirectory;

namespace {

constexpr const char* bundle = "/run/bundle";

const auto root_only = doctest::skip(geteuid() != 0);

Receipt receipt(const std::string& id = "web", const std::string& of = bundle) {
    Receipt receipt;
    receipt.id = id;
    receipt.bundle = of;
    receipt.boot_id = "boot";
    return receipt;
}

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

// A store in a directory that is not there yet.
struct Fixture {
    TemporaryDirectory directory;
    std::string state = directory.path("state");
    Store store = Store::open_or_make(state).value();

    [[nodiscard]] std::vector<std::string> files(const std::string& below = "containers/web") const {
        std::vector<std::string> names;
        const auto path = state + "/" + below;
        if (std::filesystem::exists(path)) {
            for (const auto& entry : std::filesystem::directory_iterator(path)) {
                names.push_back(entry.path().filename().string());
            }
        }
        return names;
    }
};

} // namespace

TEST_CASE("short_hash is FNV-1a with 64 bits") {
    CHECK(ledger::short_hash("") == 0xcbf29ce484222325U);
    CHECK(ledger::short_hash("a") == 0xaf63dc4c8601ec8cU);
    CHECK(ledger::short_hash("foobar") == 0x85944171f73967e8U);
    CHECK(ledger::short_hash("\xff") == 0xaf64724c8602eb6eU);
}

TEST_CASE("a store that was never made is none, and opening makes none") {
    const TemporaryDirectory directory;
    CHECK(!Store::open(directory.path("state")).value());
    CHECK(!directory.has("state"));
    CHECK(Store::open_or_make(directory.path("no/state")).error().number == ENOENT);
    const test::FailingCall failing(SYS_openat, EIO);
    CHECK(Store::open(directory.path("state")).error().number == EIO);
}

TEST_CASE("somebody else's directory is refused (not as root)" * doctest::skip(geteuid() == 0)) {
    const TemporaryDirectory directory;
    const auto store = Store::open_or_make(directory.path("state"));
    REQUIRE(!store);
    CHECK(store.error().code == Code::internal);
}

TEST_CASE("directories are made with mode 0700, whatever the umask (root only)" * root_only) {
    const auto umask = ::umask(0);
    const Fixture fixture;
    const auto entry = fixture.store.entry("web", bundle);
    ::umask(umask);
    REQUIRE(entry);
    CHECK(mode_of(fixture.state) == 0700);
    CHECK(mode_of(fixture.state + "/containers") == 0700);
    CHECK(mode_of(fixture.state + "/containers/web") == 0700);
    REQUIRE(entry->write(receipt()));
    REQUIRE(fixture.files().size() == 1);
    CHECK(mode_of(fixture.state + "/containers/web/" + fixture.files()[0]) == 0600);
    CHECK(Store::open(fixture.state).value().has_value());
}

TEST_CASE("a state directory that is not root's alone is refused (root only)" * root_only) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path("state"));
    REQUIRE(::chmod(directory.path("state").c_str(), 0770) == 0);
    CHECK(Store::open_or_make(directory.path("state")).error().code == Code::internal);
    CHECK(Store::open(directory.path("state")).error().code == Code::internal);
}

TEST_CASE("a symlink in place of the state directory is refused (root only)" * root_only) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path("target"));
    std::filesystem::create_directory_symlink("target", directory.path("link"));
    CHECK(Store::open_or_make(directory.path("link")).error().number == ENOTDIR);
    CHECK(Store::open(directory.path("link")).error().number == ENOTDIR);
}

TEST_CASE("an entry: nothing, written, read, removed without a trace (root only)" * root_only) {
    const Fixture fixture;
    {
        const auto entry = fixture.store.entry("web", bundle);
        REQUIRE(entry);
        CHECK(!entry->read().value());
        REQUIRE(entry->write(receipt()));
        CHECK(entry->read().value()->bundle == bundle);
        auto changed = receipt();
        changed.boot_id = "other";
        REQUIRE(entry->write(changed));
        CHECK(entry->read().value()->boot_id == "other");
        CHECK(fixture.files().size() == 1);
    }
    const auto again = fixture.store.existing_entry("web", bundle);
    REQUIRE((again && *again));
    CHECK((*again)->read().value()->boot_id == "other");
    test::write_file(fixture.state + "/containers/web/" + sys::temporary_name(fixture.files()[0]), "of a killed one");
    REQUIRE((*again)->remove());
    CHECK(fixture.files("containers").empty());
    CHECK(fixture.files("") == std::vector<std::string>{"containers"});
}

TEST_CASE("removing an entry that has no receipt, or has none any more, is success (root only)" * root_only) {
    const Fixture fixture;
    const auto entry = fixture.store.entry("web", bundle);
    CHECK(entry->remove());
    CHECK(entry->remove());
    CHECK(fixture.files("containers").empty());
}

TEST_CASE("leftovers are of an id that has no receipt by now (root only)" * root_only) {
    const Fixture fixture;
    REQUIRE(fixture.store.entry("web", bundle).value().write(receipt()));
    test::write_file(fixture.state + "/containers/web/.x.json.tmp", "of a killed one");
    REQUIRE(fixture.store.remove_leftovers("web"));
    CHECK(fixture.store.receipts_of("web")->size() == 1);
    CHECK(fixture.files().size() == 2);
    REQUIRE(fixture.store.entry("web", bundle).value().remove());
    REQUIRE(fixture.store.remove_leftovers("web"));
    CHECK(fixture.files("containers").empty());
}

TEST_CASE("existing_entry makes nothing (root only)" * root_only) {
    const Fixture fixture;
    CHECK(!fixture.store.existing_entry("web", bundle).value());
    CHECK(fixture.files("").empty());
    std::filesystem::create_directory(fixture.state + "/containers");
    CHECK(!fixture.store.existing_entry("web", bundle).value());
    CHECK(fixture.files("containers").empty());
    std::filesystem::create_directory_symlink("/tmp", fixture.state + "/containers/web");
    CHECK(fixture.store.existing_entry("web", bundle).error().number == ENOTDIR);
}

TEST_CASE("two bundles of one id have a receipt each (root only)" * root_only) {
    const Fixture fixture;
    for (const std::string of : {"/one", "/two"}) {
        REQUIRE(fixture.store.entry("web", of)->write(receipt("web", of)));
    }
    CHECK(fixture.files().size() == 2);
    CHECK(fixture.store.entry("web", "/one")->read().value()->bundle == "/one");
    CHECK(!fixture.store.entry("web", "/three")->read().value());
    REQUIRE(fixture.store.entry("web", "/one")->remove());
    CHECK(fixture.files().size() == 1);
    CHECK(fixture.store.entry("web", "/two")->read().value()->bundle == "/two");
    REQUIRE(fixture.store.entry("web", "/three")->remove());
    CHECK(fixture.files().size() == 1);
    REQUIRE(fixture.store.entry("web", "/two")->remove());
    CHECK(fixture.files("containers").empty());
}

TEST_CASE("a receipt that is damaged or somebody else's is an error with its name (root only)" * root_only) {
    const Fixture fixture;
    const auto entry = fixture.store.entry("web", bundle);
    REQUIRE(entry->write(receipt()));
    const auto name = fixture.files()[0];
    const auto path = fixture.state + "/containers/web/" + name;
    test::write_file(path, "{");
    auto read = entry->read();
    REQUIRE(!read);
    CHECK(read.error().code == Code::internal);
    CHECK(read.error().what ==
          "receipt " + path + ": JSON is malformed or cut off; remove it when its container is gone");
    test::write_file(path, std::string((256UL << 10U) + 1, ' '));
    CHECK(entry->read().error().code == Code::internal);
    REQUIRE(::chmod(path.c_str(), 0620) == 0);
    CHECK(entry->read().error().what ==
          "receipt: " + fixture.state + "/containers/web: " + path +
              " is not root's alone to write; find out who changed it, then chown root and chmod go-w it");
    REQUIRE((::chmod(path.c_str(), 0600) == 0 && ::chown(path.c_str(), 1234, 0) == 0));
    CHECK(entry->read().error().code == Code::internal);
    std::filesystem::remove(path);
    std::filesystem::create_symlink("/etc/passwd", path);
    CHECK(entry->read().error().number == ELOOP);
    REQUIRE(entry->remove()); // the symlink, not what it points to
    CHECK(std::filesystem::exists("/etc/passwd"));
}

TEST_CASE("a receipt of another container in our place is refused (root only)" * root_only) {
    const Fixture fixture;
    const auto entry = fixture.store.entry("web", bundle);
    REQUIRE(entry);
    for (const auto& other : {receipt("other"), receipt("web", "/run/other")}) {
        REQUIRE(entry->write(other));
        const auto read = entry->read();
        REQUIRE(!read);
        CHECK(read.error().code == Code::internal);
        CHECK(read.error().what.contains("is another container's; remove it"));
    }
}

TEST_CASE("reading a receipt does not hang on a FIFO (root only)" * root_only) {
    const Fixture fixture;
    const auto entry = fixture.store.entry("web", bundle);
    REQUIRE(entry->write(receipt()));
    const auto path = fixture.state + "/containers/web/" + fixture.files()[0];
    std::filesystem::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    ::alarm(30);
    CHECK(!entry->read());
    ::alarm(0);
}

TEST_CASE("a failing write leaves the old receipt (root only)" * root_only) {
    const Fixture fixture;
    const auto entry = fixture.store.entry("web", bundle);
    REQUIRE(entry->write(receipt()));
    auto changed = receipt();
    changed.boot_id = "other";
    for (const long number : {long{SYS_openat}, long{SYS_write}, long{SYS_renameat2}}) {
        const test::FailingCall failing(number, ENOSPC);
        const auto written = entry->write(changed);
        REQUIRE(!written);
        CHECK(written.error().number == ENOSPC);
        CHECK(written.error().what.starts_with("receipt: " + fixture.state + "/containers/web: "));
    }
    CHECK(entry->read().value()->boot_id == "boot");
    CHECK(fixture.files().size() == 1);
    const test::FailingCall failing(SYS_unlinkat, EROFS);
    CHECK(entry->remove().error().number == EROFS);
}

TEST_CASE("one process at a time has an id (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess holder([&] {
        static auto entry = fixture.store.entry("web", bundle); // lives as long as the process
        return entry.has_value();
    });
    REQUIRE(holder.ready());
    CHECK(fixture.store.entry("other", bundle));
    const auto begin = std::chrono::steady_clock::now();
    const auto refused = fixture.store.entry("web", "/another/bundle");
    const auto waited = std::chrono::steady_clock::now() - begin;
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::busy);
    CHECK(waited >= std::chrono::milliseconds(2500));
    CHECK(fixture.store.existing_entry("web", bundle).error().code == Code::busy);
    holder.become_zombie();
    CHECK(fixture.store.entry("web", bundle));
}

namespace {
// Writes, reads and removes a receipt again and again, as createRuntime and poststop would; what went wrong, or "".
std::string come_and_go(const Store& store, const std::string& mine) {
    for (int round = 0; round < 100; ++round) {
        {
            const auto entry = store.entry("web", mine);
            const auto written = entry ? entry->write(receipt("web", mine)) : std::unexpected(entry.error());
            if (!written) {
                return "entry or write: " + written.error().what;
            }
        }
        const auto entry = store.existing_entry("web", mine);
        const auto read = entry && *entry ? (*entry)->read() : Result<std::optional<Receipt>>(std::nullopt);
        if (!read || !*read || (*read)->bundle != mine) {
            return "read: " + (entry ? "the receipt is lost" : entry.error().what);
        }
        if (const auto removed = (*entry)->remove(); !removed) {
            return "remove: " + removed.error().what;
        }
    }
    return "";
}
} // namespace

TEST_CASE("many processes at once lose nothing and leave nothing (root only)" * root_only) {
    const Fixture fixture;
    const std::string all = test::in_child([&](test::Findings& findings) { // its children share the findings
        std::vector<pid_t> children;
        for (int child = 0; child < 8; ++child) {
            children.push_back(::fork());
            if (children.back() == 0) {
                const auto wrong = come_and_go(fixture.store, "/bundle/" + std::to_string(child));
                findings.expect_equal(wrong, "");
                ::_exit(0);
            }
        }
        for (const pid_t child : children) {
            test::wait_for(child);
        }
    });
    CHECK(all == "");
    CHECK(fixture.files("containers").empty());
}

namespace {

std::string doomed_directory;
long doomed_before = 0; // the number of a system call
int removals_left = 0;

// Another process removes the entry's directory while we are at work on it.
int remove_meanwhile(long number) {
    if (number == doomed_before && removals_left > 0 && ::rmdir(doomed_directory.c_str()) == 0) {
        --removals_left;
    }
    return 0;
}

void check_made_anew(long before_call) {
    const Fixture fixture;
    doomed_directory = fixture.state + "/containers/web";
    doomed_before = before_call;
    removals_left = 3;
    sys::intercept(&remove_meanwhile);
    const auto entry = fixture.store.entry("web", bundle);
    sys::intercept(nullptr);
    REQUIRE(entry);
    CHECK(removals_left == 0);
    REQUIRE(entry->write(receipt()));
    CHECK(fixture.files().size() == 1);
}

} // namespace

TEST_CASE("an entry whose directory goes before it is locked is made anew (root only)" * root_only) {
    check_made_anew(SYS_flock);
}

TEST_CASE("an entry whose directory goes before it is opened is made anew (root only)" * root_only) {
    check_made_anew(SYS_openat);
}

TEST_CASE("the receipts of an id are read though somebody has it (root only)" * root_only) {
    const Fixture fixture;
    CHECK(fixture.store.receipts_of("web")->empty());
    {
        const auto entry = fixture.store.entry("web", bundle);
        REQUIRE(entry);
        CHECK(fixture.store.receipts_of("web")->empty());
        REQUIRE(entry->write(receipt()));
    }
    REQUIRE(fixture.store.entry("web", "/another")->write(receipt("web", "/another")));
    const auto held = fixture.store.entry("web", bundle);
    const auto receipts = fixture.store.receipts_of("web");
    REQUIRE(receipts);
    CHECK(receipts->size() == 2);
    CHECK(ledger::receipts_of(fixture.state, "web")->size() == 2);
    CHECK(ledger::receipts_of(fixture.directory.path("none"), "web")->empty());
    test::write_file(fixture.state + "/containers/web/.x.json.new", "{");
    CHECK(fixture.store.receipts_of("web")->size() == 2);
    test::write_file(fixture.state + "/containers/web/x.json", "{");
    REQUIRE(::chmod((fixture.state + "/containers/web/x.json").c_str(), 0600) == 0);
    CHECK(fixture.store.receipts_of("web").error().code == Code::internal);
    CHECK(ledger::receipts_of(fixture.state, "web").error().code == Code::internal);
}

TEST_CASE("a receipt that cannot be read hides no other one of its id (root only)" * root_only) {
    const Fixture fixture;
    REQUIRE(fixture.store.entry("web", bundle).value().write(receipt()));
    fixture.directory.write("state/containers/web/other.json", "{");
    ::chmod(fixture.directory.path("state/containers/web/other.json").c_str(), 0600);
    const auto each = fixture.store.each_receipt_of("web").value();
    REQUIRE(each.size() == 2);
    const auto& bad = each[0] ? each[1] : each[0];
    const auto& good = each[0] ? each[0] : each[1];
    REQUIRE(!bad);
    CHECK(bad.error().what.starts_with("receipt other.json: "));
    CHECK(good.value().bundle == bundle);
    CHECK(!fixture.store.receipts_of("web"));
    CHECK(fixture.store.each_receipt_of("db").value().empty());
}
