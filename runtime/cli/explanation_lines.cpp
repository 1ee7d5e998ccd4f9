// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/explanation_output.h"

#include "runtime/base/quantity.h"
#include "runtime/cli/output.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bulkhead::cli {

namespace {

using policy::Maximum;
using Lines = std::vector<std::string>;

std::string amount(oci::Key key, std::uint64_t value) {
    switch (oci::info_of(key).type) {
    case oci::ValueType::boolean:
        return value == 0 ? "false" : "true";
    case oci::ValueType::count:
        return std::to_string(value);
    case oci::ValueType::bytes:
    case oci::ValueType::segment:
        break;
    }
    return format(Bytes{value});
}

std::string asked(const oci::Setting& setting) {
    return fmt::format("{}=\"{}\"{}", setting.annotation, setting.text,
                       setting.is_default() ? " in " + setting.file : "");
}

std::string at_most(oci::Key key, const Maximum& maximum) {
    return fmt::format("at most {} ({})", amount(key, maximum.value), maximum.origin);
}

// Who it is, as the rules see it.
std::string container(const Explanation& explanation) {
    const auto& [id, bundle, named] = explanation.subject;
    auto text = fmt::format("{}, bundle {}", id, bundle);
    if (!explanation.engine) {
        return text;
    }
    const auto& engine = *explanation.engine;
    if (engine.family == oci::Family::none) {
        return text + "; outside of Kubernetes (@local)";
    }
    const auto* const family = engine.family == oci::Family::crio ? "CRI-O" : "containerd";
    return engine.sandbox
               ? fmt::format("{}; a sandbox of {}'s", text, family)
               : fmt::format("{}; {} in namespace {}, as {} says", text, engine.container_name.value_or("(no name)"),
                             engine.kubernetes_namespace.value_or("(none)"), family);
}

std::string node_config(const Explanation& explanation) {
    const auto files = explanation.files.empty() ? "none; the built-in defaults are in force"
                                                 : fmt::format("{}", fmt::join(explanation.files, ", "));
    return explanation.config_sound ? files : files + "; bad, see bulkhead check-config";
}

std::string in_words(const KeyLine& line) {
    switch (line.effect) {
    case Effect::kept:
        return "kept at the engine's " + amount(line.key, *line.engines);
    case Effect::left_out:
        return "started without: " + line.note;
    case Effect::set:
    case Effect::at_start:
    case Effect::none:
        break;
    }
    const bool replaced = line.setting && line.engines && line.value && *line.value != *line.engines;
    const auto instead = replaced ? "in place of the engine's " + amount(line.key, *line.engines) : "";
    return replaced && !line.note.empty() ? instead + "; " + line.note : instead + line.note;
}

// "shm-size   1Gi   why": columns that fit the longest key.
std::string row(std::string_view name, std::string_view value, const Lines& clauses) {
    Lines said;
    std::ranges::copy_if(clauses, std::back_inserter(said), [](const std::string& clause) { return !clause.empty(); });
    auto text = fmt::format("{:<18}{:<10} {}", name, value, fmt::join(said, "; "));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

std::string row(const KeyLine& line) {
    const bool engines_alone = !line.setting && line.engines;
    return row(oci::info_of(line.key).name, line.value ? amount(line.key, *line.value) : "-",
               {line.setting && line.effect != Effect::left_out ? asked(*line.setting) : "", in_words(line),
                engines_alone ? "the engine's" : "", line.maximum ? at_most(line.key, *line.maximum) : ""});
}

std::string row(const SegmentLine& line) {
    const auto& plan = line.plan;
    const auto& options = plan.asked.options;
    const auto total = plan.total
                           ? "all of " + plan.place.scope + " together " + at_most(oci::Key::segment, *plan.total)
                           : std::string();
    return row("segment " + plan.asked.name, plan.size ? format(*plan.size) : "-",
               {"at " + options.path + ": " + plan.place.path(), asked(plan.asked),
                plan.size ? "" : "as large as its members made it", options.read_only ? "read-only" : "",
                options.exec ? "exec" : "", plan.inodes ? fmt::format("{} inodes", plan.inodes->value) : "",
                line.declared ? "declared in the node config" : "",
                plan.keep ? "stays when its last member has gone" : "",
                line.declared && plan.declared_size ? "" : at_most(oci::Key::segment, line.maximum), total});
}

std::string way_out(const Explanation& explanation) {
    const bool escapable = explanation.escapable.has_value();
    if (!explanation.guarded) {
        return escapable ? "the limit could be taken off from inside, also behind bulkhead-runtime: "
                         : "behind bulkhead-runtime the limit cannot be taken off from inside; else it can";
    }
    if (escapable) {
        return "the limit can be taken off from inside: ";
    }
    return *explanation.guarded ? "the container runs behind it" : "not needed: the limit holds without it";
}

std::string guard(const Explanation& explanation) {
    const auto& config = explanation.disk;
    if (config.accounting_only) {
        return "not needed, as nothing is limited";
    }
    if (config.guard == policy::Guard::off) {
        return "off: the limit stops accidents, not attackers";
    }
    return std::string(config.guard == policy::Guard::require ? "require: " : "auto: ") + way_out(explanation) +
           explanation.escapable.value_or("");
}

void add_disk(Lines& lines, const Explanation& explanation) {
    if (!explanation.plan.disk()) {
        return;
    }
    lines.push_back(named("disk guard", guard(explanation)));
    for (const auto& [bind, labelled] : explanation.uncounted) {
        lines.push_back(named("not counted", fmt::format("{} (bound from {}){}", bind.destination, bind.source,
                                                         labelled ? ", unless it is on the layer's file system" : "")));
    }
    lines.push_back(named("not counted", "what the engine keeps of its output"));
}

void add_on_error(Lines& lines, const Explanation& explanation) {
    Lines words;
    for (std::size_t i = 0; i < oci::resource_count; ++i) {
        words.push_back(fmt::format("{} {}", oci::resource_names[i], explanation.on_error.warn[i] ? "warn" : "fail"));
    }
    lines.push_back(named("on-error", fmt::format("{}", fmt::join(words, ", "))));
}

void add_limits(Lines& lines, const Explanation& explanation) {
    lines.emplace_back();
    for (const auto& line : explanation.keys) {
        lines.push_back(row(line));
    }
    for (const auto& line : explanation.segments) {
        lines.push_back(row(line));
    }
    lines.emplace_back();
    add_disk(lines, explanation);
    add_on_error(lines, explanation);
    for (const auto& look : explanation.at_start) {
        lines.push_back(named("when it starts", look));
    }
}

} // namespace

std::vector<std::string> lines_of(const Explanation& explanation) {
    Lines lines;
    if (!explanation.subject.id.empty()) { // else its state is malformed
        lines.push_back(named("container", container(explanation)));
    }
    lines.push_back(named("node config", node_config(explanation)));
    if (explanation.rule) {
        lines.push_back(named("rule", explanation.rule->path + " in " + explanation.rule->file));
    }
    if (const auto& last = explanation.last_refusal) {
        lines.push_back(named("last refusal", fmt::format("{} at {}: {}", last->code, last->stage, last->line)));
    }
    switch (explanation.verdict) {
    case Verdict::limits:
        add_limits(lines, explanation);
        break;
    case Verdict::nothing:
        lines.push_back(named("nothing is done", explanation.reason));
        break;
    case Verdict::refused:
        lines.push_back(named("refused", std::to_string(static_cast<int>(explanation.refusal->code))));
        lines.push_back(explanation.refusal_line());
        break;
    }
    return lines;
}

} // namespace bulkhead::cli
