// SPDX-License-Identifier: Apache-2.0
// What the shim does for one container before the runtime starts: the limit of its disk, as behind the guard no file
// can be labelled any more, its receipt, and what config.json has to say for createRuntime to be called.
#pragma once

#include "runtime/base/error.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/receipt.h"
#include "runtime/ledger/segment_records.h"
#include "runtime/ledger/store.h"
#include "runtime/policy/config_file.h"
#include "runtime/policy/outlook.h"
#include "runtime/resources/disk.h"
#include "runtime/shim/bundle.h"
#include "runtime/shim/command_line.h"
#include "runtime/shim/journal.h"

#include <memory>
#include <optional>
#include <string>

namespace bulkhead::shim {

// Where a node has what the shim works with; other places are for tests.
struct Places {
    std::string config = "/etc/bulkhead/bulkhead.json";
    std::string state_dir = "/run/bulkhead";
    std::string disk_dir = ledger::disk_directory;
};

class Preparation {
public:
    // Nothing is done where the container asks for nothing and is given nothing, nor to one that lives already: the
    // runtime will say that it exists. What fails takes back what was done. Code::busy where another process is just
    // creating it, Code::unsupported for a rootless engine that asks and for a command line that does not tell which
    // container it is about; else what the hook would have.
    [[nodiscard]] static Result<Preparation> make(const Invocation& invocation, Dialect dialect, const Places& places,
                                                  policy::ConfigReading reading, const Journal& journal);

    [[nodiscard]] bool wants_guard() const { return guard_.put_up; }
    // For when the runtime cannot be started after all. What cannot be taken back stays in the receipt, for gc, and the
    // journal says so.
    void undo(const Journal& journal);

private:
    struct Subject;

    [[nodiscard]] Result<void> take_back();
    [[nodiscard]] Result<void> prepare(const Subject& subject, const Places& places, policy::ConfigReading reading,
                                       const Journal& journal);
    [[nodiscard]] Result<void> put_up(const Subject& subject, const Places& places,
                                      const std::optional<policy::Outlook>& outlook, const Journal& journal);
    [[nodiscard]] Result<bool> start_receipt(const Subject& subject, const Places& places);
    void promise(const policy::Plan& plan);
    [[nodiscard]] Result<void> limit_disk(const Subject& subject, const policy::Outlook& outlook,
                                          const Journal& journal);
    [[nodiscard]] Result<void> put_up_disk(const policy::Outlook& outlook, const Journal& journal);
    [[nodiscard]] Result<void> look_at_hole(const policy::Outlook& outlook);
    [[nodiscard]] Result<void> edit(const Subject& subject, const std::optional<policy::Outlook>& outlook);

    ledger::GuardRecord guard_;
    std::string hook_;
    std::optional<ledger::Entry> entry_; // locked, until the runtime has taken this process's place
    ledger::Receipt receipt_;
    std::unique_ptr<ledger::DiskRecords> disks_;
    std::optional<resources::DiskLimit> disk_;
};

} // namespace bulkhead::shim
