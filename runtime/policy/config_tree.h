// SPDX-License-Identifier: Apache-2.0
// The JSON of the node config and of its drop-ins as one tree, in which every value knows the file that it came from.
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/json.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::policy {

class ConfigTree {
public:
    // An empty object.
    ConfigTree() = default;

    // A text that is one object; "//" and "/* */" comments may stand wherever white space may. Code::malformed_input,
    // with the place; a key that stands twice is one.
    [[nodiscard]] static Result<ConfigTree> parse(std::string_view text, const std::string& file);

    // Puts `patch` over this tree, as RFC 7396 says: its objects are merged member by member, its nulls take members
    // away, all else replaces what was there. Associative: patches may be put together before they are put over a tree.
    void merge(ConfigTree patch);

    [[nodiscard]] const std::string& file() const { return file_; }
    // "rules[1].max"; empty for the whole.
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool is_object() const { return kind_ == Kind::object; }

    // Of an object, sorted by name, without what was taken away.
    [[nodiscard]] std::vector<const ConfigTree*> members() const;
    // The last part of path().
    [[nodiscard]] const std::string& name() const { return name_; }
    // Of anything else; an object is "{}".
    [[nodiscard]] oci::JsonValue value() const { return {text_, path_}; }
    // Of an array. Code::malformed_input: it is none, or one of its elements is malformed.
    [[nodiscard]] Result<std::vector<ConfigTree>> elements() const;

private:
    enum class Kind { object, leaf, removed };

    [[nodiscard]] static Result<ConfigTree> build(const oci::JsonValue& value, const ConfigTree& parent,
                                                  std::string_view name, std::string_view joint);
    [[nodiscard]] Result<void> take_members(const oci::JsonObject& object);

    Kind kind_ = Kind::object;
    // An object that takes the place of something that is none, and is merged with nothing below.
    bool replaces_ = false;
    std::string file_;
    std::string path_;
    std::string name_;
    std::string text_ = "{}";
    std::map<std::string, ConfigTree> members_;
};

// `text` with blanks for its comments. Code::malformed_input where one does not end.
[[nodiscard]] Result<std::string> without_comments(std::string_view text);

} // namespace bulkhead::policy
