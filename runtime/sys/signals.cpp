// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/signals.h"

namespace bulkhead::sys {

namespace {

constexpr std::array<int, 3> postponed{SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t last_signal = 0;

} // namespace

PostponedSignals::PostponedSignals() {
    last_signal = 0;
    struct sigaction note{};
    note.sa_handler = [](int signal) { last_signal = signal; };
    note.sa_flags = SA_RESTART;
    static_cast<void>(::sigprocmask(SIG_SETMASK, nullptr, &mask_)); // none of these can fail with such arguments
    for (std::size_t i = 0; i < postponed.size(); ++i) {
        static_cast<void>(::sigaction(postponed.at(i), nullptr, &before_.at(i)));
        if (before_.at(i).sa_handler != SIG_IGN) { // nohup(1)
            static_cast<void>(::sigaction(postponed.at(i), &note, nullptr));
        }
    }
}

PostponedSignals::~PostponedSignals() {
    static_cast<void>(::sigprocmask(SIG_SETMASK, &mask_, nullptr)); // those that waited are noted
    for (std::size_t i = 0; i < postponed.size(); ++i) {
        static_cast<void>(::sigaction(postponed.at(i), &before_.at(i), nullptr));
    }
    if (last_signal != 0) {
        static_cast<void>(::raise(last_signal));
    }
}

bool PostponedSignals::any() { return last_signal != 0; }

void PostponedSignals::keep_from_programs() {
    sigset_t blocked; // which stays over an exec, as a handler does not
    static_cast<void>(::sigemptyset(&blocked));
    for (const int signal : postponed) {
        static_cast<void>(::sigaddset(&blocked, signal));
    }
    static_cast<void>(::sigprocmask(SIG_BLOCK, &blocked, nullptr));
}

IgnoredSignal::IgnoredSignal(int signal) : signal_(signal) {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    static_cast<void>(::sigaction(signal_, &ignore, &before_)); // cannot fail with these arguments
}

IgnoredSignal::~IgnoredSignal() { static_cast<void>(::sigaction(signal_, &before_, nullptr)); }

void set_signals_for_work() {
    static_cast<void>(::signal(SIGCHLD, SIG_DFL));
    static_cast<void>(::signal(SIGXFSZ, SIG_IGN));
}

} // namespace bulkhead::sys
