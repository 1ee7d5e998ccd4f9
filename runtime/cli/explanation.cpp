// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/explanation.h"

#include "runtime/base/line.h"
#include "runtime/base/quantity.h"
#include "runtime/policy/guard.h"
#include "runtime/policy/precedence.h"
#include "runtime/resources/cgroup.h"
#include "runtime/resources/disk.h"
#include "runtime/sys/procfs.h"

#include <algorithm>

namespace bulkhead::cli {

namespace {

using oci::Key;
using oci::Resource;
using oci::Setting;
using policy::Allowance;
using Value = std::optional<std::uint64_t>;

// What was found first counts.
void refuse(Explanation& explanation, Error error) {
    explanation.verdict = Verdict::refused;
    if (!explanation.refusal) {
        explanation.refusal = std::move(error);
    }
}

// --- Each key -----------------------------------------------------------------------------------------------------

// Of what will be in force for one container.
class Keys {
public:
    Keys(Explanation& explanation, const Ground& ground, const policy::Config& config, const Allowance& allowance)
        : explanation_(explanation), ground_(ground), config_(config), allowance_(allowance) {}

    void explain_all() {
        for (const auto& info : oci::annotation_keys) {
            if (info.key != Key::segment) {
                explanation_.keys.push_back(explain(info.key));
            }
        }
    }

private:
    KeyLine explain(Key key) {
        const auto resource = oci::info_of(key).resource;
        KeyLine line{.key = key,
                     .setting = setting(key),
                     .maximum = allowance_.max(key),
                     .engines = resource == Resource::shm ? engines_shm() : ground_.words.limit(key),
                     .value = {},
                     .effect = Effect::none,
                     .note = {}};
        if (!line.setting) {
            line.note = why_none(key);
            line.value = key == Key::shm_size && has_segment_at_shm() ? std::nullopt : line.engines;
        } else if (resource == Resource::cgroup) {
            explain_cgroup(line);
        } else if (resource == Resource::shm) {
            explain_shm(line);
        } else {
            explain_disk(line);
        }
        return line;
    }

    [[nodiscard]] std::optional<Setting> setting(Key key) const {
        const auto all = explanation_.plan.all();
        const auto found = std::ranges::find(all, key, &Setting::key);
        return found == all.end() ? std::nullopt : std::optional(*found);
    }

    [[nodiscard]] bool has_segment_at_shm() const {
        return std::ranges::any_of(explanation_.plan.segments, [](const policy::SegmentPlan& plan) {
            return plan.asked.options.path == "/dev/shm";
        });
    }

    [[nodiscard]] std::string why_none(Key key) const {
        if (!allowance_.allows(key)) {
            return "may not be asked for: " + allowance_.rule->place.path + ".allow in " + allowance_.rule->place.file +
                   " does not list it";
        }
        if (key == Key::memory_low && !allowance_.max(key)) {
            return "may not be asked for: the node config has no maximum for it";
        }
        if (key == Key::shm_size && has_segment_at_shm()) {
            return "the segment at /dev/shm has its own size";
        }
        const bool implied = key == Key::disk_inodes && explanation_.plan.disk_size && config_.disk.implied_inodes &&
                             !config_.disk.accounting_only;
        return implied ? "limited by disk-size, as the file system has it (disk.implied-inodes)" : "";
    }

    void explain_cgroup(KeyLine& line) {
        const auto& setting = *line.setting;
        if (auto had = resources::check_version(setting, ground_.cgroups); !had) {
            fail(line, setting.explain(std::move(had).error()));
            return;
        }
        if (setting.key == Key::memory_swap_max && !may_limit_swap()) {
            line.effect = Effect::at_start;
            line.note = "cgroup v1 limits swap only together with memory: refused (69) without a limit of that";
            return;
        }
        const auto wanted = resources::as_kernel_keeps_it(setting);
        if (setting.key == Key::memory_low || setting.key == Key::memory_oom_group) {
            line.engines = line.engines.value_or(0); // what a new cgroup has
        }
        const bool stays = policy::engines_stays(setting, config_.cgroup, line.engines, wanted);
        line.value = stays ? line.engines.value_or(wanted) : wanted;
        line.effect = stays && line.value != wanted ? Effect::kept : Effect::set;
    }

    // Of version 1.
    [[nodiscard]] bool may_limit_swap() const {
        return ground_.cgroups == sys::CgroupVersion::v2 || ground_.words.limit(Key::memory_max) ||
               setting(Key::memory_max);
    }

    void explain_shm(KeyLine& line) const {
        const auto wanted = round_up(Bytes{line.setting->value}, sys::page_size()).value;
        const auto kind = ground_.spec.dev_shm.kind;
        line.effect = Effect::set;
        line.value = wanted;
        if (!line.setting->is_default()) {
            line.note = kind == oci::MountKind::none ? "made, as the container has none" : "";
        } else if (kind == oci::MountKind::none) {
            line.effect = Effect::none;
            line.value.reset();
            line.note = "a default makes no /dev/shm, and config.json has none";
        } else if (kind == oci::MountKind::foreign) {
            line.effect = Effect::at_start;
            line.note = "unless what is bound from " + ground_.spec.dev_shm.source + " is smaller, or not the engine's";
        } else if (line.engines && *line.engines <= wanted) {
            line.effect = *line.engines == wanted ? Effect::set : Effect::kept;
            line.value = line.engines;
        }
    }

    void explain_disk(KeyLine& line) const {
        line.effect = config_.disk.accounting_only ? Effect::none : Effect::set;
        if (config_.disk.accounting_only) {
            line.note = "counted, and not limited (disk.accounting-only)";
        } else {
            line.value = line.setting->value;
        }
    }

    [[nodiscard]] Value engines_shm() const {
        const auto& shm = ground_.spec.dev_shm;
        const auto size = shm.kind == oci::MountKind::tmpfs ? oci::parse_kernel_size(shm.size) : std::nullopt;
        return size && *size > 0 ? Value(round_up(Bytes{*size}, sys::page_size()).value) : std::nullopt;
    }

    void fail(KeyLine& line, Error error) {
        line.effect = Effect::left_out;
        line.value = line.engines;
        line.note = error.what;
        if (!policy::may_start_without(oci::info_of(line.key).resource, error, config_.on_error)) {
            refuse(explanation_, std::move(error));
        }
    }

    Explanation& explanation_;
    const Ground& ground_;
    const policy::Config& config_;
    const Allowance& allowance_;
};

// --- The other parts ----------------------------------------------------------------------------------------------

std::vector<SegmentLine> segment_lines(const policy::Outlook& outlook, const Allowance& allowance) {
    std::vector<SegmentLine> lines;
    for (const auto& plan : outlook.plan.segments) {
        const auto& declared = outlook.config.segments;
        const auto found = std::ranges::find(declared, plan.place.name, &policy::DeclaredSegment::name);
        lines.push_back({.plan = plan, .maximum = *allowance.max(Key::segment), .declared = found != declared.end()});
    }
    return lines;
}

// Mounts of the kernel's, and places in them, hold nothing.
bool is_kernels(std::string_view destination) {
    return std::ranges::any_of(std::array<std::string_view, 3>{"/dev", "/proc", "/sys"}, [&](std::string_view top) {
        return destination == top || (destination.starts_with(top) && destination[top.size()] == '/');
    });
}

std::vector<Uncounted> uncounted(const Ground& ground, const std::string& id, const policy::DiskConfig& config) {
    std::vector<Uncounted> files;
    for (const auto& bind : ground.words.binds) {
        const bool own = !resources::own_files({bind.source}, id).empty();
        if (!bind.read_only && !is_kernels(bind.destination)) {
            files.push_back({.bind = bind, .labelled = own && config.label_engine_files});
        }
    }
    return files;
}

// What has to be seen on the container itself.
std::vector<std::string> looks_at_start(const policy::Plan& plan, const policy::DiskConfig& config) {
    std::vector<std::string> looks;
    if (!plan.cgroup.empty()) {
        looks.emplace_back("cgroup: that the container has one of its own, what it uses by then, and what limits the "
                           "engine set otherwise than by config.json");
    }
    if (plan.shm_size) {
        looks.emplace_back("shm: what is mounted on /dev/shm, and how much it holds");
    }
    if (!plan.segments.empty()) {
        looks.emplace_back("segments: the places in the image, and what the members before it agreed on");
    }
    if (plan.disk()) {
        looks.emplace_back(
            "disk: the overlay, its file system and that one's project quotas, what the layer holds, and the "
            "engine's own limits on it, which are never loosened");
        if (config.guard == policy::Guard::require && !config.accounting_only) {
            looks.emplace_back("disk: that the container runs behind the guard of bulkhead-runtime");
        }
    }
    return looks;
}

// The rule that is in force; nullopt: none is, or it depends on what the engine does not tell.
std::optional<policy::ConfigPlace> rule_for(const policy::Config& config, const oci::Engine& engine, Bytes ram) {
    const auto allowance = policy::allowance_for(config, engine, ram);
    return allowance && allowance->rule != nullptr ? std::optional(allowance->rule->place) : std::nullopt;
}

// The hook leaves at once, whatever is in config.json.
bool is_passed_over(bool named, const policy::ConfigReading& reading) {
    return !named && !reading.config.has_defaults();
}
constexpr std::string_view not_named = "nothing in its state begins with io.bulkhead., and the node config has no "
                                       "defaults";

void explain_nothing(Explanation& explanation, std::string reason) {
    explanation.verdict = Verdict::nothing;
    explanation.reason = std::move(reason);
}

std::optional<std::string> way_out(const Ground& ground, const policy::Config& config) {
    if (ground.guard) {
        return ground.guard->escapable.empty() ? std::nullopt : std::optional(ground.guard->escapable);
    }
    auto question = policy::guard_question(config, ground.spec, ground.confinement);
    question.disk_limit = true;
    question.pid_owner_guarded = ground.pid_owner_guarded;
    return policy::judge_guard(question).escapable;
}

// Whether the shim will be there nothing tells before the container is started.
void explain_guard(Explanation& explanation, const Ground& ground, const policy::Outlook& outlook) {
    explanation.guarded = ground.guard ? std::optional(ground.guard->put_up) : std::nullopt;
    explanation.escapable = way_out(ground, outlook.config);
    if (const auto held = policy::check_guard(outlook.plan, outlook.config.disk, explanation.escapable); !held) {
        refuse(explanation, held.error());
    }
}

void explain_limits(Explanation& explanation, const Ground& ground, const policy::Outlook& outlook) {
    const auto allowance = policy::allowance_for(outlook.config, *explanation.engine, ground.ram);
    if (!allowance) {
        return refuse(explanation, allowance.error()); // look_ahead() would have said so
    }
    explanation.verdict = Verdict::limits;
    explanation.plan = outlook.plan;
    explanation.disk = outlook.config.disk;
    if (outlook.plan.disk()) {
        explain_guard(explanation, ground, outlook);
    }
    explanation.on_error = outlook.config.on_error;
    explanation.segments = segment_lines(outlook, *allowance);
    explanation.at_start = looks_at_start(outlook.plan, outlook.config.disk);
    if (outlook.plan.disk()) {
        explanation.uncounted = uncounted(ground, explanation.subject.id, outlook.config.disk);
    }
    Keys(explanation, ground, outlook.config, *allowance).explain_all();
}

bool names_us(const oci::Spec& spec) {
    return std::ranges::any_of(spec.annotations, [](const oci::Annotation& annotation) {
        return annotation.key.starts_with(oci::our_prefix);
    });
}

void explain_asking(Explanation& explanation, const policy::Asking& asking, const Ground& ground,
                    const policy::ConfigReading& reading) {
    if (asking.engine.sandbox) {
        return explain_nothing(explanation, "it is a pod's sandbox, which gets no limits of its own");
    }
    const auto outlook =
        policy::look_ahead(asking.request, reading,
                           {.engine = asking.engine, .ram = ground.ram, .sys_admin = ground.spec.may_have_sys_admin});
    if (!outlook) {
        refuse(explanation, outlook.error());
    } else if (!*outlook) {
        explain_nothing(explanation, "it asks for nothing, and no default is for it");
    } else {
        explain_limits(explanation, ground, **outlook);
    }
}

Explanation begun(const Subject& subject, const policy::ConfigReading& reading) {
    Explanation explanation;
    explanation.subject = subject;
    explanation.files = reading.files;
    explanation.config_sound = reading.problems.empty();
    return explanation;
}

} // namespace

std::string Explanation::refusal_line() const { return refusal ? report_line(subject.id, refusal->what) : ""; }

Explanation explain_unread(const Subject& subject, Error error, const policy::ConfigReading& reading) {
    auto explanation = begun(subject, reading);
    if (is_passed_over(subject.named.value_or(true), reading)) {
        explain_nothing(explanation, std::string(not_named));
    } else {
        refuse(explanation, std::move(error));
    }
    return explanation;
}

Explanation explain(const Subject& subject, const Ground& ground, const policy::ConfigReading& reading) {
    auto explanation = begun(subject, reading);
    if (auto engine = oci::identify_engine(ground.spec, subject.id, subject.bundle)) {
        explanation.rule = engine->sandbox ? std::nullopt : rule_for(reading.config, *engine, ground.ram);
        explanation.engine = *std::move(engine);
    }
    if (is_passed_over(subject.named.value_or(names_us(ground.spec)), reading)) {
        explain_nothing(explanation, std::string(not_named));
        return explanation;
    }
    auto asking = policy::read_asking(ground.spec, subject.id, subject.bundle);
    if (asking) {
        explain_asking(explanation, *asking, ground, reading);
    } else {
        refuse(explanation, std::move(asking).error());
    }
    return explanation;
}

void take_failure(Explanation& explanation, Resource resource, Key key, Error error) {
    const bool left_out = policy::may_start_without(resource, error, explanation.on_error);
    const auto line = std::ranges::find(explanation.keys, key, &KeyLine::key);
    if (left_out && line != explanation.keys.end()) {
        line->effect = Effect::left_out;
        line->value = line->engines;
        line->note = std::move(error).what;
    } else {
        refuse(explanation, std::move(error));
    }
}

} // namespace bulkhead::cli
