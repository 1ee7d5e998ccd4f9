// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/capability.h"

#include <algorithm>
#include <string>

namespace bulkhead::oci {

bool is_capability(std::string_view name, std::string_view capability) {
    std::string upper(name);
    std::ranges::transform(upper, upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
    const std::string_view bare = std::string_view(upper).substr(upper.starts_with("CAP_") ? 4 : 0);
    return bare == capability || bare == "ALL";
}

} // namespace bulkhead::oci
