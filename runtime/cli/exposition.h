// SPDX-License-Identifier: Apache-2.0
// Metrics as text, in the two formats that Prometheus reads: OpenMetrics 1.0, and its own older one (0.0.4), which is
// what node_exporter takes from files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::cli {

enum class TextFormat { openmetrics, prometheus };

struct Sample {
    std::vector<std::pair<std::string, std::string>> labels; // by name; values may be anything
    std::string value;                                       // a number
};

struct MetricFamily {
    enum class Type { counter, gauge, info } type = Type::gauge;
    std::string name; // without "_total" of a counter and "_info" of an info
    std::string unit; // the end of `name`; empty: it has none
    std::string help;
    std::vector<Sample> samples; // none: the family is left out
};

[[nodiscard]] std::string to_text(const std::vector<MetricFamily>& families, TextFormat format);

} // namespace bulkhead::cli
