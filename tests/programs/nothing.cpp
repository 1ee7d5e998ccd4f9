// SPDX-License-Identifier: Apache-2.0
//
// nothing: does nothing. nothing COMMAND ARG...: becomes it. What a hook and a shim cost at the least.
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc > 1) {
        ::execv(argv[1], argv + 1);
        return 127;
    }
    return 0;
}
