// SPDX-License-Identifier: Apache-2.0
// Which project id a layer gets: its own where that is certainly its alone, else a free one.
//
// The kernel is the registry: an id is free while its dquot is all zero, and whoever labels one directory with it and
// then sees exactly one inode has it. No lock is needed among processes, nor with programs that never heard of us.
#pragma once

#include "runtime/base/error.h"
#include "runtime/resources/disk_book.h"
#include "runtime/resources/layer.h"
#include "runtime/sys/project.h"

#include <string>
#include <vector>

namespace bulkhead::resources {

struct IdRange {
    sys::ProjectId first = 0;
    sys::ProjectId last = 0;
};

// Where `layer` may look: the lower half of `range`, upwards from its bottom (dense, as XFS never frees the blocks of a
// dquot); in a home of docker's the upper half, from its top and only ever downwards, as dockerd counts up from the
// highest id it finds in its home and asks nobody.
struct IdSearch {
    sys::ProjectId first = 0;
    sys::ProjectId last = 0;
    bool downwards = false;
};
[[nodiscard]] IdSearch search_for(const std::string& upper_path, const IdRange& range);

// True: the id that upper carries is this layer's alone, by everything that can be checked: upper and work agree, the
// engine's home has another one, no living container of ours holds it, and the layer's directory, with the container's
// own `files` outside of it, accounts for every inode of it. A layer too large for that last check passes. Code::busy:
// a living container has this very layer.
[[nodiscard]] Result<bool> may_adopt(const Layer& layer, const sys::ProjectLabel& upper_label,
                                     const std::vector<std::string>& files, DiskBook& book);

// Claims a free id: upper itself, and nothing in it, carries it then. Code::busy where the range has none left.
[[nodiscard]] Result<sys::ProjectId> claim_project_id(const Layer& layer, const IdSearch& search, DiskBook& book);

} // namespace bulkhead::resources
