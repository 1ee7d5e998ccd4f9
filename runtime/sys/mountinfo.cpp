// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/mountinfo.h"

#include "runtime/base/quantity.h"
#include "runtime/sys/file.h"

#include <array>
#include <sys/sysmacros.h>

namespace bulkhead::sys {

namespace {

// Takes the next blank-separated word off `rest`.
std::string_view next_word(std::string_view& rest) {
    const auto end = rest.find(' ');
    const auto word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return word;
}

bool octal_digit(char c) { return c >= '0' && c <= '7'; }

std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && octal_digit(text[i + 1]) && octal_digit(text[i + 2]) &&
            octal_digit(text[i + 3])) {
            out.push_back(
                static_cast<char>(((text[i + 1] - '0') * 64) + ((text[i + 2] - '0') * 8) + (text[i + 3] - '0')));
            i += 3;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

// "MAJOR:MINOR"; 0, which is nothing's, where it is not that.
dev_t parse_device(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) {
        return 0;
    }
    const auto high = parse_unsigned(text.substr(0, colon));
    const auto low = parse_unsigned(text.substr(colon + 1));
    return high && low ? makedev(static_cast<unsigned>(*high), static_cast<unsigned>(*low)) : 0;
}

// Hands every line to `take` until that says false.
template <typename Take>
Result<void> walk_lines(BorrowedFd mountinfo, Take take) {
    std::string pending;
    std::array<char, 4096> chunk{}; // /proc gives no more at once
    for (;;) {
        TRY_ASSIGN(const auto count, read_some(mountinfo, chunk.data(), chunk.size()));
        if (count == 0) {
            return {};
        }
        pending.append(chunk.data(), count);
        std::size_t begin = 0;
        for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
            if (!take(std::string_view(pending).substr(begin, end - begin))) {
                return {};
            }
            begin = end + 1;
        }
        pending.erase(0, begin);
    }
}

} // namespace

std::optional<MountInfo> parse_mountinfo_line(std::string_view line) {
    MountInfo info;
    const auto id = parse_unsigned(next_word(line));
    if (!id) {
        return std::nullopt;
    }
    info.id = *id;
    next_word(line); // parent
    info.device = parse_device(next_word(line));
    info.root = unescape(next_word(line));
    info.point = unescape(next_word(line));
    if (!info.point.starts_with('/')) { // what cannot be reached is not listed
        return std::nullopt;
    }
    const auto flags = next_word(line);
    info.read_only = flags == "ro" || flags.starts_with("ro,");
    for (auto field = next_word(line); field != "-"; field = next_word(line)) {
        if (line.empty()) {
            return std::nullopt;
        }
        info.shared = info.shared || field.starts_with("shared:");
    }
    info.type = unescape(next_word(line));
    info.source = unescape(next_word(line));
    info.options = next_word(line);
    return info;
}

std::optional<std::string> option_of(const MountInfo& mount, std::string_view name) {
    std::string_view rest = mount.options;
    while (!rest.empty()) {
        const auto end = rest.find(',');
        auto option = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (option.starts_with(name) && option.substr(name.size()).starts_with('=')) {
            option.remove_prefix(name.size() + 1);
            return unescape(option);
        }
    }
    return std::nullopt;
}

Result<void> for_each_mount(BorrowedFd mountinfo, const std::function<bool(const MountInfo&)>& take) {
    return walk_lines(mountinfo, [&](std::string_view line) {
        const auto mount = parse_mountinfo_line(line);
        return !mount || take(*mount);
    });
}

Result<std::optional<MountInfo>> find_mount(BorrowedFd mountinfo, std::uint64_t id) {
    const std::string prefix = std::to_string(id) + " ";
    std::optional<MountInfo> found;
    TRY(walk_lines(mountinfo, [&](std::string_view line) {
        const bool ours = line.starts_with(prefix);
        if (ours) {
            found = parse_mountinfo_line(line);
        }
        return !ours;
    }));
    return found;
}

Result<MountSurvey> survey_mount(BorrowedFd mountinfo, std::uint64_t id, dev_t device) {
    const std::string id_text = std::to_string(id);
    const std::string device_text = std::to_string(major(device)) + ":" + std::to_string(minor(device));
    MountSurvey survey;
    TRY(walk_lines(mountinfo, [&](std::string_view line) {
        auto rest = line;
        if (next_word(rest) == id_text) {
            survey.mount = parse_mountinfo_line(line);
        }
        next_word(rest); // parent
        survey.mounts_of_device += next_word(rest) == device_text ? 1U : 0U;
        return true;
    }));
    return survey;
}

} // namespace bulkhead::sys
