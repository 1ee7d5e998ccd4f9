// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/tar.h"

#include "support/temporary_directory.h"

#include <cstdlib>
#include <doctest/doctest.h>

using namespace bulkhead;

TEST_CASE("an archive that tar(1) takes") {
    const test::TemporaryDirectory directory;
    doctor::Tar tar;
    tar.add_directory("a");
    tar.add_file("a/empty", "", 0644);
    tar.add_file("a/program", std::string(1000, 'x'), 0755);
    tar.add_file("block", std::string(512, 'y'), 0600);
    directory.write("made.tar", tar.text());
    CHECK(tar.text().size() == 9 * 512);
    const auto command = "cd " + directory.path() + " && tar -xf made.tar && tar -tvf made.tar >list 2>&1";
    REQUIRE(std::system(command.c_str()) == 0);
    CHECK(directory.read("a/empty").empty());
    CHECK(directory.read("a/program") == std::string(1000, 'x'));
    CHECK(directory.read("block") == std::string(512, 'y'));
    CHECK(directory.read("list") == "drwxr-xr-x 0/0               0 1970-01-01 00:00 a/\n"
                                    "-rw-r--r-- 0/0               0 1970-01-01 00:00 a/empty\n"
                                    "-rwxr-xr-x 0/0            1000 1970-01-01 00:00 a/program\n"
                                    "-rw------- 0/0             512 1970-01-01 00:00 block\n");
}
