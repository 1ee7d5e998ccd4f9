// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/spec_edit.h"

#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace bulkhead;
using shim::edit_spec;
using shim::SpecEdit;

namespace {

const std::string entry = R"({"path":"/x/hook","args":["hook"],"env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],)"
                          R"("timeout":10})";
const std::string packaged = R"({"path":"/usr/libexec/oci/hooks.d/bulkhead-hook"})";

struct Row {
    std::string text;
    std::string expected;
};

std::string edited(const std::string& text, const SpecEdit& edit) {
    const auto result = edit_spec(text, edit);
    if (result) {
        CHECK(edit_spec(*result, edit).value() == *result);
        CHECK(nlohmann::json::accept(*result));
        return *result;
    }
    CHECK(result.error().code == Code::malformed_input);
    return "error: " + result.error().what;
}

void check(const std::vector<Row>& table, const SpecEdit& edit) {
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(edited(row.text, edit) == row.expected);
    }
}

SpecEdit hooks() { return {.hook = "/x/hook"}; }

SpecEdit everything() {
    auto edit = hooks();
    edit.shm_size = 1ULL << 40U;
    edit.memory_limit = 268435456;
    edit.memory_swap = 536870912;
    edit.pids_limit = 99;
    edit.unified = {{"memory.high", "200000000"}, {"memory.low", "1"}};
    edit.oom_kill = true;
    return edit;
}

} // namespace

TEST_CASE("nothing to do is nothing done") {
    CHECK(edited(" {\"hooks\" : 5}\n", {}) == " {\"hooks\" : 5}\n");
    CHECK(edited("{", {}) == "error: JSON is malformed or cut off");
}

TEST_CASE("hooks") {
    const auto both = R"({"createRuntime":[)" + entry + R"(],"poststop":[)" + entry + "]}";
    check(
        {
            {"{}", R"({"hooks":)" + both + "}"},
            {R"({"hooks":null,"a":1})", R"({"hooks":)" + both + R"(,"a":1})"},
            {R"({"hooks":{}})", R"({"hooks":)" + both + "}"},
            {R"({"hooks":{"poststop":null}})",
             R"({"hooks":{"poststop":[)" + entry + R"(],"createRuntime":[)" + entry + "]}}"},
            {R"({"hooks":{"prestart":[{"path":"/x/hook"}],"createRuntime":[ {"path":"/y"} ],"poststop":[]}})",
             R"({"hooks":{"prestart":[{"path":"/x/hook"}],"createRuntime":[ {"path":"/y"},)" + entry +
                 R"( ],"poststop":[)" + entry + "]}}"},
            // Ours, with whatever arguments, and the packaged one.
            {R"({"hooks":{"createRuntime":[{"path":"/x/hook","args":["z"]}],"poststop":[)" + packaged + "]}}",
             R"({"hooks":{"createRuntime":[{"path":"/x/hook","args":["z"]}],"poststop":[)" + packaged + "]}}"},
            {R"({"hooks":{"createRuntime":[{"path":"\/x\/hook"}]}})",
             R"({"hooks":{"createRuntime":[{"path":"\/x\/hook"}],"poststop":[)" + entry + "]}}"},
            {R"({"hooks":{"createRuntime":[{"path":"/x/hook2"},{"path":"x/hook"}]}})",
             R"({"hooks":{"createRuntime":[{"path":"/x/hook2"},{"path":"x/hook"},)" + entry + R"(],"poststop":[)" +
                 entry + "]}}"},
            {R"({"hooks":[]})", "error: hooks is not an object"},
            {R"({"hooks":{"createRuntime":{}}})", "error: hooks.createRuntime is not an array"},
            {R"({"hooks":{"createRuntime":["/x/hook"]}})", "error: hooks.createRuntime[0] is not an object"},
            {R"({"hooks":{"poststop":[{}]}})", "error: hooks.poststop[0].path is missing"},
            {R"({"hooks":{"poststop":[{"path":1}]}})", "error: hooks.poststop[0].path is not a string"},
        },
        hooks());
    CHECK(edited("{}", {.hook = "hook"}).contains(R"("path":"hook","args":["hook"])"));
    CHECK(edited("{}", {.hook = "/a \"b\""}).contains(R"("path":"/a \"b\"","args":["a \"b\""])"));
}

TEST_CASE("limits") {
    SpecEdit edit{.memory_limit = 5, .memory_swap = 6, .pids_limit = 7, .unified = {{"memory.high", "4"}}};
    const std::string made = R"({"memory":{"limit":5,"swap":6},"pids":{"limit":7},"unified":{"memory.high":"4"}})";
    check(
        {
            {"{}", R"({"linux":{"resources":)" + made + "}}"},
            {R"({"linux":null})", R"({"linux":{"resources":)" + made + "}}"},
            {R"({"linux":{"resources":null,"x":0}})", R"({"linux":{"resources":)" + made + R"(,"x":0}})"},
            {R"({"linux":{"resources":{"memory":{"limit":9007199254740993,"reservation":1.0e2,"swap":-1},)"
             R"("unified":{"memory.high":"max","memory.min":"1"},"pids":{"limit":0}}}})",
             R"({"linux":{"resources":{"memory":{"limit":5,"reservation":1.0e2,"swap":6},)"
             R"("unified":{"memory.high":"4","memory.min":"1"},"pids":{"limit":7}}}})"},
            {R"({"linux":1})", "error: linux is not an object"},
            {R"({"linux":{"resources":[]}})", "error: linux.resources is not an object"},
            {R"({"linux":{"resources":{"memory":5}}})", "error: linux.resources.memory is not an object"},
            {R"({"linux":{"resources":{"pids":5}}})", "error: linux.resources.pids is not an object"},
            {R"({"linux":{"resources":{"unified":[]}}})", "error: linux.resources.unified is not an object"},
        },
        edit);
    CHECK(edited("{}", {.pids_limit = UINT64_MAX}) ==
          R"({"linux":{"resources":{"pids":{"limit":18446744073709551615}}}})");
    CHECK(edited(R"({"linux":{"resources":{"memory":{}}}})", {.memory_swap = 1}) ==
          R"({"linux":{"resources":{"memory":{"swap":1}}}})");
    CHECK(edited("{}", {.unified = {{"a\"b", "c\\"}}}) == R"({"linux":{"resources":{"unified":{"a\"b":"c\\"}}}})");
}

TEST_CASE("the size of a tmpfs at /dev/shm") {
    const auto mounts = [](const std::string& list) { return R"({"mounts":)" + list + "}"; };
    const auto shm = [&](const std::string& rest) {
        return mounts(R"([{"destination":"/dev/shm","type":"tmpfs")" + rest + "}]");
    };
    check(
        {
            {"{}", "{}"},
            {mounts("null"), mounts("null")},
            {mounts("[]"), mounts("[]")},
            {shm(R"(,"options":["nosuid", "size=65536k"])"), shm(R"(,"options":["nosuid", "size=1048576"])")},
            {shm(R"(,"options":["nosuid"])"), shm(R"(,"options":["nosuid","size=1048576"])")},
            {shm(R"(,"options":[])"), shm(R"(,"options":["size=1048576"])")},
            {shm(R"(,"options":null)"), shm(R"(,"options":["size=1048576"])")},
            {shm(""), shm(R"(,"options":["size=1048576"])")},
            {shm(R"(,"options":["size=1","mode=1777","size=50%"])"),
             shm(R"(,"options":["size=1048576","mode=1777","size=1048576"])")},
            {shm(R"(,"options":["huge=never","xsize=1","siz=1"])"),
             shm(R"(,"options":["huge=never","xsize=1","siz=1","size=1048576"])")},
            {mounts(R"([{"destination":"dev//./shm/","type":"tmpfs"}, {"destination":"/tmp","type":"tmpfs"}])"),
             mounts(R"([{"destination":"dev//./shm/","type":"tmpfs","options":["size=1048576"]}, )"
                    R"({"destination":"/tmp","type":"tmpfs"}])")},
            // Not ours: a bind is the pod's or the host's, whatever its type says.
            {mounts(R"([{"destination":"/dev/shm","type":"bind","options":["rbind"]}])"),
             mounts(R"([{"destination":"/dev/shm","type":"bind","options":["rbind"]}])")},
            {shm(R"(,"options":["bind"])"), shm(R"(,"options":["bind"])")},
            {mounts(R"([{"destination":"/dev/shm"}])"), mounts(R"([{"destination":"/dev/shm"}])")},
            {mounts(R"([{"destination":"/dev/shm2","type":"tmpfs"}])"),
             mounts(R"([{"destination":"/dev/shm2","type":"tmpfs"}])")},
            {mounts("{}"), "error: mounts is not an array"},
            {mounts("[5]"), "error: mounts[0] is not an object"},
            {mounts("[{}]"), "error: mounts[0].destination is missing"},
            {shm(R"(,"options":"size=1")"), "error: mounts[0].options is not an array"},
            {shm(R"(,"options":[1])"), "error: mounts[0].options[0] is not a string"},
        },
        {.shm_size = 1048576});
}

TEST_CASE("OOMPolicy") {
    check(
        {
            {"{}", R"({"annotations":{"org.systemd.property.OOMPolicy":"'kill'"}})"},
            {R"({"annotations":null})", R"({"annotations":{"org.systemd.property.OOMPolicy":"'kill'"}})"},
            {R"({"annotations":{"a":"b"}})", R"({"annotations":{"a":"b","org.systemd.property.OOMPolicy":"'kill'"}})"},
            {R"({"annotations":{"org.systemd.property.OOMPolicy":"'continue'"}})",
             R"({"annotations":{"org.systemd.property.OOMPolicy":"'kill'"}})"},
            {R"({"annotations":[]})", "error: annotations is not an object"},
        },
        {.oom_kill = true});
}

TEST_CASE("what nobody knows stays byte for byte") {
    const std::string text =
        "\t{ \"z\":1.50E+02 ,\r\n \"big\" : 123456789012345678901234567890,\"\\u00e9\":\"\\/\\ud83d\\ude00\","
        "\"twice\":{\"a\":1,\"a\":2},\"linux\":{\"new\":[ ]} , \"y\":-0 }\n\n";
    const auto result = edited(text, {.pids_limit = 3});
    CHECK(result ==
          "\t{ \"z\":1.50E+02 ,\r\n \"big\" : 123456789012345678901234567890,\"\\u00e9\":\"\\/\\ud83d\\ude00\","
          "\"twice\":{\"a\":1,\"a\":2},\"linux\":{\"new\":[ ],\"resources\":{\"pids\":{\"limit\":3}}} , \"y\":-0 }"
          "\n\n");
}

TEST_CASE("config.json of engines: everything at once, and edited again") {
    std::size_t seen = 0;
    for (const auto& file : std::filesystem::directory_iterator(BULKHEAD_TEST_DATA)) {
        const auto name = file.path().filename().string();
        if (!name.starts_with("config-")) {
            continue;
        }
        CAPTURE(name);
        ++seen;
        const auto text = test::read_file(file.path());
        const auto json = nlohmann::ordered_json::parse(edited(text, everything()));
        // podman has put the one of hooks.d there; its poststop hooks it runs itself.
        const auto& hook = json["hooks"]["createRuntime"].back();
        CHECK((name.contains("podman") ? hook["path"].dump() == "\"/usr/libexec/oci/hooks.d/bulkhead-hook\""
                                       : hook.dump() == entry));
        CHECK(json["hooks"]["poststop"].back().dump() == entry);
        CHECK(json["linux"]["resources"]["memory"]["limit"] == 268435456);
        CHECK(json["linux"]["resources"]["memory"]["swap"] == 536870912);
        CHECK(json["linux"]["resources"]["pids"]["limit"] == 99);
        CHECK(json["linux"]["resources"]["unified"]["memory.high"] == "200000000");
        CHECK(json["annotations"]["org.systemd.property.OOMPolicy"] == "'kill'");
    }
    CHECK(seen >= 20);
}
