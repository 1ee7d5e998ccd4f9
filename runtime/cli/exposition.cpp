// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/exposition.h"

#include "runtime/base/line.h"

#include <fmt/format.h>

namespace bulkhead::cli {

namespace {

using Type = MetricFamily::Type;

std::string_view suffix_of(Type type) {
    switch (type) {
    case Type::counter:
        return "_total";
    case Type::info:
        return "_info";
    case Type::gauge:
        break;
    }
    return "";
}

std::string_view word_for(Type type, TextFormat format) {
    if (type == Type::counter) {
        return "counter";
    }
    return type == Type::info && format == TextFormat::openmetrics ? "info" : "gauge";
}

// Both formats escape the same three characters in a label's value. What is not printable cannot be there: a value
// may be a tenant's.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : printable(text)) {
        if (c == '"' || c == '\\') {
            result.push_back('\\');
        }
        result.push_back(c);
    }
    return result;
}

std::string labels_of(const Sample& sample) {
    std::string text;
    for (const auto& [name, value] : sample.labels) {
        text += fmt::format("{}{}=\"{}\"", text.empty() ? "{" : ",", name, escaped(value));
    }
    return text.empty() ? text : text.append("}");
}

// In OpenMetrics a family has no suffix, in the older format each name is a family's.
std::string describe(const MetricFamily& family, TextFormat format) {
    const bool open = format == TextFormat::openmetrics;
    const auto name = open ? family.name : family.name + std::string(suffix_of(family.type));
    auto text = fmt::format("# TYPE {} {}\n", name, word_for(family.type, format));
    if (open && !family.unit.empty()) {
        text += fmt::format("# UNIT {} {}\n", name, family.unit);
    }
    return text.append(fmt::format("# HELP {} {}\n", name, family.help));
}

} // namespace

std::string to_text(const std::vector<MetricFamily>& families, TextFormat format) {
    std::string text;
    for (const auto& family : families) {
        if (!family.samples.empty()) {
            text += describe(family, format);
        }
        for (const auto& sample : family.samples) {
            text += fmt::format("{}{}{} {}\n", family.name, suffix_of(family.type), labels_of(sample), sample.value);
        }
    }
    return format == TextFormat::openmetrics ? text.append("# EOF\n") : text;
}

} // namespace bulkhead::cli
