// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/preparation.h"

#include "runtime/ledger/pid_neighbours.h"
#include "runtime/ledger/release.h"
#include "runtime/oci/confinement.h"
#include "runtime/oci/engine_words.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/guard.h"
#include "runtime/policy/outlook.h"
#include "runtime/policy/precedence.h"
#include "runtime/resources/cgroup.h"
#include "runtime/resources/layer.h"
#include "runtime/shim/guard.h"
#include "runtime/shim/limits_edit.h"
#include "runtime/shim/spec_edit.h"
#include "runtime/sys/cgroup.h"
#include "runtime/sys/file.h"
#include "runtime/sys/namespace.h"
#include "runtime/sys/path.h"
#include "runtime/sys/procfs.h"

#include <unistd.h>
#include <utility>

namespace bulkhead::shim {

// Which container, as its bundle has it.
struct Preparation::Subject {
    const Invocation& invocation;
    std::string id;
    std::string bundle;
    std::string config; // the path of config.json, and
    std::string text;   // what is in it
    oci::Spec spec;
    oci::Confinement confinement;
    policy::Asking asking;
    sys::Process process; // this one, which the runtime will be

    static Result<Subject> read(const Invocation& invocation, std::string bundle, std::string config, std::string text);
};

Result<Preparation::Subject> Preparation::Subject::read(const Invocation& invocation, std::string bundle,
                                                        std::string config, std::string text) {
    TRY_ASSIGN(auto spec, in_context(config, oci::parse_spec(text, bundle)));
    TRY_ASSIGN(auto confinement, in_context(config, oci::read_confinement(text)));
    TRY_ASSIGN(auto asking, policy::read_asking(spec, invocation.id, bundle));
    TRY_ASSIGN(auto process, sys::Process::open(::getpid()));
    return Subject{.invocation = invocation,
                   .id = invocation.id,
                   .bundle = std::move(bundle),
                   .config = std::move(config),
                   .text = std::move(text),
                   .spec = std::move(spec),
                   .confinement = std::move(confinement),
                   .asking = std::move(asking),
                   .process = std::move(process)};
}

namespace {

bool names_us(std::string_view text) { return text.contains(oci::our_prefix); }

// Whether a container joins the pid namespace of one that we have a receipt of. One that cannot be read joins none: it
// may have nothing to do with us.
bool joins_ours(std::string_view text, const Places& places) {
    if (!text.contains("/ns/pid\"")) {
        return false;
    }
    const auto confinement = oci::read_confinement(text);
    return confinement && !ledger::pid_neighbours(*confinement, places.state_dir).receipts.empty();
}

// Who is not root on the node cannot have walls; he who asks for none misses none.
Result<bool> may_work(std::string_view text) {
    TRY_ASSIGN(const auto real, sys::is_real_root());
    if (!real && names_us(text)) {
        return fail(Code::unsupported, "bulkhead needs root on the node and cannot serve a rootless engine; run the "
                                       "container as root, or without io.bulkhead. annotations");
    }
    return real;
}

// Of a container that is ours, it must be certain which one it is, and that the hook will read the same of it.
Result<void> check_command_line(const Invocation& invocation, const std::string& config_of_bundle) {
    if (!invocation.config.empty() && invocation.config != config_of_bundle) {
        return fail(Code::unsupported, "the hook reads config.json in the bundle, and --config is about another file; "
                                       "put it into the bundle");
    }
    if (!invocation.certain) {
        return fail(Code::unsupported, "the runtime's command line has an option that is not known, so that it cannot "
                                       "be told which container it is about; write its value behind \"=\"");
    }
    return {};
}

Result<resources::Layer> find_layer(const oci::Spec& spec, const sys::Process& process) {
    TRY_ASSIGN(const auto root,
               in_context("container root", sys::open_at(sys::working_directory, spec.root, O_PATH | O_DIRECTORY)));
    return resources::Layer::find(root.borrow(), process);
}

Result<void> tolerate(Error error, const policy::OnError& on_error, const Journal& journal) {
    if (!policy::may_start_without(oci::Resource::disk, error, on_error)) {
        return std::unexpected(std::move(error));
    }
    journal.warning("started without: " + error.what);
    return {};
}

// Who is not guarded can do for those beside it what they cannot. In a user namespace the kernel lets nobody.
void mark_escapable(const std::string& id, const std::vector<ledger::Receipt>& neighbours, const Places& places,
                    const Journal& journal) {
    for (const auto& neighbour : neighbours) {
        const auto marked = ledger::mark_escapable(places.state_dir, neighbour,
                                                   "container " + id + " shares its pid namespace and is not guarded");
        if (!marked || *marked) {
            journal.warning("it is not guarded, and shares the pid namespace of " + neighbour.id +
                            ": disk limits in it can be taken off from now on");
        }
    }
}

// runc does not keep two of itself from making the same container: each can end the other's.
std::unexpected<Error> is_being_created(const ledger::Receipt& receipt) {
    return fail(Code::busy, "is being created by process " + std::to_string(receipt.process.pid) +
                                " already; wait until that is done");
}

} // namespace

Result<Preparation> Preparation::make(const Invocation& invocation, Dialect dialect, const Places& places,
                                      policy::ConfigReading reading, const Journal& journal) {
    Preparation preparation;
    TRY_ASSIGN(auto bundle, bundle_directory(invocation, dialect));
    const auto config_of_bundle = bundle + "/config.json";
    auto config = invocation.config.empty() ? config_of_bundle : invocation.config;
    TRY_ASSIGN(auto text, oci::read_config(config));
    if (!names_us(text) && !reading.config.has_defaults() && !joins_ours(text, places)) {
        return preparation;
    }
    TRY_ASSIGN(const auto can, may_work(text));
    if (!can) {
        return preparation;
    }
    TRY(check_command_line(invocation, config_of_bundle));
    TRY_ASSIGN(const auto subject, Subject::read(invocation, std::move(bundle), std::move(config), std::move(text)));
    preparation.hook_ = reading.config.runtime.hook;
    auto prepared = preparation.prepare(subject, places, std::move(reading), journal);
    if (!prepared) {
        preparation.undo(journal);
        return std::unexpected(std::move(prepared).error());
    }
    return preparation;
}

Result<void> Preparation::prepare(const Subject& subject, const Places& places, policy::ConfigReading reading,
                                  const Journal& journal) {
    const auto neighbours = ledger::pid_neighbours(subject.confinement, places.state_dir);
    auto question = policy::guard_question(reading.config, subject.spec, subject.confinement);
    question.there_is_one = has_guard();
    question.restore = subject.invocation.command == Command::restore;
    question.pid_owner_guarded = ledger::all_guarded(neighbours);
    question.beside_guarded = ledger::any_guarded(neighbours);
    TRY_ASSIGN(const auto ram, sys::total_ram());
    TRY_ASSIGN(const auto outlook,
               policy::look_ahead(
                   subject.asking.request, std::move(reading),
                   {.engine = subject.asking.engine, .ram = Bytes{ram}, .sys_admin = subject.spec.may_have_sys_admin}));
    question.disk_limit = outlook && outlook->plan.disk();
    const auto verdict = policy::judge_guard(question);
    if (outlook) {
        TRY(policy::check_guard(outlook->plan, outlook->config.disk, verdict.escapable));
    }
    guard_ = {.put_up = verdict.put_up, .escapable = verdict.escapable.value_or("")};
    if (outlook || verdict.put_up) {
        TRY(put_up(subject, places, outlook, journal));
    }
    if (!verdict.put_up && !subject.confinement.user_namespace) {
        mark_escapable(subject.id, neighbours.receipts, places, journal);
    }
    return {};
}

Result<void> Preparation::put_up(const Subject& subject, const Places& places,
                                 const std::optional<policy::Outlook>& outlook, const Journal& journal) {
    TRY_ASSIGN(const auto lives, start_receipt(subject, places));
    if (lives) {
        return {};
    }
    if (outlook && outlook->plan.disk()) {
        TRY(limit_disk(subject, *outlook, journal));
    }
    if (outlook && subject.invocation.command == Command::restore) {
        promise(outlook->plan);
    }
    TRY(entry_->write(receipt_));
    if (disk_) {
        TRY(put_up_disk(*outlook, journal));
    }
    return edit(subject, outlook);
}

// True: a container of this id and bundle lives, and all that is its own stays as it is. What a dead one left is given
// back first.
Result<bool> Preparation::start_receipt(const Subject& subject, const Places& places) {
    TRY_ASSIGN(const auto store, ledger::Store::open_or_make(places.state_dir));
    TRY_ASSIGN(auto entry, store.entry(subject.id, subject.bundle));
    TRY_ASSIGN(const auto earlier, entry.read());
    TRY_ASSIGN(const auto alive, earlier ? ledger::is_alive(*earlier) : Result<bool>(false));
    if (alive) {
        return earlier->phase == ledger::Phase::prepared ? is_being_created(*earlier) : Result<bool>(true);
    }
    TRY_ASSIGN(receipt_.boot_id, sys::boot_id());
    receipt_.id = subject.id;
    receipt_.bundle = subject.bundle;
    receipt_.process = subject.process.identity();
    receipt_.phase = ledger::Phase::prepared;
    receipt_.guard = guard_;
    disks_ = std::make_unique<ledger::DiskRecords>(places.disk_dir, places.state_dir, receipt_);
    if (earlier) {
        ledger::SegmentRecords segments(places.state_dir);
        TRY(in_context("what an earlier container of this id left", ledger::release(*earlier, *disks_, segments)));
    }
    entry_ = std::move(entry);
    return false;
}

// Else createRuntime writes them down. runc calls it for a container that it restores at a time, and with a state, for
// which the hook can only hand the receipt over.
void Preparation::promise(const policy::Plan& plan) {
    for (const auto& setting : plan.cgroup) {
        receipt_.promises.push_back({.key = setting.key, .value = resources::as_kernel_keeps_it(setting)});
    }
}

// createRuntime will try again what is left out here, and find the same.
Result<void> Preparation::limit_disk(const Subject& subject, const policy::Outlook& outlook, const Journal& journal) {
    const auto& setting = outlook.plan.disk_setting();
    auto layer = find_layer(subject.spec, subject.process);
    auto request = resources::disk_request(outlook.plan, subject.spec, subject.id);
    request.may_exceed_quotas = subject.confinement.may_exceed_quotas;
    auto limit = layer ? resources::DiskLimit::prepare(*std::move(layer), request, outlook.config.disk, *disks_)
                       : std::unexpected(std::move(layer).error());
    if (!limit) {
        return tolerate(setting.explain(std::move(limit).error()), outlook.config.on_error, journal);
    }
    disk_ = *std::move(limit);
    const auto& hold = disk_->record();
    receipt_.disk = {.filesystem = hold.filesystem, .id = hold.id, .upper = hold.upper};
    return {};
}

Result<void> Preparation::put_up_disk(const policy::Outlook& outlook, const Journal& journal) {
    auto limited = disk_->apply(*disks_);
    if (limited) {
        return look_at_hole(outlook);
    }
    TRY(tolerate(outlook.plan.disk_setting().explain(std::move(limited).error()), outlook.config.on_error, journal));
    TRY(disk_->undo(*disks_));
    disk_.reset();
    receipt_.disk.reset();
    return entry_->write(receipt_);
}

Result<void> Preparation::look_at_hole(const policy::Outlook& outlook) {
    const auto hole = disk_->hole();
    if (!hole || !guard_.escapable.empty()) {
        return {};
    }
    TRY(policy::check_guard(outlook.plan, outlook.config.disk, hole));
    guard_.escapable = *hole;
    receipt_.guard = guard_;
    return entry_->write(receipt_);
}

Result<void> Preparation::edit(const Subject& subject, const std::optional<policy::Outlook>& outlook) {
    SpecEdit edit;
    if (outlook) {
        // The container's cgroup will be in the same hierarchy as this process's.
        TRY_ASSIGN(const auto cgroups, sys::own_cgroup_version());
        edit = limits_edit(*outlook,
                           {.words = oci::read_engine_words(subject.text), .spec = subject.spec, .cgroups = cgroups});
    }
    edit.hook = hook_;
    TRY_ASSIGN(const auto text, edit_spec(subject.text, edit));
    return text == subject.text ? Result<void>{} : replace_config(subject.config, text);
}

void Preparation::undo(const Journal& journal) {
    if (const auto undone = take_back(); !undone) {
        journal.warning("could not be undone, and stays in the receipt: " + undone.error().what);
    }
    entry_.reset();
}

Result<void> Preparation::take_back() {
    if (disk_) {
        TRY(disk_->undo(*disks_));
    }
    return entry_ ? entry_->remove() : Result<void>{};
}

} // namespace bulkhead::shim
