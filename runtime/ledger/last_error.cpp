// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/last_error.h"

#include "runtime/ledger/counters.h"
#include "runtime/ledger/private_directory.h"
#include "runtime/sys/file.h"

#include <nlohmann/json.hpp>

namespace bulkhead::ledger {

namespace {
constexpr std::size_t places = 256;
constexpr unsigned lock_deadline_ms = 200;
} // namespace

void remember_error(const Store& store, std::string_view id, std::string_view stage, Code code, std::string_view line) {
    const auto directory = open_private_directory(store.directory(), "errors", IfMissing::make);
    if (!directory || !sys::lock_exclusively(directory->borrow(), lock_deadline_ms)) {
        return;
    }
    const nlohmann::ordered_json json{{"id", id}, {"stage", stage}, {"code", static_cast<int>(code)}, {"line", line}};
    const auto place = std::to_string(short_hash(id) % places) + ".json";
    const auto text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).append("\n");
    static_cast<void>(sys::replace_file_at(directory->borrow(), place, text));
}

void keep_refusal(const std::string& state_dir, std::string_view id, std::string_view stage, Code code,
                  std::string_view line) {
    if (id.empty()) {
        if (const auto store = Store::open(state_dir); store && *store) {
            count_refusal(**store, code);
        }
        return;
    }
    if (const auto store = Store::open_or_make(state_dir)) {
        count_refusal(*store, code);
        remember_error(*store, id, stage, code, line);
    }
}

} // namespace bulkhead::ledger
