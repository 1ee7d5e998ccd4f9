// SPDX-License-Identifier: Apache-2.0
// With real mounts in a container's mount namespace that a process plays; the book makes a tmpfs for each that joins.
#include "runtime/resources/segments.h"

#include "runtime/resources/segment_tmpfs.h"
#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/namespace.h"
#include "support/fake_container.h"
#include "support/private_mounts.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <set>
#include <unistd.h>

using namespace bulkhead;
using policy::SegmentPlan;
using resources::Segments;
using test::Findings;

namespace {

const auto needs_mounts = doctest::skip(!test::can_mount_privately());

SegmentPlan plan(const std::string& path, const std::string& options = "") {
    const auto request =
        oci::parse_request({{.key = "io.bulkhead.segment.x", .value = "path=" + path + ",size=1Mi" + options}}, "web");
    const auto& asked = request.value().segments().at(0);
    return {.asked = asked,
            .place = {.scope = "local", .name = "x"},
            .size = asked.options.size,
            .inodes = {},
            .total = {}};
}

class Book final : public resources::SegmentBook {
public:
    Result<UniqueFd> join(const SegmentPlan& wanted, const std::string& context) override {
        members.insert(wanted.place.path());
        return fail_at_join ? fail(Code::busy, "refused") : resources::make_segment(wanted, context);
    }
    Result<void> leave(const policy::SegmentPlace& place) override {
        members.erase(place.path());
        return {};
    }
    std::set<std::string> members;
    bool fail_at_join = false;
};

// A container with a root directory on a mount of its own.
struct Box {
    explicit Box(Findings& found) : findings(found) {
        findings.expect(test::mount_tmpfs(directory.path("root"), "root", "mode=755"), "mount root");
        inside.emplace([] { return ::unshare(CLONE_NEWNS) == 0; });
        container.emplace(inside->pid());
        container->spec.root = directory.path("root");
    }
    Box(const Box&) = delete;
    Box& operator=(const Box&) = delete;
    ~Box() {
        inside.reset();
        static_cast<void>(::umount2(directory.path("root").c_str(), MNT_DETACH));
    }

    // In the container's mount namespace.
    [[nodiscard]] std::string there(const std::string& path) const {
        return "/proc/" + std::to_string(inside->pid()) + "/root" + directory.path("root") + path;
    }
    // Joins and mounts; "" or what went wrong, after which all is taken back.
    std::string put_up(const SegmentPlan& wanted) {
        auto segments = Segments::prepare({wanted}, container->get());
        if (!segments) {
            code = segments.error().code;
            return segments.error().what.substr(segments.error().what.find("\": ") + 3);
        }
        const auto applied = segments->apply(container->get(), book);
        if (applied) {
            return "";
        }
        code = applied.error().code;
        const auto undone = segments->undo(book);
        findings.expect_equal(undone ? "" : undone.error().what, "");
        return applied.error().what;
    }

    Findings& findings;
    test::TemporaryDirectory directory;
    std::optional<test::IdleProcess> inside;
    std::optional<test::FakeContainer> container;
    Book book;
    Code code = Code::internal;
};

bool is_segment(const std::string& path) {
    const auto directory = sys::open_at(sys::working_directory, path, O_PATH | O_DIRECTORY);
    const auto place = directory ? sys::place_of(directory->borrow()) : std::unexpected(directory.error());
    return place && place->mount_root && sys::tmpfs_use(directory->borrow())->size == Bytes{1U << 20U};
}

template <typename Body>
std::string in_box(Body body) {
    return test::in_private_mounts([&](Findings& findings) {
        Box box(findings);
        body(findings, box);
    });
}

} // namespace

TEST_CASE("a segment is mounted in the container alone, and undone (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              auto segments = Segments::prepare({plan("/a/b/c", ",ro")}, box.container->get());
              findings.expect(segments && !std::filesystem::exists(box.there("/a")), "prepare() changed something");
              const auto applied = segments->apply(box.container->get(), box.book);
              findings.expect_equal(applied ? "" : applied.error().what, "");
              findings.expect(is_segment(box.there("/a/b/c")), "not mounted there");
              findings.expect(!is_segment(box.directory.path("root/a/b/c")), "mounted here");
              findings.expect(
                  sys::make_directory_at(sys::working_directory, box.there("/a/b/c/x"), 0700).error().number == EROFS,
                  "not read-only");
              findings.expect_equal(segments->records().at(0).path, "/a/b/c");
              findings.expect(segments->records().at(0).read_only, "record");
              findings.expect(segments->rooms().empty(), "room for one who may only read");
              findings.expect(segments->undo(box.book).has_value(), "undo");
              findings.expect(box.book.members.empty(), "still a member");
              findings.expect(!std::filesystem::exists(box.there("/a")), "directories stay");
          }) == "");
}

TEST_CASE("what the image has there already stays (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              std::filesystem::create_directories(box.directory.path("root/a"));
              auto segments = Segments::prepare({plan("/a/b")}, box.container->get());
              findings.expect(segments->apply(box.container->get(), box.book).has_value(), "apply");
              const auto rooms = segments->rooms();
              findings.expect(rooms.size() == 1 && rooms[0].path == "/a/b" && rooms[0].size == Bytes{1U << 20U},
                              "room");
              findings.expect(segments->undo(box.book).has_value(), "undo");
              findings.expect(std::filesystem::exists(box.there("/a")) && !std::filesystem::exists(box.there("/a/b")),
                              "undo");
          }) == "");
}

TEST_CASE("a join that is refused leaves nothing (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.book.fail_at_join = true;
              findings.expect_equal(box.put_up(plan("/a/b")), "refused");
              findings.expect(box.book.members.empty() && !std::filesystem::exists(box.there("/a")), "something stays");
          }) == "");
}

TEST_CASE("symlinks, files and volumes on the way (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              std::filesystem::create_directories(box.directory.path("root/real"));
              std::filesystem::create_directory_symlink("/", box.directory.path("root/link"));
              box.directory.write("root/file", "");
              findings.expect_equal(box.put_up(plan("/link")),
                                    "/link goes through a symlink in the image; make it a directory there");
              findings.expect_equal(box.put_up(plan("/link/real/x")),
                                    "/link/real/x goes through a symlink in the image; make it a "
                                    "directory there");
              findings.expect(box.code == Code::unsupported, "code");
              findings.expect_equal(box.put_up(plan("/file/x")),
                                    "/file/x is no directory in the image; make it one there");
          }) == "");
}

TEST_CASE("a container in the mounts of the node is refused (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.inside.emplace();
              box.container.emplace(box.inside->pid());
              box.container->spec.root = box.directory.path("root");
              const auto prepared = Segments::prepare({plan("/x")}, box.container->get());
              findings.expect(!prepared && prepared.error().code == Code::unsupported, "code");
              findings.expect_equal(prepared ? "" : prepared.error().what,
                                    "segments: the container has no mount namespace of its own; give it one");
          }) == "");
}

// With on-error the container starts all the same.
TEST_CASE("undo takes off what was mounted on directories of the image (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              for (const auto* path : {"root/first", "root/a/b"}) {
                  std::filesystem::create_directories(box.directory.path(path));
              }
              auto segments = Segments::prepare({plan("/first"), plan("/a/b")}, box.container->get());
              std::filesystem::rename(box.directory.path("root/a"), box.directory.path("root/moved"));
              const auto applied = segments->apply(box.container->get(), box.book);
              findings.expect(!applied && applied.error().code == Code::busy, "applied");
              findings.expect(is_segment(box.there("/first")) && is_segment(box.there("/moved/b")), "not mounted");
              findings.expect(segments->undo(box.book).has_value(), "undo");
              findings.expect(!is_segment(box.there("/first")) && !is_segment(box.there("/moved/b")), "mounted still");
              findings.expect(box.book.members.empty(), "still a member");
          }) == "");
}

TEST_CASE("a shared mount on the place between the look and the mount (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              std::filesystem::create_directories(box.directory.path("root/a/b"));
              auto segments = Segments::prepare({plan("/a/b")}, box.container->get());
              {
                  // By descriptor, as whoever enters a mount namespace is out of his chroot(2).
                  const UniqueFd above(::open(box.there("/a").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
                  const auto ns = box.container->get().process.mount_namespace();
                  const auto visit = sys::MountNamespaceVisit::enter(ns->borrow());
                  findings.expect(::fchdir(above.borrow().number()) == 0, "directory");
                  findings.expect(::mount("over", "b", "tmpfs", 0, "") == 0, "mount");
                  findings.expect(::mount(nullptr, "b", nullptr, MS_SHARED, nullptr) == 0, "shared");
              }
              const auto applied = segments->apply(box.container->get(), box.book);
              findings.expect(!applied && applied.error().code == Code::busy, "applied");
              findings.expect(segments->undo(box.book).has_value(), "undo");
              findings.expect(!is_segment(box.there("/a/b")), "mounted still");
          }) == "");
}

TEST_CASE("a directory that is moved away between the look and the mount (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              std::filesystem::create_directories(box.directory.path("root/a/b"));
              auto segments = Segments::prepare({plan("/a/b")}, box.container->get());
              std::filesystem::rename(box.directory.path("root/a"), box.directory.path("root/moved"));
              std::filesystem::create_directories(box.directory.path("root/a/b"));
              const auto applied = segments->apply(box.container->get(), box.book);
              findings.expect_equal(
                  applied ? "" : applied.error().what,
                  "io.bulkhead.segment.x=\"path=/a/b,size=1Mi\": /a/b was changed by somebody while the segment was "
                  "mounted there; try again");
              findings.expect(!applied && applied.error().code == Code::busy, "code");
          }) == "");
}
