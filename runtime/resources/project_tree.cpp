// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/project_tree.h"

#include "runtime/sys/tree.h"

#include <cerrno>
#include <sys/stat.h>
#include <unordered_set>

namespace bulkhead::resources {

namespace {

using sys::ProjectId;
using sys::ProjectLabel;
using sys::TreeEntry;

// The kernel, or the file system's driver, has no file_getattr(2) and file_setattr(2).
bool is_unsupported(const Error& error) {
    return error.number == ENOSYS || error.number == EOPNOTSUPP || error.number == ENOTTY;
}

bool is_directory(const TreeEntry& entry) { return S_ISDIR(entry.status.mode); }

Result<void> walk(BorrowedFd directory, const std::function<Result<void>(const TreeEntry&)>& visit) {
    auto walked = sys::walk_tree(directory, most_layer_entries, visit);
    if (!walked && walked.error().number == sys::tree_too_large) {
        return fail(Code::unsupported, "the layer " + walked.error().what +
                                           ", too many to give it a project id; start from a new container");
    }
    return walked;
}

class Counting {
public:
    explicit Counting(ProjectId id) : id_(id) {}

    Result<void> take(const TreeEntry& entry) {
        if (entry.status.links > 1 && !is_directory(entry) && !linked_.insert(entry.status.inode).second) {
            return {}; // another name of one that was counted
        }
        if (entry.file) {
            return take_open(*entry.file);
        }
        const auto found = sys::project_at(entry.directory, entry.name);
        if (!found && !is_unsupported(found.error())) {
            return std::unexpected(found.error());
        }
        census_.unknown += found ? 0U : 1U;
        census_.labelled += found && *found == id_ ? 1U : 0U;
        return {};
    }

    Result<void> take_open(BorrowedFd file) {
        TRY_ASSIGN(const auto label, sys::project_label(file));
        census_.labelled += label.id == id_ ? 1U : 0U;
        return {};
    }

    [[nodiscard]] const Census& census() const { return census_; }

private:
    ProjectId id_;
    std::unordered_set<ino_t> linked_;
    Census census_;
};

class Labelling {
public:
    explicit Labelling(ProjectId id) : id_(id) {}

    Result<void> take(const TreeEntry& entry) {
        return entry.file ? take_open(*entry.file, entry.status) : take_special(entry);
    }

    Result<void> take_open(BorrowedFd file, const sys::FileStatus& status) {
        const ProjectLabel wanted{.id = id_, .inherit = S_ISDIR(status.mode)};
        TRY_ASSIGN(const auto label, sys::project_label(file));
        if (label == wanted) {
            return {};
        }
        if (wanted.inherit && label.id != id_) {
            relabelled_.insert(status.inode);
        }
        return sys::set_project_label(file, wanted);
    }

    void note_relabelled(ino_t directory) { relabelled_.insert(directory); }
    [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

private:
    Result<void> take_special(const TreeEntry& entry) {
        const auto set = sys::set_project_at(entry.directory, entry.name, id_);
        if (set || !is_unsupported(set.error())) {
            return set;
        }
        TRY_ASSIGN(const auto directory, sys::status_of(entry.directory));
        left_out_ += relabelled_.contains(directory.inode) ? 1U : 0U;
        return {};
    }

    ProjectId id_;
    std::unordered_set<ino_t> relabelled_; // directories that had another id
    std::uint64_t left_out_ = 0;
};

Result<void> unlabel(BorrowedFd file, bool directory, ProjectId id, const ProjectLabel& before) {
    TRY_ASSIGN(const auto label, sys::project_label(file));
    if (label.id != id) {
        return {};
    }
    return sys::set_project_label(file, {.id = before.id, .inherit = directory && before.inherit});
}

Result<void> unlabel_special(const TreeEntry& entry, ProjectId id, const ProjectLabel& before) {
    const auto found = sys::project_at(entry.directory, entry.name);
    if (!found) {
        return is_unsupported(found.error()) ? Result<void>{} : std::unexpected(found.error());
    }
    return *found == id ? sys::set_project_at(entry.directory, entry.name, before.id) : Result<void>{};
}

} // namespace

Result<Census> count_labelled(BorrowedFd directory, ProjectId id) {
    Counting counting(id);
    TRY(counting.take_open(directory));
    TRY(walk(directory, [&](const TreeEntry& entry) { return counting.take(entry); }));
    return counting.census();
}

std::vector<UniqueFd> open_single_files(const std::vector<std::string>& paths, dev_t device) {
    std::vector<UniqueFd> files;
    for (const auto& path : paths) {
        auto file = sys::open_at(sys::working_directory, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        const auto status = file ? sys::status_of(file->borrow()) : std::unexpected(file.error());
        if (status && S_ISREG(status->mode) && status->links == 1 && status->device == device) {
            files.push_back(*std::move(file));
        }
    }
    return files;
}

Result<std::uint64_t> label_tree(BorrowedFd directory, ProjectId id, Top top) {
    Labelling labelling(id);
    TRY_ASSIGN(const auto status, sys::status_of(directory));
    if (top == Top::just_claimed) {
        labelling.note_relabelled(status.inode);
    }
    TRY(labelling.take_open(directory, status));
    TRY(walk(directory, [&](const TreeEntry& entry) { return labelling.take(entry); }));
    return labelling.left_out();
}

Result<void> unlabel_tree(BorrowedFd directory, ProjectId id, const ProjectLabel& before) {
    TRY(unlabel(directory, true, id, before)); // first: with it alone nothing new gets the id
    const auto walked = sys::walk_tree(directory, most_layer_entries, [&](const TreeEntry& entry) {
        return entry.file ? unlabel(*entry.file, is_directory(entry), id, before) : unlabel_special(entry, id, before);
    });
    // What labelling did not get to either.
    return !walked && walked.error().number == sys::tree_too_large ? Result<void>{} : walked;
}

} // namespace bulkhead::resources
