// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_file.h"

#include "support/failing_call.h"
#include "support/temporary_directory.h"
#include "support/trusted_directory.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using policy::read_config;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);

class Place : public test::TrustedDirectory {
public:
    // "" where the config is sound, else the first problem as it is told.
    [[nodiscard]] std::string refusal() const {
        auto sound = read_config(config).sound();
        if (!sound) {
            CHECK(sound.error().code == Code::bad_config);
        }
        return sound ? "" : sound.error().what;
    }

    std::string config = path("bulkhead.json");
};

} // namespace

TEST_CASE("no config is the defaults, and no problem") {
    const test::TemporaryDirectory directory;
    for (const auto& path : {directory.path("none"), directory.path("no/folder/none")}) {
        auto reading = read_config(path);
        CHECK(reading.problems.empty());
        CHECK(reading.files.empty());
        CHECK(std::move(reading).sound()->disk.implied_inodes);
    }
}

TEST_CASE("drop-ins are put over the config in the order of their names (root only)" * root_only) {
    const Place place;
    place.write("bulkhead.json", R"({"max":{"pids-max":1},"cgroup":{"allow-raise":true}} // the first)");
    place.write("bulkhead.json.d/20-b.json", R"({"max":{"pids-max":3},"disk":{"guard":"off"}})");
    place.write("bulkhead.json.d/10-a.json", R"({"max":{"pids-max":2,"shm-size":"1Gi"},"cgroup":null})");
    place.write("bulkhead.json.d/.30-editor.json", "{");
    place.write("bulkhead.json.d/30-old.json.bak", "{");
    const auto reading = read_config(place.config);
    CHECK(reading.problems.empty());
    CHECK((reading.files ==
           std::vector<std::string>{place.config, place.config + ".d/10-a.json", place.config + ".d/20-b.json"}));
    const auto& config = reading.config;
    CHECK(config.max[oci::Key::pids_max]->size.value == 3);
    CHECK(config.max[oci::Key::pids_max]->place.file == place.config + ".d/20-b.json");
    CHECK(config.max[oci::Key::shm_size]->place.file == place.config + ".d/10-a.json");
    CHECK(!config.cgroup.allow_raise);
    CHECK(config.disk.guard == policy::Guard::off);
}

TEST_CASE("drop-ins do without a config (root only)" * root_only) {
    const Place place;
    place.write("bulkhead.json.d/a.json", R"({"disk":{"guard":"off"}})");
    CHECK(read_config(place.config).config.disk.guard == policy::Guard::off);
}

TEST_CASE("each file and folder must be root's alone to write (root only)" * root_only) {
    const std::string mend = ": is not root's alone to write; chown root and chmod go-w it";
    for (const std::string name : {"bulkhead.json", "bulkhead.json.d/a.json", "bulkhead.json.d", ""}) {
        CAPTURE(name);
        const Place place;
        place.write("bulkhead.json", "{}");
        place.write("bulkhead.json.d/a.json", "{}");
        CHECK(place.refusal().empty());
        const auto path = place.path(name);
        for (const mode_t mode : {0664U, 0646U}) {
            const mode_t was = std::filesystem::is_directory(path) ? 0755U : 0644U;
            REQUIRE(::chmod(path.c_str(), mode | (was & 0111U)) == 0);
            CHECK(place.refusal().starts_with(path + mend));
            REQUIRE(::chmod(path.c_str(), was) == 0);
        }
        REQUIRE(::chown(path.c_str(), 1, 0) == 0);
        CHECK(place.refusal().starts_with(path + mend));
    }
}

TEST_CASE("no symlinks, neither the files nor on the way to them (root only)" * root_only) {
    const std::string mend = ": is a symlink, or lies behind one; put the file itself there";
    const Place place;
    place.write("real.json", "{}");
    std::filesystem::create_symlink("real.json", place.config);
    CHECK(place.refusal() == place.config + mend);
    std::filesystem::remove(place.config);
    place.write("bulkhead.json", "{}");
    place.write("drop-ins/a.json", "{}");
    std::filesystem::create_symlink("drop-ins", place.config + ".d");
    CHECK(place.refusal() == place.config + ".d" + mend);
    std::filesystem::remove(place.config + ".d");
    std::filesystem::create_directory(place.config + ".d");
    std::filesystem::create_symlink("../real.json", place.config + ".d/a.json");
    CHECK(place.refusal() == place.config + ".d/a.json" + mend);
    std::filesystem::create_symlink(place.path(), place.path("link"));
    CHECK(read_config(place.path("link/real.json")).problems[0].reason.starts_with("is a symlink"));
}

TEST_CASE("a file where a folder is looked for is not taken for nothing (root only)" * root_only) {
    const Place place;
    place.write("bulkhead.json.d", "{}");
    CHECK(place.refusal().starts_with(place.config + ".d: open " + place.config + ".d: Not a directory"));
    CHECK(read_config(place.config + ".d/x.json").problems.size() == 2);
}

TEST_CASE("what is no regular file, cannot be read, or is too long (root only)" * root_only) {
    const Place place;
    std::filesystem::create_directory(place.config);
    CHECK(place.refusal() == place.config + ": is not a regular file");
    std::filesystem::remove(place.config);
    REQUIRE(::mkfifo(place.config.c_str(), 0600) == 0);
    CHECK(place.refusal() == place.config + ": is not a regular file");
    std::filesystem::remove(place.config);
    place.write("bulkhead.json", "{" + std::string(1U << 20U, ' ') + "}");
    CHECK(place.refusal() == place.config + ": is larger than 1048576 bytes");
    place.write("bulkhead.json", "{");
    CHECK(place.refusal() == place.config + ": JSON is malformed or cut off");
    place.write("bulkhead.json", R"({"disk":{"guard":1},"max":{"x":1},"on-error":[]})");
    CHECK(place.refusal() == place.config + R"(: disk.guard is none of "auto", "require" and "off")" +
                                 " (and 2 more: see bulkhead check-config)");
    const test::FailingCall failing(SYS_openat2, EIO);
    CHECK(place.refusal().starts_with(place.config + ": open " + place.config + ": Input/output error"));
}

TEST_CASE("a file that is no JSON gives nothing, the others what they have (root only)" * root_only) {
    const Place place;
    place.write("bulkhead.json", R"({"defaults":{"pids-max":7}})");
    place.write("bulkhead.json.d/a.json", "{");
    const auto reading = read_config(place.config);
    CHECK(reading.problems.size() == 1);
    CHECK(reading.problems[0].file == place.config + ".d/a.json");
    CHECK(reading.config.has_defaults());
}

TEST_CASE("what others could write counts for nothing, and can be looked at all the same (root only)" * root_only) {
    const Place place;
    place.write("bulkhead.json", R"({"defaults":{"pids-max":7},"disks":{}})");
    place.write("bulkhead.json.d/a.json", R"({"max":{"x":1}})");
    REQUIRE(::chmod(place.path().c_str(), 0777) == 0);
    const std::string alone = place.path() + ": is not root's alone to write; chown root and chmod go-w it";
    const auto left_out = read_config(place.config);
    REQUIRE(left_out.problems.size() == 1); // told once, though it lies above all three
    CHECK(left_out.problems[0].error().what == alone);
    CHECK(!left_out.config.has_defaults());
    const auto looked_at = read_config(place.config, policy::Untrusted::read_on);
    REQUIRE(looked_at.problems.size() == 3);
    CHECK(looked_at.problems[0].error().what == alone);
    CHECK(looked_at.problems[1].path == "disks");
    CHECK(looked_at.problems[2].file == place.config + ".d/a.json");
    CHECK((looked_at.files == std::vector<std::string>{place.config, place.config + ".d/a.json"}));
}

TEST_CASE("whatever is asked, no pipe and no device is read (root only)" * root_only) {
    const Place place;
    REQUIRE(::mkfifo(place.config.c_str(), 0666) == 0);
    const auto reading = read_config(place.config, policy::Untrusted::read_on);
    REQUIRE(reading.problems.size() == 1);
    CHECK(reading.problems[0].reason == "is not a regular file");
}
