// SPDX-License-Identifier: Apache-2.0
// A node with one of everything, whoever wrote what to see what comes of it included.
#pragma once

#include "runtime/cli/inventory_output.h"
#include "runtime/inventory/inventory.h"

#include <string>

namespace bulkhead::test {

inline constexpr std::uint64_t kibibyte = 1ULL << 10U;
inline constexpr std::uint64_t mebibyte = 1ULL << 20U;
inline constexpr std::uint64_t gibibyte = 1ULL << 30U;

inline const std::string web_id = "4f1c0e7d9b2a4f1c0e7d9b2a4f1c0e7d9b2a4f1c0e7d9b2a4f1c0e7d9b2a4f1c";
inline const policy::SegmentPlace feed{.scope = "k8s/shop", .name = "feed"};
inline const policy::SegmentPlace spare{.scope = "node", .name = "spare"};

// Guarded, with all four resources and a segment.
inline inventory::Container web() {
    inventory::Container web;
    web.id = web_id;
    web.identity = {.engine = "containerd", .kubernetes_namespace = "shop", .pod = "front-7d", .name = "web"};
    web.bundle = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + web_id;
    web.pid = 4711;
    web.status = inventory::Status::running;
    web.started = std::chrono::system_clock::from_time_t(1'800'000'000);
    web.guard = inventory::Guard::guarded;
    web.shm = {.used = Bytes{12 * mebibyte}, .limit = Bytes{64 * mebibyte}};
    web.disk = {.filesystem = "2f3c1f5e-8a0f-4d5c-9a57-5f0b1f6a2d11",
                .id = 1'073'741'824,
                .upper = "/var/lib/containerd/snapshots/7/fs",
                .used = Bytes{973 * mebibyte},
                .limit = Bytes{gibibyte},
                .used_inodes = Count{1200},
                .inodes_limit = Count{262'144}};
    web.memory = {.usage = Bytes{300 * mebibyte},
                  .working_set = Bytes{213 * mebibyte + 512 * kibibyte},
                  .anon = Bytes{180 * mebibyte},
                  .file = Bytes{110 * mebibyte},
                  .shmem = Bytes{12 * mebibyte},
                  .limit = Bytes{256 * mebibyte},
                  .high = Bytes{250 * mebibyte},
                  .low = Bytes{},
                  .swap = Bytes{},
                  .swap_limit = Bytes{},
                  .oom_group = true};
    web.pids = {.used = Count{7}, .limit = Count{100}};
    web.segments = {{.place = feed, .path = "/dev/feed", .read_only = true}};
    web.asked = {{.key = "/etc/bulkhead/bulkhead.json: defaults.pids-max", .value = "100", .by_config = true},
                 {.key = "io.bulkhead.disk-size", .value = "1Gi"},
                 {.key = "io.bulkhead.segment.feed", .value = "path=/dev/feed\n\033[2J,ro"}};
    return web;
}

// Escapable, without what it asked for.
inline inventory::Container db() {
    inventory::Container db;
    db.id = "db";
    db.identity = {.engine = "podman"};
    db.bundle = "/var/lib/containers/storage/overlay-containers/db/userdata";
    db.pid = 42;
    db.status = inventory::Status::running;
    db.started = std::chrono::system_clock::from_time_t(1'800'000'100);
    db.guard = inventory::Guard::escapable;
    db.escapable = "it may have CAP_SYS_ADMIN";
    db.shm = {.used = Bytes{gibibyte}, .limit = Bytes{2 * gibibyte}, .hosts = true};
    db.memory = {.usage = Bytes{5000}, .working_set = Bytes{4096}, .anon = Bytes{4096}};
    db.pids = {.used = Count{99}, .limit = Count{100}};
    db.left_out = {{.resource = oci::Resource::disk, .reason = "the kernel has no quota for XFS"}};
    db.problems = {"disk: the disk of /upper: No such file or directory"};
    return db;
}

inline inventory::Inventory node() {
    inventory::Inventory node;
    inventory::Container dead;
    dead.id = "evil\033[31m\xc2\x9b"
              "2J";
    dead.bundle = "/bundles/evil";
    dead.pid = 7;
    dead.guard = inventory::Guard::not_needed;
    dead.disk = {.filesystem = "u", .id = 5, .upper = "/upper", .used = Bytes{512}, .used_inodes = Count{1}};
    inventory::Container coming;
    coming.id = "coming";
    coming.bundle = "/bundles/coming";
    coming.pid = 8;
    coming.status = inventory::Status::prepared;
    coming.started = std::chrono::system_clock::from_time_t(1'800'000'200);
    node.containers = {web(), coming, db(), dead};
    node.segments = {{.place = feed,
                      .mounted = true,
                      .used = Bytes{1536 * kibibyte},
                      .size = Bytes{2 * mebibyte},
                      .members = {{.pid = 12, .container = ""}, {.pid = 4711, .container = web_id}}},
                     {.place = {.scope = "local", .name = "lost"}},
                     {.place = spare, .mounted = true, .used = Bytes{4096}, .size = {}, .kept = true}};
    node.problems = {{.name = "containers/mail", .reason = "receipt ff.json: \033[1mis malformed"}};
    return node;
}

} // namespace bulkhead::test
