// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/error.h"

#include <cstring>

namespace bulkhead {

namespace {
constexpr std::size_t quoted_limit = 64;
}

Error Error::in(std::string_view context) && {
    what.insert(0, ": ").insert(0, context);
    return std::move(*this);
}

std::unexpected<Error> fail(Code code, std::string what) {
    return std::unexpected(Error{.code = code, .number = 0, .what = std::move(what)});
}

std::unexpected<Error> fail_errno(int number, std::string_view what) {
    std::string text(what);
    const char* description = strerrordesc_np(number);
    text.append(": ").append(description != nullptr ? description : "error " + std::to_string(number));
    return std::unexpected(Error{.code = Code::system, .number = number, .what = std::move(text)});
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    out.append(text.substr(0, quoted_limit));
    out.append(text.size() > quoted_limit ? "...\"" : "\"");
    return out;
}

} // namespace bulkhead
