// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libFuzzer's interface
    bulkhead::fuzz::fuzz({reinterpret_cast<const char*>(bytes), size});
    return 0;
}
