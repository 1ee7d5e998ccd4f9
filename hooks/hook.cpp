// SPDX-License-Identifier: Apache-2.0
#include "hooks/hook.h"

#include "hooks/arguments.h"
#include "hooks/filter.h"
#include "hooks/input.h"
#include "hooks/privileges.h"
#include "hooks/report.h"
#include "hooks/stages.h"
#include "runtime/oci/state.h"
#include "runtime/sys/file.h"
#include "runtime/sys/namespace.h"
#include "runtime/sys/process.h"
#include "runtime/sys/project.h"

#include <new>
#include <unistd.h>

namespace bulkhead::hook {

namespace {

Result<Stage> stage_of(const Arguments& arguments, const oci::State& state) {
    if (arguments.stage) {
        return *arguments.stage;
    }
    switch (state.status) {
    case oci::Status::creating:
    case oci::Status::created:
        return Stage::create_runtime;
    case oci::Status::stopped:
        return Stage::poststop;
    case oci::Status::running:
    case oci::Status::other:
        break;
    }
    return fail(Code::malformed_input, "the state's status tells no stage of this hook; register it for createRuntime "
                                       "and poststop alone");
}

Result<void> require_real_root() {
    TRY_ASSIGN(const auto real, sys::is_real_root());
    if (!real) {
        return fail(Code::unsupported, "bulkhead needs root on the node and cannot serve a rootless engine; run the "
                                       "container as root, or without io.bulkhead. annotations");
    }
    return {};
}

// What a rootless engine's container did not ask for it does not miss.
int skip_defaults(const Error& error, const Report& report) {
    report.warning("the node config's defaults, if it has any, are not put on this container: " + error.what);
    return 0;
}

int run_create_runtime(const oci::State& state, const Arguments& arguments, bool asks, NodeConfig& node,
                       const Report& report) {
    auto done = require_real_root();
    if (!done && !asks) {
        return skip_defaults(done.error(), report);
    }
    if (done) {
        done = create_runtime(state, arguments, node, report);
    }
    return done ? 0 : report.failure(done.error());
}

// Whether a container that does not name us may be our business all the same: it may have defaults, or the shim's guard
// and a receipt of it. A rootless engine's hook cannot believe, nor always read, what is in the config.
bool may_concern_us(NodeConfig& node) {
    if (sys::labels_are_guarded()) {
        return true;
    }
    const auto& reading = node.reading();
    const bool there = !reading.files.empty() || !reading.problems.empty();
    return reading.config.has_defaults() || (there && !require_real_root());
}

// 0, whatever happened: runc from 1.2 on fails the deletion of a container that is gone already. The receipt stays, and
// is released by gc, or when the next container of its id starts.
int poststop_failed(const Report& report, const Error& error) {
    report.warning(error.what);
    return 0;
}

// Where the state does not tell the stage yet, or cannot, the command line may.
int refused(const Arguments& arguments, const Error& error, const Report& report) {
    return arguments.stage == Stage::poststop ? poststop_failed(report, error) : report.failure(error);
}

int run_poststop(const oci::State& state, const Arguments& arguments, const Report& report) {
    const auto done = poststop(state, arguments);
    return done ? 0 : poststop_failed(report, done.error());
}

int run_with_input(const Arguments& arguments, const Input& input, Report& report) {
    // A container that asks for something must not start for want of a state.
    if (input.text.empty() && arguments.stage != Stage::poststop) {
        return report.failure(
            {.code = Code::malformed_input, .what = "standard input is empty or closed: there is no state on it"});
    }
    NodeConfig node(arguments.config);
    if (!input.names_us && arguments.stage == Stage::create_runtime && !may_concern_us(node)) {
        return 0;
    }
    // Not before, for the budget of those that have nothing to do: it takes 60 us. What came by stdin was searched for
    // a word until here, and the node config is the operator's.
    if (const auto walled = put_up_filter(); !walled) {
        return refused(arguments, walled.error(), report);
    }
    const auto state =
        input.too_long ? fail(Code::malformed_input, "the state is larger than 1 MiB") : oci::parse_state(input.text);
    const auto stage = state ? stage_of(arguments, *state) : std::unexpected(state.error());
    if (!stage) {
        if (!input.names_us && (arguments.stage == Stage::poststop || !may_concern_us(node))) {
            return 0; // what is not about us must not fail on us
        }
        return refused(arguments, stage.error(), report);
    }
    report.about(state->id, *stage);
    if (*stage == Stage::poststop) {
        forgive_refused_calls();
        return run_poststop(*state, arguments, report);
    }
    return input.names_us || may_concern_us(node) ? run_create_runtime(*state, arguments, input.names_us, node, report)
                                                  : 0;
}

bool is_stopped(const Input& input) {
    const auto state = oci::parse_state(input.text);
    return state && state->status == oci::Status::stopped;
}

// A container that is gone cannot be helped by a failure: at poststop as poststop_failed() has it. Where no filter can
// be had the state stays unread, and the arguments are what is told.
int wrong_arguments(const Error& error, const Result<Input>& input, const Report& report) {
    const bool gone = put_up_filter().has_value() && input && is_stopped(*input);
    return gone ? poststop_failed(report, error) : report.failure(error);
}

int run_with_arguments(const Result<Arguments>& parsed, const Result<void>& ready, Report& report) {
    const auto input = read_input(BorrowedFd(STDIN_FILENO));
    if (!parsed) {
        return wrong_arguments(parsed.error(), input, report);
    }
    if (!ready || !input) {
        return refused(*parsed, ready ? input.error() : ready.error(), report);
    }
    return run_with_input(*parsed, *input, report);
}

// What was begun is in the receipt. The container does not start, and poststop or gc give it back.
int out_of_memory(const Result<Arguments>& parsed, const Report& report) {
    const auto error =
        fail(Code::system, "the hook has no memory left; raise the limits that it inherits (setrlimit(2))").error();
    const bool poststop = (parsed && parsed->stage == Stage::poststop) || report.is_about(Stage::poststop);
    return poststop ? poststop_failed(report, error) : report.failure(error);
}

} // namespace

int run(std::span<char*> arguments) {
    auto ready = sys::keep_standard_descriptors_only();
    if (ready) {
        ready = sys::reset_process();
    }
    if (ready) {
        ready = drop_privileges();
    }
    auto parsed = parse_arguments(arguments);
    if (parsed) {
        parsed->started_by_runtime = true;
    }
    Report report(parsed ? parsed->state_dir : Arguments{}.state_dir);
    try {
        return run_with_arguments(parsed, ready, report);
    } catch (const std::bad_alloc&) {
        return out_of_memory(parsed, report);
    }
}

} // namespace bulkhead::hook
