// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/receipt.h"

#include "support/fixture.h"

#include <doctest/doctest.h>
#include <limits>
#include <vector>

using namespace bulkhead;
using ledger::from_json;
using ledger::Receipt;
using ledger::to_json;
using test::replaced;

namespace {

Receipt full_receipt() {
    Receipt receipt;
    receipt.id = "web-1";
    receipt.bundle = "/run/bundle with \"quotes\"\n\\and\ttabs \xc3\xa4";
    receipt.process = {.pid = 4242, .start_time = 18446744073709551615U};
    receipt.boot_id = "01234567-89ab-cdef-0123-456789abcdef";
    receipt.asked = {{"io.bulkhead.pids-max/web", "100"}, {"io.bulkhead.shm-size", "128Mi"}};
    receipt.phase = ledger::Phase::prepared;
    receipt.guard = ledger::GuardRecord{.put_up = true, .escapable = "the host's pids"};
    receipt.promises = {{.key = oci::Key::memory_max, .value = 18446744073709551615U},
                        {.key = oci::Key::pids_max, .value = 7}};
    receipt.left_out = {{.resource = oci::Resource::disk, .reason = "no \"quota\""},
                        {.resource = oci::Resource::segment, .reason = "x"}};
    receipt.shm = resources::ShmRecord{.source = "/run/shm \x01",
                                       .device = 18446744073709551615U,
                                       .old_size = Bytes{67108864},
                                       .new_size = Bytes{134217728},
                                       .shared = true};
    receipt.cgroup = {{.place = {sys::CgroupVersion::v2, "memory", "/a.slice/x:y.scope"},
                       .inode = 7,
                       .file = "memory.max",
                       .old_value = "max",
                       .new_value = "4096"},
                      {.place = {sys::CgroupVersion::v1, "pids", "/p"},
                       .inode = 8,
                       .file = "pids.max",
                       .old_value = "5",
                       .new_value = "4"}};
    return receipt;
}

void check_equal(const Receipt& a, const Receipt& b) {
    CHECK(a.id == b.id);
    CHECK(a.bundle == b.bundle);
    CHECK(a.process == b.process);
    CHECK(a.boot_id == b.boot_id);
    REQUIRE(a.asked.size() == b.asked.size());
    for (std::size_t i = 0; i < a.asked.size(); ++i) {
        CHECK(a.asked[i].key == b.asked[i].key);
        CHECK(a.asked[i].value == b.asked[i].value);
    }
    CHECK(a.phase == b.phase);
    REQUIRE(a.guard.has_value() == b.guard.has_value());
    if (a.guard) {
        CHECK(a.guard->put_up == b.guard->put_up);
        CHECK(a.guard->escapable == b.guard->escapable);
    }
    REQUIRE(a.promises.size() == b.promises.size());
    for (std::size_t i = 0; i < a.promises.size(); ++i) {
        CHECK(a.promises[i].key == b.promises[i].key);
        CHECK(a.promises[i].value == b.promises[i].value);
    }
    REQUIRE(a.left_out.size() == b.left_out.size());
    for (std::size_t i = 0; i < a.left_out.size(); ++i) {
        CHECK(a.left_out[i].resource == b.left_out[i].resource);
        CHECK(a.left_out[i].reason == b.left_out[i].reason);
    }
    REQUIRE(a.shm.has_value() == b.shm.has_value());
    if (a.shm) {
        CHECK(a.shm->source == b.shm->source);
        CHECK(a.shm->device == b.shm->device);
        CHECK(a.shm->old_size == b.shm->old_size);
        CHECK(a.shm->new_size == b.shm->new_size);
        CHECK(a.shm->shared == b.shm->shared);
    }
    REQUIRE(a.cgroup.size() == b.cgroup.size());
    for (std::size_t i = 0; i < a.cgroup.size(); ++i) {
        CHECK((a.cgroup[i].place == b.cgroup[i].place));
        CHECK(a.cgroup[i].inode == b.cgroup[i].inode);
        CHECK(a.cgroup[i].file == b.cgroup[i].file);
        CHECK(a.cgroup[i].old_value == b.cgroup[i].old_value);
        CHECK(a.cgroup[i].new_value == b.cgroup[i].new_value);
    }
}

// The whole `"key": value` of a JSON text, up to its comma or the end of its line.
std::string member(const std::string& text, const std::string& key) {
    const auto begin = text.find("\"" + key + "\": ");
    return text.substr(begin, text.find('\n', begin) - begin);
}

std::string error_of(const std::string& text) {
    const auto receipt = from_json(text);
    if (receipt) {
        return "";
    }
    CHECK(receipt.error().code == Code::internal);
    return receipt.error().what;
}

// The receipt without the line of `key`, which must not be the last of its object.
std::string without(const std::string& text, const std::string& key) {
    return replaced(text, member(text, key) + "\n", "\n");
}

std::string with(const std::string& text, const std::string& key, const std::string& value) {
    const auto old = member(text, key);
    return replaced(text, old, "\"" + key + "\": " + value + (old.ends_with(',') ? "," : ""));
}

} // namespace

TEST_CASE("a receipt is read as it was written, odd bytes included") {
    const auto receipt = full_receipt();
    const auto text = to_json(receipt);
    CHECK(text.ends_with("}\n"));
    const auto read = from_json(text);
    REQUIRE(read);
    check_equal(*read, receipt);
    CHECK(to_json(*read) == text);
}

TEST_CASE("a receipt without walls") {
    Receipt receipt;
    receipt.id = "x";
    receipt.bundle = "/";
    const auto read = from_json(to_json(receipt));
    REQUIRE(read);
    check_equal(*read, receipt);
    CHECK(!read->shm);
}

TEST_CASE("what is not UTF-8 is written all the same, and read") {
    auto receipt = full_receipt();
    receipt.bundle = "/run/\xff\xfe";
    receipt.cgroup[0].place.path = "/\x80";
    receipt.shm->source = "\xc3";
    const auto read = from_json(to_json(receipt));
    REQUIRE(read);
    CHECK(read->id == receipt.id);
    CHECK(read->bundle == "/run/\xef\xbf\xbd\xef\xbf\xbd");
    CHECK(read->shm->new_size == receipt.shm->new_size);
}

TEST_CASE("a receipt that is cut off anywhere is Code::internal") {
    const auto text = to_json(full_receipt());
    for (std::size_t size = 0; size + 2 <= text.size(); ++size) { // the last byte is the line's end
        const std::string part = text.substr(0, size);
        CAPTURE(size);
        CHECK(error_of(part) != "");
    }
}

TEST_CASE("a receipt with a byte changed is no crash") {
    const auto text = to_json(full_receipt());
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char byte : {'"', '\\', '{', ']', ',', '9', '\0', '\xff'}) {
            auto changed = text;
            changed[at] = byte;
            static_cast<void>(error_of(changed));
        }
    }
}

TEST_CASE("a receipt with a field missing") {
    const auto text = to_json(full_receipt());
    for (const std::string key : {"formatVersion", "pid", "startTime"}) {
        CHECK(error_of(without(text, key)) == key + " is missing");
    }
    for (const std::string key : {"id", "bundle", "bootId"}) {
        CHECK(error_of(without(text, key)) == key + " is missing");
    }
    CHECK(error_of(without(text, "source")) == "shm.source is missing");
    for (const std::string key : {"device", "oldSize", "newSize"}) {
        CHECK(error_of(without(text, key)) == key + " is missing");
    }
    CHECK(error_of(replaced(text, ",\n    \"shared\": 1", "")) == "shared is missing");
    for (const std::string key : {"controller", "path", "file", "oldValue"}) {
        CHECK(error_of(without(text, key)) == "cgroup[0]." + key + " is missing");
    }
    CHECK(error_of(replaced(text, ",\n      \"newValue\": \"4096\"", "")) == "cgroup[0].newValue is missing");
    for (const std::string key : {"version", "inode"}) {
        CHECK(error_of(without(text, key)) == key + " is missing");
    }
}

TEST_CASE("a receipt with a field of a wrong type, or null") {
    const auto text = to_json(full_receipt());
    for (const std::string key :
         {"formatVersion", "pid", "startTime", "device", "oldSize", "newSize", "shared", "version", "inode"}) {
        CAPTURE(key);
        for (const std::string value : {"\"1\"", "[]", "{}", "true", "-1", "1.5", "18446744073709551616", "1e3", "x"}) {
            CHECK(error_of(with(text, key, value)).ends_with(key + " is not an integer, or out of range"));
        }
        CHECK(error_of(with(text, key, "null")) == key + " is missing");
    }
    for (const std::string key : {"id", "bundle", "bootId", "source", "controller", "path", "file", "oldValue",
                                  "newValue", "io.bulkhead.shm-size"}) {
        CAPTURE(key);
        for (const std::string value : {"1", "[]", "{}", "true", "x"}) {
            CHECK(error_of(with(text, key, value)).ends_with(key + " is not a string"));
        }
        CHECK(error_of(with(text, key, "\"a\\u0000b\"")).ends_with(key + " has a NUL character"));
        CHECK(error_of(with(text, key, "null")) != "");
    }
}

TEST_CASE("a receipt with an object or an array of a wrong type") {
    const std::string head = R"({"formatVersion":1,"id":"x","bundle":"/b","pid":1,"startTime":2,"bootId":"b")";
    CHECK(error_of(head + "}") == "");
    CHECK(error_of(head + R"(,"asked":null,"shm":null,"cgroup":null})") == "");
    CHECK(error_of(head + R"(,"later":{"x":1}})") == ""); // a later version may add what is no harm to leave out
    CHECK(error_of(head + R"(,"asked":[]})") == "asked is not an object");
    CHECK(error_of(head + R"(,"shm":[]})") == "shm is not an object");
    CHECK(error_of(head + R"(,"shm":7})") == "shm is not an object");
    CHECK(error_of(head + R"(,"cgroup":{}})") == "cgroup is not an array");
    CHECK(error_of(head + R"(,"cgroup":[[]]})") == "cgroup[0] is not an object");
    CHECK(error_of(head + R"(,"id":"y"})") == R"(JSON has the key "id" twice)");
    CHECK(error_of("") == "JSON is not an object");
    CHECK(error_of("[]") == "JSON is not an object");
}

TEST_CASE("a receipt of another version, and pids that are none") {
    const auto text = to_json(full_receipt());
    CHECK(error_of(with(text, "formatVersion", "2")) == "format version 2 is not known");
    CHECK(error_of(with(text, "formatVersion", "0")) == "format version 0 is not known");
    CHECK(error_of(with(text, "pid", "2147483648")) == "pid is out of range");
    CHECK(error_of(with(text, "pid", "18446744073709551615")) == "pid is out of range");
    CHECK(error_of(with(text, "pid", "2147483647")) == "");
}

TEST_CASE("segments are read as they were written, and places that are none are refused") {
    Receipt receipt;
    receipt.id = "x";
    receipt.bundle = "/b";
    receipt.segments = {{.place = {.scope = "k8s/prod", .name = "a"}, .path = "/dev/shm/\"a\"", .read_only = true},
                        {.place = {.scope = "local", .name = "b"}, .path = "/b", .read_only = false}};
    const auto text = to_json(receipt);
    const auto read = from_json(text);
    REQUIRE(read);
    REQUIRE(read->segments.size() == 2);
    CHECK(read->segments[0].place == receipt.segments[0].place);
    CHECK(read->segments[0].path == receipt.segments[0].path);
    CHECK(read->segments[0].read_only);
    CHECK(!read->segments[1].read_only);
    for (const std::string place : {"../../etc", "local/..", "", "k8s/prod", "local/A"}) {
        CAPTURE(place);
        CHECK(error_of(replaced(text, "local/b", place)) == "segments[1] has a place that is no segment's");
    }
    CHECK(error_of(replaced(text, "\"readOnly\": 1", "\"readOnly\": true")) ==
          "segments[0].readOnly is not an integer, or out of range");
    const std::string head = R"({"formatVersion":1,"id":"x","bundle":"/b","pid":1,"startTime":2,"bootId":"b")";
    CHECK(error_of(head + R"(,"segments":{}})") == "segments is not an array");
    CHECK(error_of(head + R"(,"segments":[1]})") == "segments[0] is not an object");
}

TEST_CASE("phase, guard and promises: what is none of them") {
    const auto text = to_json(full_receipt());
    CHECK(from_json(replaced(text, R"("phase": "prepared")", R"("phase": "other")")).error().what == "phase is none");
    CHECK(from_json(replaced(text, R"("phase": "prepared",)", "")).value().phase == ledger::Phase::running);
    CHECK(from_json(replaced(text, R"("pids-max": 7)", R"("pids": 7)")).error().what ==
          "promises has a key that is none");
    CHECK(from_json(replaced(text, R"("putUp": 1)", R"("putUp": "1")")).error().code == Code::internal);
}
