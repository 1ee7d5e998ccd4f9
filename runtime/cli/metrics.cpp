// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/measurement.h"
#include "runtime/cli/node.h"
#include "runtime/policy/config_file.h"
#include "runtime/sys/file.h"
#include "runtime/sys/random.h"

#include <cerrno>
#include <fmt/format.h>
#include <limits>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::cli {

namespace {

struct Asked {
    std::string format = "openmetrics"; // or "prometheus"
    std::string file;                   // empty: standard output
    bool per_container = false;
};

// The file to be replaced. It is opened before PID 1's mount namespace is entered: where a unit may write is what its
// own one says.
class Target {
public:
    static Result<Target> open(const std::string& path) {
        Target target;
        const auto begin = path.rfind('/') + 1; // npos + 1 is 0
        target.name_ = path.substr(begin);
        if (target.name_.empty() || target.name_ == "." || target.name_ == "..") {
            return fail(Code::malformed_input, "is no file's name");
        }
        const auto directory = begin == 0 ? "." : path.substr(0, begin);
        TRY_ASSIGN(target.directory_, sys::open_at(sys::working_directory, directory, O_RDONLY | O_DIRECTORY));
        TRY(target.check());
        return target;
    }

    // As a whole: who reads it (node_exporter does at any moment) finds the old one or this. It is for everyone to
    // read, and node_exporter is not root. No lock: whoever may open the directory could hold it for ever. Nor can
    // anybody be in the way of a name that nobody foresees.
    [[nodiscard]] Result<void> replace(std::string_view text) const {
        TRY_ASSIGN(const auto number, sys::random_below(std::numeric_limits<std::uint32_t>::max()));
        const auto temporary = fmt::format(".bulkhead-{:08x}.tmp", number); // of which node_exporter takes no notice
        TRY_ASSIGN(const auto file,
                   sys::open_at(directory_.borrow(), temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR));
        auto written = write(file.borrow(), text);
        if (written) {
            written = sys::rename_at(directory_.borrow(), temporary, name_);
        }
        if (!written) {
            static_cast<void>(sys::unlink_at(directory_.borrow(), temporary));
        }
        return written;
    }

private:
    // The rename would leave a regular file where a device or a pipe was, for everybody who uses that. In /dev, where
    // symlinks are used as devices, nothing at all is replaced.
    [[nodiscard]] Result<void> check() const {
        TRY_ASSIGN(const auto directory, sys::status_of(directory_.borrow()));
        const auto devices = sys::status_behind(sys::working_directory, "/dev");
        if (devices && devices->device == directory.device && devices->inode == directory.inode) {
            return fail(Code::malformed_input, "is in /dev, where nothing is replaced");
        }
        const auto there = sys::status_at(directory_.borrow(), name_);
        if (!there) {
            return there.error().number == ENOENT ? Result<void>{} : std::unexpected(there.error());
        }
        return S_ISREG(there->mode) || S_ISLNK(there->mode)
                   ? Result<void>{}
                   : fail(Code::malformed_input, "is neither a regular file nor a symlink, and is not replaced");
    }

    static Result<void> write(BorrowedFd file, std::string_view text) {
        constexpr mode_t mode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;
        TRY(sys::write_all(file, text));
        return sys::set_owner_and_mode(file, ::geteuid(), ::getegid(), mode);
    }

    UniqueFd directory_;
    std::string name_;
};

Result<Measurement> measure(const Options& options) {
    Measurement measurement{.inventory = {}, .counters = {}, .config_sound = true, .version = options.version};
    measurement.config_sound = policy::read_config(options.config).problems.empty();
    TRY(enter_node());
    TRY_ASSIGN(measurement.inventory, look_at_node(options));
    TRY_ASSIGN(measurement.counters, ledger::read_counters(options.state_dir));
    return measurement;
}

Result<void> print(const Options& options, const Asked& asked) {
    TRY(need_root("see what containers hold"));
    std::optional<Target> target;
    if (!asked.file.empty()) {
        TRY_ASSIGN(target, in_context(asked.file, Target::open(asked.file)));
    }
    TRY_ASSIGN(const auto measurement, measure(options));
    const auto text = to_text(metrics_of(measurement, asked.per_container ? Detail::containers : Detail::node),
                              asked.format == "prometheus" ? TextFormat::prometheus : TextFormat::openmetrics);
    if (target) {
        return in_context(asked.file, target->replace(text));
    }
    fmt::print("{}", text);
    return {};
}

int run(const Options& options, const Asked& asked) {
    const auto printed = print(options, asked);
    return printed ? done : fail_command("metrics", printed.error());
}

} // namespace

void add_metrics(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("metrics", "What containers hold and what was refused, for Prometheus");
    const auto asked = std::make_shared<Asked>();
    command->add_option("--format", asked->format, "The text format")
        ->check(CLI::IsMember({"openmetrics", "prometheus"}))
        ->capture_default_str();
    command->add_option("--output-file", asked->file, "Replace this file as a whole, in place of standard output")
        ->type_name("FILE")
        ->check([](const std::string& path) { return std::string(path.empty() ? "needs a path" : ""); });
    command->add_flag("--per-container", asked->per_container, "Of each container as well, with its names as labels");
    command->callback([&options, &status, asked] { status = run(options, *asked); });
}

} // namespace bulkhead::cli
