// SPDX-License-Identifier: Apache-2.0
// becomes COMMAND ARG...: what a shim costs at the least.
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc > 1) {
        ::execv(argv[1], argv + 1);
    }
    return 127;
}
