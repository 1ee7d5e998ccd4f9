// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/sys/call.h"

namespace bulkhead::test {

struct FailingCallState {
    long number = 0;
    int error = 0;
    int let_through = 0;
    int times = 0;
    int seen = 0;
};

// While it lives, the system call `number` fails with `error`: not the first `let_through` times, and `times` times
// then (-1: for ever).
class FailingCall {
public:
    FailingCall(long number, int error, int let_through = 0, int times = -1) {
        state = {.number = number, .error = error, .let_through = let_through, .times = times, .seen = 0};
        sys::intercept(&decide);
    }
    FailingCall(const FailingCall&) = delete;
    FailingCall& operator=(const FailingCall&) = delete;
    ~FailingCall() { sys::intercept(nullptr); }

    [[nodiscard]] static int seen() { return state.seen; } // calls of that number so far

private:
    inline static FailingCallState state;

    static int decide(long number) {
        if (number != state.number) {
            return 0;
        }
        const int index = state.seen++ - state.let_through;
        return index >= 0 && (state.times < 0 || index < state.times) ? state.error : 0;
    }
};

} // namespace bulkhead::test
