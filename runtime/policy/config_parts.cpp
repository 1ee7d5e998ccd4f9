// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_parts.h"

#include "runtime/oci/segment.h"
#include "runtime/policy/config_terms.h"

#include <array>
#include <limits>

namespace bulkhead::policy {

namespace {

template <typename Part>
using Table = std::span<const ConfigMember<Part>>;

template <typename Part, bool Part::* Member>
void read_switch(ConfigReader& reader, const ConfigTree& tree, Part& part) {
    reader.boolean(tree, part.*Member);
}

// --- disk ------------------------------------------------------------------------------------------------------------

// 0 where it is none, which is a problem.
std::uint32_t read_id(ConfigReader& reader, const ConfigTree& tree) {
    const auto number = tree.value().unsigned_integer().value_or(0);
    if (number == 0 || number >= std::numeric_limits<std::uint32_t>::max()) {
        reader.problem(tree, "is no project id; write 1 to 4294967294");
        return 0;
    }
    return static_cast<std::uint32_t>(number);
}

void read_ids(ConfigReader& reader, const ConfigTree& tree, DiskConfig& disk) {
    const auto ids = reader.elements(tree);
    if (ids.size() != 2) {
        if (tree.elements()) {
            reader.problem(tree, "is not two numbers, the first and the last id");
        }
        return;
    }
    const auto first = read_id(reader, ids[0]);
    const auto last = read_id(reader, ids[1]);
    if (first == 0 || last == 0) {
        return;
    }
    if (first > last) {
        reader.problem(tree, "has a first id above the last one");
        return;
    }
    disk.first_id = first;
    disk.last_id = last;
}

void read_guard(ConfigReader& reader, const ConfigTree& tree, DiskConfig& disk) {
    constexpr std::array<std::pair<std::string_view, Guard>, 3> words{
        {{"auto", Guard::automatic}, {"require", Guard::require}, {"off", Guard::off}}};
    const auto text = tree.value().string().value_or("");
    const auto* const word = std::ranges::find(words, text, &std::pair<std::string_view, Guard>::first);
    if (word == words.end()) {
        reader.problem(tree, R"(is none of "auto", "require" and "off")");
        return;
    }
    disk.guard = word->second;
}

constexpr std::array<ConfigMember<DiskConfig>, 6> disk_members{{
    {"project-ids", read_ids},
    {"guard", read_guard},
    {"implied-inodes", read_switch<DiskConfig, &DiskConfig::implied_inodes>},
    {"accounting-only", read_switch<DiskConfig, &DiskConfig::accounting_only>},
    {"enable-enforcement", read_switch<DiskConfig, &DiskConfig::enable_enforcement>},
    {"label-engine-files", read_switch<DiskConfig, &DiskConfig::label_engine_files>},
}};

// --- segments --------------------------------------------------------------------------------------------------------

void read_segment_size(ConfigReader& reader, const ConfigTree& tree, DeclaredSegment& segment) {
    const auto size = parse_size(tree.value());
    if (size) {
        segment.size = *size;
    } else {
        reader.problem(tree, size.error().what);
    }
}

constexpr std::array<ConfigMember<DeclaredSegment>, 5> segment_members{{
    {"size", read_segment_size},
    {"readers", [](ConfigReader& reader, const ConfigTree& tree,
                   DeclaredSegment& segment) { read_namespace_globs(reader, tree, segment.readers); }},
    {"writers", [](ConfigReader& reader, const ConfigTree& tree,
                   DeclaredSegment& segment) { read_namespace_globs(reader, tree, segment.writers); }},
    {"keep", read_switch<DeclaredSegment, &DeclaredSegment::keep>},
    {"exec", read_switch<DeclaredSegment, &DeclaredSegment::exec>},
}};

void read_segments(ConfigReader& reader, const ConfigTree& tree, Config& config) {
    for (const auto* member : reader.objects_members(tree)) {
        if (!oci::is_segment_name(member->name())) {
            reader.problem(*member, "is no name of a segment; write 1 to 43 of a-z, 0-9 and -");
            continue;
        }
        auto& segment = config.segments.emplace_back();
        segment.name = member->name();
        reader.members<DeclaredSegment>(*member, segment_members, segment);
        if (member->is_object() && segment.readers.empty() && segment.writers.empty()) {
            reader.problem(*member, "has neither readers nor writers, so nobody could join it");
        }
    }
}

// --- cgroup, on-error, runtime ---------------------------------------------------------------------------------------

constexpr std::array<ConfigMember<CgroupConfig>, 1> cgroup_members{{
    {"allow-raise", read_switch<CgroupConfig, &CgroupConfig::allow_raise>},
}};

template <oci::Resource resource>
void read_on_error(ConfigReader& reader, const ConfigTree& tree, OnError& on_error) {
    const auto word = tree.value().string().value_or("");
    if (word != "fail" && word != "warn") {
        reader.problem(tree, R"(is neither "fail" nor "warn")");
    }
    on_error.warn[static_cast<std::size_t>(resource)] = word == "warn";
}

constexpr std::array<ConfigMember<OnError>, oci::resource_count> on_error_members{{
    {oci::name_of(oci::Resource::shm), read_on_error<oci::Resource::shm>},
    {oci::name_of(oci::Resource::segment), read_on_error<oci::Resource::segment>},
    {oci::name_of(oci::Resource::disk), read_on_error<oci::Resource::disk>},
    {oci::name_of(oci::Resource::cgroup), read_on_error<oci::Resource::cgroup>},
}};

// A name is looked up in PATH; with a slash in it, it must be whole.
bool is_program(std::string_view path) { return path.starts_with('/') || (!path.empty() && !path.contains('/')); }

void read_runtime_path(ConfigReader& reader, const ConfigTree& tree, RuntimeConfig& runtime) {
    reader.strings(tree, runtime.path);
    if (std::ranges::none_of(runtime.path, is_program) || !std::ranges::all_of(runtime.path, is_program)) {
        reader.problem(tree, "is no list of runtimes; write names to look up in PATH, or absolute paths");
    }
}

void read_runtime_hook(ConfigReader& reader, const ConfigTree& tree, RuntimeConfig& runtime) {
    reader.string(tree, runtime.hook);
    if (!runtime.hook.starts_with('/')) {
        reader.problem(tree, "is no absolute path");
    }
}

constexpr std::array<ConfigMember<RuntimeConfig>, 2> runtime_members{{
    {"path", read_runtime_path},
    {"hook", read_runtime_hook},
}};

// --- The whole -------------------------------------------------------------------------------------------------------

template <typename Part, Part Config::* Member, const auto& table>
void read_part(ConfigReader& reader, const ConfigTree& tree, Config& config) {
    reader.members<Part>(tree, table, config.*Member);
}

constexpr std::array<ConfigMember<Config>, 8> top_members{{
    {"defaults", [](ConfigReader& reader, const ConfigTree& tree,
                    Config& config) { read_defaults(reader, tree, config.defaults); }},
    {"max", [](ConfigReader& reader, const ConfigTree& tree, Config& config) { read_max(reader, tree, config.max); }},
    {"rules",
     [](ConfigReader& reader, const ConfigTree& tree, Config& config) { read_rules(reader, tree, config.rules); }},
    {"segments", read_segments},
    {"cgroup", read_part<CgroupConfig, &Config::cgroup, cgroup_members>},
    {"disk", read_part<DiskConfig, &Config::disk, disk_members>},
    {"on-error", read_part<OnError, &Config::on_error, on_error_members>},
    {"runtime", read_part<RuntimeConfig, &Config::runtime, runtime_members>},
}};

void add(std::vector<std::string>& all, std::string_view prefix, const std::vector<std::string_view>& names) {
    for (const auto name : names) {
        all.push_back(std::string(prefix).append(name));
    }
}

} // namespace

Config read_tree(ConfigReader& reader, const ConfigTree& tree) {
    Config config;
    reader.members<Config>(tree, top_members, config);
    return config;
}

std::vector<std::string> config_members() {
    std::vector<std::string> all;
    add(all, "", ConfigReader::names_of<Config>(top_members));
    add(all, "max.", max_names());
    add(all, "defaults.", default_names());
    add(all, "rules[].", rule_names());
    add(all, "rules[].max.", max_names());
    add(all, "rules[].defaults.", default_names());
    add(all, "segments.NAME.", ConfigReader::names_of<DeclaredSegment>(segment_members));
    add(all, "cgroup.", ConfigReader::names_of<CgroupConfig>(cgroup_members));
    add(all, "disk.", ConfigReader::names_of<DiskConfig>(disk_members));
    add(all, "on-error.", ConfigReader::names_of<OnError>(on_error_members));
    add(all, "runtime.", ConfigReader::names_of<RuntimeConfig>(runtime_members));
    return all;
}

} // namespace bulkhead::policy
