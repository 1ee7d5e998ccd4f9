// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/last_error.h"

#include "runtime/ledger/counters.h"
#include "runtime/ledger/json_parts.h"
#include "runtime/ledger/private_directory.h"
#include "runtime/sys/file.h"

#include <cerrno>
#include <nlohmann/json.hpp>

namespace bulkhead::ledger {

namespace {
constexpr std::size_t places = 256;
constexpr unsigned lock_deadline_ms = 200;
constexpr std::size_t longest_record = 16UL << 10U;

std::string place_of(std::string_view id) { return std::to_string(short_hash(id) % places) + ".json"; }

Result<LastError> parse(std::string_view text) {
    TRY_ASSIGN(const auto object, oci::JsonObject::parse(text, "last error"));
    LastError error;
    TRY_ASSIGN(error.id, object.required_string("id"));
    TRY_ASSIGN(error.stage, object.required_string("stage"));
    TRY_ASSIGN(error.line, object.required_string("line"));
    TRY_ASSIGN(const auto code, number(object, "code"));
    error.code = static_cast<int>(code);
    return error;
}
} // namespace

void remember_error(const Store& store, std::string_view id, std::string_view stage, Code code, std::string_view line) {
    const auto directory = open_private_directory(store.directory(), "errors", IfMissing::make);
    if (!directory || !sys::lock_exclusively(directory->borrow(), lock_deadline_ms)) {
        return;
    }
    const nlohmann::ordered_json json{{"id", id}, {"stage", stage}, {"code", static_cast<int>(code)}, {"line", line}};
    const auto text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).append("\n");
    static_cast<void>(sys::replace_file_at(directory->borrow(), place_of(id), text));
}

Result<std::optional<LastError>> recall_error(const Store& store, std::string_view id) {
    const auto directory = open_private_directory(store.directory(), "errors", IfMissing::fail);
    if (!directory) {
        return directory.error().number == ENOENT ? Result<std::optional<LastError>>(std::nullopt)
                                                  : std::unexpected(directory.error());
    }
    TRY_ASSIGN(const auto text, read_private_file(directory->borrow(), place_of(id), longest_record));
    if (!text) {
        return std::nullopt;
    }
    TRY_ASSIGN(auto error, parse(*text));
    return error.id == id ? std::optional(std::move(error)) : std::nullopt;
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
