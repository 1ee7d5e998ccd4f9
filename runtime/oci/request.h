// SPDX-License-Identifier: Apache-2.0
// What a container's annotations ask for.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"
#include "runtime/oci/annotation.h"
#include "runtime/oci/segment.h"
#include "runtime/oci/spec.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::oci {

// One value that somebody asked for, with the words it was asked in: every message about it quotes them.
struct Setting {
    Key key = Key::shm_size;
    std::string annotation;         // the whole key: "io.bulkhead.shm-size/web"; a default's place in `file`
    std::string text;               // its value as written
    std::uint64_t value = 0;        // bytes, a count, or 0 and 1 for a boolean
    bool for_one_container = false; // asked with "/CONTAINER"
    std::string file;               // of the node config, where it is a default

    // What names it: the annotation, or "FILE: PLACE" of a default.
    [[nodiscard]] std::string name() const;
    // Whether the operator's config asks, and not the container.
    [[nodiscard]] bool is_default() const { return !file.empty(); }
    // An error about this setting: `KEY="VALUE": what`.
    [[nodiscard]] std::unexpected<Error> refuse(Code code, std::string_view what) const;
    // `error` as one about this setting.
    [[nodiscard]] Error explain(Error error) const;
};

struct SegmentSetting : Setting {
    std::string name;
    SegmentOptions options;
};

class Request {
public:
    [[nodiscard]] const std::optional<Setting>& operator[](Key key) const {
        return settings_[static_cast<std::size_t>(key)];
    }
    void set(Setting setting);
    [[nodiscard]] const std::vector<SegmentSetting>& segments() const { return segments_; }
    void add(SegmentSetting segment);
    [[nodiscard]] bool empty() const;

private:
    std::array<std::optional<Setting>, key_count> settings_;
    std::vector<SegmentSetting> segments_; // one for each name
};

// A value of `key`, which is not Key::segment, as it is written: within what makes sense and what the kernel takes.
// Code::invalid_annotation; the message does not repeat `text`.
[[nodiscard]] Result<std::uint64_t> parse_value(Key key, std::string_view text);

// Takes the io.bulkhead. keys out of `annotations`. A key that ends in "/CONTAINER" counts for that container alone and
// wins over the bare one; those for other containers must be well formed and are left out. Code::invalid_annotation,
// for an unknown key too: it is a typing error. A "/CONTAINER" key while the name is not known is
// Code::malformed_input.
[[nodiscard]] Result<Request> parse_request(const std::vector<Annotation>& annotations,
                                            const std::optional<std::string>& container_name);

} // namespace bulkhead::oci
