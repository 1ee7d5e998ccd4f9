// SPDX-License-Identifier: Apache-2.0
#include "attempts.h"

#include "support/kernel_entry.h"

#include <algorithm>
#include <array>
#include <functional>
#include <sys/stat.h>
#include <vector>

namespace escape {

namespace {

namespace test = bulkhead::test;

struct Entry {
    std::string name;
    std::function<long(long, long, long)> ioctl;         // descriptor, request, argument
    std::function<long(long, long, long, long)> setattr; // directory, path, argument, flags
};

template <typename Call>
Entry entry(const std::string& name, Call call, long ioctl, long setattr) {
    constexpr long size_of_attributes = 24;
    return {.name = name,
            .ioctl = [=](long file, long request, long argument) { return call(ioctl, file, request, argument, 0, 0); },
            .setattr = [=](long directory, long path, long argument,
                           long flags) { return call(setattr, directory, path, argument, size_of_attributes, flags); }};
}

std::vector<Entry> entries() {
    std::vector<Entry> all{entry("64-bit", test::call_native, SYS_ioctl, test::file_setattr)};
#if defined(__x86_64__)
    const auto add = [&](const std::string& name, auto call, long ioctl, long setattr) {
        all.push_back(entry(name, call, ioctl, setattr));
    };
    add("x32", test::call_native, test::x32_bit | test::ioctl_of_x32, test::x32_bit | test::file_setattr);
    add("x32 with 64-bit's number", test::call_native, test::x32_bit | SYS_ioctl, test::x32_bit | test::file_setattr);
    add("64-bit with x32's number", test::call_native, test::ioctl_of_x32, test::file_setattr);
    if (test::has_i386_entry()) {
        add("32-bit", test::call_i386, test::ioctl_of_i386, test::file_setattr);
    }
#endif
    return all;
}

bool is_directory(const File& file) {
    struct stat status{};
    return ::fstat(file.number(), &status) == 0 && S_ISDIR(status.st_mode);
}

struct Request {
    std::string name;
    unsigned long word;
};
const std::array<Request, 3> requests{
    {{"FSSETXATTR", FS_IOC_FSSETXATTR}, {"SETFLAGS", FS_IOC_SETFLAGS}, {"SETFLAGS32", FS_IOC32_SETFLAGS}}};
constexpr std::array<unsigned long, 6> upper_halves{0, 1, 0x40000000, 0x80000000, 0xfffffffe, 0xffffffff};

// No label, or one where there is none.
Label other_than(const Label& label) {
    constexpr std::uint32_t some_id = 424242;
    return label == Label{} ? Label{some_id, true} : Label{};
}

// In memory that 32 bits can name: the file's attributes with another label.
long argument_for(const File& file, const Request& request) {
    static void* const memory = test::low_memory();
    if (memory == nullptr) {
        return 0;
    }
    const auto wanted = other_than(label_of(file));
    if (request.word == FS_IOC_FSSETXATTR) {
        auto* const attributes = static_cast<fsxattr*>(memory);
        *attributes = {};
        ::ioctl(file.number(), FS_IOC_FSGETXATTR, attributes);
        attributes->fsx_projid = wanted.id;
        attributes->fsx_xflags &= ~__u32{FS_XFLAG_PROJINHERIT};
        attributes->fsx_xflags |= wanted.inherit && is_directory(file) ? FS_XFLAG_PROJINHERIT : 0U;
    } else {
        auto* const flags = static_cast<long*>(memory);
        *flags = 0;
        ::ioctl(file.number(), FS_IOC_GETFLAGS, flags);
        *flags &= ~long{FS_PROJINHERIT_FL};
        *flags |= wanted.inherit && is_directory(file) ? long{FS_PROJINHERIT_FL} : 0L;
    }
    return reinterpret_cast<long>(memory);
}

// DONE is another label, whatever the call says. One that works and changes nothing (the inherit flag is a directory's)
// is EALREADY.
long outcome(long result, const Label& before, const Label& after) {
    if (before != after) {
        return 0;
    }
    return result >= 0 ? -EALREADY : result;
}

// The best of what came of it with each upper half.
long try_request(const Entry& entry, const File& file, const Request& request) {
    const auto before = label_of(file);
    long best = -ENOTTY;
    for (const auto upper : upper_halves) {
        const long argument = argument_for(file, request);
        const long said = entry.ioctl(file.number(), static_cast<long>(upper << 32U | request.word), argument);
        const long result = outcome(said, before, label_of(file));
        if (result >= 0) {
            return result;
        }
        best = result == -ENOTTY ? best : result;
    }
    return best;
}

// By the descriptor where there is no path. A path of ours lies in memory that 32 bits cannot name: it is copied there.
long try_setattr(const Entry& entry, const File& file, const std::string& path) {
    static void* const memory = test::low_memory();
    if (memory == nullptr) {
        return -ENOMEM;
    }
    constexpr std::size_t offset_of_path = 64;
    char* const place = static_cast<char*>(memory) + offset_of_path;
    std::memset(memory, 0, offset_of_path);
    std::strncpy(place, path.c_str(), 1024);
    constexpr std::size_t word_of_id = 4; // struct file_attr: flags (64 bits), extent size, extents, project id
    static_cast<std::uint32_t*>(memory)[word_of_id] = other_than(label_of(file)).id;
    const long flags = path.empty() ? AT_EMPTY_PATH : 0;
    const long directory = path.empty() ? file.number() : AT_FDCWD;
    const auto before = label_of(file);
    const long result = entry.setattr(directory, reinterpret_cast<long>(place), reinterpret_cast<long>(memory), flags);
    return outcome(result, before, label_of(file));
}

void try_all(Attempts& attempts, const std::string& what, const File& file, const std::string& path = "") {
    if (file.number() < 0) {
        return;
    }
    for (const auto& entry : entries()) {
        for (const auto& request : requests) {
            attempts.note(what + ", " + request.name + " by " + entry.name, try_request(entry, file, request));
        }
        attempts.note(what + ", file_setattr by " + entry.name, try_setattr(entry, file, path));
        attempts.note(what + ", file_setattr of a descriptor by " + entry.name, try_setattr(entry, file, ""));
    }
}

File made_directory(const std::string& path) {
    ::mkdir(path.c_str(), 0700);
    return {path, O_RDONLY | O_DIRECTORY};
}

} // namespace

void try_labels(Attempts& attempts, const std::string& directory, int opened_before) {
    const auto made = directory + "/escape.directory";
    const auto file = directory + "/escape.file";
    try_all(attempts, "a directory", made_directory(made), made);
    try_all(attempts, "a file", File(file, O_RDWR | O_CREAT), file);
    try_all(attempts, "a file that is only read", File(file, O_RDONLY), file);
    for (const std::string link : {"/proc/self/root", "/proc/1/root", "/proc/self/cwd"}) {
        const auto path = link == "/proc/self/cwd" ? link : link + directory;
        try_all(attempts, "by " + link, File(path, O_RDONLY | O_DIRECTORY), path);
    }
    try_all(attempts, "one opened before", File(::fcntl(opened_before, F_DUPFD_CLOEXEC, 0)));
    try_all(attempts, "the root", File("/", O_RDONLY | O_DIRECTORY), "/");
    // Last, as what is made in it later has no label where this is done.
    try_all(attempts, "the directory itself", File(directory, O_RDONLY | O_DIRECTORY), directory);
}

void try_own_label(Attempts& attempts, const std::string& directory) {
    const auto made = directory + "/escape.own." + std::to_string(::getpid());
    try_all(attempts, "a directory of its own", made_directory(made), made);
}

} // namespace escape
