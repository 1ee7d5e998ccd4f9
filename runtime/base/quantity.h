// SPDX-License-Identifier: Apache-2.0
// Quantities as tenants and operators write them (bulkhead-annotations(7)).
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace bulkhead {

// Digits with an optional k, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (powers of 1024); at most 2^63 - 1. What
// Kubernetes and docker read differently ("512m", "512g") is refused with both ways out. 0 is a value here: whether it
// makes sense is the key's matter. Fails with Code::invalid_annotation; the message does not repeat `text`.
[[nodiscard]] Result<Bytes> parse_bytes(std::string_view text);

// Digits only, at most 2^63 - 1.
[[nodiscard]] Result<Count> parse_count(std::string_view text);

// "true" or "false", nothing else.
[[nodiscard]] Result<bool> parse_boolean(std::string_view text);

// Digits only, the whole of `text`: numbers as kernel files hold them. Fails where there is anything else.
[[nodiscard]] Result<std::uint64_t> parse_unsigned(std::string_view text);

// The shortest exact form: "512Mi", "1000" (no binary unit divides it), "0".
[[nodiscard]] std::string format(Bytes bytes);

} // namespace bulkhead
