// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/limits_edit.h"

#include "runtime/policy/precedence.h"
#include "runtime/resources/cgroup.h"

namespace bulkhead::shim {

namespace {

using oci::Key;

class Edit {
public:
    Edit(const policy::Outlook& outlook, const EditGround& ground) : outlook_(outlook), ground_(ground) {}

    SpecEdit make() {
        for (const auto& setting : outlook_.plan.cgroup) {
            const auto wanted = resources::as_kernel_keeps_it(setting);
            if (!policy::engines_stays(setting, outlook_.config.cgroup, ground_.words.limit(setting.key), wanted)) {
                take(setting.key, wanted);
            }
        }
        if (outlook_.plan.shm_size) {
            take_shm(*outlook_.plan.shm_size);
        }
        return std::move(edit_);
    }

private:
    void take(Key key, std::uint64_t wanted) {
        const bool v2 = ground_.cgroups == sys::CgroupVersion::v2;
        if (key == Key::memory_max) {
            take_memory(wanted);
        } else if (key == Key::memory_swap_max) {
            take_swap(wanted);
        } else if (key == Key::pids_max) {
            edit_.pids_limit = wanted;
        } else if (v2 && key == Key::memory_high) {
            edit_.unified["memory.high"] = std::to_string(wanted);
        } else if (v2 && key == Key::memory_low) {
            edit_.unified["memory.low"] = std::to_string(wanted);
        } else if (v2 && key == Key::memory_oom_group) {
            edit_.oom_kill = true;
        } // else cgroup v1 has no such thing, and createRuntime refuses
    }

    // The OCI's swap is both together: as much swap stays allowed as was.
    void take_memory(std::uint64_t wanted) {
        edit_.memory_limit = wanted;
        if (const auto& swap = ground_.words.limit(Key::memory_swap_max)) {
            edit_.memory_swap = wanted + *swap;
        }
    }

    // memory-max comes before it in the table of keys.
    void take_swap(std::uint64_t wanted) {
        const auto memory = edit_.memory_limit ? edit_.memory_limit : ground_.words.limit(Key::memory_max);
        if (memory) {
            edit_.memory_swap = *memory + wanted;
        } else if (ground_.cgroups == sys::CgroupVersion::v2) {
            edit_.unified["memory.swap.max"] = std::to_string(wanted);
        }
    }

    // A default makes nothing larger: createRuntime looks how large it is.
    void take_shm(const oci::Setting& setting) {
        if (ground_.spec.dev_shm.kind == oci::MountKind::tmpfs && !setting.is_default()) {
            edit_.shm_size = setting.value;
        }
    }

    const policy::Outlook& outlook_;
    const EditGround& ground_;
    SpecEdit edit_;
};

} // namespace

SpecEdit limits_edit(const policy::Outlook& outlook, const EditGround& ground) { return Edit(outlook, ground).make(); }

} // namespace bulkhead::shim
