// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/request.h"

#include "runtime/base/nearest.h"
#include "runtime/base/quantity.h"

#include <algorithm>
#include <array>

namespace bulkhead::oci {

namespace {

constexpr std::size_t longest_value = 64; // receipts keep what was asked word for word, and are bounded

std::string named(std::string_view annotation, std::string_view text) {
    return std::string(annotation.substr(0, 128)).append("=").append(in_quotes(text));
}

std::string unknown_key_advice(std::string_view name) {
    std::array<std::string_view, key_count> names;
    std::ranges::transform(annotation_keys, names.begin(), &KeyInfo::name);
    const auto meant = nearest(name, names);
    if (meant.empty()) {
        return "unknown annotation; bulkhead-annotations(7) lists those there are";
    }
    return std::string("unknown annotation; the nearest known one is ").append(our_prefix).append(meant);
}

// The grammar of Kubernetes container names and of runtimes' ids alike.
bool is_container_name(std::string_view name) {
    constexpr std::size_t longest_name = 253;
    constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-";
    return !name.empty() && name.size() <= longest_name && name.find_first_not_of(characters) == std::string_view::npos;
}

Result<std::uint64_t> parse_number(const KeyInfo& info, std::string_view text) {
    switch (info.type) {
    case ValueType::bytes: {
        TRY_ASSIGN(const auto bytes, parse_bytes(text));
        return bytes.value;
    }
    case ValueType::count: {
        TRY_ASSIGN(const auto count, parse_count(text));
        return count.value;
    }
    case ValueType::boolean: {
        TRY_ASSIGN(const auto yes, parse_boolean(text));
        return std::uint64_t{yes};
    }
    case ValueType::segment:
        break; // its value is no number
    }
    return fail(Code::internal, "a value type without a parser");
}

struct ParsedKey {
    const KeyInfo* info;
    std::string_view segment;   // its name, where the key is a segment's
    std::string_view container; // empty for a bare key
    bool bare;
};

Result<ParsedKey> parse_key(std::string_view annotation) {
    const auto name = annotation.substr(our_prefix.size());
    const auto slash = name.find('/');
    const auto base = name.substr(0, slash);
    const bool segment = base.starts_with(segment_prefix);
    const auto segment_name = segment ? base.substr(segment_prefix.size()) : std::string_view{};
    const auto* const info =
        segment ? &info_of(Key::segment) : std::ranges::find(annotation_keys, base, &KeyInfo::name);
    if (info == annotation_keys.end()) {
        return fail(Code::invalid_annotation, unknown_key_advice(base));
    }
    if (segment && !is_segment_name(segment_name)) {
        return fail(Code::invalid_annotation, in_quotes(segment_name) +
                                                  " is no name of a segment; write 1 to 43 of a-z, "
                                                  "0-9 and -, with a letter or digit at both ends");
    }
    const bool bare = slash == std::string_view::npos;
    const auto container = bare ? std::string_view{} : name.substr(slash + 1);
    if (!bare && !is_container_name(container)) {
        return fail(Code::invalid_annotation,
                    "what follows the slash is not a container's name; write 1 to 253 letters, digits and _.+-");
    }
    return ParsedKey{.info = info, .segment = segment_name, .container = container, .bare = bare};
}

// Whether the key is for this container.
Result<bool> is_ours(const ParsedKey& key, const std::optional<std::string>& container_name) {
    if (!key.bare && !container_name) {
        return fail(Code::malformed_input, "the engine's annotations do not tell this container's name");
    }
    return key.bare || key.container == *container_name;
}

Result<void> take_setting(Request& request, const Annotation& annotation,
                          const std::optional<std::string>& container_name) {
    TRY_ASSIGN(const auto key, parse_key(annotation.key));
    const bool segment = key.info->key == Key::segment;
    const auto longest = segment ? longest_segment_value : longest_value;
    if (annotation.value.size() > longest) {
        return fail(Code::invalid_annotation, "is longer than " + std::to_string(longest) + " characters");
    }
    Setting setting{.key = key.info->key,
                    .annotation = annotation.key,
                    .text = annotation.value,
                    .value = 0,
                    .for_one_container = !key.bare,
                    .file = {}};
    if (segment) {
        TRY_ASSIGN(auto options, parse_segment_options(annotation.value));
        TRY_ASSIGN(const auto ours, is_ours(key, container_name));
        if (ours) {
            request.add({std::move(setting), std::string(key.segment), std::move(options)});
        }
        return request.segments().size() > most_segments
                   ? fail(Code::invalid_annotation,
                          "is one segment too many; a container can have " + std::to_string(most_segments))
                   : Result<void>{};
    }
    TRY_ASSIGN(setting.value, parse_value(setting.key, annotation.value));
    TRY_ASSIGN(const auto ours, is_ours(key, container_name));
    if (ours) {
        request.set(std::move(setting));
    }
    return {};
}

} // namespace

Result<std::uint64_t> parse_value(Key key, std::string_view text) {
    const auto& info = info_of(key);
    TRY_ASSIGN(const auto value, parse_number(info, text));
    if (value == 0 && info.least > 0) {
        return fail(Code::invalid_annotation, "is 0, which would be no limit or no room; write more or leave it out");
    }
    if (value < info.least) {
        return fail(Code::invalid_annotation, "is too little; write at least " + std::to_string(info.least));
    }
    if (value > info.most) {
        return fail(Code::invalid_annotation,
                    "is more than the kernel takes; write at most " + std::to_string(info.most));
    }
    return value;
}

std::string Setting::name() const { return is_default() ? file + ": " + annotation : annotation; }

std::unexpected<Error> Setting::refuse(Code code, std::string_view what) const {
    return std::unexpected(explain({.code = code, .what = std::string(what)}));
}

Error Setting::explain(Error error) const {
    auto about = std::move(error).in(named(annotation, text));
    return is_default() ? std::move(about).in(file) : about;
}

void Request::set(Setting setting) {
    auto& place = settings_[static_cast<std::size_t>(setting.key)];
    if (!place || setting.for_one_container) {
        place = std::move(setting);
    }
}

void Request::add(SegmentSetting segment) {
    const auto same = std::ranges::find(segments_, segment.name, &SegmentSetting::name);
    if (same == segments_.end()) {
        segments_.push_back(std::move(segment));
    } else if (segment.for_one_container) {
        *same = std::move(segment);
    }
}

bool Request::empty() const {
    return segments_.empty() && std::ranges::none_of(settings_, &std::optional<Setting>::has_value);
}

Result<Request> parse_request(const std::vector<Annotation>& annotations,
                              const std::optional<std::string>& container_name) {
    Request request;
    for (const auto& annotation : annotations) {
        if (!annotation.key.starts_with(our_prefix)) {
            continue;
        }
        if (auto taken = take_setting(request, annotation, container_name); !taken) {
            return std::unexpected(std::move(taken).error().in(named(annotation.key, annotation.value)));
        }
    }
    return request;
}

} // namespace bulkhead::oci
