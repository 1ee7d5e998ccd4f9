// SPDX-License-Identifier: Apache-2.0
// How config.json confines a container, as far as it decides what a process in it can do to the disk that it lies on.
#pragma once

#include "runtime/base/error.h"

#include <string>
#include <string_view>

namespace bulkhead::oci {

enum class PidNamespace { host, own, joined };

struct Confinement {
    // It has one made for it: root in it is nobody outside. One that it joins could be the node's.
    bool user_namespace = false;
    PidNamespace pid = PidNamespace::host;
    std::string pid_path; // of a joined one
    // Of its bounding set the first capability with which a seccomp filter on it holds nothing: "CAP_SYS_ADMIN". Empty:
    // none.
    std::string unbounded_by;
    // A device rule lets it open a block device: any one may be the disk, or what the disk is a part of.
    bool may_open_block_device = false;
};

// Code::malformed_input. As the runtimes read it: without capabilities there are none, without device rules all devices
// are allowed.
[[nodiscard]] Result<Confinement> read_confinement(std::string_view config);

} // namespace bulkhead::oci
