// SPDX-License-Identifier: Apache-2.0
// The door to the kernel: system calls of ours are made here, so that a test can make any of them fail. Signals,
// waiting and the clock go through libc.
#pragma once

#include <cerrno>
#include <type_traits>

namespace bulkhead::sys {

// Asked before each call with its number (SYS_*): 0 lets it through, anything else is the errno it fails with. There
// is at most one; nullptr removes it. For tests only: nothing in the programs sets it.
using Interceptor = int (*)(long number);
void intercept(Interceptor interceptor);

// The numbers used here and their types are those of 64-bit machines: elsewhere some are missing, or take 16-bit ids.
static_assert(sizeof(long) == 8);

namespace detail {
long enter(long number, const long (&words)[6]);

template <typename T>
long word(T value) {
    if constexpr (std::is_null_pointer_v<T>) {
        return 0;
    } else if constexpr (std::is_pointer_v<T>) {
        return reinterpret_cast<long>(value);
    } else {
        static_assert(std::is_integral_v<T> || std::is_enum_v<T>);
        return static_cast<long>(value);
    }
}
} // namespace detail

// syscall(2): -1 and errno on failure. Up to six arguments, integers or pointers.
template <typename... Arguments>
[[nodiscard]] long call(long number, Arguments... arguments) {
    static_assert(sizeof...(Arguments) <= 6);
    return detail::enter(number, {detail::word(arguments)...});
}

// The same, again and again while a signal interrupts it.
template <typename... Arguments>
[[nodiscard]] long call_restarting(long number, Arguments... arguments) {
    long result = 0;
    do {
        result = call(number, arguments...);
    } while (result < 0 && errno == EINTR);
    return result;
}

} // namespace bulkhead::sys
