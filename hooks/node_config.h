// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/policy/config_file.h"

#include <optional>
#include <string>

namespace bulkhead::hook {

// The node config, read once, when it is first wanted.
class NodeConfig {
public:
    explicit NodeConfig(std::string path) : path_(std::move(path)) {}

    [[nodiscard]] const policy::ConfigReading& reading() {
        if (!reading_) {
            reading_ = policy::read_config(path_);
        }
        return *reading_;
    }
    // The same, once.
    [[nodiscard]] policy::ConfigReading take() {
        static_cast<void>(reading());
        return *std::exchange(reading_, std::nullopt);
    }

private:
    std::string path_;
    std::optional<policy::ConfigReading> reading_;
};

} // namespace bulkhead::hook
