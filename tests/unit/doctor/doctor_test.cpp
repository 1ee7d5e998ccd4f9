// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/doctor.h"

#include "support/wired_node.h"

#include <doctest/doctest.h>
#include <functional>

using namespace bulkhead;
using test::containers_conf;
using test::examined;
using test::hook;
using test::hooks_d;
using test::install;
using test::MadeUpRoot;

namespace {

const std::string absent = "crio.engine skipped: is not installed\ncontainerd.engine skipped: is not installed\n";
const std::string made_yet = "node.state-dir skipped: is not there yet: the first container makes it\n"
                             "node.records-dir skipped: is not there yet: the first container makes it\n";

struct Breakage {
    std::string what;
    std::function<void(const MadeUpRoot&)> done;
    std::string found; // of the engine podman, and of what is installed
};

void expect(const Breakage& breakage) {
    CAPTURE(breakage.what);
    const MadeUpRoot root;
    install(root);
    breakage.done(root);
    CHECK(examined(root, {.engines = {engines::Engine::podman}}) == breakage.found);
}

// `text` in place of what `hooks.d`'s file says for it.
std::function<void(const MadeUpRoot&)> edited(const std::string& from, const std::string& to) {
    return [=](const MadeUpRoot& root) {
        auto text = test::read_file(BULKHEAD_HOOKS_D "/50-bulkhead.json");
        REQUIRE(text.find(from) != std::string::npos);
        root.write(hooks_d + "50-bulkhead.json", text.replace(text.find(from), from.size(), to));
    };
}

} // namespace

TEST_CASE("a node where all is well, and one where nothing is" * doctest::skip(!test::can_mount_privately())) {
    const MadeUpRoot root;
    install(root);
    CHECK(examined(root) == absent + "docker.engine skipped: is not installed\n");
    const MadeUpRoot empty;
    CHECK(examined(empty, {.engines = {engines::Engine::docker}}) ==
          made_yet + "node.hook failed: /usr/libexec/oci/hooks.d/bulkhead-hook is not there\n"
                     "node.shim skipped: is not installed, and no engine calls it\n"
                     "node.shim-links skipped: no engine calls the shim by one\n"
                     "docker.engine failed: is not installed\n");
}

TEST_CASE("what is installed" * doctest::skip(!test::can_mount_privately())) {
    const std::vector<Breakage> breakages{
        {"no hook", [](auto& root) { root.remove(hook); }, "node.hook failed: " + hook + " is not there\n"},
        {"a hook that others can write to", [](auto& root) { root.change_mode(hook, 0757); },
         "node.hook failed: " + hook + " is not root's alone to write, and " + hook + " is run as root\n"},
        {"no shim", [](auto& root) { root.remove("/usr/bin/bulkhead-runtime"); },
         "node.shim failed: /usr/bin/bulkhead-runtime is not there\n"},
        {"no link", [](auto& root) { root.remove("/usr/libexec/bulkhead/crun"); },
         "node.shim-links failed: /usr/libexec/bulkhead/crun is not there, and should lead to "
         "/usr/bin/bulkhead-runtime\n"},
        {"a link to the real one", [](auto& root) { root.link("/usr/libexec/bulkhead/crun", "/usr/bin/crun"); },
         "node.shim-links failed: /usr/libexec/bulkhead/crun does not lead to /usr/bin/bulkhead-runtime\n"},
        {"nothing to become", [](auto& root) { root.link("/usr/bin/crun", "bulkhead-runtime"); },
         "node.real-runtime failed: no runtime to become: looked for \"crun\" in "
         "\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"; install it, or name it in runtime.path of "
         "the "
         "node config\n"},
        {"a bad config", [](auto& root) { root.write("/etc/bulkhead/bulkhead.json", R"({"disk": {"guard": 1}})"); },
         "node.config failed: /etc/bulkhead/bulkhead.json: disk.guard is none of \"auto\", \"require\" and \"off\"\n"},
        {"no guard", [](auto& root) { root.write("/etc/bulkhead/bulkhead.json", R"({"disk": {"guard": "off"}})"); },
         "node.guard warning: disk.guard is off: disk limits can be taken off from inside, outside of user "
         "namespaces\n"}};
    for (const auto& breakage : breakages) {
        expect(breakage);
    }
}

TEST_CASE("directories of ours" * doctest::skip(!test::can_mount_privately())) {
    const MadeUpRoot root;
    install(root);
    root.write("/run/bulkhead/containers/a/lock", "");
    root.remove("/run/bulkhead/containers/a/lock");
    root.write("/var/lib/bulkhead/disk/a", "");
    root.change_mode("/run/bulkhead", 0755);
    root.change_mode("/var/lib/bulkhead", 0750);
    const doctor::Question podman{.engines = {engines::Engine::podman}};
    CHECK(examined(root, podman) == "node.state-dir warning: others can see who has which limits\n"
                                    "node.records-dir warning: others can see who has which limits\n");
    root.change_mode("/run/bulkhead", 0700);
    root.change_mode("/var/lib/bulkhead", 0700);
    CHECK(examined(root, podman).empty());
    root.change_owner("/var/lib/bulkhead/disk", 1);
    CHECK(examined(root, podman) ==
          "node.records-dir failed: /var/lib/bulkhead/disk is not root's alone to write; find out who changed it, then "
          "chown root and chmod go-w it\n");
    root.change_owner("/var/lib/bulkhead/disk", 0);
    root.remove("/run/bulkhead");
    root.link("/run/bulkhead", "/var/lib/bulkhead");
    CHECK(examined(root, podman) == "node.state-dir failed: open /run/bulkhead: Not a directory\n"
                                    "node.receipts skipped: open /run/bulkhead: Not a directory\n");
}

TEST_CASE("hooks.d" * doctest::skip(!test::can_mount_privately())) {
    const auto two_dirs = "hooks_dir = [\"" + hooks_d + "\", \"/etc/containers/oci/hooks.d\"]\n";
    const std::vector<Breakage> breakages{
        {"no file", [](auto& root) { root.remove(hooks_d); },
         "podman.hooks-d.directory skipped: no file runs bulkhead-hook; the shim does\n"},
        {"no JSON", edited("{", "["),
         "podman.hooks-d.file failed: " + hooks_d + "50-bulkhead.json: JSON is not an object\n"},
        {"a broken file of somebody else's", [](auto& root) { root.write(hooks_d + "a.json", "{}"); },
         "podman.hooks-d.file failed: " + hooks_d + "a.json: version is missing\n"},
        {"a file that takes its place",
         [=](auto& root) {
             root.write(containers_conf + ".d/a.conf", "[engine]\n" + two_dirs);
             root.write("/etc/containers/oci/hooks.d/50-bulkhead.json",
                        R"({"version": "1.0.0", "hook": {"path": "/a"}, "stages": ["poststop"]})");
         },
         "podman.hooks-d.masked failed: /etc/containers/oci/hooks.d/50-bulkhead.json has the name of " + hooks_d +
             "50-bulkhead.json, which is not read because of it\n"},
        {"a directory that is not read",
         [](auto& root) { root.write(containers_conf + ".d/a.conf", "[engine]\nhooks_dir = [\"/opt\"]\n"); },
         "podman.hooks-d.directory failed: " + hooks_d + "50-bulkhead.json is in a directory that is not read\n"},
        {"another binary", edited(hook, "/usr/lib/bulkhead-hook"),
         "podman.hooks-d.binary failed: /usr/lib/bulkhead-hook is not there: the hook is left out without a word\n"},
        {"another copy",
         [](auto& root) {
             root.program("/usr/lib/bulkhead-hook");
             edited(hook, "/usr/lib/bulkhead-hook")(root);
         },
         "podman.hooks-d.binary failed: /usr/lib/bulkhead-hook is not " + hook + ", which is installed here\n"},
        {"one stage for all", edited("[\"bulkhead-hook\"]", R"(["bulkhead-hook", "poststop"])"),
         "podman.hooks-d.arguments failed: the argument \"poststop\" is told to every stage: one does nothing\n"},
        {"another state directory", edited("[\"bulkhead-hook\"]", R"(["bulkhead-hook", "--state-dir", "/run/b"])"),
         "podman.hooks-d.arguments warning: receipts are in /run/b\n"},
        {"another config", edited("[\"bulkhead-hook\"]", R"(["bulkhead-hook", "--config", "/etc/b"])"),
         "podman.hooks-d.arguments warning: the node config is /etc/b\n"},
        {"no walls", edited(R"("createRuntime", )", ""),
         "podman.hooks-d.stages failed: createRuntime is not among the stages: no wall is put up\n"},
        {"nothing given back", edited(R"(, "poststop")", ""),
         "podman.hooks-d.stages failed: poststop is not among the stages: limits of containers that are gone stay "
         "until "
         "bulkhead gc\n"},
        {"twice", edited("\"poststop\"", R"("prestart", "poststop")"),
         "podman.hooks-d.stages warning: prestart is beside createRuntime: the hook is run twice\n"},
        {"a stage too many", edited("\"poststop\"", R"("poststart", "poststop")"),
         "podman.hooks-d.stages failed: there is a stage that the hook is not for, and refuses containers at\n"},
        {"a pattern for nobody", edited("^io", "^oi"),
         "podman.hooks-d.pattern failed: the hook is not run for a container with io.bulkhead.no-such-key\n"},
        {"a pattern for some", edited("bulkhead\\\\.", "bulkhead\\\\.[nm]"),
         "podman.hooks-d.pattern failed: the hook is not run for a container with io.bulkhead.shm-size\n"},
        {"a pattern for all", edited("^io\\\\.bulkhead\\\\.", ".*"),
         "podman.hooks-d.pattern warning: the hook is run for annotations that are not Bulkhead's, too\n"},
        {"two of them",
         [](auto& root) {
             root.write(hooks_d + "60-bulkhead.json", test::read_file(BULKHEAD_HOOKS_D "/50-bulkhead.json"));
         },
         "podman.hooks-d.directory warning: the hook is registered twice, in " + hooks_d + "50-bulkhead.json and " +
             hooks_d + "60-bulkhead.json\n"}};
    for (const auto& breakage : breakages) {
        expect(breakage);
    }
}

TEST_CASE("podman's runtimes" * doctest::skip(!test::can_mount_privately())) {
    const auto conf = [](const std::string& text) {
        return [=](const MadeUpRoot& root) { root.write(containers_conf, text); };
    };
    const std::string unlinked = "node.shim-links skipped: no engine calls the shim by one\n";
    const std::vector<Breakage> breakages{
        {"no TOML", conf("[engine"),
         unlinked + "podman.config failed: " + containers_conf +
             ": line 1: Error while parsing table header: encountered end-of-file\n"},
        {"the hook alone", conf(""),
         unlinked + "podman.runtime warning: no runtime is the shim: containers have the hook alone: their disk limits "
                    "can be taken off from inside\n"},
        {"a guard that is required",
         [=](const MadeUpRoot& root) {
             root.write(containers_conf, "");
             root.write("/etc/bulkhead/bulkhead.json", R"({"disk": {"guard": "require"}})");
         },
         unlinked + "podman.runtime failed: no runtime is the shim, and disk.guard requires it: every disk limit is "
                    "refused\n"},
        {"the real one first", conf("[engine.runtimes]\ncrun = [\"/usr/bin/crun\", \"/usr/libexec/bulkhead/crun\"]\n"),
         "podman.runtime failed: /usr/bin/crun is tried before the shim as crun\n"},
        {"for who asks for it", conf("[engine.runtimes]\nbulkhead = [\"/usr/libexec/bulkhead/crun\"]\n"),
         "podman.default-runtime warning: containers that ask for no other runtime get crun, and have the hook alone: "
         "their disk limits can be taken off from inside\n"},
        {"by its path", conf("[engine]\nruntime = \"/usr/libexec/bulkhead/crun\"\n"), unlinked}};
    for (const auto& breakage : breakages) {
        expect(breakage);
    }
}

TEST_CASE("who has only the hook, and no file for it" * doctest::skip(!test::can_mount_privately())) {
    const MadeUpRoot root;
    install(root);
    root.remove(containers_conf);
    root.remove(hooks_d);
    root.remove("/usr/bin/bulkhead-runtime");
    const doctor::Question podman{.engines = {engines::Engine::podman}};
    CHECK(examined(root, podman)
              .find("podman.hooks-d.directory failed: no file runs bulkhead-hook: containers have no "
                    "walls, whatever they ask for\n") != std::string::npos);
}

TEST_CASE("defaults of the node config reach everybody" * doctest::skip(!test::can_mount_privately())) {
    const MadeUpRoot root;
    install(root);
    root.remove(containers_conf);
    root.write("/etc/bulkhead/bulkhead.json", R"({"defaults": {"pids-max": 100}})");
    const doctor::Question podman{.engines = {engines::Engine::podman}};
    const std::string lacking = "podman.hooks-d.defaults failed: it has defaults, and the hook is run only for "
                                "containers that ask for something\n";
    CHECK(examined(root, podman).find(lacking) != std::string::npos);
    root.remove(hooks_d);
    root.write(hooks_d + "50-bulkhead-always.json",
               test::read_file(BULKHEAD_HOOKS_D "/always/50-bulkhead-always.json"));
    CHECK(examined(root, podman).find("hooks-d") == std::string::npos);
    install(root); // behind the shim there is no need
    root.remove(hooks_d + "50-bulkhead-always.json");
    CHECK(examined(root, podman).empty());
}
