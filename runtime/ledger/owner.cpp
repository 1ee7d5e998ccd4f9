// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/owner.h"

namespace bulkhead::ledger {

Result<bool> is_alive(const Owner& owner) {
    TRY_ASSIGN(const auto boot, sys::boot_id());
    return owner.boot_id == boot ? sys::is_running(owner.process) : Result<bool>(false);
}

} // namespace bulkhead::ledger
