// SPDX-License-Identifier: Apache-2.0
// config.json as each engine leaves it for a pod that imitates the engine's keys: put together by hand from the sources
// that engine.h names. The pod is "web-0" in the namespace "shop", its container "web"; wherever it could it wrote
// "victim", that its workload is a sandbox, and that its sandbox is a workload. Those of containerd 1.6 and 1.7 are
// held against the engine itself in tests/node/suites/engines-containerd.bats.
#include "runtime/oci/engine.h"
#include "runtime/oci/request.h"
#include "support/fixture.h"

#include <doctest/doctest.h>
#include <vector>

using namespace bulkhead;
using oci::Engine;
using oci::Family;
using test::fixture;
using test::repeated;
using test::replaced;

namespace {

const std::string workload_id = repeated("c1", 32);
const std::string sandbox_id = repeated("5b", 32);

struct Config {
    std::string file;
    Family family;
    bool sandbox;
};

const std::vector<Config> identified{
    {"crio-1.24-hostile-pod", Family::crio, false}, // to 1.26
    {"crio-1.27-hostile-pod", Family::crio, false}, // to 1.28
    {"crio-1.29-hostile-pod", Family::crio, false}, // to 1.32
    {"crio-1.33-hostile-pod", Family::crio, false}, // to 1.34
    {"crio-1.35-hostile-pod", Family::crio, false}, // to 1.37
    // CRI-O was started anew and has read its sandbox out of the sandbox's config.json, the tenant's words with it.
    {"crio-1.33-hostile-pod-after-restart", Family::crio, false},
    // Restored from an image that says in io.kubernetes.cri-o.Annotations of its spec.dump what it likes; 1.28 to 1.37.
    {"crio-1.30-hostile-checkpoint", Family::crio, false},
    {"crio-1.24-hostile-sandbox", Family::crio, true}, // to 1.27
    {"crio-1.28-hostile-sandbox", Family::crio, true}, // to 1.34
    {"crio-1.35-hostile-sandbox", Family::crio, true}, // to 1.37
    {"containerd-1.6-hostile-pod", Family::containerd, false},
    {"containerd-1.7-hostile-pod", Family::containerd, false},
    {"containerd-2.0-hostile-pod", Family::containerd, false},     // to 2.3
    {"containerd-1.6-hostile-sandbox", Family::containerd, true},  // to 1.7
    {"containerd-2.0-hostile-sandbox", Family::containerd, true}}; // to 2.3

const std::vector<std::string> crio_keys{"ContainerID", "ContainerType", "HostnamePath", "Labels",
                                         "Name",        "SandboxID",     "SandboxName"};
const std::vector<std::string> containerd_keys{"container-name", "container-type", "sandbox-id", "sandbox-namespace"};

std::string text_of(const std::string& file) { return fixture("config-" + file + ".json"); }

std::string bundle_of(Family family, const std::string& id) {
    return family == Family::crio ? "/run/containers/storage/overlay-containers/" + id + "/userdata"
                                  : "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + id;
}

Result<Engine> identify(const std::string& text, Family family, bool sandbox) {
    const auto& id = sandbox ? sandbox_id : workload_id;
    const auto bundle = bundle_of(family, id);
    const auto spec = oci::parse_spec(text, bundle);
    REQUIRE(spec);
    return oci::identify_engine(*spec, id, bundle);
}

std::string with(const std::string& text, const std::string& key, const std::string& value) {
    return replaced(text, R"("annotations": {)", R"("annotations": {")" + key + R"(":")" + value + R"(",)");
}

// What the engine, or the tenant, wrote for `key`, replaced.
std::string rewritten(const std::string& text, const std::string& key, const std::string& value) {
    const auto begin = text.find("\"" + key + "\": ");
    REQUIRE(begin != std::string::npos);
    const auto end = text.find('\n', begin);
    const bool last = text[end - 1] != ',';
    return text.substr(0, begin) + "\"" + key + "\": \"" + value + (last ? "\"" : "\",") + text.substr(end);
}

void check_true_words(const Result<Engine>& engine, Family family, bool sandbox) {
    REQUIRE(engine);
    CHECK(engine->family == family);
    CHECK(engine->sandbox == sandbox);
    CHECK(engine->container_name == (sandbox ? std::nullopt : std::optional<std::string>("web")));
    CHECK(engine->kubernetes_namespace == (sandbox ? std::nullopt : std::optional<std::string>("shop")));
}

void check_refused(const Result<Engine>& engine, const std::string& what) {
    REQUIRE(!engine);
    CHECK(engine.error().code == Code::not_allowed);
    CHECK(engine.error().what.find(what) != std::string::npos);
}

constexpr auto of_both = "annotations of both CRI-O and containerd are set (";
constexpr auto labels_disagree = "io.kubernetes.cri-o.Name is not of the container and namespace that the kubelet's "
                                 "labels name";
constexpr auto not_its_id = "io.kubernetes.cri-o.ContainerID is not this container's id";

} // namespace

TEST_CASE("a pod that imitates its own engine's keys is told for what it is") {
    for (const auto& config : identified) {
        CAPTURE(config.file);
        const auto text = text_of(config.file);
        CHECK(text.find("victim") != std::string::npos);
        check_true_words(identify(text, config.family, config.sandbox), config.family, config.sandbox);
    }
}

TEST_CASE("the request that is taken from a hostile pod is that of its own container") {
    for (const auto& config : identified) {
        if (config.sandbox) {
            continue;
        }
        CAPTURE(config.file);
        const auto bundle = bundle_of(config.family, workload_id);
        const auto spec = oci::parse_spec(text_of(config.file), bundle);
        const auto engine = oci::identify_engine(*spec, workload_id, bundle);
        REQUIRE(engine);
        const auto request = oci::parse_request(spec->annotations, engine->container_name);
        REQUIRE(request);
        const auto& setting = (*request)[oci::Key::pids_max];
        REQUIRE(setting);
        CHECK(setting->text == "100");
    }
}

TEST_CASE("a pod that imitates the other engine's keys is refused, and its sandbox too") {
    for (const auto& config : identified) {
        const bool crio = config.family == Family::crio;
        for (const auto& name : crio ? containerd_keys : crio_keys) {
            const auto key = (crio ? "io.kubernetes.cri." : "io.kubernetes.cri-o.") + name;
            for (const std::string value : {"", "sandbox", "victim"}) {
                CAPTURE(config.file);
                CAPTURE(key);
                const auto text = with(text_of(config.file), key, value);
                check_refused(identify(text, config.family, config.sandbox), of_both);
            }
        }
    }
}

// The four keys that 1.24 to 1.37 write on no workload, so that they are the tenant's to the letter.
TEST_CASE("no value of a key that CRI-O leaves to a workload's tenant changes what it is") {
    const auto text = text_of("crio-1.33-hostile-pod");
    const auto other = "/run/containers/storage/overlay-containers/" + sandbox_id + "/userdata/hostname";
    for (const std::string key : {"HostnamePath", "Namespace", "ContainerName", "KubeName"}) {
        for (const auto& value : {std::string(), std::string("sandbox"), std::string("k8s_x_victim_0_0"), other,
                                  "/" + workload_id + "/userdata/hostname", sandbox_id, workload_id}) {
            CAPTURE(key);
            CAPTURE(value);
            check_true_words(identify(rewritten(text, "io.kubernetes.cri-o." + key, value), Family::crio, false),
                             Family::crio, false);
        }
    }
}

TEST_CASE("no value of a key that CRI-O leaves to a sandbox's tenant makes it a workload") {
    const auto text = text_of("crio-1.35-hostile-sandbox");
    for (const auto& name : crio_keys) {
        if (name == "HostnamePath") {
            continue; // written after the tenant's
        }
        for (const auto& value :
             {std::string(), std::string("container"), std::string("k8s_c_p_victim_u_0"),
              std::string(R"({\"io.kubernetes.container.name\":\"c\"})"), sandbox_id, workload_id}) {
            CAPTURE(name);
            CAPTURE(value);
            check_true_words(identify(rewritten(text, "io.kubernetes.cri-o." + name, value), Family::crio, true),
                             Family::crio, true);
        }
    }
}

TEST_CASE("a checkpoint image that forges what CRI-O does not write again is refused, not believed") {
    const auto text = text_of("crio-1.30-hostile-checkpoint");
    check_true_words(identify(text, Family::crio, false), Family::crio, false);
    check_refused(identify(rewritten(text, "io.kubernetes.cri-o.ContainerID", sandbox_id), Family::crio, false),
                  not_its_id);
    // Together with a CRI-O that was started anew in between, Name is the tenant's as well.
    const std::string forged = "k8s_k8s_web_web-0_victim_u_0_web-0_victim_u0";
    check_refused(identify(rewritten(text, "io.kubernetes.cri-o.Name", forged), Family::crio, false), labels_disagree);
    // CRI-O 1.26 and 1.27 take the labels from the image as well, and even the container's name in Name.
    check_refused(identify(text_of("crio-1.26-hostile-checkpoint"), Family::crio, false), labels_disagree);
}

TEST_CASE("a sandbox is one by its own file, which must be mounted") {
    const auto text = text_of("crio-1.33-hostile-pod");
    const auto own = "/run/containers/storage/overlay-containers/" + workload_id + "/userdata/hostname";
    // Its id foreseen: still a workload, as the mount is its sandbox's.
    check_true_words(identify(rewritten(text, "io.kubernetes.cri-o.HostnamePath", own), Family::crio, false),
                     Family::crio, false);
    const auto sandbox = text_of("crio-1.24-hostile-sandbox");
    const auto path = "/run/containers/storage/overlay-containers/" + sandbox_id + "/userdata/hostname";
    const auto unmounted = replaced(sandbox, R"("source": ")" + path, R"("source": "/elsewhere)");
    check_refused(identify(unmounted, Family::crio, true), not_its_id);
}
