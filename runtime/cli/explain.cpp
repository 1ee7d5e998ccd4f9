// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/explanation.h"
#include "runtime/cli/explanation_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"
#include "runtime/ledger/pid_neighbours.h"
#include "runtime/ledger/store.h"
#include "runtime/oci/state.h"
#include "runtime/policy/config_file.h"
#include "runtime/resources/shm.h"
#include "runtime/sys/file.h"
#include "runtime/sys/procfs.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace bulkhead::cli {

namespace {

constexpr std::size_t longest_state = 1UL << 20U; // the hook's

struct Asked {
    std::string container; // its id, or the beginning of it
    std::string bundle;
    std::string state;
    std::string id; // with a bundle
};

// Engines call a bundle's directory, or the one above "userdata", after the container.
std::string id_of_bundle(const std::filesystem::path& bundle) {
    return (bundle.filename() == "userdata" ? bundle.parent_path() : bundle).filename().string();
}

Result<Subject> subject_of_bundle(const Asked& asked) {
    auto bundle = std::filesystem::absolute(asked.bundle).lexically_normal();
    if (!bundle.has_filename()) {
        bundle = bundle.parent_path(); // it ended in a slash
    }
    auto id = asked.id.empty() ? id_of_bundle(bundle) : asked.id;
    if (!oci::is_container_id(id)) {
        return fail(Code::malformed_input, in_quotes(id) + " is not a container id; say which with --id");
    }
    return Subject{.id = std::move(id), .bundle = bundle.string(), .named = std::nullopt};
}

Result<std::string> read_state_text(const std::string& path) {
    if (path == "-") {
        return sys::read_all(BorrowedFd(STDIN_FILENO), longest_state);
    }
    TRY_ASSIGN(const auto file, sys::open_at(sys::working_directory, path, O_RDONLY | O_NOCTTY));
    return in_context(path, sys::read_all(file.borrow(), longest_state));
}

// What the receipt of a container says that was started, or is about to be.
std::optional<ledger::GuardRecord> guard_of(const Subject& subject, const std::string& state_dir) {
    auto receipts = ledger::receipts_of(state_dir, subject.id).value_or(std::vector<ledger::Receipt>{});
    const auto of_bundle = std::ranges::find_if(
        receipts, [&](const ledger::Receipt& receipt) { return receipt.bundle == subject.bundle && receipt.disk; });
    return of_bundle == receipts.end() ? std::nullopt : std::move(of_bundle->guard);
}

Result<Ground> look_at(const Subject& subject, const std::string& state_dir) {
    const auto path = subject.bundle + "/config.json";
    TRY_ASSIGN(const auto text, oci::read_config(path));
    Ground ground;
    TRY_ASSIGN(ground.spec, in_context(path, oci::parse_spec(text, subject.bundle)));
    TRY_ASSIGN(ground.confinement, in_context(path, oci::read_confinement(text)));
    ground.words = oci::read_engine_words(text);
    ground.guard = guard_of(subject, state_dir);
    ground.pid_owner_guarded = ledger::all_guarded(ledger::pid_neighbours(ground.confinement, state_dir));
    TRY_ASSIGN(const auto ram, sys::total_ram());
    ground.ram = Bytes{ram};
    TRY_ASSIGN(ground.cgroups, sys::own_cgroup_version());
    return ground;
}

// What can be told of /dev/shm by what is bound there.
void look_at_shm(Explanation& explanation, const Ground& ground) {
    const auto self = sys::Process::open(::getpid());
    if (explanation.verdict != Verdict::limits || !explanation.plan.shm_size || !self) {
        return;
    }
    auto foreseen = resources::foresee_shm(
        *explanation.plan.shm_size,
        {.id = explanation.subject.id, .process = *self, .spec = ground.spec, .engine = *explanation.engine});
    if (!foreseen) {
        take_failure(explanation, oci::Resource::shm, oci::Key::shm_size, std::move(foreseen).error());
    }
}

Explanation explain_subject(const Subject& subject, const Options& options) {
    const auto reading = policy::read_config(options.config);
    const auto ground = look_at(subject, options.state_dir);
    if (!ground) {
        return explain_unread(subject, ground.error(), reading);
    }
    auto explanation = explain(subject, *ground, reading);
    look_at_shm(explanation, *ground);
    return explanation;
}

Explanation explain_state(const std::string& text, const Options& options) {
    const auto state = oci::parse_state(text);
    const bool named = text.contains(oci::our_prefix);
    return state ? explain_subject({.id = state->id, .bundle = state->bundle, .named = named}, options)
                 : explain_unread({.id = {}, .bundle = {}, .named = named}, state.error(),
                                  policy::read_config(options.config));
}

Result<Explanation> explain_asked(const Asked& asked, const Options& options) {
    if (!asked.state.empty()) {
        TRY_ASSIGN(const auto text, read_state_text(asked.state));
        return explain_state(text, options);
    }
    TRY_ASSIGN(const auto subject, subject_of_bundle(asked));
    return explain_subject(subject, options);
}

int show(Explanation explanation, const Options& options) {
    explanation.last_refusal = last_refusal(options, explanation.subject.id);
    print(options, json_of(explanation), lines_of(explanation));
    return explanation.verdict == Verdict::refused ? something_wrong : done;
}

int run(const Options& options, const Asked& asked) {
    if (!asked.container.empty()) {
        const auto explain_it = [&](const inventory::Inventory& /*node*/, const inventory::Container& container) {
            const Subject subject{.id = container.id, .bundle = container.bundle, .named = std::nullopt};
            return show(explain_subject(subject, options), options);
        };
        return on_container("explain", options, asked.container, "", explain_it);
    }
    auto explanation = explain_asked(asked, options);
    return explanation ? show(*std::move(explanation), options) : fail_command("explain", explanation.error());
}

} // namespace

void add_explain(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("explain", "Say what would be done for a container and why, and do nothing");
    const auto asked = std::make_shared<Asked>();
    auto* which = command->add_option_group("which", "Which container");
    which->add_option("container", asked->container, "By its id, or the beginning of it")->type_name("ID");
    auto* bundle = which->add_option("--bundle", asked->bundle, "By its bundle")->type_name("DIR");
    which
        ->add_option("--state", asked->state,
                     R"(By the state that its runtime writes to a hook; "-" is standard input)")
        ->type_name("FILE");
    which->require_option(1);
    command->add_option("--id", asked->id, "Its id, where the bundle's name is another")
        ->type_name("ID")
        ->needs(bundle);
    command->callback([&options, &status, asked] { status = run(options, *asked); });
}

} // namespace bulkhead::cli
