// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/records.h"

#include "runtime/ledger/private_directory.h"
#include "runtime/sys/file.h"

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

namespace bulkhead::engines {

namespace {

using ledger::IfMissing;
using nlohmann::ordered_json;

constexpr int format_version = 1;
constexpr std::size_t longest = 64UL << 20U;
constexpr unsigned deadline_ms = 2000;

ordered_json json_of(const std::optional<std::string>& text) { return text ? ordered_json(*text) : ordered_json(); }

std::unexpected<Error> malformed(const std::string& name) {
    return fail(Code::internal, name +
                                    " is not what configure writes; move it away (what was there before configure is "
                                    "in it)");
}

// What a file said: null where it was not there. Anything else taken for null would have --remove delete the file.
bool is_text(const ordered_json& file, const char* key) {
    return file.contains(key) && (file[key].is_string() || file[key].is_null());
}

bool is_record(const ordered_json& file) {
    return file.is_object() && file.contains("path") && file["path"].is_string() && is_text(file, "before") &&
           is_text(file, "after") && file.value("madeDirectory", ordered_json(false)).is_boolean();
}

std::optional<std::string> text_of(const ordered_json& json) {
    return json.is_string() ? std::optional(json.get<std::string>()) : std::nullopt;
}

Result<std::vector<Record>> parse(const std::string& text, const std::string& name) {
    const auto json = ordered_json::parse(text, nullptr, false);
    if (!json.is_object() || json.value("formatVersion", ordered_json()) != format_version || !json.contains("files") ||
        !json["files"].is_array()) {
        return malformed(name);
    }
    std::vector<Record> records;
    for (const auto& file : json["files"]) {
        if (!is_record(file)) {
            return malformed(name);
        }
        records.push_back({.path = file["path"].get<std::string>(),
                           .before = text_of(file["before"]),
                           .after = text_of(file["after"]),
                           .made_directory = file.value("madeDirectory", ordered_json(false)) == true});
    }
    return records;
}

// nullopt: there is nothing to read.
Result<std::optional<UniqueFd>> open_directory(const std::string& base, Access access) {
    const auto if_missing = access == Access::write ? IfMissing::make_synced : IfMissing::fail;
    auto parent = ledger::open_private_directory(sys::working_directory, base, if_missing);
    auto directory = parent ? ledger::open_private_directory(parent->borrow(), "configure", if_missing)
                            : std::unexpected(parent.error());
    if (!directory) {
        return access == Access::read && directory.error().number == ENOENT
                   ? Result<std::optional<UniqueFd>>(std::nullopt)
                   : std::unexpected(std::move(directory).error());
    }
    return *std::move(directory);
}

} // namespace

Result<Records> Records::open(const std::string& base, Engine engine, Access access) {
    Records records;
    records.name_ = std::string(name_of(engine)) + ".json";
    records.path_ = base + "/configure/" + records.name_;
    TRY_ASSIGN(auto directory, in_context(base, open_directory(base, access)));
    if (!directory) {
        return records;
    }
    records.directory_ = *std::move(directory);
    if (access == Access::write) {
        TRY(in_context("configure", sys::lock_exclusively(records.directory_.borrow(), deadline_ms)));
        // What one that was killed was writing. A leftover does no harm; the next one removes it.
        static_cast<void>(sys::unlink_at(records.directory_.borrow(), sys::temporary_name(records.name_)));
    }
    TRY_ASSIGN(const auto text, ledger::read_private_file(records.directory_.borrow(), records.name_, longest));
    if (text) {
        TRY_ASSIGN(records.records_, parse(*text, records.path_));
    }
    return records;
}

const Record* Records::find(const std::string& path) const {
    const auto found = std::ranges::find(records_, path, &Record::path);
    return found == records_.end() ? nullptr : std::to_address(found);
}

Result<void> Records::put(Record record) {
    std::erase_if(records_, [&](const Record& each) { return each.path == record.path; });
    records_.push_back(std::move(record));
    return save();
}

Result<void> Records::forget(const std::string& path) {
    if (find(path) == nullptr) {
        return {};
    }
    std::erase_if(records_, [&](const Record& each) { return each.path == path; });
    return save();
}

Result<void> Records::save() const {
    if (records_.empty()) {
        auto removed = sys::unlink_at(directory_.borrow(), name_);
        return removed || removed.error().number == ENOENT ? Result<void>{} : removed;
    }
    auto files = ordered_json::array();
    for (const auto& record : records_) {
        files.push_back({{"path", record.path},
                         {"before", json_of(record.before)},
                         {"after", json_of(record.after)},
                         {"madeDirectory", record.made_directory}});
    }
    const ordered_json json{{"formatVersion", format_version}, {"files", std::move(files)}};
    return in_context(path_, sys::replace_file_synced_at(
                                 directory_.borrow(), name_,
                                 json.dump(2, ' ', false, ordered_json::error_handler_t::replace).append("\n")));
}

} // namespace bulkhead::engines
