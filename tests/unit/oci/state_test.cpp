// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/state.h"

#include "support/fixture.h"

#include <doctest/doctest.h>
#include <vector>

using namespace bulkhead;
using oci::parse_state;
using oci::Status;

namespace {

struct Real {
    std::string file;
    std::string id;
    Status status;
    std::optional<pid_t> pid;
};

std::string state(const std::string& id, const std::string& status, const std::string& pid, const std::string& bundle) {
    return R"({"ociVersion":"1.0.2","id":)" + id + R"(,"status":)" + status + R"(,"pid":)" + pid + R"(,"bundle":)" +
           bundle + "}";
}

std::string what_of(const std::string& text) {
    const auto parsed = parse_state(text);
    if (parsed) {
        return "";
    }
    CHECK(parsed.error().code == Code::malformed_input);
    return parsed.error().what;
}

std::string with_id(const std::string& id) { return state("\"" + id + "\"", R"("created")", "7", R"("/b")"); }
std::string with_pid(const std::string& pid) { return state(R"("x")", R"("created")", pid, R"("/b")"); }
std::string with_bundle(const std::string& bundle) { return state(R"("x")", R"("created")", "7", bundle); }

} // namespace

TEST_CASE("the states that runc and crun write") {
    const std::vector<Real> table{
        {"podman-4.3.1-crun-cgroupfs-created", "a0", Status::created, 4242},
        {"podman-4.3.1-runc-systemd-creating", "a1", Status::creating, 4242},
        {"podman-4.3.1-runc-systemd-stopped", "a2", Status::stopped, std::nullopt},
        {"podman-5.4.2-crun-systemd-created", "a3", Status::created, 4242},
        {"podman-5.4.2-runc-cgroupfs-creating", "a4", Status::creating, 4242},
        {"podman-5.4.2-crun-systemd-stopped", "a5", Status::stopped, std::nullopt},
    };
    for (const auto& row : table) {
        CAPTURE(row.file);
        const auto parsed = parse_state(test::fixture("state-" + row.file + ".json"));
        REQUIRE(parsed);
        const auto id = test::repeated(row.id, 32);
        CHECK(parsed->id == id);
        CHECK(parsed->status == row.status);
        CHECK(parsed->pid == row.pid);
        CHECK(parsed->bundle == "/var/lib/containers/storage/overlay-containers/" + id + "/userdata");
    }
}

TEST_CASE("a state that is cut off anywhere is an error") {
    const auto text = test::fixture("state-podman-4.3.1-crun-cgroupfs-created.json");
    for (std::size_t size = 0; size < text.size(); ++size) {
        const std::string part = text.substr(0, size);
        CHECK(!parse_state(part));
    }
}

TEST_CASE("the status") {
    const std::vector<std::pair<std::string, Status>> table{
        {"creating", Status::creating}, {"created", Status::created}, {"running", Status::running},
        {"stopped", Status::stopped},   {"paused", Status::other},    {"", Status::other},
        {"Created", Status::other}};
    for (const auto& [word, status] : table) {
        CHECK(parse_state(state(R"("x")", "\"" + word + "\"", "7", R"("/b")"))->status == status);
    }
    CHECK(what_of(state(R"("x")", "1", "7", R"("/b")")) == "status is not a string");
    CHECK(what_of(R"({"id":"x","bundle":"/b"})") == "status is missing");
}

TEST_CASE("the pid may be left out, null or 0 once the container has stopped") {
    CHECK(parse_state(with_pid("7"))->pid == 7);
    CHECK(parse_state(with_pid("2147483647"))->pid == 2147483647);
    CHECK(!parse_state(with_pid("0"))->pid);
    CHECK(!parse_state(with_pid("null"))->pid);
    CHECK(!parse_state(R"({"id":"x","status":"stopped","bundle":"/b"})")->pid);
    CHECK(what_of(with_pid("-1")) == "pid -1 is not a process id");
    CHECK(what_of(with_pid("2147483648")) == "pid 2147483648 is not a process id");
    CHECK(what_of(with_pid("4294967303")) == "pid 4294967303 is not a process id");
    CHECK(what_of(with_pid("99999999999999999999")) == "pid is not an integer, or out of range");
    CHECK(what_of(with_pid("\"7\"")) == "pid is not an integer, or out of range");
    CHECK(what_of(with_pid("7.0")) == "pid is not an integer, or out of range");
}

TEST_CASE("an id that could be a path is refused") {
    const std::string reason = " is not a container id (1 to 255 of letters, digits and _.+-)";
    for (const std::string id : {"x", "a.b", "...", "-", "_A+9", ".hidden", "..a"}) {
        CHECK(parse_state(with_id(id))->id == id);
    }
    CHECK(parse_state(with_id(std::string(255, 'i')))->id.size() == 255);
    for (const std::string id : {"", ".", "..", "a/b", "/", "../x", "a b", "a\xc3\xa4", "a:b", "a=b", "a*"}) {
        CAPTURE(id);
        CHECK(what_of(with_id(id)) == std::string("id \"").append(id).append("\"").append(reason));
    }
    CHECK(what_of(with_id(std::string(256, 'i'))) == "id \"" + std::string(64, 'i') + "...\"" + reason);
    CHECK(what_of(with_id(R"(a\nb)")) == "id \"a\nb\"" + reason);
    CHECK(what_of(with_id(R"(a\u0000)")) == "id has a NUL character");
    CHECK(what_of(state("7", R"("created")", "7", R"("/b")")) == "id is not a string");
    CHECK(what_of(R"({"status":"created","bundle":"/b"})") == "id is missing");
}

TEST_CASE("the bundle is absolute and has no slash at its end") {
    CHECK(parse_state(with_bundle(R"("/a/b")"))->bundle == "/a/b");
    CHECK(parse_state(with_bundle(R"("/a/b///")"))->bundle == "/a/b");
    CHECK(parse_state(with_bundle(R"("/")"))->bundle == "/");
    CHECK(parse_state(with_bundle(R"("///")"))->bundle == "/");
    CHECK(what_of(with_bundle(R"("a/b")")) == R"(bundle "a/b" is not an absolute path)");
    CHECK(what_of(with_bundle(R"("")")) == R"(bundle "" is not an absolute path)");
    CHECK(what_of(with_bundle("null")) == "bundle is missing");
    CHECK(what_of(with_bundle("[]")) == "bundle is not a string");
    CHECK(what_of(with_bundle(R"("/a\u0000b")")) == "bundle has a NUL character");
}

TEST_CASE("members that are not ours do not matter, doubled ones do") {
    CHECK(parse_state(R"({"x":{"id":1},"id":"x","status":"created","pid":7,"bundle":"/b","root":7,"annotations":[]})"));
    CHECK(what_of(R"({"id":"x","id":"y","status":"created","bundle":"/b"})") == R"(JSON has the key "id" twice)");
    CHECK(what_of("") == "JSON is not an object");
    CHECK(what_of("[]") == "JSON is not an object");
}
