// SPDX-License-Identifier: Apache-2.0
// The one error type. A function that can fail returns Result<T>; it never logs and never throws.
//
// Contract: `what` names what was being done and why it failed, in words for a node operator. `number` is the errno of
// the failing call, 0 where none was made; it is captured before anything else runs. Callers add context on the way
// up with `in()`; the outermost context comes first in what is printed.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace bulkhead {

// The hook's exit status: under crun the only thing a user sees of an error. Values follow sysexits.h; the meanings are
// in bulkhead-hook(8).
enum class Code {
    invalid_annotation = 64,
    malformed_input = 65,
    unsupported = 69,
    internal = 70,
    system = 71,
    busy = 75,
    not_allowed = 77,
    bad_config = 78,
};

struct Error {
    Code code = Code::internal;
    int number = 0;
    std::string what;

    // Puts `context` before what is there: "context: what".
    [[nodiscard]] Error in(std::string_view context) &&;
};

template <typename T>
using Result = std::expected<T, Error>;

// An error that no failed system call stands behind.
[[nodiscard]] std::unexpected<Error> fail(Code code, std::string what);

// An error of a system call: `what: <the errno in words>`, with Code::system.
[[nodiscard]] std::unexpected<Error> fail_errno(int number, std::string_view what);

// `result`, its error with `context` before it.
template <typename T>
[[nodiscard]] Result<T> in_context(std::string_view context, Result<T> result) {
    if (!result) {
        return std::unexpected(std::move(result).error().in(context));
    }
    return result;
}

// `text` in double quotes, shortened to about 64 bytes: a value of somebody else's in a message of ours.
[[nodiscard]] std::string in_quotes(std::string_view text);

} // namespace bulkhead

#define BULKHEAD_JOIN_(a, b) a##b
#define BULKHEAD_JOIN(a, b) BULKHEAD_JOIN_(a, b)

// TRY(expression): leaves the function with the error of a Result<void> (or of a Result whose value is not wanted).
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        if (auto try_result = (expression); !try_result) {                                                             \
            return std::unexpected(std::move(try_result).error());                                                     \
        }                                                                                                              \
    } while (false)

// TRY_ASSIGN(auto name, expression): the value, or leaves the function with the error.
#define TRY_ASSIGN(declaration, expression) TRY_ASSIGN_(BULKHEAD_JOIN(try_result_, __LINE__), declaration, expression)
#define TRY_ASSIGN_(result, declaration, expression)                                                                   \
    auto result = (expression);                                                                                        \
    if (!result) {                                                                                                     \
        return std::unexpected(std::move(result).error());                                                             \
    }                                                                                                                  \
    declaration = *std::move(result)
