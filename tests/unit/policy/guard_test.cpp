// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/guard.h"

#include "support/node_config.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using oci::PidNamespace;
using policy::Guard;
using policy::GuardQuestion;
using policy::judge_guard;

namespace {

// A container as engines make them, with a disk limit.
GuardQuestion usual() {
    GuardQuestion question;
    question.confinement.pid = PidNamespace::own;
    question.disk_limit = true;
    return question;
}

// "guarded", or the reason why it can get out; with "-" before it where no filter is put up.
template <typename Change>
std::string verdict(Change change) {
    auto question = usual();
    change(question);
    const auto judged = judge_guard(question);
    return (judged.put_up ? "" : "-") + judged.escapable.value_or("guarded");
}

} // namespace

TEST_CASE("whom the guard is put up for") {
    const auto put_up = [](bool limit, bool key, bool by_default, Guard mode) {
        auto question = usual();
        question.disk_limit = limit;
        question.pod_has_disk_key = key;
        question.disk_default = by_default;
        question.mode = mode;
        const auto judged = judge_guard(question);
        CHECK((judged.escapable.has_value() == (limit && mode == Guard::off)));
        return judged.put_up;
    };
    for (const auto mode : {Guard::automatic, Guard::require}) {
        CHECK(!put_up(false, false, false, mode));
        CHECK(put_up(true, false, false, mode));
        CHECK(put_up(false, true, false, mode));
        CHECK(put_up(false, false, true, mode));
    }
    CHECK(!put_up(true, true, true, Guard::off));
}

TEST_CASE("whom it holds, and why not") {
    CHECK(verdict([](GuardQuestion&) {}) == "guarded");
    CHECK(verdict([](GuardQuestion& question) { question.mode = Guard::off; }) ==
          "-disk.guard is off in the node config");
    CHECK(verdict([](GuardQuestion& question) { question.there_is_one = false; }) ==
          "-it does not run behind the guard of bulkhead-runtime");
    CHECK(verdict([](GuardQuestion& question) { question.restore = true; }) ==
          "-a restored container cannot run behind the guard");
    CHECK(verdict([](GuardQuestion& question) { question.confinement.unbounded_by = "CAP_SYS_RAWIO"; }) ==
          "-it may have CAP_SYS_RAWIO");
    CHECK(verdict([](GuardQuestion& question) { question.confinement.pid = PidNamespace::host; }) ==
          "it is in the host's pid namespace, and so are processes that are not guarded");
    CHECK(verdict([](GuardQuestion& question) { question.confinement.may_write_block_device = true; }) ==
          "it may write to a block device");
    for (const auto owner : {std::optional<bool>(), std::optional(false), std::optional(true)}) {
        CHECK(verdict([&](GuardQuestion& question) {
                  question.confinement.pid = PidNamespace::joined;
                  question.pid_owner_guarded = owner;
              }) == (owner == true ? "guarded"
                                   : "it shares its pid namespace with a container that is not known to be guarded"));
    }
}

TEST_CASE("in a user namespace the kernel holds it, whatever it may do there") {
    const auto in_one = [](auto change) {
        return verdict([&](GuardQuestion& question) {
            question.confinement.user_namespace = true;
            change(question);
        });
    };
    CHECK(in_one([](GuardQuestion&) {}) == "guarded");
    CHECK(in_one([](GuardQuestion& question) { question.confinement.unbounded_by = "CAP_SYS_ADMIN"; }) == "guarded");
    CHECK(in_one([](GuardQuestion& question) { question.mode = Guard::off; }) == "-guarded");
    CHECK(in_one([](GuardQuestion& question) { question.there_is_one = false; }) == "-guarded");
    CHECK(in_one([](GuardQuestion& question) { question.restore = true; }) == "-guarded");
    CHECK(in_one([](GuardQuestion& question) { question.confinement.pid = PidNamespace::host; }) == "guarded");
    CHECK(in_one([](GuardQuestion& question) { question.confinement.may_write_block_device = true; }) == "guarded");
}

TEST_CASE("but not against who reaches into it from outside, nor where the owner of a disk is somebody in it") {
    const std::string shared = "it shares its pid namespace with a container that is not known to be guarded";
    const auto in_one = [](auto change) {
        return verdict([&](GuardQuestion& question) {
            question.confinement.user_namespace = true;
            question.confinement.pid = PidNamespace::joined;
            change(question);
        });
    };
    CHECK(in_one([](GuardQuestion&) {}) == shared);
    CHECK(in_one([](GuardQuestion& question) { question.there_is_one = false; }) == "-" + shared);
    CHECK(in_one([](GuardQuestion& question) { question.pid_owner_guarded = true; }) == "guarded");
    CHECK(in_one([](GuardQuestion& question) { question.confinement.pid_owner_in_user_namespace = true; }) ==
          "guarded");
    CHECK(in_one([](GuardQuestion& question) {
              question.pid_owner_guarded = true;
              question.confinement.may_write_block_device = true;
              question.confinement.maps_system_ids = true;
          }) == "it may write to a block device");
}

TEST_CASE("who has no limit is not called escapable") {
    CHECK(verdict([](GuardQuestion& question) {
              question.disk_limit = false;
              question.pod_has_disk_key = true;
              question.confinement.pid = PidNamespace::host;
          }) == "guarded");
}

TEST_CASE("who shares a pid namespace with guarded containers is guarded too") {
    const auto put_up = [](bool others, Guard mode) {
        GuardQuestion question;
        question.mode = mode;
        question.beside_guarded = others;
        return judge_guard(question).put_up;
    };
    CHECK(put_up(true, Guard::automatic));
    CHECK(!put_up(false, Guard::automatic));
    CHECK(!put_up(true, Guard::off));
}

TEST_CASE("what the node config and config.json tell of the question") {
    const auto question = [](const std::string& config, const std::string& key) {
        oci::Spec spec;
        spec.annotations.push_back({.key = key, .value = "1Gi"});
        oci::Confinement confinement;
        confinement.unbounded_by = "CAP_SYS_ADMIN";
        return policy::guard_question(test::sound_config(config), spec, confinement);
    };
    const auto usual = question("{}", "io.bulkhead.shm-size");
    CHECK(usual.mode == Guard::automatic);
    CHECK(usual.confinement.unbounded_by == "CAP_SYS_ADMIN");
    CHECK(!usual.pod_has_disk_key);
    CHECK(!usual.disk_default);
    CHECK(question("{}", "io.bulkhead.disk-inodes/other").pod_has_disk_key);
    CHECK(question(R"({"disk":{"guard":"require"}})", "x").mode == Guard::require);
    CHECK(question(R"({"defaults":{"disk-inodes":5}})", "x").disk_default);
    CHECK(question(R"({"rules":[{"namespace":"a","defaults":{"disk-size":"1Gi"}}]})", "x").disk_default);
    CHECK(!question(R"({"defaults":{"shm-size":"1Gi"},"max":{"disk-size":"1Gi"}})", "x").disk_default);
}

TEST_CASE("disk.guard: require refuses a disk limit that could be taken off") {
    const auto what = [](Guard mode, bool accounting_only, std::optional<std::string> escapable) {
        policy::Plan plan;
        plan.disk_inodes.emplace();
        plan.disk_inodes->annotation = "io.bulkhead.disk-inodes";
        plan.disk_inodes->text = "5";
        policy::DiskConfig config;
        config.guard = mode;
        config.accounting_only = accounting_only;
        const auto held = policy::check_guard(plan, config, escapable);
        if (!held) {
            CHECK(held.error().code == Code::not_allowed);
        }
        return held ? "" : held.error().what;
    };
    policy::DiskConfig required;
    required.guard = Guard::require;
    CHECK(policy::check_guard({}, required, "it may"));
    CHECK(what(Guard::require, false, "it may have CAP_SYS_ADMIN") ==
          "io.bulkhead.disk-inodes=\"5\": the node config requires that nobody can take a disk limit off (disk.guard), "
          "and this container could: it may have CAP_SYS_ADMIN");
    CHECK(what(Guard::require, false, std::nullopt).empty());
    CHECK(what(Guard::require, true, "it may").empty());
    CHECK(what(Guard::automatic, false, "it may").empty());
    CHECK(what(Guard::off, false, "it may").empty());
}
