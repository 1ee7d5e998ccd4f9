// SPDX-License-Identifier: Apache-2.0
// What the hook would do for a container and why, made of what the hook itself decides by. Pure: nothing is looked at
// here and nothing done.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"
#include "runtime/ledger/last_error.h"
#include "runtime/ledger/receipt.h"
#include "runtime/oci/confinement.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/engine_words.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/allowance.h"
#include "runtime/policy/config.h"
#include "runtime/policy/config_file.h"
#include "runtime/policy/outlook.h"
#include "runtime/sys/cgroup.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::cli {

// Which container, and what its runtime tells the hook of it.
struct Subject {
    std::string id;
    std::string bundle;
    std::optional<bool> named; // whether "io.bulkhead." is in the state; nullopt: as its annotations have it
};

// What a bundle and a node are like.
struct Ground {
    oci::Spec spec;
    oci::EngineWords words;
    oci::Confinement confinement;
    std::optional<bool> pid_owner_guarded;    // see policy::GuardQuestion
    std::optional<ledger::GuardRecord> guard; // of a container that was started: what its receipt says
    Bytes ram;
    sys::CgroupVersion cgroups = sys::CgroupVersion::v2;
};

// What becomes of a key.
enum class Effect {
    none,     // nobody asks, or it is not for this container
    set,      // to the value
    kept,     // the engine's value stays
    left_out, // it cannot be had, and the container starts without (on-error)
    at_start, // set, unless what is there when the container starts is less
};

struct KeyLine {
    oci::Key key = oci::Key::shm_size;
    std::optional<oci::Setting> setting; // who asks, and in which words
    std::optional<policy::Maximum> maximum;
    std::optional<std::uint64_t> engines; // what config.json has
    std::optional<std::uint64_t> value;   // what will be in force, as the kernel keeps it, as far as that is known
    Effect effect = Effect::none;
    std::string note;
};

struct SegmentLine {
    policy::SegmentPlan plan;
    policy::Maximum maximum;
    bool declared = false; // in the node config
};

// Files that the container may write to, and that its disk limit does not count.
struct Uncounted {
    oci::Bind bind;
    bool labelled = false; // it is counted, where it lies on the layer's file system (disk.label-engine-files)
};

enum class Verdict { limits, nothing, refused };

struct Explanation {
    Subject subject;
    std::optional<oci::Engine> engine; // nullopt: refused before that was known
    std::vector<std::string> files;    // of the node config
    bool config_sound = true;
    std::optional<policy::ConfigPlace> rule;
    std::optional<ledger::LastError> last_refusal; // of the container of that id, if one is remembered

    Verdict verdict = Verdict::nothing;
    std::string reason;           // of Verdict::nothing
    std::optional<Error> refusal; // as the hook has it

    // Of Verdict::limits:
    policy::Plan plan;
    policy::DiskConfig disk;
    // Why its disk limit can be taken off from inside: as it was started, else behind bulkhead-runtime; nullopt: it
    // cannot.
    std::optional<std::string> escapable;
    std::optional<bool> guarded; // whether it runs behind the guard; nullopt: it was not started yet
    policy::OnError on_error;
    std::vector<KeyLine> keys; // all but Key::segment
    std::vector<SegmentLine> segments;
    std::vector<Uncounted> uncounted; // where there is a disk limit
    std::vector<std::string> at_start;

    // The line that the hook says.
    [[nodiscard]] std::string refusal_line() const;
};

// A subject whose state or config.json cannot be read, for `error`.
[[nodiscard]] Explanation explain_unread(const Subject& subject, Error error, const policy::ConfigReading& reading);

[[nodiscard]] Explanation explain(const Subject& subject, const Ground& ground, const policy::ConfigReading& reading);

// What only a look at the node tells: that what `resource` is asked for cannot be had. Refused, or left out where the
// config says so.
void take_failure(Explanation& explanation, oci::Resource resource, oci::Key key, Error error);

} // namespace bulkhead::cli
