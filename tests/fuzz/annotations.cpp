// SPDX-License-Identifier: Apache-2.0
// Lines of KEY=VALUE, the keys without io.bulkhead.; the first line is the container's name.
#include "runtime/oci/request.h"
#include "runtime/oci/segment.h"

#include "fuzz.h"
#include "runtime/base/quantity.h"

#include <algorithm>
#include <string>

namespace bulkhead::fuzz {

namespace {

void check_quantity(std::string_view text) {
    if (const auto bytes = parse_bytes(text)) {
        require(bytes->value <= INT64_MAX, "no size is above 2^63 - 1");
        const auto again = parse_bytes(format(*bytes));
        require(again && again->value == bytes->value, "a size that is written can be read");
    } else {
        require(bytes.error().code == Code::invalid_annotation, "a size that is none is invalid");
        require_sound(bytes.error());
    }
    const auto count = parse_count(text);
    const auto number = parse_unsigned(text);
    require(!count || (number && *number == count->value), "a count is its digits");
}

void check_segment(std::string_view text) {
    const auto options = oci::parse_segment_options(text);
    if (!options) {
        require_sound(options.error());
        return;
    }
    const auto& path = options->path;
    require(path.starts_with('/') && path.size() > 1 && !path.ends_with('/'), "a segment's path is absolute");
    require(!(path + "/").contains("/../") && !path.contains("//") && !(path + "/").contains("/./"),
            "a segment's path leads nowhere else");
    require(!path.contains('\0'), "no path has a NUL in it");
}

} // namespace

void fuzz(std::string_view input) {
    const std::string name(take_line(input));
    std::vector<oci::Annotation> annotations;
    while (!input.empty()) {
        const auto line = take_line(input);
        const auto equals = std::min(line.size(), line.find('='));
        const auto value = line.substr(std::min(line.size(), equals + 1));
        check_quantity(value);
        check_segment(value);
        annotations.push_back(
            {.key = std::string(oci::our_prefix).append(line.substr(0, equals)), .value = std::string(value)});
    }
    std::ranges::sort(annotations, {}, &oci::Annotation::key);
    const auto repeated = std::ranges::unique(annotations, {}, &oci::Annotation::key);
    annotations.erase(repeated.begin(), repeated.end());
    const auto request = oci::parse_request(annotations, name);
    if (!request) {
        require_sound(request.error());
        return;
    }
    for (const auto& info : oci::annotation_keys) {
        if (const auto& setting = (*request)[info.key]) {
            require(setting->value >= info.least && setting->value <= info.most, "a value is one that makes sense");
            require(std::ranges::any_of(annotations,
                                        [&](const oci::Annotation& one) {
                                            return one.key == setting->annotation && one.value == setting->text;
                                        }),
                    "a setting quotes its annotation");
        }
    }
}

} // namespace bulkhead::fuzz
