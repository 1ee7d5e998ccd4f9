// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/engine.h"

#include <doctest/doctest.h>
#include <vector>

using namespace bulkhead;
using oci::Annotation;
using oci::Family;

namespace {

const std::string crio = "io.kubernetes.cri-o.";
const std::string cri = "io.kubernetes.cri.";

std::vector<Annotation> crio_container(const std::string& name) {
    return {{crio + "ContainerType", "container"},
            {crio + "Name", name},
            {crio + "SandboxID", "0123"},
            {crio + "SandboxName", "k8s_p_shop_7d1f_0"}};
}

Result<oci::Engine> identify(const std::vector<Annotation>& annotations, const std::string& bundle = "/run/bundle") {
    oci::Spec spec;
    spec.annotations = annotations;
    return oci::identify_engine(spec, "id", bundle);
}

const std::vector<Annotation> containerd_container{{cri + "container-name", "web"},
                                                   {cri + "container-type", "container"},
                                                   {cri + "sandbox-id", "0123"},
                                                   {cri + "sandbox-namespace", "shop"}};

struct Row {
    std::string what;
    std::vector<Annotation> annotations;
    Family family;
    bool sandbox;
    std::optional<std::string> name;
};

std::string both_reason(const std::string& key) {
    return "annotations of both CRI-O and containerd are set (" + key +
           " among them); remove the io.kubernetes.cri keys from the pod";
}

} // namespace

TEST_CASE("engines are told by the annotations that they always write") {
    const std::vector<Row> table{
        {"nothing", {}, Family::none, false, "id"},
        {"ours alone", {{"io.bulkhead.shm-size", "1"}}, Family::none, false, "id"},
        {"podman", {{crio + "Created", "t"}, {crio + "TTY", "false"}}, Family::none, false, "id"},
        {"podman container in a pod",
         {{crio + "ContainerType", "container"}, {crio + "SandboxID", "0123"}},
         Family::none,
         false,
         "id"},
        {"podman pod's infra container",
         {{crio + "ContainerType", "sandbox"}, {crio + "SandboxID", "0123"}},
         Family::none,
         false,
         "id"},
        {"CRI-O", crio_container("k8s_web_p_shop_7d1f_0"), Family::crio, false, "web"},
        {"CRI-O, restored", crio_container("k8s_k8s_web_p_shop_7d1f_0_p_shop_7d1f0"), Family::crio, false, "web"},
        {"CRI-O, a container of the name k8s", crio_container("k8s_k8s_p_shop_7d1f_0"), Family::crio, false, "k8s"},
        {"CRI-O, a sandbox by its type alone",
         {{crio + "ContainerType", "sandbox"}, {crio + "SandboxName", "k8s_p_shop_7d1f_0"}},
         Family::crio,
         false,
         std::nullopt},
        {"CRI-O without a name", {{crio + "SandboxName", "k8s_p_shop_7d1f_0"}}, Family::crio, false, std::nullopt},
        {"containerd", containerd_container, Family::containerd, false, "web"},
        {"containerd sandbox",
         {{cri + "container-name", "x"}, {cri + "container-type", "sandbox"}, {cri + "sandbox-namespace", "shop"}},
         Family::containerd,
         true,
         std::nullopt},
        {"containerd without a name", {{cri + "sandbox-id", "0123"}}, Family::containerd, false, std::nullopt},
        {"a type that is none", {{cri + "container-type", "Sandbox"}}, Family::containerd, false, std::nullopt},
    };
    for (const auto& row : table) {
        CAPTURE(row.what);
        const auto engine = identify(row.annotations);
        REQUIRE(engine);
        CHECK(engine->family == row.family);
        CHECK(engine->sandbox == row.sandbox);
        CHECK(engine->container_name == row.name);
    }
}

TEST_CASE("CRI-O's Name that does not have its form leaves container and namespace unknown") {
    for (const std::string name :
         {"", "web", "k8s", "k8s_web_p_shop_7d1f", "k8s_web_p_shop_7d1f_0_1", "x_web_p_shop_7d1f_0", "_____",
          "k8s_web_p_shop_7d1f_0_p_shop_7d1f_0", "x_k8s_web_p_shop_7d1f_0_p_shop_7d1f0", "_________"}) {
        CAPTURE(name);
        const auto engine = identify(crio_container(name));
        REQUIRE(engine);
        CHECK(engine->family == Family::crio);
        CHECK(!engine->container_name);
        CHECK(!engine->kubernetes_namespace);
    }
}

TEST_CASE("the kubelet's labels must bear CRI-O's Name out, and name nothing themselves") {
    const auto labelled = [](const std::string& container, const std::string& name) {
        auto annotations = crio_container("k8s_web_p_shop_7d1f_0");
        annotations.push_back({"io.kubernetes.container.name", container});
        annotations.push_back({"io.kubernetes.pod.namespace", name});
        return identify(annotations);
    };
    CHECK(labelled("web", "shop")->container_name == "web");
    for (const auto& [container, name] : std::vector<std::pair<std::string, std::string>>{
             {"web", "victim"}, {"victim", "shop"}, {"POD", "shop"}, {"", ""}, {"web", "shop "}}) {
        const auto engine = labelled(container, name);
        REQUIRE(!engine);
        CHECK(engine.error().code == Code::not_allowed);
        CHECK(engine.error().what ==
              "io.kubernetes.cri-o.Name is not of the container and namespace that the kubelet's labels name, so one "
              "of them is forged; use an image that is no checkpoint");
    }
    auto of_containerd = containerd_container;
    of_containerd.push_back({"io.kubernetes.pod.namespace", "victim"});
    of_containerd.push_back({"io.kubernetes.container.name", "victim"});
    CHECK(identify(of_containerd)->kubernetes_namespace == "shop");
    CHECK(identify(of_containerd)->container_name == "web");
}

TEST_CASE("keys of both families are refused: one of them is a tenant's") {
    for (const auto& theirs : {crio + "ContainerType", crio + "SandboxID", crio + "SandboxName", crio + "Labels",
                               crio + "Name", crio + "ContainerID", crio + "HostnamePath"}) {
        auto annotations = containerd_container;
        annotations.insert(annotations.begin(), {theirs, "x"});
        const auto engine = identify(annotations);
        REQUIRE(!engine);
        CHECK(engine.error().code == Code::not_allowed);
        CHECK(engine.error().what == both_reason(cri + "container-name"));
    }
    for (const auto& theirs :
         {cri + "container-type", cri + "sandbox-id", cri + "sandbox-namespace", cri + "container-name"}) {
        auto annotations = crio_container("k8s_web_p_shop_7d1f_0");
        annotations.push_back({theirs, "sandbox"});
        const auto engine = identify(annotations);
        REQUIRE(!engine);
        CHECK(engine.error().code == Code::not_allowed);
        CHECK(engine.error().what == both_reason(theirs));
    }
}

TEST_CASE("names that a tenant can write as they like are not believed") {
    for (const std::string key :
         {"io.kubernetes.cri-o.Namespace", "io.kubernetes.cri-o.ContainerName", "io.kubernetes.cri-o.Created",
          "io.kubernetes.cri-o.TTY", "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri-o.containertype",
          "io.kubernetes.cri", ""}) {
        CAPTURE(key);
        CHECK(!oci::is_engine_key(key));
    }
    for (const std::string key : {"io.kubernetes.cri-o.Namespace", "io.kubernetes.pod.namespace",
                                  "io.kubernetes.container.name", "io.kubernetes.cri-o.containertype"}) {
        CAPTURE(key);
        const auto engine = identify({{key, "sandbox"}});
        REQUIRE(engine);
        CHECK(engine->family == Family::none);
        CHECK(!engine->sandbox);
        CHECK(engine->container_name == "id");
        CHECK(!engine->kubernetes_namespace);
    }
    for (const auto& annotation : containerd_container) {
        CHECK(oci::is_engine_key(annotation.key));
    }
    for (const auto& annotation : crio_container("k8s_web_p_shop_7d1f_0")) {
        CHECK(oci::is_engine_key(annotation.key));
    }
}

TEST_CASE("in a bundle of containers/storage only what names the container's id is believed") {
    for (const std::string driver : {"overlay", "vfs", "btrfs"}) {
        const auto bundle = "/var/lib/containers/storage/" + driver + "-containers/id/userdata";
        CAPTURE(bundle);
        for (const auto& key : {crio + "ContainerType", crio + "HostnamePath", cri + "container-type"}) {
            const auto engine = identify({{key, "sandbox"}}, bundle);
            REQUIRE(engine);
            CHECK(!engine->sandbox);
            CHECK(engine->family == Family::none);
        }
        auto annotations = crio_container("k8s_web_p_shop_7d1f_0");
        const auto refused = [&] {
            const auto engine = identify(annotations, bundle);
            return !engine && engine.error().code == Code::not_allowed &&
                   engine.error().what == "io.kubernetes.cri-o.ContainerID is not this container's id, so CRI-O's keys "
                                          "here are forged; use an image without them";
        };
        CHECK(refused());
        annotations.push_back({crio + "ContainerID", "another"});
        CHECK(refused());
        annotations.back().value = "id";
        const auto engine = identify(annotations, bundle);
        REQUIRE(engine);
        CHECK(engine->container_name == "web");
        CHECK(engine->family == Family::crio);
    }
}

TEST_CASE("a CRI-O sandbox is one by the file of its own that is mounted") {
    const std::string own = "/run/containers/storage/overlay-containers/id/userdata/hostname";
    const std::string other = "/run/containers/storage/overlay-containers/di/userdata/hostname";
    const auto is_sandbox = [](const std::string& path, const std::vector<std::string>& binds) {
        oci::Spec spec;
        spec.annotations = crio_container("k8s_victim_p_victim_7d1f_0");
        spec.annotations.push_back({crio + "ContainerID", "id"});
        spec.annotations.push_back({crio + "HostnamePath", path});
        spec.binds = binds;
        const auto engine = oci::identify_engine(spec, "id", "/run/containers/storage/overlay-containers/id/userdata");
        REQUIRE(engine);
        CHECK(engine->kubernetes_namespace.has_value() != engine->sandbox);
        CHECK(engine->container_name.has_value() != engine->sandbox);
        return engine->sandbox;
    };
    CHECK(is_sandbox(own, {own}));
    CHECK(is_sandbox(own, {"/a", own, "/b"}));
    CHECK(!is_sandbox(own, {}));
    CHECK(!is_sandbox(own, {other}));
    CHECK(!is_sandbox(other, {other, own}));
    CHECK(!is_sandbox("", {own, ""}));
    CHECK(!is_sandbox("/x" + own.substr(own.find("id/")), {"/x" + own.substr(own.find("id/"))}));
}

TEST_CASE("a pod's namespace, out of what each engine always writes") {
    const auto of_crio = [](const std::string& name) {
        return identify({{crio + "ContainerType", "container"}, {crio + "Name", name}})->kubernetes_namespace;
    };
    const auto of_containerd = [](const std::string& name) {
        return identify({{cri + "container-type", "container"}, {cri + "sandbox-namespace", name}})
            ->kubernetes_namespace;
    };
    CHECK(of_crio("k8s_web_p_shop_7d1f_0") == "shop");
    CHECK(of_crio("k8s_web-1_p.x_kube-system_7d1f_12") == "kube-system");
    for (const std::string name : {"k8s_web_p__7d1f_0", "k8s_web_p_.._7d1f_0", "k8s_web_p_a/b_7d1f_0",
                                   "k8s_web_p_Shop_7d1f_0", "k8s_web_p_@local_7d1f_0"}) {
        CAPTURE(name);
        CHECK(of_crio(name) == std::nullopt);
    }
    CHECK(of_containerd("shop") == "shop");
    CHECK(of_containerd(std::string(63, 'a')) == std::string(63, 'a'));
    for (const std::string name : {"", "..", "a/b", "-a", "a-", "A", "a.b", "@local"}) {
        CAPTURE(name);
        CHECK(of_containerd(name) == std::nullopt);
    }
    CHECK(of_containerd(std::string(64, 'a')) == std::nullopt);
    // Nor what an image says of containerd in a bundle of podman's.
    CHECK(
        identify({{cri + "sandbox-namespace", "victim"}}, "/s/overlay-containers/id/userdata")->kubernetes_namespace ==
        std::nullopt);
}

TEST_CASE("the pod's name, which CRI-O has in the container's") {
    CHECK(identify(crio_container("k8s_web_front-7d_shop_7d1f_0")).value().pod_name == "front-7d");
    CHECK(!identify(containerd_container).value().pod_name);
}
