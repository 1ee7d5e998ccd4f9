// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/project_claim.h"

#include "runtime/resources/project_tree.h"
#include "runtime/sys/file.h"
#include "runtime/sys/process.h"
#include "runtime/sys/random.h"
#include "runtime/sys/tree.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace bulkhead::resources {

namespace {

using sys::ProjectId;
using sys::ProjectLabel;
using sys::Quota;

bool in_home_of_docker(const std::string& upper_path) {
    return std::filesystem::path(upper_path).parent_path().parent_path().filename() == "overlay2";
}

// Of the layer's whole directory, the one that upper lies in: containers/storage labels that.
Result<Census> count_in_layer(const Layer& layer, ProjectId id) {
    TRY_ASSIGN(const auto parent, sys::open_at(layer.upper(), "..", O_RDONLY | O_DIRECTORY));
    TRY_ASSIGN(const auto directory, sys::clone_without_submounts(parent.borrow()));
    return count_labelled(directory.borrow(), id);
}

std::uint64_t count_files(const Layer& layer, ProjectId id, const std::vector<std::string>& paths) {
    const auto files = open_single_files(paths, layer.device());
    return static_cast<std::uint64_t>(std::ranges::count_if(files, [&](const UniqueFd& file) {
        const auto label = sys::project_label(file.borrow());
        return label && label->id == id;
    }));
}

// XFS gives the inodes of removed files back a little later than it removes them; asking for id 0 makes it hurry
// (xfs_qm_scall_getquota()).
Result<bool> accounts_for_all(const Layer& layer, ProjectId id, const std::vector<std::string>& files) {
    constexpr int tries = 5;
    constexpr std::chrono::milliseconds interval{10};
    TRY_ASSIGN(const auto census, count_in_layer(layer, id));
    const auto labelled = census.labelled + count_files(layer, id, files);
    for (int left = tries;; --left) {
        static_cast<void>(sys::quota_of(layer.upper(), 0));
        TRY_ASSIGN(const auto quota, sys::quota_of(layer.upper(), id));
        const auto used = quota.used_inodes.value;
        if (used >= labelled && used <= labelled + census.unknown) {
            return true;
        }
        if (left == 0) {
            return false;
        }
        sys::pause(interval);
    }
}

Result<bool> held_by_another(const Layer& layer, ProjectId id, DiskBook& book) {
    if (id == 0) {
        return false;
    }
    TRY_ASSIGN(const auto holder, book.holder(layer.filesystem(), id));
    if (!holder || !holder->alive) {
        return false;
    }
    if (holder->upper == layer.upper_path()) {
        return fail(Code::busy, "another container that runs has the same writable layer (" + layer.upper_path() +
                                    "); stop it first");
    }
    return true;
}

// XFS gives what id 0 has for limits to every id that has none, free ones too.
Result<bool> is_free(const Layer& layer, const Quota& quota) {
    if (quota == Quota{}) {
        return true;
    }
    if (quota.used_inodes.value != 0 || layer.size().type != sys::FilesystemType::xfs) {
        return false;
    }
    TRY_ASSIGN(const auto defaults, sys::quota_of(layer.upper(), 0));
    const auto is_default = [&](auto limit) {
        return (quota.limits.*limit).value == 0 || quota.limits.*limit == defaults.limits.*limit;
    };
    return is_default(&sys::QuotaLimits::hard_bytes) && is_default(&sys::QuotaLimits::soft_bytes) &&
           is_default(&sys::QuotaLimits::hard_inodes) && is_default(&sys::QuotaLimits::soft_inodes);
}

// Whether this process alone has the free id `id` now. One that a record still names is left alone, though it is free:
// whoever releases that record would take ours for it. So is one whose record cannot be read.
Result<bool> try_claim(const Layer& layer, ProjectId id, const ProjectLabel& before, DiskBook& book) {
    TRY_ASSIGN(const auto quota, sys::quota_of(layer.upper(), id));
    TRY_ASSIGN(const auto free, is_free(layer, quota));
    if (!free) {
        return false;
    }
    TRY(in_context(layer.upper_path(), sys::set_project_label(layer.upper(), {.id = id, .inherit = true})));
    const auto claimed = sys::quota_of(layer.upper(), id);
    const auto named = book.mentions(layer.filesystem(), id);
    if (claimed && claimed->used_inodes.value == 1 && named && !*named) {
        return true;
    }
    TRY(in_context(layer.upper_path(), sys::set_project_label(layer.upper(), before)));
    TRY(claimed);
    TRY(named);
    return false;
}

std::unexpected<Error> none_left(const IdSearch& search) {
    return fail(Code::busy, "no project id from " + std::to_string(search.first) + " to " +
                                std::to_string(search.last) + " is free; widen disk.project-ids in the node config");
}

std::unexpected<Error> none_found(const IdSearch& search, ProjectId below) {
    return fail(Code::busy, "no free project id from " + std::to_string(search.first) + " was found below " +
                                std::to_string(below) +
                                "; look for files with ids in there (repquota -P), or widen disk.project-ids in the "
                                "node config");
}

// The first free id of a run, which wraps around.
Result<std::optional<ProjectId>> claim_in_run(const Layer& layer, const IdSearch& search, ProjectId start,
                                              ProjectId length, const ProjectLabel& before, DiskBook& book) {
    auto id = start;
    for (ProjectId tried = 0; tried < length; ++tried) {
        TRY_ASSIGN(const auto claimed, try_claim(layer, id, before, book));
        const auto next = id == search.last ? search.first : id + 1;
        if (claimed) {
            book.set_hint(layer.filesystem(), next);
            return id;
        }
        id = next;
    }
    return std::nullopt;
}

// From the hint on; where somebody has all of that, from places that he could not foresee.
Result<ProjectId> claim_upwards(const Layer& layer, const IdSearch& search, const ProjectLabel& before,
                                DiskBook& book) {
    constexpr ProjectId longest_run = 16384;
    constexpr int most_runs = 8;
    const ProjectId count = search.last - search.first + 1;
    auto start = std::clamp(book.hint(layer.filesystem()).value_or(search.first), search.first, search.last);
    for (int run = 0; run < most_runs; ++run) {
        TRY_ASSIGN(const auto id, claim_in_run(layer, search, start, std::min(count, longest_run), before, book));
        if (id) {
            return *id;
        }
        if (count <= longest_run) {
            return none_left(search);
        }
        TRY_ASSIGN(const auto offset, sys::random_below(count));
        start = search.first + offset;
    }
    return none_found(search, search.last + 1);
}

// How far below the mark a try is. Right below it first. What is taken there is somebody else's, and dockerd would come
// upon it as it counts up from ours: so with a distance, not one that a tenant could foresee and take, and with each
// miss twice as far.
Result<ProjectId> distance(const IdSearch& search, unsigned misses) {
    constexpr ProjectId shortest_stretch = 4096;
    constexpr unsigned most_doublings = 17;
    if (misses == 0) {
        return ProjectId{0};
    }
    const ProjectId width = search.last - search.first;
    const auto unit = std::clamp<ProjectId>(width >> most_doublings, 1, shortest_stretch);
    const auto stretch = std::uint64_t{unit} << (misses - 1);
    if (stretch > width) {
        return width + 1; // further than the range goes
    }
    const auto from = static_cast<ProjectId>(stretch);
    TRY_ASSIGN(const auto offset, sys::random_below(std::min(from, width - from + 1)));
    return from + offset;
}

// The mark comes down only to what was really claimed, so that ids which somebody holds for a while cost nothing.
Result<ProjectId> claim_downwards(const Layer& layer, const IdSearch& search, const ProjectLabel& before,
                                  DiskBook& book) {
    TRY_ASSIGN(const auto mark, book.mark(layer.filesystem()));
    const bool in_range = mark && *mark >= search.first && *mark <= search.last;
    const ProjectId below = in_range ? *mark : search.last + 1;
    for (unsigned misses = 0;; ++misses) {
        TRY_ASSIGN(const auto room, distance(search, misses));
        if (below - search.first <= room) {
            return none_found(search, below);
        }
        const ProjectId id = below - 1 - room;
        TRY_ASSIGN(const auto claimed, try_claim(layer, id, before, book));
        if (!claimed) {
            continue;
        }
        if (auto lowered = book.lower_mark(layer.filesystem(), id); !lowered) {
            static_cast<void>(sys::set_project_label(layer.upper(), before));
            return std::unexpected(std::move(lowered).error());
        }
        return id;
    }
}

} // namespace

IdSearch search_for(const std::string& upper_path, const IdRange& range) {
    const ProjectId middle = range.first + ((range.last - range.first) / 2);
    if (!in_home_of_docker(upper_path) || middle == range.last) {
        return {.first = range.first, .last = middle, .downwards = false};
    }
    return {.first = middle + 1, .last = range.last, .downwards = true};
}

Result<bool> may_adopt(const Layer& layer, const ProjectLabel& upper_label, const std::vector<std::string>& files,
                       DiskBook& book) {
    // Of work as well: a container reaches upper's label and may have taken it off, but not work's.
    TRY_ASSIGN(const auto work_label, sys::project_label(layer.work()));
    TRY_ASSIGN(const auto work_held, held_by_another(layer, work_label.id, book));
    TRY_ASSIGN(const auto upper_held, held_by_another(layer, upper_label.id, book));
    const bool held = work_held || upper_held;
    if (upper_label.id == 0 || held || work_label.id != upper_label.id || !layer.has_home()) {
        return false;
    }
    TRY_ASSIGN(const auto home_label, sys::project_label(layer.home()));
    if (home_label.id == upper_label.id) {
        return false;
    }
    auto all = accounts_for_all(layer, upper_label.id, files);
    const bool too_large = !all && all.error().code == Code::unsupported;
    return too_large ? Result<bool>(true) : std::move(all);
}

Result<ProjectId> claim_project_id(const Layer& layer, const IdSearch& search, DiskBook& book) {
    TRY_ASSIGN(const auto before, sys::project_label(layer.upper()));
    return search.downwards ? claim_downwards(layer, search, before, book) : claim_upwards(layer, search, before, book);
}

} // namespace bulkhead::resources
