// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace bulkhead::oci {

// Whether `name`, out of config.json, is the capability ("SYS_ADMIN") for either runtime: crun takes "sys_admin" as
// well, in any case, runc the name as it is; or all of them.
[[nodiscard]] bool is_capability(std::string_view name, std::string_view capability);

} // namespace bulkhead::oci
