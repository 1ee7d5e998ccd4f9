// SPDX-License-Identifier: Apache-2.0
// A container by an engine's own command line, and its image, both of which go with it.
#pragma once

#include "runtime/base/error.h"
#include "runtime/doctor/node.h"
#include "runtime/sys/process.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bulkhead::doctor {

// `annotations` without our prefix. Its standard output, and that of the engine's complaints. Code::unsupported where
// this engine cannot do it, with the reason.
[[nodiscard]] Result<sys::Outcome> run_throw_away(const PresentEngine& engine, const std::string& program,
                                                  const std::map<std::string, std::uint64_t>& annotations,
                                                  const std::vector<std::string>& arguments);

} // namespace bulkhead::doctor
