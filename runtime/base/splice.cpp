// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/splice.h"

#include <algorithm>

namespace bulkhead {

std::string spliced(std::string_view text, std::vector<Splice> splices) {
    std::ranges::stable_sort(splices, {}, &Splice::at);
    std::string changed;
    std::size_t copied = 0;
    for (const auto& splice : splices) {
        changed.append(text.substr(copied, splice.at - copied)).append(splice.text);
        copied = splice.at + splice.size;
    }
    return changed.append(text.substr(copied));
}

} // namespace bulkhead
