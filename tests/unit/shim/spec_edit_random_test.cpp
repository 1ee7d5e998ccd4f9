// SPDX-License-Identifier: Apache-2.0
// edit_spec() on JSON put together at random, against a DOM that makes the same changes, and against the text itself.
#include "runtime/shim/spec_edit.h"

#include "support/tokens.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

using namespace bulkhead;
using Json = nlohmann::ordered_json;
using shim::edit_spec;
using shim::SpecEdit;

namespace {

// Writes JSON as nobody would: any white space, numbers and strings that do not survive being read and written.
class Writer {
public:
    explicit Writer(unsigned seed) : random_(seed) {}

    std::string config() {
        return space() +
               object({{"hooks", [this] { return hooks(); }},
                       {"linux", [this] { return linux_part(); }},
                       {"annotations", [this] { return object({{oom_policy, [this] { return string(); }}}); }},
                       {"mounts", [this] { return mounts(); }}}) +
               space();
    }

    bool chance(unsigned percent) { return below(100) < percent; }

    SpecEdit edit() {
        SpecEdit edit;
        edit.hook = chance(60) ? "/x/hook" : "";
        const auto number = [this] { return std::optional<std::uint64_t>(below(1000)); };
        edit.shm_size = chance(50) ? number() : std::nullopt;
        edit.memory_limit = chance(50) ? number() : std::nullopt;
        edit.memory_swap = chance(50) ? number() : std::nullopt;
        edit.pids_limit = chance(50) ? number() : std::nullopt;
        if (chance(50)) {
            edit.unified["memory.high"] = std::to_string(below(100));
        }
        edit.oom_kill = chance(50);
        return edit;
    }

private:
    struct Part {
        std::string key;
        std::function<std::string()> write;
    };

    unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(random_); }

    template <std::size_t size>
    std::string any_of(const std::array<const char*, size>& texts) {
        return texts[below(size)];
    }

    std::string space() { return any_of(std::array{"", "", "", " ", "\n", "\t ", "\r\n  "}); }

    std::string number() {
        return any_of(std::array{"0", "-0", "1", "-1", "9007199254740993", "18446744073709551615",
                                 "123456789012345678901234567890", "1.0", "1e5", "1E+05", "0.1000000000000000055"});
    }

    std::string string() {
        return any_of(std::array{R"("")", R"("x")", R"("\u0041")", R"("\/")", R"("\"{[,:]}\\")", R"("é")",
                                 R"("\ud83d\ude00")", R"("size=")", R"("null")"});
    }

    std::string value(unsigned depth) {
        const auto kind = below(depth > 3 ? 5 : 7);
        if (kind < 2) {
            return number();
        }
        if (kind < 4) {
            return string();
        }
        if (kind == 4) {
            return any_of(std::array{"true", "false", "null"});
        }
        std::string text;
        for (unsigned i = below(4); i > 0; --i) {
            const auto key =
                kind == 5 ? "" : "\"k" + std::to_string(depth == 0 ? i : below(3)) + "\"" + space() + ":" + space();
            text += (text.empty() ? "" : ",") + space() + key + value(depth + 1) + space();
        }
        return kind == 5 ? "[" + text + "]" : "{" + text + "}"; // deeper, keys may stand twice: nobody looks
    }

    // Each part, or null, or, rarely, something else; other members in between.
    std::string object(std::vector<Part> parts) {
        std::ranges::shuffle(parts, random_);
        std::string text;
        const auto add = [&](const std::string& key, const std::string& member) {
            text +=
                (text.empty() ? "" : ",") + space() + "\"" + key + "\"" + space() + ":" + space() + member + space();
        };
        for (const auto& part : parts) {
            if (chance(30)) {
                add("other " + part.key, value(0));
            }
            if (chance(70)) {
                const auto key = chance(10) ? "\\u00" + hex(part.key.front()) + part.key.substr(1) : part.key;
                add(key, chance(10) ? "null" : chance(2) ? value(0) : part.write());
            }
        }
        return "{" + text + space() + "}";
    }

    static std::string hex(char c) {
        constexpr std::string_view digits = "0123456789abcdef";
        const auto code = static_cast<unsigned char>(c);
        return {digits[code / 16], digits[code % 16]};
    }

    std::string array(unsigned most, const std::function<std::string()>& element) {
        std::string text;
        for (unsigned i = below(most + 1); i > 0; --i) {
            text += (text.empty() ? "" : ",") + space() + element() + space();
        }
        return "[" + text + space() + "]";
    }

    // `object` with other members before its own.
    static std::string with(const std::string& members, const std::string& object) {
        const bool empty = object.find('"') == std::string::npos;
        return "{" + members + (empty ? "" : ",") + object.substr(1);
    }

    std::string hook_list() {
        return array(2, [this] {
            return with(R"("path":)" + any_of(std::array{R"("/y")", R"("/x/hook")", R"("\/x\/hook")"}),
                        object({{"args", [this] { return value(2); }}, {"env", [this] { return value(2); }}}));
        });
    }

    std::string hooks() {
        return object({{"createRuntime", [this] { return hook_list(); }},
                       {"poststop", [this] { return hook_list(); }},
                       {"prestart", [this] { return value(0); }}});
    }

    std::string linux_part() {
        const auto numbers = [this] {
            return object({{"limit", [this] { return number(); }}, {"swap", [this] { return number(); }}});
        };
        const auto resources = [this, numbers] {
            return object({{"memory", numbers},
                           {"pids", numbers},
                           {"unified", [this] { return object({{"memory.high", [this] { return string(); }}}); }}});
        };
        return object({{"resources", resources}, {"seccomp", [this] { return value(0); }}});
    }

    std::string mounts() {
        return array(3, [this] {
            const auto options = [this] {
                return array(3, [this] { return any_of(std::array{R"("nodev")", R"("size=5")", R"("\u0073ize=")"}); });
            };
            const auto place = any_of(std::array{R"("/dev/shm")", R"("\/dev//shm/")", R"("/tmp")"});
            const auto type = any_of(std::array{R"("tmpfs")", R"("bind")"});
            return with(R"("destination":)" + place + R"(,"type":)" + type, object({{"options", options}}));
        });
    }

    static constexpr const char* oom_policy = "org.systemd.property.OOMPolicy";
    std::mt19937 random_;
};

// The same changes in a DOM; throws where a parent is of another type.
class Dom {
public:
    explicit Dom(const std::string& text) : json_(Json::parse(text)) {}

    Json edited(const SpecEdit& edit) {
        if (!edit.hook.empty()) {
            auto& hooks = child(json_, "hooks", Json::object());
            add_hook(child(hooks, "createRuntime", Json::array()), edit.hook);
            add_hook(child(hooks, "poststop", Json::array()), edit.hook);
        }
        if (edit.memory_limit || edit.memory_swap || edit.pids_limit || !edit.unified.empty()) {
            set_resources(child(child(json_, "linux", Json::object()), "resources", Json::object()), edit);
        }
        if (edit.shm_size && json_.contains("mounts") && !json_["mounts"].is_null()) {
            for (auto& mount : checked(json_["mounts"], Json::array())) {
                set_size(mount, "size=" + std::to_string(*edit.shm_size));
            }
        }
        if (edit.oom_kill) {
            child(json_, "annotations", Json::object())["org.systemd.property.OOMPolicy"] = "'kill'";
        }
        return std::move(json_);
    }

private:
    static Json& checked(Json& value, const Json& like) {
        if (value.type() != like.type()) {
            throw std::invalid_argument("another type");
        }
        return value;
    }

    static Json& child(Json& parent, const char* key, const Json& empty) {
        auto& value = parent[key];
        if (value.is_null()) {
            value = empty;
        }
        return checked(value, empty);
    }

    static void add_hook(Json& list, const std::string& hook) {
        for (const auto& entry : list) {
            if (entry.at("path") == hook) {
                return;
            }
        }
        list.push_back(
            {{"path", hook}, {"args", {"hook"}}, {"env", {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}}, {"timeout", 10}});
    }

    static void set_resources(Json& resources, const SpecEdit& edit) {
        if (edit.memory_limit || edit.memory_swap) {
            auto& memory = child(resources, "memory", Json::object());
            if (edit.memory_limit) {
                memory["limit"] = *edit.memory_limit;
            }
            if (edit.memory_swap) {
                memory["swap"] = *edit.memory_swap;
            }
        }
        if (edit.pids_limit) {
            child(resources, "pids", Json::object())["limit"] = *edit.pids_limit;
        }
        for (const auto& [file, value] : edit.unified) {
            child(resources, "unified", Json::object())[file] = value;
        }
    }

    static void set_size(Json& mount, const std::string& size) {
        const auto place = mount["destination"].get<std::string>();
        if (mount.contains("options") && !mount["options"].is_null()) { // read of each, as it may make it a bind
            for (const auto& option : checked(mount["options"], Json::array())) {
                static_cast<void>(option.get<std::string>());
            }
        }
        if (mount["type"] != "tmpfs" || place == "/tmp") {
            return;
        }
        bool found = false;
        for (auto& option : child(mount, "options", Json::array())) {
            const bool is_size = option.get<std::string>().starts_with("size=");
            found = found || is_size;
            option = is_size ? Json(size) : option;
        }
        if (!found) {
            mount["options"].push_back(size);
        }
    }

    Json json_;
};

std::optional<Json> by_dom(const std::string& text, const SpecEdit& edit) {
    try {
        return Dom(text).edited(edit);
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

} // namespace

TEST_CASE("any text: as a DOM would have it, no byte of others changed, edited twice as once") {
    std::size_t good = 0;
    for (unsigned seed = 0; seed < 1500; ++seed) {
        Writer writer(seed);
        const auto text = writer.config();
        const auto edit = writer.edit();
        const auto expected = by_dom(text, edit);
        const auto result = edit_spec(text, edit);
        CAPTURE(seed);
        CAPTURE(text);
        REQUIRE(result.has_value() == expected.has_value());
        if (!result) {
            CHECK(result.error().code == Code::malformed_input);
            continue;
        }
        ++good;
        CHECK(Json::parse(*result).dump() == expected->dump());
        CHECK(edit_spec(*result, edit).value() == *result);
        CHECK(test::lost(text, *result) <= test::replaced(text, edit));
    }
    CHECK(good > 1100);
}
