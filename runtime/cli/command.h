// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace bulkhead::cli {

// What every command is told.
struct Options {
    std::string config = "/etc/bulkhead/bulkhead.json";
    std::string state_dir = "/run/bulkhead";
    std::string output = "table"; // or "json"
    std::string version;          // of this program
};

// Exit statuses of all commands; 2, a usage error, is main()'s.
inline constexpr int done = 0;
inline constexpr int something_wrong = 1; // failed, refused, or something found

// Each adds its command to `app`, to be run by its callback, which sets `status`.
void add_check_config(CLI::App& app, const Options& options, int& status);
void add_configure(CLI::App& app, const Options& options, int& status);
void add_doctor(CLI::App& app, const Options& options, int& status);
void add_explain(CLI::App& app, const Options& options, int& status);
void add_gc(CLI::App& app, const Options& options, int& status);
void add_inspect(CLI::App& app, const Options& options, int& status);
void add_list(CLI::App& app, const Options& options, int& status);
void add_metrics(CLI::App& app, const Options& options, int& status);
void add_segment(CLI::App& app, const Options& options, int& status);
void add_top(CLI::App& app, const Options& options, int& status);

} // namespace bulkhead::cli
