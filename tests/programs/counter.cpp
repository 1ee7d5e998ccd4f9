// SPDX-License-Identifier: Apache-2.0
//
// counter write PLACE         count up in shared memory until killed
// counter read PLACE TIMES    print TIMES different values of it, each larger than the one before, and end
//
// PLACE is a file, or "shm:/NAME" for shm_open(3). It is mapped either way. With 1 it says what failed, or that nothing
// was counted within 5 seconds.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using Counter = std::atomic<std::uint64_t>;
static_assert(Counter::is_always_lock_free);

int open_place(std::string_view place, int flags) {
    constexpr std::string_view shm = "shm:";
    constexpr mode_t mode = 0666;
    return place.starts_with(shm) ? ::shm_open(std::string(place.substr(shm.size())).c_str(), flags, mode)
                                  : ::open(std::string(place).c_str(), flags, mode);
}

Counter* map(const char* place, bool writable) {
    const int file = open_place(place, writable ? O_RDWR | O_CREAT : O_RDONLY);
    if (file < 0 || (writable && ::ftruncate(file, sizeof(Counter)) != 0)) {
        return nullptr;
    }
    void* memory = ::mmap(nullptr, sizeof(Counter), writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<Counter*>(memory);
}

[[noreturn]] void write_for_ever(Counter& counter) {
    for (;;) {
        counter.fetch_add(1);
        ::usleep(1000);
    }
}

int read_some(const Counter& counter, int times) {
    constexpr int most_tries = 5000;
    std::uint64_t last = 0;
    int tries = most_tries;
    for (; times > 0 && tries > 0; --tries) {
        if (const auto value = counter.load(); value > last) {
            std::printf("%llu\n", static_cast<unsigned long long>(value));
            last = value;
            --times;
        }
        ::usleep(1000);
    }
    return times == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view word = argc > 1 ? argv[1] : "";
    const bool writing = word == "write" && argc == 3;
    const bool reading = word == "read" && argc == 4;
    if (!writing && !reading) {
        std::fputs("usage: counter write PLACE | counter read PLACE TIMES\n", stderr);
        return 2;
    }
    Counter* counter = map(argv[2], writing);
    if (counter == nullptr) {
        std::perror(argv[2]);
        return 1;
    }
    if (writing) {
        write_for_ever(*counter);
    }
    return read_some(*counter, std::atoi(argv[3]));
}
