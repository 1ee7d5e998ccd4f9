// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/segment.h"

#include "runtime/base/quantity.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace bulkhead::oci {

namespace {

std::unexpected<Error> invalid(std::string what) { return fail(Code::invalid_annotation, std::move(what)); }

Result<std::string> parse_path(std::string_view path) {
    if (!path.starts_with('/')) {
        return invalid("path is not absolute; write path=/...");
    }
    constexpr std::size_t longest_path = 256;
    if (path.size() > longest_path) {
        return invalid("path is longer than 256 characters");
    }
    if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; })) {
        return invalid("path has a control character");
    }
    for (std::size_t begin = 1; begin <= path.size();) {
        const auto end = std::min(path.find('/', begin), path.size());
        const auto component = path.substr(begin, end - begin);
        if (component.empty() || component == "." || component == "..") {
            return invalid(path == "/" ? "path is the container's root; write a directory in it"
                                       : R"(path has an empty, "." or ".." component; write it without)");
        }
        begin = end + 1;
    }
    return std::string(path);
}

// What the runtime and the kernel keep there must stay what it is.
Result<void> require_free_place(std::string_view path) {
    const auto lies_in = [&](std::string_view top) {
        return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
    };
    for (const std::string_view top : {"/proc", "/sys", "/dev"}) {
        if (lies_in(top) && !(top == "/dev" && lies_in("/dev/shm"))) {
            return invalid("path is in " + std::string(top) +
                           "; write one that is not in /proc, /sys or /dev, or one in "
                           "/dev/shm");
        }
    }
    return {};
}

Result<mode_t> parse_mode(std::string_view text) {
    constexpr mode_t most = 03777;
    mode_t mode = 0;
    for (const char c : text) {
        if (c < '0' || c > '7' || mode > most) {
            mode = most + 1;
            break;
        }
        mode = (mode * 8) + static_cast<mode_t>(c - '0');
    }
    if (text.empty() || mode > most) {
        return invalid("mode is not octal, or above 3777; write it as in mode=1777");
    }
    return mode;
}

Result<std::uint32_t> parse_id(std::string_view name, std::string_view text) {
    const auto id = parse_unsigned(text);
    if (!id || *id >= std::numeric_limits<std::uint32_t>::max()) {
        return invalid(std::string(name) + " is no id; write a number up to 4294967294");
    }
    return static_cast<std::uint32_t>(*id);
}

Result<Bytes> parse_size(std::string_view text) {
    TRY_ASSIGN(const auto size, in_context("size", parse_bytes(text)));
    return size.value == 0 ? invalid("size: is 0, which would be no limit; write more") : Result<Bytes>(size);
}

// One is the root directory's.
Result<Count> parse_inodes(std::string_view text) {
    TRY_ASSIGN(const auto inodes, in_context("inodes", parse_count(text)));
    return inodes.value < 2 ? invalid("inodes: is too little; write at least 2") : Result<Count>(inodes);
}

Result<std::string> parse_huge(std::string_view text) {
    for (const std::string_view word : {"never", "always", "within_size", "advise"}) {
        if (text == word) {
            return std::string(word);
        }
    }
    return invalid("huge is none of never, always, within_size, advise");
}

Result<void> take_value(SegmentOptions& options, std::string_view name, std::string_view value) {
    if (name == "path") {
        TRY_ASSIGN(options.path, parse_path(value));
        return require_free_place(options.path);
    }
    if (name == "size") {
        TRY_ASSIGN(options.size, parse_size(value));
    } else if (name == "mode") {
        TRY_ASSIGN(options.mode, parse_mode(value));
    } else if (name == "uid") {
        TRY_ASSIGN(options.owner, parse_id(name, value));
    } else if (name == "gid") {
        TRY_ASSIGN(options.group, parse_id(name, value));
    } else if (name == "inodes") {
        TRY_ASSIGN(options.inodes, parse_inodes(value));
    } else {
        TRY_ASSIGN(options.huge, parse_huge(value));
    }
    return {};
}

constexpr std::array<std::string_view, 7> with_value{"path", "size", "mode", "uid", "gid", "inodes", "huge"};

Result<void> take_option(SegmentOptions& options, std::string_view option) {
    struct Switch {
        std::string_view name;
        bool SegmentOptions::* member;
    };
    constexpr std::array<Switch, 3> switches{
        {{"noswap", &SegmentOptions::noswap}, {"ro", &SegmentOptions::read_only}, {"exec", &SegmentOptions::exec}}};
    const auto equals = option.find('=');
    const auto name = option.substr(0, equals);
    if (const auto* const found = std::ranges::find(switches, name, &Switch::name); found != switches.end()) {
        options.*found->member = true;
        return equals == std::string_view::npos ? Result<void>{} : invalid(std::string(name) + " takes no value");
    }
    if (std::ranges::find(with_value, name) == with_value.end()) {
        return invalid("unknown option " + in_quotes(name) +
                       "; there are path, size, mode, uid, gid, inodes, huge, noswap, ro and exec");
    }
    return equals == std::string_view::npos
               ? invalid(std::string(name) + " needs a value; write " + std::string(name) + "=...")
               : take_value(options, name, option.substr(equals + 1));
}

} // namespace

bool is_segment_name(std::string_view name) {
    return !name.empty() && name.size() <= longest_segment_name && name.front() != '-' && name.back() != '-' &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<SegmentOptions> parse_segment_options(std::string_view text) {
    constexpr std::string_view separators = ", \t";
    SegmentOptions options;
    std::vector<std::string_view> seen;
    for (auto begin = text.find_first_not_of(separators); begin != std::string_view::npos;) {
        const auto end = std::min(text.find_first_of(separators, begin), text.size());
        const auto option = text.substr(begin, end - begin);
        TRY(take_option(options, option));
        const auto name = option.substr(0, option.find('='));
        if (std::ranges::find(seen, name) != seen.end()) {
            return invalid("has " + std::string(name) + " twice");
        }
        seen.push_back(name);
        begin = text.find_first_not_of(separators, end);
    }
    if (options.path.empty()) {
        return invalid("has no path; write path=/...");
    }
    return options;
}

} // namespace bulkhead::oci
