// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/trial.h"

#include "runtime/base/quantity.h"
#include "runtime/doctor/program.h"
#include "runtime/doctor/runtimes.h"
#include "runtime/doctor/throw_away.h"
#include "runtime/ledger/store.h"
#include "runtime/policy/allowance.h"
#include "runtime/sys/procfs.h"

#include <algorithm>
#include <set>

namespace bulkhead::doctor {

namespace {

struct Wanted {
    oci::Key key;
    std::uint64_t value;
};
// Each less than any engine sets by itself, and more than the probe needs.
constexpr Wanted wanted[] = {{.key = oci::Key::shm_size, .value = 4UL << 20U},
                             {.key = oci::Key::memory_max, .value = 64UL << 20U},
                             {.key = oci::Key::pids_max, .value = 64},
                             {.key = oci::Key::disk_size, .value = 8UL << 20U}};

std::string key_of(oci::Key key) { return std::string(oci::info_of(key).name); }

std::string said(const Words& words, const std::string& name) {
    const auto found = words.find(name);
    return found == words.end() ? "nothing" : found->second;
}

std::optional<std::uint64_t> number(const Words& words, const std::string& name) {
    const auto value = parse_unsigned(said(words, name));
    return value ? std::optional(*value) : std::nullopt;
}

// A limit of the engine's that is lower stays.
Finding judge_limit(const Words& words, const std::string& key, std::uint64_t limit) {
    if (!words.contains(key)) {
        return skipped("this engine's command mounts no cgroup, so that it cannot be told from inside");
    }
    const auto has = number(words, key);
    return has && *has <= limit
               ? well()
               : failed("the container asked for " + std::to_string(limit) + " and has " + said(words, key),
                        "mend what has failed above; if nothing has, see the journal: journalctl -t "
                        "bulkhead-hook -n 5");
}

Finding judge_disk(const Words& words, std::uint64_t limit) {
    const auto written = number(words, "written");
    return written && *written > 0 && *written <= limit
               ? well()
               : failed("the container asked for " + std::to_string(limit) + " and wrote " + said(words, "written"),
                        "see the journal: journalctl -t bulkhead-hook -n 5");
}

Finding judge_lift(const Words& words, const Trial& trial) {
    const auto limit = trial.limits.at("disk-size");
    const auto after = number(words, "written-after");
    if (said(words, "lift") != "done" && after && *after <= limit) {
        return well();
    }
    const std::string reason = "the container took its disk limit off, and wrote " + said(words, "written-after");
    return trial.guarded ? failed(reason, "see disk.guard in the node config, and bulkhead-runtime(8)")
                         : warning(reason, "put the shim in front of the engine's runtime: bulkhead configure");
}

// The ids of receipts that no process of a container stands behind.
std::set<std::string> left_behind(const std::string& state_dir) {
    std::set<std::string> left;
    const auto store = ledger::Store::open(state_dir);
    const auto ids = store && *store ? (*store)->ids() : Result<std::vector<std::string>>();
    for (const auto& id : ids.value_or(std::vector<std::string>())) {
        for (const auto& receipt : (*store)->each_receipt_of(id).value_or(std::vector<Result<ledger::Receipt>>())) {
            if (receipt && !sys::is_running(receipt->process).value_or(true)) {
                left.insert(id);
            }
        }
    }
    return left;
}

Finding judge_remains(const std::set<std::string>& before, const std::set<std::string>& after) {
    const auto left = std::ranges::find_if(after, [&](const std::string& id) { return !before.contains(id); });
    return left == after.end()
               ? well()
               : failed("the receipt of " + *left + " is still there, and its limits with it",
                        "bulkhead gc gives them back; see hooks-d.stages, and journalctl -t bulkhead-hook -n 5");
}

std::string described(const Trial& trial) {
    std::string text = "a container that asks for";
    for (const auto& [key, value] : trial.limits) {
        text.append(" ").append(key).append("=").append(std::to_string(value));
    }
    return text;
}

Finding judge_outcome(const Result<sys::Outcome>& outcome, const Words& words) {
    if (!outcome) {
        return outcome.error().code == Code::unsupported ? skipped(outcome.error().what)
                                                         : failed(outcome.error().what, "see the engine's own log");
    }
    if (outcome->status == 0 && words.contains("end")) {
        return well();
    }
    const auto line = outcome->output.substr(0, outcome->output.find('\n'));
    return failed("the container did not run to its end: " + line,
                  "see the journal, journalctl -t bulkhead-hook -n 5, and the engine's own log");
}

bool is_ok(const Section& section, std::string_view link) {
    const auto* const check = section.find(link);
    return check != nullptr && check->finding.verdict == Verdict::ok;
}

} // namespace

Trial trial_for(const Node& node, bool with_disk, bool guarded) {
    Trial trial;
    trial.guarded = guarded;
    const auto ram = sys::total_ram();
    const auto allowance = policy::allowance_for(node.config(), oci::Engine{}, Bytes{ram.value_or(0)});
    for (const auto& [key, value] : wanted) {
        const bool can_be_had = key != oci::Key::disk_size || with_disk;
        if (allowance && allowance->allows(key) && can_be_had) {
            const auto& maximum = allowance->max(key);
            trial.limits[key_of(key)] = maximum ? std::min(maximum->value, value) : value;
        }
    }
    return trial;
}

Words words_of(std::string_view output) {
    Words words;
    while (!output.empty()) {
        const auto line = output.substr(0, output.find('\n'));
        output.remove_prefix(std::min(output.size(), line.size() + 1));
        if (const auto blank = line.find(' '); blank != std::string_view::npos) {
            words.emplace(line.substr(0, blank), line.substr(blank + 1));
        }
    }
    return words;
}

void judge_trial(Section& section, const Trial& trial, const Words& words) {
    for (const auto& [key, limit] : trial.limits) {
        const auto looked = key + " " + said(words, key == "disk-size" ? "written" : key);
        const auto link = "run-" + key.substr(0, key.find('-'));
        section.add(link, looked, key == "disk-size" ? judge_disk(words, limit) : judge_limit(words, key, limit));
    }
    if (trial.limits.contains("disk-size")) {
        section.add("run-guard", "taking the project id off: " + said(words, "lift"), judge_lift(words, trial));
    }
}

void run_trial(Section& section, const Node& node, const PresentEngine& engine) {
    const std::string probe(probe_path);
    if (auto finding = judge_program(probe, "install bulkhead-probe there"); finding.verdict != Verdict::ok) {
        section.add("run", probe, std::move(finding));
        return;
    }
    const auto use = shim_use(engine.config);
    const bool guarded = use == ShimUse::by_default || (engine.engine == engines::Engine::containerd);
    const auto trial = trial_for(node, is_ok(section, "storage"), guarded);
    const auto disk = trial.limits.find("disk-size");
    const auto before = left_behind(node.question.state_dir);
    const auto outcome =
        run_throw_away(engine, probe, trial.limits, {disk == trial.limits.end() ? "0" : std::to_string(disk->second)});
    const auto words = words_of(outcome ? outcome->output : "");
    auto finding = judge_outcome(outcome, words);
    const bool ran = finding.verdict == Verdict::ok;
    const bool tried = finding.verdict != Verdict::skipped;
    section.add("run", described(trial), std::move(finding));
    if (ran) {
        judge_trial(section, trial, words);
    }
    if (tried) {
        section.add("run-clean", node.question.state_dir, judge_remains(before, left_behind(node.question.state_dir)));
    }
}

} // namespace bulkhead::doctor
