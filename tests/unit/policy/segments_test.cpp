// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/segments.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using oci::Family;
using policy::DeclaredSegment;
using policy::parse_segment_place;
using policy::plan_segments;

namespace {

constexpr Bytes ram{8ULL << 30U};
constexpr std::uint64_t gibibyte = 1ULL << 30U;

oci::Request asking(const std::vector<std::pair<std::string, std::string>>& segments,
                    const std::string& shm_size = "") {
    std::vector<oci::Annotation> annotations;
    for (const auto& [name, options] : segments) {
        annotations.push_back({.key = "io.bulkhead.segment." + name, .value = options});
    }
    if (!shm_size.empty()) {
        annotations.push_back({.key = "io.bulkhead.shm-size", .value = shm_size});
    }
    return oci::parse_request(annotations, "web").value();
}

oci::Engine pod_of(const std::string& name) {
    return {.family = Family::crio, .sandbox = false, .container_name = "web", .kubernetes_namespace = name};
}

const oci::Engine outside{
    .family = Family::none, .sandbox = false, .container_name = "web", .kubernetes_namespace = {}};

Result<std::vector<policy::SegmentPlan>> plan(const oci::Request& request, const std::vector<DeclaredSegment>& declared,
                                              const oci::Engine& engine) {
    return plan_segments(request, declared, policy::allowance_for({}, engine, ram).value(), engine, ram);
}

std::string refusal(const oci::Request& request, const std::vector<DeclaredSegment>& declared,
                    const oci::Engine& engine, Code code) {
    const auto plans = plan(request, declared, engine);
    if (!plans) {
        CHECK(plans.error().code == code);
    }
    return plans ? "" : plans.error().what;
}

DeclaredSegment feed(std::vector<std::string> writers, std::vector<std::string> readers = {}) {
    return {.name = "feed",
            .size = policy::Size{.value = gibibyte, .percent = false},
            .readers = std::move(readers),
            .writers = std::move(writers)};
}

std::string place_of(const oci::Engine& engine, const std::vector<DeclaredSegment>& declared = {}) {
    const auto plans = plan(asking({{"feed", "path=/x"}}), declared, engine);
    return plans ? (*plans)[0].place.path() : plans.error().what;
}

} // namespace

TEST_CASE("a segment belongs to the namespace, to all outside of Kubernetes, or to the node where it is declared") {
    CHECK(place_of(pod_of("prod")) == "k8s/prod/feed");
    CHECK(place_of(outside) == "local/feed");
    CHECK(place_of(pod_of("prod"), {feed({"prod"})}) == "node/feed");
    CHECK(place_of(outside, {feed({"@local"})}) == "node/feed");
    auto nameless = pod_of("");
    nameless.kubernetes_namespace = std::nullopt;
    CHECK(refusal(asking({{"feed", "path=/x"}}), {}, nameless, Code::malformed_input) ==
          "the engine's annotations do not tell the pod's namespace");
}

TEST_CASE("places are read as they were written, and nothing else is") {
    for (const std::string path : {"local/a", "node/a-b", "k8s/prod/a"}) {
        const auto place = parse_segment_place(path);
        REQUIRE(place);
        CHECK(place->path() == path);
    }
    for (const std::string path : {"", "a", "local", "local/", "/a", "local/../a", "local/..", "k8s/a", "k8s//a",
                                   "k8s/../a", "k8s/a/b/c", "other/a", "local/A", "k8s/A/b", "local/a/b"}) {
        CAPTURE(path);
        CHECK(!parse_segment_place(path));
    }
}

TEST_CASE("without a declaration: at most half of the RAM, no exec") {
    CHECK(refusal(asking({{"a", "path=/x,size=4Gi"}}), {}, outside, Code::not_allowed).empty());
    CHECK(refusal(asking({{"a", "path=/x,size=4294967297"}}), {}, outside, Code::not_allowed) ==
          "io.bulkhead.segment.a=\"path=/x,size=4294967297\": size exceeds the maximum of 4Gi (half of the node's "
          "RAM); ask "
          "for less");
    CHECK(refusal(asking({{"a", "path=/x,exec"}}), {}, outside, Code::not_allowed) ==
          "io.bulkhead.segment.a=\"path=/x,exec\": exec needs a segment that the node config declares with exec; leave "
          "it "
          "out");
    CHECK(refusal(asking({{"a", "path=/x,inodes=1048576"}}), {}, outside, Code::not_allowed).empty());
    CHECK(refusal(asking({{"a", "path=/x,inodes=1048577"}}), {}, outside, Code::not_allowed) ==
          "io.bulkhead.segment.a=\"path=/x,inodes=1048577\": inodes exceeds the maximum of 1048576 (one for each page "
          "of half "
          "of the node's RAM); ask for less");
}

TEST_CASE("a declared segment: the operator's size, keep, readers and writers") {
    auto declared = feed({"pro?", "feeder"}, {"*"});
    declared.keep = true;
    const auto plans = plan(asking({{"feed", "path=/x,size=1Mi"}}), {declared}, pod_of("prod"));
    REQUIRE(plans);
    CHECK((*plans)[0].size == Bytes{gibibyte});
    CHECK((*plans)[0].keep);
    CHECK((*plans)[0].shapes);
    const std::string begin = "io.bulkhead.segment.feed=\"path=/x";
    CHECK(refusal(asking({{"feed", "path=/x,size=2Gi"}}), {declared}, pod_of("prod"), Code::not_allowed) ==
          begin + ",size=2Gi\": size exceeds the maximum of 1Gi (the segment's size in the node config); ask for less");
    CHECK(refusal(asking({{"feed", "path=/x"}}), {declared}, pod_of("batch"), Code::not_allowed) ==
          begin + "\": the node config lets batch only read this segment; add ro");
    CHECK(refusal(asking({{"feed", "path=/x,ro"}}), {declared}, pod_of("batch"), Code::not_allowed).empty());
    for (const std::string terms : {"mode=0", "uid=1", "gid=1", "inodes=2", "huge=never", "noswap", "size=1Mi"}) {
        CAPTURE(terms); // whoever is first would set them for the writers
        CHECK(refusal(asking({{"feed", "path=/x,ro," + terms}}), {declared}, pod_of("batch"), Code::not_allowed)
                  .ends_with("leave all but path and ro out"));
    }
    CHECK(refusal(asking({{"feed", "path=/x,ro"}}), {declared}, outside, Code::not_allowed).empty());
    CHECK(!plan(asking({{"feed", "path=/x,ro"}}), {declared}, outside).value()[0].shapes);
    declared.readers = {"read*r"};
    CHECK(
        refusal(asking({{"feed", "path=/x,ro"}}), {declared}, pod_of("batch"), Code::not_allowed) ==
        begin +
            ",ro\": the node config declares this segment, and batch is not among its readers and writers; use another "
            "name");
    CHECK(refusal(asking({{"feed", "path=/x,ro"}}), {declared}, pod_of("reader"), Code::not_allowed).empty());
    CHECK(!refusal(asking({{"feed", "path=/x,ro"}}), {declared}, pod_of("readers"), Code::not_allowed).empty());
    CHECK(refusal(asking({{"feed", "path=/x,exec"}}), {declared}, pod_of("prod"), Code::not_allowed) ==
          begin + ",exec\": exec is not allowed for this segment by the node config; leave it out");
    declared.exec = true;
    CHECK(refusal(asking({{"feed", "path=/x,exec"}}), {declared}, pod_of("prod"), Code::not_allowed).empty());
    declared.size = policy::Size{.value = 25, .percent = true};
    CHECK(plan(asking({{"feed", "path=/x"}}), {declared}, pod_of("prod")).value()[0].size->value ==
          ram.value / 100 * 25);
    declared.size = std::nullopt;
    CHECK(!plan(asking({{"feed", "path=/x"}}), {declared}, pod_of("prod")).value()[0].size);
    CHECK(!refusal(asking({{"feed", "path=/x,size=5Gi"}}), {declared}, pod_of("prod"), Code::not_allowed).empty());
}

TEST_CASE("paths that do not go together") {
    CHECK(refusal(asking({{"a", "path=/x"}, {"b", "path=/xy"}}), {}, outside, Code::invalid_annotation).empty());
    CHECK(refusal(asking({{"a", "path=/x"}, {"b", "path=/x"}}), {}, outside, Code::invalid_annotation) ==
          "io.bulkhead.segment.b=\"path=/x\": path is that of the segment a, or lies in it; write another");
    CHECK(refusal(asking({{"a", "path=/x/y"}, {"b", "path=/x"}}), {}, outside, Code::invalid_annotation) ==
          "io.bulkhead.segment.a=\"path=/x/y\": path is that of the segment b, or lies in it; write another");
    CHECK(refusal(asking({{"a", "path=/dev/shm"}}, "1Mi"), {}, outside, Code::invalid_annotation) ==
          "io.bulkhead.segment.a=\"path=/dev/shm\": a segment at /dev/shm has its own size; leave io.bulkhead.shm-size "
          "out");
    CHECK(refusal(asking({{"a", "path=/dev/shm/a"}}, "1Mi"), {}, outside, Code::invalid_annotation).empty());
}
