// SPDX-License-Identifier: Apache-2.0
//
// instructions PROFILE INPUT COMMAND ARG...
//
// Runs COMMAND one instruction at a time and prints "INSTRUCTIONS CALLS": how many of its own it took to the end, or to
// where it becomes another program, and how many of them were system calls. Processes that it forks count as well, what
// the kernel does in a call does not. It is the same on a machine under load, and needs neither counters of the
// processor, which a virtual machine may not have, nor an emulator, which knows not every call that we make.
//
// PROFILE gets a line "ADDRESS COUNT" for each instruction, the address as nm prints it. A program that is linked
// dynamically has its counts right and its addresses wrong.
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <elf.h>
#include <fcntl.h>
#include <string>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unordered_map>

namespace {

using Address = std::uint64_t;

struct Place {
    std::uint64_t count = 0;
    bool calls = false;
};

struct Counts {
    std::unordered_map<Address, Place> places;
    std::unordered_map<pid_t, Address> last;
    std::uint64_t instructions = 0;
    std::uint64_t calls = 0;
};

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(2);
}

long ask(__ptrace_request what, pid_t process, std::uintptr_t address, std::uintptr_t data) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): it is how ptrace has them
    return ::ptrace(what, process, reinterpret_cast<void*>(address), reinterpret_cast<void*>(data));
}

[[noreturn]] void become(char** words, const char* input) {
    ::personality(ADDR_NO_RANDOMIZE);
    ::dup2(::open(input, O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    ask(PTRACE_TRACEME, 0, 0, 0);
    ::execv(words[0], words);
    ::_exit(127);
}

Address next_of(pid_t process) {
    return static_cast<Address>(ask(PTRACE_PEEKUSER, process, offsetof(user, regs.rip), 0));
}

bool is_call(pid_t process, Address address) {
    return (ask(PTRACE_PEEKTEXT, process, address, 0) & 0xffff) == 0x050f; // syscall
}

// What comes next. An instruction that repeats itself, as memcpy's, stops each time round, and is one.
void count(Counts& counts, pid_t process) {
    const auto address = next_of(process);
    auto& last = counts.last[process];
    if (last == address) {
        return;
    }
    last = address;
    auto& place = counts.places[address];
    if (place.count == 0) {
        place.calls = is_call(process, address);
    }
    ++place.count;
    ++counts.instructions;
    counts.calls += place.calls ? 1 : 0;
}

// One stop of one process: on with it, but not into another program.
void step(Counts& counts, pid_t process, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_EXEC) {
        ask(PTRACE_DETACH, process, 0, 0);
        return;
    }
    const bool ours = event != 0 || signal == SIGTRAP || signal == SIGSTOP;
    if (event == 0 && ours) {
        count(counts, process);
    }
    ask(PTRACE_SINGLESTEP, process, 0, ours ? 0 : static_cast<std::uintptr_t>(signal));
}

void follow(Counts& counts, pid_t command) {
    int status = 0;
    for (pid_t process = 0; (process = ::waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFSTOPPED(status)) {
            step(counts, process, status);
        } else if (process == command && status != 0) {
            std::fprintf(stderr, "instructions: the command failed with %d\n", WEXITSTATUS(status));
            std::exit(2);
        }
    }
}

// How far from where it was linked for it was loaded: it stands at its first instruction.
Address moved_by(pid_t process) {
    Elf64_Ehdr header{};
    const int file = ::open(("/proc/" + std::to_string(process) + "/exe").c_str(), O_RDONLY | O_CLOEXEC);
    if (::read(file, &header, sizeof header) != sizeof header) {
        die("its ELF header");
    }
    ::close(file);
    return next_of(process) - header.e_entry;
}

void write_profile(const char* path, const Counts& counts, Address moved) {
    std::FILE* const file = std::fopen(path, "w");
    if (file == nullptr) {
        die(path);
    }
    for (const auto& [address, place] : counts.places) {
        std::fprintf(file, "%016lx %lu\n", address - moved, place.count);
    }
    std::fclose(file);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fputs("usage: instructions PROFILE INPUT COMMAND ARG...\n", stderr);
        return 2;
    }
    const pid_t command = ::fork();
    if (command == 0) {
        become(argv + 3, argv[2]);
    }
    int status = 0;
    if (::waitpid(command, &status, 0) != command || !WIFSTOPPED(status)) {
        die(argv[3]);
    }
    ask(PTRACE_SETOPTIONS, command, 0,
        PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE);
    const auto moved = moved_by(command);
    Counts counts;
    count(counts, command);
    ask(PTRACE_SINGLESTEP, command, 0, 0);
    follow(counts, command);
    write_profile(argv[1], counts, moved);
    std::printf("%lu %lu\n", counts.instructions, counts.calls);
}
