// SPDX-License-Identifier: Apache-2.0
// bulkhead-probe LIMIT: what the throw-away container of `bulkhead doctor --run` runs. It says which limits there are
// as it meets them, a line each, "NAME VALUE"; LIMIT is that of its disk in bytes, 0 where it asked for none.
#include "runtime/base/quantity.h"
#include "runtime/sys/cgroup.h"
#include "runtime/sys/file.h"
#include "runtime/sys/filesystem.h"
#include "runtime/sys/procfs.h"
#include "runtime/sys/project.h"

#include <cstdio>
#include <cstring>
#include <string>

using namespace bulkhead;

namespace {

void say(const char* name, const std::string& value) { std::printf("%s %s\n", name, value.c_str()); }

void say_size_of_shm() {
    const auto directory = sys::open_at(sys::working_directory, "/dev/shm", O_RDONLY | O_DIRECTORY);
    const auto size = directory ? sys::filesystem_size(directory->borrow()) : std::unexpected(directory.error());
    say("shm-size", size ? std::to_string(size->bytes.value) : size.error().what);
}

Result<std::string> read_cgroup(const char* controller, const char* v1_file, const char* v2_file) {
    TRY_ASSIGN(const auto text, sys::own_cgroup());
    auto place = sys::find_cgroup(text, controller);
    if (!place) {
        return fail(Code::unsupported, "no cgroup");
    }
    auto cgroup = sys::Cgroup::open(*place);
    if (!cgroup) { // v1 in the host's cgroup namespace: its own is mounted as the root
        place->path = "/";
        cgroup = sys::Cgroup::open(*place);
    }
    if (!cgroup) {
        return std::unexpected(cgroup.error());
    }
    return cgroup->read(place->version == sys::CgroupVersion::v1 ? v1_file : v2_file);
}

// ctr mounts no cgroup into its containers: then it cannot be told.
void say_cgroup(const char* name, const Result<std::string>& value) {
    if (value) {
        say(name, *value);
    }
}

// How much fits into a file of its own, up to twice the limit.
std::uint64_t fill(std::uint64_t limit) {
    const std::string name = "/bulkhead-probe-file";
    const std::string chunk(64UL << 10U, 'x');
    std::uint64_t written = 0;
    if (const auto file = sys::open_at(sys::working_directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0600)) {
        while (written < 2 * limit && sys::write_all(file->borrow(), chunk)) {
            written += chunk.size();
        }
    }
    static_cast<void>(sys::unlink_at(sys::working_directory, name));
    return written;
}

// Takes the label off the root directory, so that what is made there counts no more.
void try_to_lift() {
    const auto root = sys::open_at(sys::working_directory, "/", O_RDONLY | O_DIRECTORY);
    const auto lifted = root ? sys::set_project_label(root->borrow(), {}) : std::unexpected(root.error());
    say("lift", lifted ? "done" : std::strerror(lifted.error().number));
}

} // namespace

int main(int argc, char** argv) {
    const auto limit = argc == 2 ? parse_unsigned(argv[1]) : std::unexpected(Error{});
    if (!limit) {
        return 2;
    }
    say_size_of_shm();
    say_cgroup("memory-max", read_cgroup("memory", "memory.limit_in_bytes", "memory.max"));
    say_cgroup("pids-max", read_cgroup("pids", "pids.max", "pids.max"));
    if (*limit > 0) {
        say("written", std::to_string(fill(*limit)));
        try_to_lift();
        say("written-after", std::to_string(fill(*limit)));
    }
    say("end", "0");
    return 0;
}
