// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/shim.h"

#include "runtime/ledger/store.h"
#include "runtime/oci/state.h"
#include "runtime/policy/config_file.h"
#include "runtime/shim/command_line.h"
#include "runtime/shim/error_log.h"
#include "runtime/shim/guard.h"
#include "runtime/shim/journal.h"
#include "runtime/shim/preparation.h"
#include "runtime/shim/real_runtime.h"
#include "runtime/shim/update.h"
#include "runtime/sys/file.h"
#include "runtime/sys/namespace.h"
#include "runtime/sys/process.h"
#include "runtime/sys/signals.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <new>
#include <unistd.h>
#include <vector>

namespace bulkhead::shim {

namespace {

void tighten(std::optional<std::uint64_t>& limit, std::uint64_t value) {
    limit = std::min(limit.value_or(value), value);
}

void add_promise(Promised& promised, const ledger::Promise& promise) {
    using oci::Key;
    if (promise.key == Key::memory_max) {
        tighten(promised.memory, promise.value);
    } else if (promise.key == Key::memory_swap_max) {
        tighten(promised.swap, promise.value);
    } else if (promise.key == Key::pids_max) {
        tighten(promised.pids, promise.value);
    } else if (promise.key == Key::memory_high) {
        const auto [high, added] = promised.unified.emplace("memory.high", promise.value);
        high->second = std::min(high->second, promise.value);
    } else if (promise.key == Key::memory_oom_group) {
        promised.oom_group = promised.oom_group || promise.value != 0;
    } // memory-low is no limit
}

// Containers of who is not root on the node are none of ours, and the receipts are not for his eyes.
bool may_have_receipts() { return sys::is_real_root().value_or(true); }

// A container of ours that is guarded must be so in whatever else is executed in it. What cannot be read may be one.
bool may_be_guarded(const Invocation& invocation, const Places& places) {
    if (!invocation.certain || !oci::is_container_id(invocation.id)) {
        const auto store = ledger::Store::open(places.state_dir);
        return !store || *store;
    }
    const auto receipts = ledger::receipts_of(places.state_dir, invocation.id);
    return !receipts || std::ranges::any_of(*receipts, ledger::is_guarded);
}

// What the containers of that id that live were promised, of each limit the least.
Result<std::optional<Promised>> promised_to(const std::string& id, const Places& places) {
    if (!oci::is_container_id(id)) {
        return std::nullopt; // the hook refuses it: there is no receipt of it, nor is it a name to look for one by
    }
    TRY_ASSIGN(const auto receipts, ledger::receipts_of(places.state_dir, id));
    std::optional<Promised> promised;
    for (const auto& receipt : receipts) {
        TRY_ASSIGN(const auto alive, ledger::is_alive(receipt));
        for (const auto& promise : alive ? receipt.promises : std::vector<ledger::Promise>{}) {
            add_promise(promised ? *promised : promised.emplace(), promise);
        }
    }
    return promised;
}

// One command line, on its way to the runtime.
class Run {
public:
    Run(std::span<char*> arguments, Places places) : arguments_(arguments), places_(std::move(places)) {}

    // What the runtime has missing of the standard descriptors it misses as well.
    Result<void> go() {
        static_cast<void>(sys::occupy_standard_descriptors()); // the runtime tells what it cannot do without /dev/null
        TRY(make_ready());
        auto become = this->become();
        preparation_.undo(journal());
        return become;
    }

    int tell(const Error& error) const {
        const sys::IgnoredSignal nobody_reads(SIGPIPE);
        const sys::IgnoredSignal too_large(SIGXFSZ);
        report_error(invocation_, dialect_, journal().refusal(error));
        return EXIT_FAILURE;
    }

private:
    Result<void> make_ready() {
        const sys::IgnoredSignal too_large(SIGXFSZ); // else a limit on the size of files is a death half-way
        auto reading = policy::read_config(places_.config);
        auto runtime = find_real_runtime(arguments_[0], reading.config.runtime.path, std::getenv("PATH"));
        // Whatever comes of it: the command line says where an error goes.
        dialect_ = dialect_of(runtime ? runtime->name : arguments_[0]);
        invocation_ = parse_command_line(arguments_, dialect_);
        TRY_ASSIGN(runtime_, std::move(runtime));
        return prepare(std::move(reading));
    }

    [[nodiscard]] Journal journal() const { return {invocation_.id, places_.state_dir}; }

    Result<void> prepare(policy::ConfigReading reading) {
        switch (invocation_.command) {
        case Command::create:
        case Command::run:
        case Command::restore: {
            TRY_ASSIGN(preparation_, Preparation::make(invocation_, dialect_, places_, std::move(reading), journal()));
            guard_ = preparation_.wants_guard();
            return {};
        }
        case Command::exec:
            guard_ = may_have_receipts() && may_be_guarded(invocation_, places_);
            return {};
        case Command::update:
            return may_have_receipts() ? clamp_update() : Result<void>{};
        case Command::other:
            return {};
        }
        return {};
    }

    // Resources come by a file, by stdin or as options. Those that were read go on as stdin: the file may be another by
    // the time that the runtime opens it.
    Result<void> clamp_update() {
        TRY_ASSIGN(const auto promised, promised_to(invocation_.id, places_));
        if (!promised) {
            return {};
        }
        if (!invocation_.resources) {
            TRY_ASSIGN(words_, clamp_arguments(arguments_, invocation_, *promised));
            tell_if(!std::ranges::equal(words_, arguments_, {}, {},
                                        [](const char* word) { return std::string_view(word); }));
            return {};
        }
        TRY_ASSIGN(const auto text, read_resources());
        TRY_ASSIGN(const auto clamped, clamp_resources(text, *promised));
        tell_if(clamped != text);
        TRY_ASSIGN(const auto file, sys::memory_file(clamped));
        TRY(sys::make_standard_input(file.borrow()));
        words_ = resources_from_stdin(arguments_, invocation_);
        return {};
    }

    // The engine shows what it has asked for.
    void tell_if(bool changed) const {
        if (changed) {
            journal().warning("an update asks for more than the container was given, and is brought down to that");
        }
    }

    [[nodiscard]] Result<std::string> read_resources() const {
        constexpr std::size_t longest = 1UL << 20U;
        const auto& place = *invocation_.resources;
        const std::string_view word = arguments_[place.word];
        const std::string name(word.substr(place.offset));
        if (name == "-") {
            return sys::read_all(BorrowedFd(STDIN_FILENO), longest);
        }
        TRY_ASSIGN(const auto file, sys::open_at(sys::working_directory, name, O_RDONLY | O_NOCTTY));
        return in_context(name, sys::read_all(file.borrow(), longest));
    }

    // Returns only with an error. The guard goes on last.
    Result<void> become() {
        if (guard_ && has_guard()) {
            TRY(put_up_guard());
        }
        std::vector<char*> pointers(arguments_.begin(), arguments_.end());
        if (!words_.empty()) {
            pointers.clear();
            std::ranges::transform(words_, std::back_inserter(pointers), [](std::string& word) { return word.data(); });
        }
        pointers[0] = runtime_.name.data();
        pointers.push_back(nullptr);
        return std::unexpected(sys::become_program(runtime_.path, pointers));
    }

    std::span<char*> arguments_;
    Places places_;
    RealRuntime runtime_;
    Dialect dialect_ = Dialect::runc;
    Invocation invocation_;
    Preparation preparation_;
    std::vector<std::string> words_; // in place of the arguments, where they are not empty
    bool guard_ = false;
};

} // namespace

int run(std::span<char*> arguments) {
    if (arguments.empty()) { // execve(2) before Linux 5.18
        return EXIT_FAILURE;
    }
    Run run(arguments, Places{});
    try {
        const auto done = run.go(); // else this process is the runtime by now
        return run.tell(done.error());
    } catch (const std::bad_alloc&) { // what was begun is in a receipt, for gc
        return run.tell({.code = Code::system,
                         .what = "the shim has no memory left; raise the limits that it inherits (setrlimit(2))"});
    }
}

} // namespace bulkhead::shim
