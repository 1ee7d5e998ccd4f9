// SPDX-License-Identifier: Apache-2.0
// The containers that run now: those that have less than they ask for, as they were made before all this, or beside it.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace bulkhead::doctor {

using Ids = std::set<std::string, std::less<>>;

// Adds to `found` those of `ids` that a container may have whose process is in these cgroups (the text of
// /proc/PID/cgroup), by inventory::is_called_after(). Any user may nest cgroups of his
// own and name them as he likes; nothing else of them is kept.
void add_named(Ids& found, const Ids& ids, std::string_view cgroups);

// "receipts", "live-limits", "live-defaults", "live-disk" and "live-guard".
void check_live(Section& section, const Node& node);

} // namespace bulkhead::doctor
