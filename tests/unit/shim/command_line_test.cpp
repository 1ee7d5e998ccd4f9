// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/command_line.h"

#include "runtime/oci/state.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"
#include "support/words.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>
#include <sys/syscall.h>
#include <vector>

using namespace bulkhead;
using namespace bulkhead::shim;
using test::Words;

namespace {

constexpr std::array both{Dialect::runc, Dialect::crun};

std::string_view name_of(Command command) {
    constexpr std::array<std::string_view, 6> names{"create", "run", "restore", "exec", "update", "other"};
    return names[static_cast<std::size_t>(command)];
}

// "create ID bundle=B log=L format=F memory@WORD:OFFSET doubt": what is not there is left out.
std::string parsed(const std::string& line, Dialect dialect) {
    const Words words(line);
    const auto invocation = parse_command_line(words.pointers(), dialect);
    std::string all(name_of(invocation.command));
    const auto add = [&](std::string_view name, std::string_view value) {
        all += value.empty() ? "" : std::string(" ").append(name).append(value);
    };
    const auto add_place = [&](const OptionPlace& place) {
        all += " " + std::string(place.option) + "@" + std::to_string(place.word) + ":" + std::to_string(place.offset);
    };
    add("", invocation.id);
    add("bundle=", invocation.bundle);
    add("config=", invocation.config);
    add("log=", invocation.log);
    add("format=", invocation.log_format);
    for (const auto& limit : invocation.limits) {
        add_place(limit);
    }
    if (invocation.resources) {
        add_place(*invocation.resources);
    }
    return all + (invocation.certain ? "" : " doubt");
}

struct Row {
    std::string line;
    std::string expected;
};

struct EngineRow {
    std::string engine;
    std::string line;
    std::string expected;
};

struct DialectRow {
    std::string line;
    std::string runc;
    std::string crun;
};

const std::string task = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/c1";
const std::string task_global = "--root /run/containerd/runc/k8s.io --log " + task + "/log.json --log-format json ";
const std::string task_parsed = " log=" + task + "/log.json format=json";
const std::string moby = "/var/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/c1";
const std::string moby_global =
    "--root /var/run/docker/runtime-runc/moby --log " + moby + "/log.json --log-format json ";
const std::string moby_parsed = " log=" + moby + "/log.json format=json";
const std::string pod = "/run/containers/storage/overlay-containers/c1/userdata";
const std::string crio = "/run/containers/storage/overlay-containers/c1/userdata";

} // namespace

TEST_CASE("the command lines of engines") {
    const std::vector<EngineRow> table{
        // go-runc runc.go, from cmd/containerd-shim-runc-v2/process.
        {"containerd 1.6.20, go-runc 1.0.0",
         task_global + "create --bundle " + task + " --pid-file " + task + "/init.pid c1",
         "create c1 bundle=" + task + task_parsed},
        {"containerd 1.6.20 with SystemdCgroup, a terminal, no_pivot",
         task_global + "--systemd-cgroup create --bundle " + task + " --pid-file " + task +
             "/init.pid --console-socket /tmp/pty3283/pty.sock --no-pivot --no-new-keyring c1",
         "create c1 bundle=" + task + task_parsed},
        {"containerd 1.6.20, criu set",
         task_global + "--criu /usr/sbin/criu create --bundle " + task + " --pid-file " + task + "/init.pid c1",
         "create c1 bundle=" + task + task_parsed},
        {"containerd 2.1.0, go-runc 1.1.0, rootless",
         task_global + "--systemd-cgroup --rootless=true create --bundle " + task + " --pid-file " + task +
             "/init.pid c1",
         "create c1 bundle=" + task + task_parsed},
        {"containerd main, go-runc 1.2.0 with a pidfd socket and debug",
         "--root /run/containerd/runc/k8s.io --debug --log " + task + "/log.json --log-format json create --bundle " +
             task + " --pid-file " + task + "/init.pid --pidfd-socket /tmp/p.sock --preserve-fds 1 c1",
         "create c1 bundle=" + task + task_parsed},
        {"go-runc 1.2.0 Run", task_global + "run --bundle " + task + " --pid-file " + task + "/init.pid --detach c1",
         "run c1 bundle=" + task + task_parsed},
        {"containerd 1.7.24 exec",
         task_global + "exec --process /tmp/runc-process901 --detach --pid-file " + task + "/e1.pid c1",
         "exec c1" + task_parsed},
        {"containerd 2.1.0 exec with a terminal",
         task_global + "exec --process /tmp/runc-process901 --console-socket /tmp/pty/pty.sock --detach --pid-file " +
             task + "/e1.pid c1",
         "exec c1" + task_parsed},
        {"containerd 1.6.20 update", task_global + "update --resources - c1",
         "update c1" + task_parsed + " resources@9:0"},
        {"containerd 2.1.0 update", task_global + "--systemd-cgroup update --resources=- c1",
         "update c1" + task_parsed + " resources@9:12"},
        {"containerd start", task_global + "start c1", "other" + task_parsed},
        {"containerd delete", task_global + "delete --force c1", "other" + task_parsed},
        {"containerd kill", task_global + "kill --all c1 9", "other" + task_parsed},
        {"containerd 2.1.0 features", "features", "other"},
        {"go-runc version", "--version", "other"},
        // dockerd hands its containerd the same; its runtime has a root of its own.
        {"docker 20.10.24",
         moby_global + "--systemd-cgroup create --bundle " + moby + " --pid-file " + moby + "/init.pid c1",
         "create c1 bundle=" + moby + moby_parsed},
        {"docker 20.10.24 with runtimeArgs in daemon.json: a script puts them first",
         "--debug --rootless false " + moby_global + "--systemd-cgroup create --bundle " + moby + " --pid-file " +
             moby + "/init.pid c1",
         "create c1 bundle=" + moby + moby_parsed},
        {"docker 26.1.0 exec",
         moby_global + "--systemd-cgroup exec --process /tmp/runc-process1 --detach --pid-file " + moby + "/e.pid c1",
         "exec c1" + moby_parsed},
        // conmon runtime_args.c: 2.1.6 of Debian 12, 2.1.12 of Debian 13; podman libpod/oci_conmon_common.go.
        {"podman 4.3.1, conmon 2.1.6",
         "--systemd-cgroup --log-format=json --log " + pod + "/oci-log create --bundle " + pod + " --pid-file " + pod +
             "/pidfile c1",
         "create c1 bundle=" + pod + " log=" + pod + "/oci-log format=json"},
        {"podman 5.4.2, conmon 2.1.12, --runtime-flag, a terminal, descriptors",
         "--systemd-cgroup --debug --log-format=json --log " + pod + "/oci-log create --bundle " + pod +
             " --pid-file " + pod + "/pidfile --no-pivot --preserve-fds 2 --console-socket " + pod + "/attach c1",
         "create c1 bundle=" + pod + " log=" + pod + "/oci-log format=json"},
        {"podman 5.4.2 --cgroups=disabled",
         "--log-format=json --log " + pod + "/oci-log --cgroup-manager disabled create --bundle " + pod +
             " --pid-file " + pod + "/pidfile c1",
         "create c1 bundle=" + pod + " log=" + pod + "/oci-log format=json"},
        {"podman 4.3.1 restore",
         "--systemd-cgroup --log-format=json --log " + pod + "/oci-log restore --bundle " + pod + " --pid-file " + pod +
             "/pidfile --detach --image-path /ck --work-path " + pod +
             " --tcp-established --file-locks --lsm-mount-context=system_u:object_r:container_file_t:s0 c1",
         "restore c1 bundle=" + pod + " log=" + pod + "/oci-log format=json"},
        {"podman 4.3.1 exec, conmon 2.1.6",
         "--log-format=json --log " + pod + "/e1/oci-log exec --pid-file " + pod + "/e1/exec_pid --process " + pod +
             "/e1/exec-process-1 --detach --tty --preserve-fds 1 c1",
         "exec c1 log=" + pod + "/e1/oci-log format=json"},
        {"podman 5.4.2 exec, conmon 2.1.12",
         "--log-format=json --log " + pod + "/e1/oci-log exec --pid-file " + pod + "/e1/exec_pid --process " + pod +
             "/e1/exec-process-1 --detach --console-socket /tmp/conmon-term.1 c1",
         "exec c1 log=" + pod + "/e1/oci-log format=json"},
        {"podman 5.4.2 update", "update --resources=/tmp/podman1234 c1", "update c1 resources@2:12"},
        {"podman 4.3.1 delete", "delete --force c1", "other"},
        // cri-o internal/oci/runtime_oci.go and conmon.
        {"CRI-O 1.24.0 to 1.33.0, conmon 2.1",
         "--systemd-cgroup --root=/run/runc create --bundle " + crio + " --pid-file " + crio + "/pidfile c1",
         "create c1 bundle=" + crio},
        {"CRI-O 1.28.0 restore",
         "--systemd-cgroup --root=/run/runc restore --bundle " + crio + " --pid-file " + crio +
             "/pidfile --detach --image-path /ck --work-path " + crio + " --lsm-profile=selinux:l c1",
         "restore c1 bundle=" + crio},
        {"CRI-O 1.24.0 exec", "--root /run/runc exec --process /tmp/exec-process-1 c1", "exec c1"},
        {"CRI-O 1.28.0 exec", "--root /run/runc --systemd-cgroup exec --process /tmp/exec-process-1 c1", "exec c1"},
        {"CRI-O 1.24.0 exec sync, conmon 2.1.6",
         "--root=/run/runc exec --pid-file /p --process /tmp/exec-process-1 --detach --tty c1", "exec c1"},
        {"CRI-O 1.24.0 to main update", "--root /run/runc update --resources - c1", "update c1 resources@5:0"},
        {"CRI-O state", "--root /run/runc state c1", "other"},
        // buildah run_common.go.
        {"buildah 1.44", "create --bundle /var/tmp/buildah1 --pid-file /var/tmp/buildah1/pid buildah-buildah1",
         "create buildah-buildah1 bundle=/var/tmp/buildah1"},
        {"buildah 1.44, systemd, rootless isolation, --no-pivot, a terminal",
         "--systemd-cgroup create --bundle /var/tmp/buildah1 --pid-file /var/tmp/buildah1/pid --console-socket "
         "/tmp/buildah2/console.sock --no-new-keyring --no-pivot buildah-buildah1",
         "create buildah-buildah1 bundle=/var/tmp/buildah1"},
    };
    for (const auto& row : table) {
        CAPTURE(row.engine);
        for (const auto dialect : both) {
            CHECK(parsed("runtime " + row.line, dialect) == row.expected);
        }
    }
}

TEST_CASE("containerd's restore is runc's alone: one dash before a long name") {
    const auto line = "runc " + task_global + "restore --image-path /ck --work-path /w --detach --pid-file /p " +
                      "-no-subreaper --bundle " + task + " c1";
    CHECK(parsed(line, Dialect::runc) == "restore c1 bundle=" + task + task_parsed);
}

TEST_CASE("what a person types") {
    const std::vector<DialectRow> table{
        {"runc run c1", "run c1", "run c1"},
        {"runc run -b B c1", "run c1 bundle=B", "run c1 bundle=B"},
        {"runc --debug run -d --keep --pid-file=p c1", "run c1", "run c1"},
        {"runc create -b=B c1", "create c1 bundle=B", "create c1 bundle==B"},
        {"runc create -bundle B c1", "create c1 bundle=B", "create B bundle=undle"},
        {"runc -root R -log L run c1", "run c1 log=L", "other"}, // crun ends there
        {"crun run -bB c1", "run c1 doubt", "run c1 bundle=B"},  // and runc here
        {"crun run -db B c1", "run c1 doubt", "run c1 bundle=B"},
        {"crun run --bun=B -f spec.json c1", "run c1 config=spec.json", "run c1 bundle=B config=spec.json"},
        {"crun --cgroup-manager=systemd --log-level debug run c1", "run c1", "run c1"},
        {"crun --systemd-cgroup --cgroup-manager=cgroupfs run c1", "run c1", "run c1"},
        {"runc run --bundle A --bundle B c1", "run c1 bundle=B", "run c1 bundle=B"},
        {"runc run c1 --bundle B", "run c1 bundle=B", "run c1 bundle=B"},
        {"runc create --log L --root=R c1", "create c1 log=L", "create c1 doubt"}, // urfave/cli v3
        {"runc -- create -- c1", "create c1", "create c1"},
        {"runc run -- --c1", "run --c1", "run --c1"},
        {"runc run --bundle= c1", "run c1", "run c1"},
        {"runc run ../x", "run ../x", "run ../x"}, // the runtimes refuse it
        {"runc exec c1 sh -c --help", "exec c1", "exec c1"},
        {"runc exec -t -e A=1 c1 ls -p /", "exec c1", "exec c1"},
        {"runc exec -tc CAP c1 ls", "exec CAP doubt", "exec CAP"},
        {"runc exec -- c1 create", "exec c1", "exec c1"},
        {"runc exec c1 runc create c2", "exec c1", "exec c1"},
        {"runc exec --help c1 ls", "exec c1", "exec c1"},
        {"runc update --memory 1g --memory-swap=-1 --pids-limit 5 c1",
         "update c1 memory@3:0 memory-swap@4:14 pids-limit@6:0",
         "update c1 memory@3:0 memory-swap@4:14 pids-limit@6:0"},
        {"runc update --memory=1g --memory -1 c1", "update c1 memory@2:9 memory@4:0",
         "update c1 memory@2:9 memory@4:0"},
        {"runc update --memory-s=1g -rF c1", "update c1 doubt", "update c1 memory-swap@2:11 resources@3:2"},
        {"runc update -r F --resources - --cpu-share 5 c1", "update c1 resources@5:0", "update c1 resources@5:0"},
    };
    for (const auto& row : table) {
        CAPTURE(row.line);
        CHECK(parsed(row.line, Dialect::runc) == row.runc);
        CHECK(parsed(row.line, Dialect::crun) == row.crun);
    }
}

TEST_CASE("what goes through untouched") {
    const std::vector<std::string> table{
        "",
        "runc",
        "runc --",
        "runc -",
        "runc --help",
        "runc -v",
        "crun -V",
        "runc help create",
        "runc state c1",
        "runc list",
        "runc kill c1 KILL",
        "runc start c1",
        "runc creat c1",
        "runc Create c1",
        "runc unknown create c1",
        "runc create",
        "runc create --bundle B",
        "runc create --bundle",
        "runc create --new",
        "runc --new create --",
        "runc exec",
        "runc update --pids-limit 5 --help c1",
        "runc run --help",
        "runc run --help c1",
        "runc --help run c1",
        "runc --version create c1",
        "runc --help=true create c1",
        "runc --help=false --help create c1",
        "runc checkpoint c1",
        "runc delete create",
        "runc kill run",
    };
    for (const auto& line : table) {
        CAPTURE(line);
        for (const auto dialect : both) {
            const Words words(line);
            CHECK(parse_command_line(words.pointers(), dialect).command == Command::other);
        }
    }
}

TEST_CASE("help that is not asked for") {
    for (const auto* const line : {"runc --help=false create c1", "runc --help --help=F create c1",
                                   "runc create --help=0 c1", "runc --version=false create c1"}) {
        CAPTURE(line);
        CHECK(parsed(line, Dialect::runc) == "create c1");
    }
}

TEST_CASE("no option that we do not know lets a container start unseen") {
    const std::vector<Row> table{
        {"runc --new create c1", "create c1 doubt"},
        {"runc --new=x create c1", "create c1"},
        {"runc --new x create c1", "create c1 doubt"},
        {"runc --new x --root R create --bundle B c1", "create c1 bundle=B doubt"},
        {"runc --new create create c1", "create c1 doubt"},
        {"runc --new state create c1", "create c1 doubt"}, // "state" is the option's value, or else this fails
        {"runc --new state --root R run c1", "run c1 doubt"},
        {"runc --new exec restore c1", "restore c1 doubt"},
        {"runc --new --help create c1", "create c1 doubt"},
        {"runc --new --log create c1", "create c1 doubt"},
        {"runc --new -- create c1", "create c1 doubt"},
        {"runc --new --newer create c1", "create c1 doubt"},
        {"runc create --new c1", "create c1 doubt"},
        {"runc create --new x c1", "create c1 doubt"},
        {"runc create --new --help c1", "create c1 doubt"},
        {"runc create --bundle B --new x --pid-file P c1", "create c1 bundle=B doubt"},
        {"runc create --new=x c1", "create c1"},
        {"runc run --new --", "run --new doubt"},
        {"runc run B c1 --bundle", "run B doubt"},
        {"runc run --bundle B --new --", "run --new bundle=B doubt"},
        {"runc --new run --new2 --", "run --new2 doubt"},
        {"runc exec --new x c1 ls", "exec x doubt"},
        {"runc update --new x --memory 5 c1", "update c1 memory@5:0 doubt"},
        {"runc --new exec c1 sh", "exec c1 doubt"},
        {"runc --new x exec c1 run", "exec c1 doubt"},
        {"runc --new update --memory 1 c1", "update c1 memory@4:0 doubt"},
    };
    for (const auto& row : table) {
        CAPTURE(row.line);
        for (const auto dialect : both) {
            CHECK(parsed(row.line, dialect) == row.expected);
        }
    }
    CHECK(parsed("runc --new x state c1", Dialect::runc) == "other doubt");
    CHECK(parsed("runc --new state c1", Dialect::runc) == "other doubt");
}

TEST_CASE("the dialect of a program") {
    for (const auto* const name : {"crun", "/usr/bin/crun", "crun-wasm", "/usr/bin/krun", "crun-1.21"}) {
        CHECK(dialect_of(name) == Dialect::crun);
    }
    for (const auto* const name : {"", "/", "runc", "/usr/sbin/runc", "/opt/crun/youki", "kata-runtime", "krun2"}) {
        CHECK(dialect_of(name) == Dialect::runc);
    }
}

TEST_CASE("the bundle's directory, as the runtime will name it") {
    const test::TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path("bundle"));
    std::filesystem::create_directory_symlink("bundle", directory.path("link"));
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(directory.path("link"));
    const auto name = [](const std::string& bundle, Dialect dialect) {
        Invocation invocation;
        invocation.bundle = bundle;
        const auto found = bundle_directory(invocation, dialect);
        return found ? *found : "error: " + found.error().what;
    };
    const auto real = directory.path("bundle");
    const auto link = directory.path("link");
    for (const auto dialect : both) {
        CHECK(name("", dialect) == real);
        CHECK(name(".", dialect) == real);
        CHECK(name("../link", dialect) == real);
        CHECK(name(real + "/", dialect) == real);
        CHECK(name("gone", dialect) == "error: bundle: open gone: No such file or directory");
    }
    CHECK(name(link, Dialect::runc) == real);
    CHECK(name(link, Dialect::crun) == link);
    CHECK(name(link + "//", Dialect::crun) == link);
    CHECK(name("/", Dialect::crun) == "/");
    std::filesystem::current_path(before);
}
