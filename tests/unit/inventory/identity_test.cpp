// SPDX-License-Identifier: Apache-2.0
#include "runtime/inventory/identity.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using inventory::engine_of;
using oci::Family;

TEST_CASE("the engine, by where it has its bundles") {
    CHECK(engine_of("/var/lib/containers/storage/overlay-containers/0123/userdata", Family::none) == "podman");
    CHECK(engine_of("/run/containers/storage/overlay-containers/0123/userdata", Family::crio) == "cri-o");
    CHECK(engine_of("/run/containerd/io.containerd.runtime.v2.task/moby/0123", Family::none) == "docker");
    CHECK(engine_of("/var/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/0123", Family::none) ==
          "docker");
    CHECK(engine_of("/run/containerd/io.containerd.runtime.v2.task/k8s.io/0123", Family::containerd) == "containerd");
    CHECK(engine_of("/run/containerd/io.containerd.runtime.v2.task/default/web", Family::none) == "containerd");
    CHECK(engine_of("/home/me/bundle", Family::none).empty());
    CHECK(engine_of("/home/me/userdata", Family::none).empty());
    CHECK(engine_of("/home/me/my-containers/web", Family::none).empty());
    CHECK(engine_of("", Family::none).empty());
}
