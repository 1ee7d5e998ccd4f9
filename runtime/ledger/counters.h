// SPDX-License-Identifier: Apache-2.0
// How often it happened since the node booted, for `bulkhead metrics`: STATE/counters, one file of 64-bit numbers in
// the machine's byte order, each at a place of its own that never gets another meaning. A count may be lost where two
// processes count at the same moment, as neither waits; no container ever depends on it.
#pragma once

#include "runtime/base/error.h"
#include "runtime/ledger/gc.h"
#include "runtime/ledger/release.h"
#include "runtime/ledger/store.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace bulkhead::ledger {

struct Counters {
    std::uint64_t starts = 0;                              // createRuntime put up what a container asked for
    std::array<std::pair<Code, std::uint64_t>, 8> refusals{// by what the hook and the shim ended with
                                                           {{Code::invalid_annotation, 0},
                                                            {Code::malformed_input, 0},
                                                            {Code::unsupported, 0},
                                                            {Code::internal, 0},
                                                            {Code::system, 0},
                                                            {Code::busy, 0},
                                                            {Code::not_allowed, 0},
                                                            {Code::bad_config, 0}}};
    std::array<std::pair<GcItem::Kind, std::uint64_t>, 3> releases{
        // by gc
        {{GcItem::Kind::receipt, 0}, {GcItem::Kind::segment, 0}, {GcItem::Kind::disk_record, 0}}};
};

void count_start(const Store& store);
void count_refusal(const Store& store, Code code);
// `with_receipts` went with the receipts among the items, and is none of them.
void count_releases(const Store& store, const std::vector<GcItem>& items, const ReleasedRecords& with_receipts);

// Zeroes where nothing was counted yet. Code::internal for a file that is not root's alone.
[[nodiscard]] Result<Counters> read_counters(const std::string& state_dir);

} // namespace bulkhead::ledger
