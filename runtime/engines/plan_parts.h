// SPDX-License-Identifier: Apache-2.0
// What the plans for the engines share, and each engine's own.
#pragma once

#include "runtime/engines/config_text.h"
#include "runtime/engines/plan.h"
#include "runtime/engines/toml.h"
#include "runtime/engines/toml_edit.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

// Above what we add to a TOML file.
inline constexpr std::string_view our_comment = "# Written by bulkhead configure; see bulkhead(1).";

// What our handler of containerd's lets through, and no more.
inline const std::vector<std::string> our_annotations{"io.bulkhead.*", "io.bulkhead.*/*"};

[[nodiscard]] Result<Plan> plan_containerd(const Question& question, const Node& node);
[[nodiscard]] Result<Plan> plan_crio(const Question& question, const Node& node);
[[nodiscard]] Result<Plan> plan_docker(const Question& question, const Node& node);
[[nodiscard]] Result<Plan> plan_podman(const Question& question, const Node& node);

// The text without our part; nullopt: the file holds nothing else. `before` is what it was before us, if that is known.
[[nodiscard]] Result<std::optional<std::string>> without_containerd(const std::string& text,
                                                                    const std::optional<std::string>& before);
[[nodiscard]] Result<std::optional<std::string>> without_crio(const std::string& text);
[[nodiscard]] Result<std::optional<std::string>> without_docker(const std::string& text,
                                                                const std::optional<std::string>& before);
[[nodiscard]] Result<std::optional<std::string>> without_podman(const std::string& text,
                                                                const std::optional<std::string>& before);

// "50-bulkhead" with `suffix`, in the drop-in directory beside `main`.
[[nodiscard]] std::string drop_in_of(const std::string& main, std::string_view suffix);

// The first problem of what was read, as an error.
[[nodiscard]] Result<void> require_sound(const EngineConfig& config);

// The program that the shim called as `called_as` becomes; noted where it is not `program`, which the engine has run
// without us. Code::unsupported where there is none.
[[nodiscard]] Result<void> check_real_runtime(Plan& plan, const Node& node, std::string_view called_as,
                                              const std::string& program);

// Notes the daemons that read another config than `main`.
void check_daemons(Plan& plan, const Node& node, const std::string& main, Engine engine);

// Notes that what is written names a program that is not there.
void check_shim(Plan& plan, const Node& node, std::string_view path);

// One edit of a TOML file by wishes: `now` is its text.
[[nodiscard]] Result<FileEdit> edit_file(const std::string& path, std::optional<std::string> now,
                                         const std::vector<TomlWish>& wishes);
// The text that is left of one by wishes; nullopt where that is nothing but our comment.
[[nodiscard]] Result<std::optional<std::string>> what_is_left(const std::string& text,
                                                              const std::vector<TomlWish>& wishes);

} // namespace bulkhead::engines
