// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::engines {

enum class Engine { crio, containerd, podman, docker };

inline constexpr std::array all_engines{Engine::crio, Engine::containerd, Engine::podman, Engine::docker};

// As it is called on a command line.
[[nodiscard]] std::string_view name_of(Engine engine);
[[nodiscard]] std::optional<Engine> engine_of(std::string_view name);

// Whether it runs the hooks that files in directories name (oci-hooks(5)).
[[nodiscard]] constexpr bool has_hooks_d(Engine engine) { return engine == Engine::podman || engine == Engine::crio; }

// What the engines call: by path, and by the runtimes' names (symlinks to it in that directory).
inline constexpr std::string_view shim_path = "/usr/bin/bulkhead-runtime";
inline constexpr std::string_view shim_directory = "/usr/libexec/bulkhead";

// Whether a config that names this program means the shim. It need not be there.
[[nodiscard]] bool is_shim(std::string_view program);

// The name of the runtime, or handler, that is the shim.
inline constexpr std::string_view shim_runtime = "bulkhead";

} // namespace bulkhead::engines
