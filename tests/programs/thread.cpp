// SPDX-License-Identifier: Apache-2.0
//
// thread: prints the number of a second thread of its own, and waits until it is killed.
#include <cstdio>
#include <thread>
#include <unistd.h>

int main() {
    const std::thread second([] {
        std::printf("%d\n", ::gettid());
        std::fflush(stdout);
        ::pause();
    });
    ::pause();
}
