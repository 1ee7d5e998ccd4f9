// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/oci/request.h"
#include "runtime/resources/container.h"
#include "runtime/sys/procfs.h"

#include <string>
#include <utility>

namespace bulkhead::test {

// A process that is taken for a container's, with what its bundle and its engine would say.
struct FakeContainer {
    explicit FakeContainer(pid_t pid) : process(sys::Process::open(pid).value()) {}

    [[nodiscard]] resources::Container get() const {
        return {.id = id, .process = process, .spec = spec, .engine = engine};
    }

    std::string id = "0123";
    sys::Process process;
    oci::Spec spec;
    oci::Engine engine;
};

inline oci::Setting asked(oci::Key key, std::uint64_t value) {
    return {.key = key,
            .annotation = "io.bulkhead." + std::string(oci::info_of(key).name),
            .text = std::to_string(value),
            .value = value,
            .for_one_container = false,
            .file = {}};
}

// The same by the node config, "defaults.NAME" in FILE.
inline oci::Setting by_default(oci::Key key, std::uint64_t value) {
    auto setting = asked(key, value);
    setting.annotation = "defaults." + std::string(oci::info_of(key).name);
    setting.file = "FILE";
    return setting;
}

} // namespace bulkhead::test
