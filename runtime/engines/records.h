// SPDX-License-Identifier: Apache-2.0
// What files of an engine's were like before configure wrote to them, kept in BASE/configure/ENGINE.json (root's,
// mode 0600 in 0700): with it they can be made what they were, to the byte.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/engines/engine.h"

#include <optional>
#include <string>
#include <vector>

namespace bulkhead::engines {

struct Record {
    std::string path;
    std::optional<std::string> before; // nullopt: it was not there
    std::optional<std::string> after;  // what configure wrote last; nullopt: nothing, it was taken away
    bool made_directory = false;       // the directory that it lies in was made for it
};

enum class Access { read, write };

class Records {
public:
    // With Access::write its directory is made where it is missing, and held locked: Code::busy where another one
    // configures. `base` is ledger::disk_directory.
    [[nodiscard]] static Result<Records> open(const std::string& base, Engine engine, Access access);

    [[nodiscard]] const Record* find(const std::string& path) const; // nullptr where there is none
    // Replaces what there is of the file. On disk when it returns, as is what forget() does.
    [[nodiscard]] Result<void> put(Record record);
    [[nodiscard]] Result<void> forget(const std::string& path);

private:
    [[nodiscard]] Result<void> save() const;

    std::string name_;
    std::string path_;   // for messages
    UniqueFd directory_; // none where there is nothing to read
    std::vector<Record> records_;
};

} // namespace bulkhead::engines
