// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/options.h"

#include "support/words.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <vector>

using namespace bulkhead::shim;
using bulkhead::test::Words;

namespace {

const std::vector<std::string> command_names{"create", "run", "restore", "exec", "update"};

// All tokens: "bundle=DIR" for an option with a value, "bundle" for one without, "?" and "?=VALUE" for an unknown one,
// "<WORD>" for a word, "--".
std::string tokens(const std::string& line, Dialect dialect, std::string_view command, bool with_outer = false) {
    const Words words(line);
    const auto table = command.empty() ? global_options() : options_of(command);
    OptionReader reader(words.pointers(), 0, dialect);
    std::string all;
    for (auto token = reader.next(table, with_outer ? global_options() : OptionTable{}); token.kind != Token::Kind::end;
         token = reader.next(table, with_outer ? global_options() : OptionTable{})) {
        all += all.empty() ? "" : " ";
        if (token.kind == Token::Kind::separator) {
            all += "--";
            continue;
        }
        CHECK((token.value.empty() || words[token.word].substr(token.offset) == token.value));
        if (token.kind == Token::Kind::word) {
            all += "<" + std::string(token.value) + ">";
            continue;
        }
        CHECK((token.option == nullptr) == (token.kind == Token::Kind::unknown_option));
        all += token.option == nullptr ? "?" : std::string(token.option->name);
        all += token.has_value ? "=" + std::string(token.value) : "";
    }
    return all;
}

struct Row {
    std::string line;
    std::string command;
    std::string runc;
    std::string crun;
};

} // namespace

TEST_CASE("how a command line is cut, by Go's rules and by argp's") {
    const std::vector<Row> table{
        {"", "create", "", ""},
        {"a b", "create", "<a> <b>", "<a> <b>"},
        {"-", "create", "<->", "<->"},
        {"--", "create", "--", "--"},
        {"--bundle D x", "create", "bundle=D <x>", "bundle=D <x>"},
        {"--bundle=D x", "create", "bundle=D <x>", "bundle=D <x>"},
        {"--bundle= x", "create", "bundle= <x>", "bundle= <x>"},
        {"--bundle=a=b", "create", "bundle=a=b", "bundle=a=b"},
        {"--bundle", "create", "bundle", "bundle"},
        {"--bundle --", "create", "bundle=--", "bundle=--"},
        {"--bundle --keep x", "create", "bundle=--keep <x>", "bundle=--keep <x>"},
        {"-b D x", "create", "bundle=D <x>", "bundle=D <x>"},
        {"-b", "create", "bundle", "bundle"},
        // One dash: a whole name for Go, a row of letters for argp.
        {"-bundle D", "create", "bundle=D", "bundle=undle <D>"},
        {"-bD x", "create", "? <x>", "bundle=D <x>"},
        {"-b=D", "create", "bundle=D", "bundle==D"},
        {"-db D", "run", "? <D>", "detach bundle=D"},
        {"-dbD", "run", "?", "detach bundle=D"},
        {"-dbd d", "run", "? <d>", "detach bundle=d <d>"},
        {"-no-subreaper x", "restore", "no-subreaper <x>", "?=o-subreaper <x>"},
        {"-dzd x", "run", "? <x>", "detach ?=d <x>"},
        {"-dz x", "run", "? <x>", "detach ? <x>"},
        {"--b D", "run", "bundle=D", "bundle=D"}, // Go makes no difference between the dashes
        {"--d", "run", "detach", "detach"},
        // A beginning that fits one name.
        {"--bun D", "create", "? <D>", "bundle=D"},
        {"--bun=D", "create", "?=D", "bundle=D"},
        {"--no-p x", "create", "? <x>", "no-pivot <x>"},
        {"--no-n x", "create", "? <x>", "no-new-keyring <x>"},
        {"--no x", "create", "? <x>", "? <x>"},
        {"--p x", "create", "? <x>", "? <x>"},    // pid-file, preserve-fds, program-name
        {"--pidf x", "create", "? <x>", "? <x>"}, // runc's alone
        {"--pid x", "create", "? <x>", "pid-file=x"},
        {"--log-fo json", "", "? <json>", "log-format=json"},
        {"--log json", "", "log=json", "log=json"},
        {"--sys", "", "?", "systemd-cgroup"},
        {"--c x", "", "? <x>", "cgroup-manager=x"}, // criu is runc's
        {"--root x", "", "root=x", "root=x"},
        {"--roo x", "", "? <x>", "? <x>"}, // root, rootless
        // What is not there.
        {"--root x", "create", "? <x>", "? <x>"},
        {"---bundle x", "create", "? <x>", "? <x>"},
        {"--=x", "create", "?=x", "?=x"},
        {"-=x", "create", "?=x", "?=x"},
        // Values that are only taken from the word itself.
        {"-t x", "exec", "tty <x>", "tty <x>"},
        {"--tty x", "exec", "tty <x>", "tty <x>"},
        {"--tty=false x", "exec", "tty=false <x>", "tty=false <x>"},
        {"-tfalse x", "exec", "? <x>", "tty=false <x>"},
        {"-tp F x", "exec", "? <F> <x>", "tty=p <F> <x>"},
        {"--systemd-cgroup=false x", "", "systemd-cgroup=false <x>", "systemd-cgroup=false <x>"},
        {"--network-lock x y", "restore", "network-lock=x <y>", "network-lock=x <y>"},
        {"-e A=1 -e B=2 x -u 0", "exec", "env=A=1 env=B=2 <x> user=0", "env=A=1 env=B=2 <x> user=0"},
        {"-r - x", "update", "resources=- <x>", "resources=- <x>"},
        {"--memory -1 --pids-limit=-1", "update", "memory=-1 pids-limit=-1", "memory=-1 pids-limit=-1"},
        {"-v -h", "", "version h", "version ?"},
        {"-V -?", "", "V help", "V help"},
        {"--version --help", "", "version help", "version help"},
    };
    for (const auto& row : table) {
        CAPTURE(row.line);
        CHECK(tokens(row.line, Dialect::runc, row.command) == row.runc);
        CHECK(tokens(row.line, Dialect::crun, row.command) == row.crun);
    }
}

TEST_CASE("options before the command may stand behind it as well, by their whole names") {
    CHECK(tokens("--root R --log=L x", Dialect::runc, "create", true) == "root=R log=L <x>");
    CHECK(tokens("--systemd-cgroup --pid-file P", Dialect::runc, "create", true) == "systemd-cgroup pid-file=P");
}

TEST_CASE("the tables have each name and each letter once") {
    std::vector<OptionTable> tables{global_options()};
    for (const auto& name : command_names) {
        tables.push_back(options_of(name));
    }
    for (const auto& table : tables) {
        CHECK(!table.empty());
        std::set<std::string_view> names;
        std::set<char> letters;
        for (const auto& option : table) {
            CAPTURE(option.name);
            CHECK(names.insert(option.name).second);
            CHECK((option.letter == 0 || letters.insert(option.letter).second));
        }
    }
    CHECK(options_of("delete").empty());
    CHECK(options_of("").empty());
}
