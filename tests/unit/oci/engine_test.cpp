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

std::vector<Annotation> crio_container(const std::string& labels) {
    return {{crio + "ContainerType", "container"},
            {crio + "Labels", labels},
            {crio + "SandboxID", "0123"},
            {crio + "SandboxName", "k8s_web_shop_7d1f_0"}};
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
         true,
         "id"},
        {"CRI-O", crio_container(R"({"io.kubernetes.container.name":"web"})"), Family::crio, false, "web"},
        {"CRI-O, more labels",
         crio_container(R"({"io.kubernetes.pod.name":"p","io.kubernetes.container.name":"web","x":"y"})"), Family::crio,
         false, "web"},
        {"CRI-O sandbox",
         {{crio + "ContainerType", "sandbox"}, {crio + "SandboxName", "k8s_web_shop_7d1f_0"}},
         Family::crio,
         true,
         std::nullopt},
        {"CRI-O without labels", {{crio + "SandboxName", "k8s_web_shop_7d1f_0"}}, Family::crio, false, std::nullopt},
        {"containerd", containerd_container, Family::containerd, false, "web"},
        {"containerd sandbox",
         {{cri + "container-type", "sandbox"}, {cri + "sandbox-namespace", "shop"}},
         Family::containerd,
         true,
         std::nullopt},
        {"containerd without a name", {{cri + "sandbox-id", "0123"}}, Family::containerd, false, std::nullopt},
        {"a type that is none", {{cri + "container-type", "Sandbox"}}, Family::containerd, false, std::nullopt},
    };
    for (const auto& row : table) {
        CAPTURE(row.what);
        const auto engine = oci::identify_engine(row.annotations, "id", "/run/bundle");
        REQUIRE(engine);
        CHECK(engine->family == row.family);
        CHECK(engine->sandbox == row.sandbox);
        CHECK(engine->container_name == row.name);
    }
}

TEST_CASE("CRI-O's labels that do not tell the name leave it unknown") {
    for (const std::string labels :
         {"", "x", "[]", "{", "null", "{}", R"({"io.kubernetes.container.name":7})",
          R"({"io.kubernetes.container.name":null})", R"({"io.kubernetes.container.name":"a\u0000b"})",
          R"({"io.kubernetes.container.name":"a","io.kubernetes.container.name":"b"})", R"({"x":{"y":"z"}} x)"}) {
        CAPTURE(labels);
        const auto engine = oci::identify_engine(crio_container(labels), "id", "/run/bundle");
        REQUIRE(engine);
        CHECK(!engine->container_name);
    }
}

TEST_CASE("keys of both families are refused: one of them is a tenant's") {
    for (const auto& theirs : {crio + "ContainerType", crio + "SandboxID", crio + "SandboxName", crio + "Labels"}) {
        auto annotations = containerd_container;
        annotations.insert(annotations.begin(), {theirs, "x"});
        const auto engine = oci::identify_engine(annotations, "id", "/run/bundle");
        REQUIRE(!engine);
        CHECK(engine.error().code == Code::not_allowed);
        CHECK(engine.error().what == both_reason(cri + "container-name"));
    }
    for (const auto& theirs :
         {cri + "container-type", cri + "sandbox-id", cri + "sandbox-namespace", cri + "container-name"}) {
        auto annotations = crio_container("{}");
        annotations.push_back({theirs, "sandbox"});
        const auto engine = oci::identify_engine(annotations, "id", "/run/bundle");
        REQUIRE(!engine);
        CHECK(engine.error().code == Code::not_allowed);
        CHECK(engine.error().what == both_reason(theirs));
    }
}

TEST_CASE("names that a tenant can write as they like are not believed") {
    for (const std::string key :
         {"io.kubernetes.cri-o.Namespace", "io.kubernetes.cri-o.ContainerName", "io.kubernetes.pod.namespace",
          "io.kubernetes.container.name", "io.kubernetes.cri-o.Created", "io.kubernetes.cri-o.TTY",
          "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri-o.containertype", "io.kubernetes.cri", ""}) {
        CAPTURE(key);
        CHECK(!oci::is_engine_key(key));
        const auto engine = oci::identify_engine({{key, "sandbox"}}, "id", "/run/bundle");
        REQUIRE(engine);
        CHECK(engine->family == Family::none);
        CHECK(!engine->sandbox);
        CHECK(engine->container_name == "id");
    }
    for (const auto& annotation : containerd_container) {
        CHECK(oci::is_engine_key(annotation.key));
    }
    for (const auto& annotation : crio_container("")) {
        CHECK(oci::is_engine_key(annotation.key));
    }
}

TEST_CASE("in a bundle of containers/storage only what names the container's id is believed") {
    constexpr auto bundle = "/var/lib/containers/storage/overlay-containers/id/userdata";
    for (const std::string key : {"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri.container-type"}) {
        const auto engine = oci::identify_engine({{key, "sandbox"}}, "id", bundle);
        REQUIRE(engine);
        CHECK(!engine->sandbox);
        CHECK(engine->family == Family::none);
    }
    auto annotations = crio_container(R"({"io.kubernetes.container.name":"web"})");
    auto engine = oci::identify_engine(annotations, "id", bundle);
    CHECK(engine->container_name == "id");
    annotations.push_back({"io.kubernetes.cri-o.ContainerID", "another"});
    engine = oci::identify_engine(annotations, "id", bundle);
    CHECK(engine->container_name == "id");
    annotations.back().value = "id";
    engine = oci::identify_engine(annotations, "id", bundle);
    CHECK(engine->container_name == "web");
    CHECK(engine->family == Family::crio);
}

TEST_CASE("a pod's namespace, out of what each engine always writes") {
    const auto of_crio = [](const std::string& sandbox_name) {
        return oci::identify_engine({{crio + "ContainerType", "container"}, {crio + "SandboxName", sandbox_name}}, "id",
                                    "/b")
            ->kubernetes_namespace;
    };
    const auto of_containerd = [](const std::string& name) {
        return oci::identify_engine({{cri + "container-type", "container"}, {cri + "sandbox-namespace", name}}, "id",
                                    "/b")
            ->kubernetes_namespace;
    };
    CHECK(of_crio("k8s_web_shop_7d1f_0") == "shop");
    CHECK(of_crio("k8s_web-1.x_kube-system_7d1f_12") == "kube-system");
    for (const std::string name :
         {"", "shop", "k8s_web_shop_7d1f", "k8s_web_shop_7d1f_0_1", "x_web_shop_7d1f_0", "k8s_web__7d1f_0",
          "k8s_web_.._7d1f_0", "k8s_web_a/b_7d1f_0", "k8s_web_Shop_7d1f_0"}) {
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
    // What a tenant writes beside it, or an image in a bundle of podman's, changes nothing.
    CHECK(oci::identify_engine({{crio + "Namespace", "victim"}, {"io.kubernetes.pod.namespace", "victim"}}, "id", "/b")
              ->kubernetes_namespace == std::nullopt);
    CHECK(oci::identify_engine({{cri + "sandbox-namespace", "victim"}}, "id", "/s/overlay-containers/id/userdata")
              ->kubernetes_namespace == std::nullopt);
}
