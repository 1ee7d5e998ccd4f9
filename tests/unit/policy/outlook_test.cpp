// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/outlook.h"

#include "support/node_config.h"

#include <doctest/doctest.h>
#include <string>

using namespace bulkhead;
using oci::Key;

namespace {

constexpr Bytes ram{8ULL << 30U};

policy::ConfigReading reading_of(const std::string& config) {
    auto read = test::read_config_text(config);
    return {.config = std::move(read.config), .files = {"FILE"}, .problems = std::move(read.problems)};
}

oci::Spec spec_of(const std::vector<oci::Annotation>& annotations) {
    oci::Spec spec;
    spec.annotations = annotations;
    return spec;
}

// "nothing", "pids-max=5" for the whole plan, or "CODE what".
std::string outlook(const std::vector<oci::Annotation>& annotations, const std::string& config) {
    const auto asking = policy::read_asking(spec_of(annotations), "c1", "/bundle");
    const auto told = [](const Error& error) {
        return std::to_string(static_cast<int>(error.code)) + " " + error.what;
    };
    if (!asking) {
        return told(asking.error());
    }
    const auto outlook =
        policy::look_ahead(asking->request, reading_of(config), {.engine = asking->engine, .ram = ram});
    if (!outlook) {
        return told(outlook.error());
    }
    std::string text;
    for (const auto& one : *outlook ? (*outlook)->plan.all() : std::vector<oci::Setting>{}) {
        text.append(text.empty() ? "" : " ").append(oci::info_of(one.key).name).append("=").append(one.text);
    }
    return *outlook ? text : "nothing";
}

const oci::Annotation asks{.key = "io.bulkhead.pids-max", .value = "5"};
const oci::Annotation wrong{.key = "io.bulkhead.pids", .value = "5"};
const oci::Annotation in_prod{.key = "io.kubernetes.cri.sandbox-namespace", .value = "prod"};
const oci::Annotation web{.key = "io.kubernetes.cri.container-name", .value = "web"};
const oci::Annotation sandbox{.key = "io.kubernetes.cri.container-type", .value = "sandbox"};
const std::string prods_default = R"({"rules":[{"namespace":"prod","defaults":{"pids-max":7}}]})";

} // namespace

TEST_CASE("who asks for nothing gets nothing, unless a default is for it") {
    CHECK(outlook({}, "{}") == "nothing");
    CHECK(outlook({}, prods_default) == "nothing");
    CHECK(outlook({in_prod, web}, prods_default) == "pids-max=7");
    CHECK(outlook({asks}, "{}") == "pids-max=5");
    CHECK(outlook({asks, in_prod, web}, prods_default) == "pids-max=5");
}

TEST_CASE("a sandbox is left alone, whatever it says and the config is") {
    for (const std::string config : {"{}", R"({"defaults":{"pids-max":7}})", R"({"disks":{}})"}) {
        CHECK(outlook({sandbox, in_prod, wrong}, config) == "nothing");
    }
}

TEST_CASE("a bad config is for those whom it concerns, and after their annotations") {
    const std::string bad = R"({"disks":{},"rules":[{"namespace":"prod","defaults":{"pids-max":7}}]})";
    const std::string refusal = "78 FILE: disks is not known to this version; the nearest that is known is \"disk\"";
    CHECK(outlook({}, bad) == "nothing");
    CHECK(outlook({asks}, bad) == refusal);
    CHECK(outlook({in_prod, web}, bad) == refusal);
    CHECK(outlook({wrong}, bad).starts_with("64 io.bulkhead.pids=\"5\": unknown annotation"));
}

TEST_CASE("a default that is misspelt is for somebody") {
    const std::string unknown = R"( is not known to this version; the nearest that is known is "pids-max")";
    CHECK(outlook({}, R"({"defaults":{"pid-max":7}})") == "78 FILE: defaults.pid-max" + unknown);
    const std::string prods = R"({"rules":[{"namespace":"prod","defaults":{"pid-max":7}}]})";
    CHECK(outlook({in_prod, web}, prods) == "78 FILE: rules[0].defaults.pid-max" + unknown);
    CHECK(outlook({}, prods) == "nothing");
    CHECK(outlook({}, R"({"max":{"pid-max":7}})") == "nothing");
}

TEST_CASE("whom a default depends on must be told") {
    const oci::Annotation container{.key = "io.kubernetes.cri.container-type", .value = "container"};
    CHECK(outlook({container}, prods_default) == "65 the engine's annotations do not tell the pod's namespace");
    CHECK(outlook({container}, "{}") == "nothing");
}
