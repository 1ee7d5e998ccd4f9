// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/disk.h"

#include "runtime/base/quantity.h"
#include "runtime/resources/project_claim.h"
#include "runtime/resources/project_tree.h"
#include "runtime/sys/file.h"
#include "runtime/sys/tree.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace bulkhead::resources {

namespace {

using sys::ProjectLabel;

constexpr unsigned lock_deadline_ms = 3000;

// Of a claim that failed. Behind the shim's guard a layer has the id that the shim gave it, or none: the hook can only
// adopt that (may_adopt()).
Error explain_claim(Error error, const Layer& layer) {
    if (error.number != ENOTTY || !sys::labels_are_guarded()) {
        return error;
    }
    if (!layer.has_home()) {
        return {.code = Code::unsupported,
                .what = "the writable layer (" + layer.upper_path() +
                        ") has not two directories above it on its file system, as engines make them, so it cannot be "
                        "seen that its project id is its alone, and behind the shim's guard it gets no other; mount "
                        "the file system where the engine has all its layers"};
    }
    return {.code = Code::system,
            .what = "the writable layer (" + layer.upper_path() +
                    ") has no project id that is its alone, and behind the shim's guard it gets no other; start the "
                    "container once more (repquota -P tells who else has it)"};
}

bool has_component(std::string_view path, std::string_view component) {
    for (auto at = path.find(component); at != std::string_view::npos; at = path.find(component, at + 1)) {
        const auto end = at + component.size();
        if (at > 0 && path[at - 1] == '/' && end < path.size() && path[end] == '/') {
            return true;
        }
    }
    return false;
}

} // namespace

std::vector<std::string> own_files(const std::vector<std::string>& binds, const std::string& id) {
    constexpr std::size_t shortest_of_engines = 12;
    std::vector<std::string> files;
    if (id.size() < shortest_of_engines) {
        return files;
    }
    std::ranges::copy_if(binds, std::back_inserter(files),
                         [&](const std::string& path) { return has_component(path, id); });
    return files;
}

DiskRequest disk_request(const policy::Plan& plan, const oci::Spec& spec, const std::string& id) {
    DiskRequest request;
    if (plan.disk_size) {
        request.size = Bytes{plan.disk_size->value};
    }
    if (plan.disk_inodes) {
        request.inodes = Count{plan.disk_inodes->value};
    }
    request.most_inodes = plan.most_disk_inodes;
    request.files = own_files(spec.binds, id);
    return request;
}

Result<DiskLimit> DiskLimit::prepare(Layer layer, const DiskRequest& request, const policy::DiskConfig& config,
                                     DiskBook& book) {
    TRY(in_context("the layer", sys::lock_exclusively(layer.upper(), lock_deadline_ms)));
    TRY(require_quota(layer, config));
    DiskLimit limit(std::move(layer), request, config);
    TRY(limit.take_id(book));
    if (auto same = limit.require_same_layer(); !same) {
        static_cast<void>(limit.undo(book));
        return std::unexpected(std::move(same).error());
    }
    return limit;
}

Result<void> DiskLimit::take_id(DiskBook& book) {
    hold_.filesystem = layer_.filesystem();
    hold_.upper = layer_.upper_path();
    TRY_ASSIGN(upper_before_, sys::project_label(layer_.upper()));
    TRY_ASSIGN(work_before_, sys::project_label(layer_.work()));
    TRY_ASSIGN(const auto own, may_adopt(layer_, upper_before_, request_.files, book));
    if (own) {
        hold_.id = upper_before_.id;
        return {};
    }
    const auto search = search_for(hold_.upper, {.first = config_.first_id, .last = config_.last_id});
    auto claimed = claim_project_id(layer_, search, book);
    if (!claimed) {
        return std::unexpected(explain_claim(std::move(claimed).error(), layer_));
    }
    hold_.id = *claimed;
    claimed_ = true;
    return {};
}

// The paths in the mount's options are old: another directory may be there by now. What upper was just given is seen
// through the overlay only if upper is what is mounted.
Result<void> DiskLimit::require_same_layer() const {
    TRY_ASSIGN(const auto merged, sys::project_label(layer_.merged()));
    if (merged.id != hold_.id) {
        return fail(Code::unsupported, "what lies at " + hold_.upper +
                                           " is not the upper layer of the container's "
                                           "overlay; is something mounted over it?");
    }
    return {};
}

// Of an id that was held before the limits may still be ours: then the book knows what was there before them.
Result<void> DiskLimit::find_limits(DiskBook& book) {
    TRY_ASSIGN(auto quota, sys::quota_of(layer_.upper(), hold_.id));
    TRY_ASSIGN(const auto last, book.holder(hold_.filesystem, hold_.id));
    there_ = quota.limits;
    if (last) {
        quota.limits = without_ours(quota.limits, *last);
    }
    limited_ = there_ != quota.limits;
    hold_.found = quota.limits;
    hold_.limits = config_.accounting_only ? quota.limits : limits_for(request_, config_, layer_.size(), quota);
    TRY(keep_engines_limits(book));
    return config_.accounting_only ? Result<void>{} : require_room(quota);
}

// What the engine had limited by the id that the layer had before ours goes on to hold. Work's is the one to believe,
// as a container cannot reach it; upper's can only make it tighter.
Result<void> DiskLimit::keep_engines_limits(DiskBook& book) {
    for (const auto id : {upper_before_.id, work_before_.id}) {
        if (!claimed_ || id == 0 || id == hold_.id) {
            continue;
        }
        TRY_ASSIGN(auto engines, sys::quota_of(layer_.upper(), id));
        TRY_ASSIGN(const auto last, book.holder(hold_.filesystem, id));
        if (last) {
            engines.limits = without_ours(engines.limits, *last);
        }
        hold_.limits = tightened(hold_.limits, engines.limits);
        hold_.found = tightened(hold_.found, engines.limits); // for the next start, which sees our id alone
    }
    return {};
}

// A layer too large to walk, with an id of its own, keeps what labels it has.
Result<void> DiskLimit::label_all() {
    if (auto labelled = label_layer(); !labelled) {
        if (labelled.error().code != Code::unsupported || claimed_) {
            return labelled;
        }
        walked_ = false;
        notes_.push_back(labelled.error().what + "; it keeps the one it has, and what carries none is not counted");
    }
    return config_.label_engine_files ? label_files() : Result<void>{};
}

// ext4's quotas hold nobody who has that capability (ignore_hardlimit(), fs/quota/dquot.c). An overlay writes as who
// mounted it, and without it; but a page of a mapped file gets its blocks as the process that touches it.
std::optional<std::string> DiskLimit::hole() const {
    if (request_.may_exceed_quotas && layer_.size().type == sys::FilesystemType::ext4) {
        return "it may have CAP_SYS_RESOURCE, which the quotas of ext4 do not hold";
    }
    return walked_ ? std::nullopt : std::optional<std::string>("its layer is too large to be walked");
}

Result<void> DiskLimit::label_layer() {
    std::uint64_t left_out = 0;
    for (const auto directory : {layer_.upper(), layer_.work()}) {
        TRY_ASSIGN(const auto tree, sys::clone_without_submounts(directory));
        TRY_ASSIGN(const auto here, label_tree(tree.borrow(), hold_.id, claimed_ ? Top::just_claimed : Top::as_it_is));
        left_out += here;
    }
    if (left_out != 0) {
        notes_.push_back(std::to_string(left_out) +
                         " of the layer's symlinks and special files are older than its project id, and this kernel "
                         "cannot give it to them: they are not counted, and the container cannot rename them");
    }
    return {};
}

// Those that have no id yet: one that has belongs to somebody, or carries ours already.
Result<void> DiskLimit::label_files() {
    for (auto& file : open_single_files(request_.files, layer_.device())) {
        TRY_ASSIGN(const auto label, sys::project_label(file.borrow()));
        if (label.id == 0) {
            TRY(sys::set_project_label(file.borrow(), {.id = hold_.id, .inherit = false}));
            labelled_files_.push_back(std::move(file));
        }
    }
    return {};
}

// The map of a file's extents lies beside the file and is made when the file is written out: past a limit that was kept
// to when it was written. 0.3 to 0.4 % of a file in which every second block is a hole.
Bytes DiskLimit::may_hold(Bytes size) const {
    constexpr std::uint64_t share_of_maps = 200;
    const auto whole = in_whole_blocks(size, layer_.size());
    return Bytes{whole.value + (whole.value / share_of_maps)};
}

Result<void> DiskLimit::require_room(const sys::Quota& quota) const {
    if (request_.size && quota.used_bytes > may_hold(*request_.size)) {
        return fail(Code::busy, "the writable layer already holds " + format(quota.used_bytes) + ", more than " +
                                    format(*request_.size) + "; ask for more, or start from a new container");
    }
    if (request_.inodes && quota.used_inodes > *request_.inodes) {
        return fail(Code::busy, "the writable layer already holds " + std::to_string(quota.used_inodes.value) +
                                    " inodes, more than " + std::to_string(request_.inodes->value) +
                                    "; ask for more, or start from a new container");
    }
    return {};
}

Result<void> DiskLimit::apply(DiskBook& book) {
    TRY(label_all());
    TRY(find_limits(book));
    if (limited_ && hold_.limits != there_) {
        TRY(take_off_old_limits());
    }
    told_ = true; // a book that fails may have been told all the same
    TRY(book.remember(hold_));
    if (hold_.limits != there_) {
        TRY(sys::set_quota_limits(layer_.upper(), hold_.id, hold_.limits));
        limited_ = true;
    }
    return {};
}

// An earlier container's, while its record stands: with the new one in its place nobody would know them for ours.
Result<void> DiskLimit::take_off_old_limits() {
    TRY(sys::set_quota_limits(layer_.upper(), hold_.id, hold_.found));
    TRY(sys::sync_journal(layer_.upper()));
    there_ = hold_.found;
    limited_ = false;
    return {};
}

// Both, whatever becomes of the first.
Result<void> DiskLimit::unlabel_all() const {
    const auto unlabel = [&](BorrowedFd directory, const ProjectLabel& before) -> Result<void> {
        TRY_ASSIGN(const auto tree, sys::clone_without_submounts(directory));
        return unlabel_tree(tree.borrow(), hold_.id, before);
    };
    // A container may have given its root directory the id of somebody else's, who must not be charged for all of it.
    const auto upper = unlabel(layer_.upper(), upper_before_.id == work_before_.id ? upper_before_ : work_before_);
    const auto work = unlabel(layer_.work(), work_before_);
    return upper ? work : upper;
}

Result<void> DiskLimit::undo(DiskBook& book) {
    Result<void> undone;
    if (limited_) {
        undone = sys::set_quota_limits(layer_.upper(), hold_.id, claimed_ ? sys::QuotaLimits{} : hold_.found);
        if (undone) {
            undone = sys::sync_journal(layer_.upper()); // before the record goes
        }
        limited_ = !undone;
    }
    for (; undone && !labelled_files_.empty(); labelled_files_.pop_back()) {
        undone = sys::set_project_label(labelled_files_.back().borrow(), {});
    }
    if (undone && told_) { // while the id still is ours: without a label it is anybody's
        undone = book.forget(hold_.filesystem, hold_.id);
        told_ = !undone;
    }
    if (claimed_) {
        auto unlabelled = unlabel_all();
        if (!unlabelled && unlabelled.error().number == ENOTTY && sys::labels_are_guarded()) {
            unlabelled = {};
        }
        claimed_ = !unlabelled;
        if (undone) {
            undone = std::move(unlabelled);
        }
    }
    return undone;
}

} // namespace bulkhead::resources
