// SPDX-License-Identifier: Apache-2.0
// What a hook, or a runtime, costs at the least. With an argument it reads its input, as crun dies of a hook that
// leaves it.
#include <array>
#include <unistd.h>

int main(int argc, char**) {
    std::array<char, 4096> input; // NOLINT(cppcoreguidelines-pro-type-member-init): nobody reads it
    while (argc > 1 && ::read(STDIN_FILENO, input.data(), input.size()) > 0) {
    }
}
