// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/node.h"

#include <doctest/doctest.h>
#include <vector>

using namespace bulkhead;
using inventory::Container;
using inventory::Inventory;

namespace {

Inventory with(const std::vector<std::pair<std::string, std::string>>& ids_and_bundles) {
    Inventory inventory;
    for (const auto& [id, bundle] : ids_and_bundles) {
        Container container;
        container.id = id;
        container.bundle = bundle;
        inventory.containers.push_back(container);
    }
    return inventory;
}

// "ID BUNDLE", or the error and how many candidates there are.
std::string find(const Inventory& inventory, const std::string& id, const std::string& bundle = "") {
    std::vector<const Container*> candidates;
    const auto found = cli::find_container(inventory, id, bundle, candidates);
    return found ? (*found)->id + " " + (*found)->bundle : found.error().what + " " + std::to_string(candidates.size());
}

} // namespace

TEST_CASE("a container is found by its id or the beginning of it") {
    const auto inventory = with({{"abc", "/1"}, {"abcd", "/2"}, {"abd", "/3"}, {"x", "/4"}});
    CHECK(find(inventory, "x") == "x /4");
    CHECK(find(inventory, "abcd") == "abcd /2");
    CHECK(find(inventory, "abd") == "abd /3");
    CHECK(find(inventory, "abc") == "abc /1"); // though another one begins with it
    CHECK(find(inventory, "ab") == "\"ab\" is the beginning of several ids; write more of it 3");
    CHECK(find(inventory, "abcde") == "no container \"abcde\" has a receipt here 0");
    CHECK(find(inventory, "") == "no container \"\" has a receipt here 0");
    CHECK(find(inventory, "ab", "/2") == "abcd /2");
    CHECK(find(inventory, "x", "/1") == "no container \"x\" has a receipt here 0");
}

TEST_CASE("a receipt that cannot be read is not none") {
    auto inventory = with({{"abc", "/1"}});
    inventory.problems = {{.name = "containers/x", .reason = "1.json: JSON is not an object"}};
    CHECK(find(inventory, "x") == "containers/x: 1.json: JSON is not an object 0");
    CHECK(find(inventory, "xy") == "no container \"xy\" has a receipt here 0");
}

TEST_CASE("two engines may use one id") {
    const auto inventory = with({{"web1", "/0"}, {"web", "/1"}, {"web", "/2"}});
    CHECK(find(inventory, "web") == "\"web\" is the id of several containers; say which with --bundle 2");
    CHECK(find(inventory, "web", "/2") == "web /2");
    CHECK(find(inventory, "web", "/2/") == "web /2");
    CHECK(find(inventory, "web", "/./x/..//2//") == "web /2");
    CHECK(find(with({{"a", "/x/./1"}, {"a", "/x//2"}}), "a", "/x/2") == "a /x//2"); // as the runtime was given it
    CHECK(find(with({{"a", "/"}}), "a", "/") == "a /");
    CHECK(find(inventory, "web", "/") == "no container \"web\" has a receipt here 0");
}

TEST_CASE("a segment is found by its name, or by its scope and name") {
    Inventory inventory;
    for (const auto* place : {"k8s/a/x", "k8s/b/x", "local/y", "node/x"}) {
        inventory.segments.push_back({.place = *policy::parse_segment_place(place)});
    }
    const auto found = [&](const std::string& name) {
        const auto segment = cli::find_segment(inventory, name);
        return segment ? (*segment)->place.path() : segment.error().what;
    };
    CHECK(found("y") == "local/y");
    CHECK(found("local/y") == "local/y");
    CHECK(found("k8s/b/x") == "k8s/b/x");
    CHECK(found("x") == "\"x\" is the name of several segments: k8s/a/x, k8s/b/x, node/x");
    CHECK(found("z") == "there is no segment \"z\"");
    CHECK(found("") == "there is no segment \"\"");
}
