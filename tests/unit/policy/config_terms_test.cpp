// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_terms.h"

#include "support/node_config.h"

#include <doctest/doctest.h>
#include <string>

using namespace bulkhead;
using oci::Key;
using test::read_config_text;
using test::sound_config;

namespace {

std::string problem(const std::string& text) {
    const auto read = read_config_text(text);
    if (read.problems.empty()) {
        return "";
    }
    CHECK(read.problems.size() == 1);
    return read.problems.front().path + ": " + read.problems.front().reason;
}

} // namespace

TEST_CASE("every key may have a default, and all but switches a maximum, as text or as a number") {
    for (const auto& info : oci::annotation_keys) {
        if (info.type == oci::ValueType::segment) {
            continue;
        }
        const bool boolean = info.type == oci::ValueType::boolean;
        const std::string name(info.name);
        for (const std::string value : {boolean ? "true" : "131072", boolean ? "\"true\"" : "\"131072\""}) {
            const auto config = sound_config(R"({"defaults":{")" + name + "\":" + value + "}}");
            REQUIRE(config.defaults[info.key]);
            CHECK(config.defaults[info.key]->size.value == (boolean ? 1 : 131072));
            CHECK(config.defaults[info.key]->text == (boolean ? "true" : "131072"));
            CHECK(config.defaults[info.key]->place.path == "defaults." + name);
            CHECK(config.defaults[info.key]->place.file == "FILE");
            CHECK(config.has_defaults());
            const auto max = R"({"max":{")" + name + "\":" + value + "}}";
            if (boolean) {
                CHECK(problem(max).starts_with("max." + name + ": is not known to this version"));
            } else {
                CHECK(sound_config(max).max[info.key]->size.value == 131072);
            }
        }
    }
}

TEST_CASE("maxima of segments") {
    const auto config = sound_config(R"({"max":{"segment-size":"8Gi","segments-total":"50%"}})");
    CHECK(config.max[Key::segment]->size.value == 8ULL << 30U);
    CHECK(config.max.segments_total->size.percent);
    CHECK(config.max.segments_total->text == "50%");
    CHECK(problem(R"({"max":{"segment-size":"0"}})") == "max.segment-size: is 0; write more");
    CHECK(problem(R"({"defaults":{"segment-size":"1Gi"}})").starts_with("defaults.segment-size: is not known"));
    CHECK(problem(R"({"max":{"segment":"1Gi"}})") ==
          R"(max.segment: is not known to this version; the nearest that is known is "segment-size")");
}

TEST_CASE("values that are none") {
    const auto of = [](const std::string& name, const std::string& value) {
        return problem(R"({"max":{")" + name + "\":" + value + "}}");
    };
    CHECK(of("shm-size", R"("512m")") ==
          R"(max.shm-size: is "512m": "m" is milli in Kubernetes and MiB in docker; write 512Mi or 536870912)");
    CHECK(of("shm-size", R"("1.5Gi")").starts_with(R"(max.shm-size: is "1.5Gi": fractions are not accepted)"));
    CHECK(of("shm-size", R"("5X")").starts_with(R"(max.shm-size: is "5X": unknown unit)"));
    CHECK(of("shm-size", "0") == "max.shm-size: is 0, which would be no limit or no room; write more or leave it out");
    CHECK(of("memory-max", "1000") == "max.memory-max: is too little; write at least 65536");
    CHECK(of("pids-max", "4194305") == "max.pids-max: is more than the kernel takes; write at most 4194304");
    CHECK(of("pids-max", R"("25%")") == R"(max.pids-max: has "%" after the number; write digits only)");
    CHECK(of("pids-max", "true") == "max.pids-max: is no number; write digits, or a quantity in quotes");
    CHECK(of("pids-max", "1.5") == "max.pids-max: is no number; write digits, or a quantity in quotes");
    CHECK(of("shm-size", "{}") == "max.shm-size: is no number; write digits, or a quantity in quotes");
    CHECK(of("shm-size", R"("101%")") == R"(max.shm-size: is no share; write "1%" to "100%")");
    CHECK(problem(R"({"defaults":{"memory-oom-group":"yes"}})") ==
          R"(defaults.memory-oom-group: is neither "true" nor "false"; write one of them)");
    CHECK(problem(R"({"defaults":{"memory-oom-group":1}})") == "defaults.memory-oom-group: is neither true nor false");
    CHECK(problem(R"({"max":{"shm-sise":"1Gi"}})") ==
          R"(max.shm-sise: is not known to this version; the nearest that is known is "shm-size")");
    CHECK(problem(R"({"max":[]})") == "max: is not an object");
}

TEST_CASE("a default that is bad is one all the same") {
    for (const std::string defaults : {R"({"shm-size":"512m"})", R"({"shm-sise":"512Mi"})", "5"}) {
        CAPTURE(defaults);
        for (const auto& text : {R"({"defaults":)" + defaults + "}", R"({"rules":[{"defaults":)" + defaults + "}]}"}) {
            const auto read = read_config_text(text);
            CHECK(read.problems.size() == 1);
            CHECK(read.config.has_defaults());
        }
    }
    CHECK(!sound_config(R"({"defaults":{"shm-sise":null}})").has_defaults());
}

TEST_CASE("rules") {
    const auto config = sound_config(R"({"rules":[
        {"namespace":"ml-*","container":"train?","max":{"shm-size":"64Gi"},"defaults":{"disk-size":"20Gi"}},
        {"namespace":"batch","allow":["disk-size","pids-max","segment"]},
        {"namespace":"@local","allow":[]},
        {"container":"x"},
        {}]})");
    REQUIRE(config.rules.size() == 5);
    const auto& ml = config.rules[0];
    CHECK(ml.name_space == "ml-*");
    CHECK(ml.container == "train?");
    CHECK(ml.max[Key::shm_size]->place.path == "rules[0].max.shm-size");
    CHECK(ml.defaults[Key::disk_size]->size.value == 20ULL << 30U);
    CHECK(!ml.allow);
    CHECK(ml.place.path == "rules[0]");
    CHECK((config.rules[1].allow == std::vector<Key>{Key::disk_size, Key::pids_max, Key::segment}));
    CHECK(config.rules[2].allow->empty());
    CHECK(!config.rules[4].name_space);
    CHECK(config.has_defaults());
}

TEST_CASE("rules that are none") {
    const auto rule = [](const std::string& members) { return problem(R"({"rules":[)" + members + "]}"); };
    CHECK(problem(R"({"rules":{}})") == "rules: is not an array");
    CHECK(rule("5") == "rules[0]: is not an object");
    CHECK(rule(R"({"namespaces":"x"})") ==
          R"(rules[0].namespaces: is not known to this version; the nearest that is known is "namespace")");
    for (const std::string& glob :
         std::vector<std::string>{"", "X", "a_b", "-a", "a-", "@remote", "a/b", std::string(64, 'a')}) {
        CAPTURE(glob);
        CHECK(rule(R"({"namespace":")" + glob + "\"}") ==
              "rules[0].namespace: matches no namespace; write a-z, 0-9 and -, \"*\" and \"?\", or \"@local\"");
    }
    for (const std::string glob : {"*", "?", "a*", "*-a", "@local", "@*", "*local", "a-b"}) {
        CHECK(rule(R"({"namespace":")" + glob + "\"}").empty());
    }
    CHECK(rule(R"({"namespace":5})") == "rules[0].namespace: is not a string");
    CHECK(rule(R"({"container":"a b"})") ==
          "rules[0].container: matches no container; write letters, digits and _.+-, \"*\" and \"?\"");
    CHECK(rule(R"({"allow":["shm-sise"]})") ==
          R"(rules[0].allow[0]: is no key that can be asked for; the nearest is "shm-size")");
    CHECK(rule(R"({"allow":["xyzzy"]})") ==
          "rules[0].allow[0]: is no key that can be asked for; bulkhead.json(5) lists them");
    CHECK(rule(R"({"allow":[1]})") == "rules[0].allow[0]: is not a string");
    CHECK(rule(R"({"allow":"pids-max"})") == "rules[0].allow: is not an array");
}

TEST_CASE("a rule that can never match") {
    const auto rules = [](const std::string& text) { return problem(R"({"rules":[)" + text + "]}"); };
    CHECK(rules(R"({"namespace":"*"},{"namespace":"ml"})") ==
          "rules[1]: can never match, as rules[0] before it matches all that it does");
    CHECK(rules(R"({"container":"x"},{"namespace":"a"},{"namespace":"a","container":"y"})") ==
          "rules[2]: can never match, as rules[1] before it matches all that it does");
    CHECK(rules(R"({},{"namespace":"a"})").starts_with("rules[1]: can never match"));
    CHECK(rules(R"({"namespace":"ml-*"},{"namespace":"*"})").empty());
    CHECK(rules(R"({"namespace":"a","container":"x"},{"namespace":"a"})").empty());
    CHECK(rules(R"({"namespace":"?"},{"namespace":"ab"})").empty());
    // One that is broken matches nobody, and so takes nobody from the next.
    CHECK(rules(R"({"namepsace":"a"},{"namespace":"b"})").starts_with("rules[0].namepsace: is not known"));
    CHECK(rules(R"(5,{"namespace":"b"})") == "rules[0]: is not an object");
    CHECK(rules(R"({"namespace":"A*"},{"namespace":"b"})").starts_with("rules[0].namespace: matches no namespace"));
}
