// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/real_runtime.h"

#include "runtime/sys/file.h"

#include <algorithm>
#include <optional>
#include <sys/stat.h>

namespace bulkhead::shim {

namespace {

// PATH may be missing: containerd and CRI-O hand on what their unit has.
constexpr std::string_view usual_places = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); } // npos + 1 is 0

std::vector<std::string> wanted(std::string_view name, const std::vector<std::string>& configured) {
    if (name != "runc" && name != "crun") {
        return configured;
    }
    std::vector<std::string> of_that_name;
    for (const auto& runtime : configured) {
        if (last_part(runtime) == name) {
            of_that_name.push_back(runtime);
        }
    }
    if (std::ranges::find(of_that_name, name) == of_that_name.end()) {
        of_that_name.emplace_back(name);
    }
    return of_that_name;
}

class Search {
public:
    Search(std::string_view places, const sys::FileStatus& self) : places_(places), self_(self) {}

    // Where `runtime` is, or nothing.
    [[nodiscard]] std::optional<std::string> find(const std::string& runtime) const {
        if (runtime.starts_with('/')) {
            return is_runtime(runtime) ? std::optional(runtime) : std::nullopt;
        }
        for (auto rest = places_; !rest.empty();) {
            const auto place = rest.substr(0, rest.find(':'));
            rest.remove_prefix(std::min(rest.size(), place.size() + 1));
            auto path = std::string(place).append("/").append(runtime);
            if (place.starts_with('/') && is_runtime(path)) {
                return path;
            }
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] bool is_runtime(const std::string& path) const {
        const auto status = sys::status_behind(sys::working_directory, path);
        return status && S_ISREG(status->mode) && sys::may_execute(path) &&
               (status->device != self_.device || status->inode != self_.inode);
    }

    std::string_view places_;
    sys::FileStatus self_;
};

std::unexpected<Error> not_found(const std::vector<std::string>& runtimes, std::string_view places) {
    std::string names;
    for (const auto& runtime : runtimes) {
        names.append(names.empty() ? "" : ", ").append(in_quotes(runtime));
    }
    return fail(Code::unsupported, "no runtime to become: looked for " + names + " in " + in_quotes(places) +
                                       "; install it, or name it in runtime.path of the node config");
}

} // namespace

Result<RealRuntime> find_real_runtime(std::string_view called_as, const std::vector<std::string>& configured,
                                      const char* search_path) {
    TRY_ASSIGN(const auto self, sys::status_behind(sys::working_directory, "/proc/self/exe"));
    return find_real_runtime(called_as, configured, search_path, self);
}

Result<RealRuntime> find_real_runtime(std::string_view called_as, const std::vector<std::string>& configured,
                                      const char* search_path, const sys::FileStatus& shim) {
    const std::string_view from_environment = search_path == nullptr ? "" : search_path;
    const auto places = from_environment.empty() ? usual_places : from_environment;
    const Search search(places, shim);
    const auto runtimes = wanted(last_part(called_as), configured);
    for (const auto& runtime : runtimes) {
        if (auto path = search.find(runtime)) {
            const bool same_name = last_part(*path) == last_part(called_as);
            return RealRuntime{.path = *std::move(path), .name = same_name ? std::string(called_as) : runtime};
        }
    }
    return not_found(runtimes, places);
}

} // namespace bulkhead::shim
