// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/containerd_checks.h"

#include "runtime/doctor/program.h"
#include "runtime/doctor/runtimes.h"
#include "runtime/doctor/words.h"
#include "runtime/oci/annotation.h"
#include "runtime/oci/json.h"
#include "runtime/oci/spec.h"

#include <algorithm>

namespace bulkhead::doctor {

namespace {

using engines::EngineConfig;
using engines::Runtime;

// Whether one of the hooks of that stage in a config.json is ours.
Result<bool> has_hook(const oci::JsonObject& hooks, std::string_view stage, const std::string& program) {
    const auto list = hooks.find(stage);
    if (!list) {
        return false;
    }
    TRY_ASSIGN(const auto elements, list->array());
    for (const auto& element : elements) {
        TRY_ASSIGN(const auto hook, element.object());
        TRY_ASSIGN(const auto path, hook.required_string("path"));
        if (path == program || is_same_file(path, program)) {
            return true;
        }
    }
    return false;
}

struct Stages {
    bool create = false;
    bool poststop = false;
};

Result<Stages> stages_of(const std::string& file, const std::string& program) {
    Stages stages;
    TRY_ASSIGN(const auto text, oci::read_config(file));
    TRY_ASSIGN(const auto spec, oci::JsonObject::parse(text, ""));
    const auto hooks = spec.find("hooks");
    if (hooks) {
        TRY_ASSIGN(const auto object, hooks->object());
        TRY_ASSIGN(stages.create, has_hook(object, "createRuntime", program));
        TRY_ASSIGN(stages.poststop, has_hook(object, "poststop", program));
    }
    return stages;
}

Finding judge_base_spec(const Runtime& runtime, const std::string& program) {
    const auto stages = stages_of(runtime.base_spec, program);
    if (!stages) {
        return failed(runtime.base_spec + ": " + stages.error().what, "mend it: containerd does not start without it");
    }
    if (stages->create == stages->poststop) {
        return well();
    }
    return failed(
        runtime.base_spec + " has bulkhead-hook at " +
            (stages->create ? "createRuntime alone: nothing is given back" : "poststop alone: no wall is put up"),
        "write the hook at createRuntime and at poststop");
}

std::vector<const Runtime*> handlers_of_ours(const EngineConfig& config, const std::string& hook) {
    std::vector<const Runtime*> handlers;
    for (const auto& runtime : config.runtimes) {
        if (is_ours(runtime) || has_our_hooks(runtime, hook)) {
            handlers.push_back(&runtime);
        }
    }
    return handlers;
}

Finding judge_annotations(const Runtime& handler) {
    const auto mend =
        R"(write pod_annotations = ["io.bulkhead.*", "io.bulkhead.*/*"] for )" + handler.name + " in " + handler.file;
    for (const auto& info : oci::annotation_keys) {
        const auto key = std::string(oci::our_prefix).append(info.name);
        for (const auto& each : {key, key + "/web"}) {
            if (!engines::lets_through(handler.pod_annotations, each)) {
                return failed("the handler " + handler.name + " does not let " + each +
                                  " through: pods that ask get no walls",
                              mend);
            }
        }
    }
    for (const auto* const other : {"org.example", "org.example/key"}) {
        if (engines::lets_through(handler.pod_annotations, other)) {
            return warning("the handler " + handler.name +
                               " lets every annotation through: pods can change what others read from theirs",
                           mend);
        }
    }
    return well();
}

// containerd runs BinaryName only where this is the handler's type.
Finding judge_type(const Runtime& handler) {
    return handler.type == "io.containerd.runc.v2"
               ? well()
               : failed("the handler " + handler.name + " has the runtime_type " + in_quotes(handler.type) +
                            ", which does not run the shim",
                        R"(write runtime_type = "io.containerd.runc.v2")");
}

// Two drivers on one node: pods that move between handlers are not accounted as the kubelet thinks.
Finding judge_cgroup_driver(const EngineConfig& config, const Runtime& handler) {
    const auto* const other = config.runtime("runc");
    if (other == nullptr || other->systemd_cgroup.value_or(false) == handler.systemd_cgroup.value_or(false)) {
        return well();
    }
    return warning("the handlers runc and " + handler.name + " differ in SystemdCgroup",
                   "write the same SystemdCgroup for both, the kubelet's");
}

// The first finding that is not well.
template <typename Judge>
Finding each_of(const std::vector<const Runtime*>& handlers, Judge judge) {
    for (const auto* const handler : handlers) {
        if (auto finding = judge(*handler); finding.verdict != Verdict::ok) {
            return finding;
        }
    }
    return well();
}

} // namespace

bool has_our_hooks(const Runtime& runtime, const std::string& hook) {
    if (runtime.base_spec.empty()) {
        return false;
    }
    const auto stages = stages_of(runtime.base_spec, hook);
    return !stages || stages->create || stages->poststop;
}

void check_containerd(Section& section, const Node& node, const EngineConfig& config) {
    for (const auto& runtime : config.runtimes) {
        if (!runtime.base_spec.empty()) {
            section.add("base-spec", runtime.name + " = " + runtime.base_spec, judge_base_spec(runtime, node.hook()));
        }
    }
    const auto handlers = handlers_of_ours(config, node.hook());
    std::vector<std::string> names;
    for (const auto* const handler : handlers) {
        names.push_back(handler->name);
    }
    const auto looked = "handlers " + listed(names);
    if (handlers.empty()) {
        return;
    }
    section.add("runtime-type", looked, each_of(handlers, judge_type));
    section.add("annotations", looked, each_of(handlers, judge_annotations));
    section.add("cgroup-driver", looked,
                each_of(handlers, [&](const Runtime& handler) { return judge_cgroup_driver(config, handler); }));
}

} // namespace bulkhead::doctor
