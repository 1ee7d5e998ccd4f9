// SPDX-License-Identifier: Apache-2.0
//
// escape32 DIRECTORY: what `escape` tries first, as a 32-bit program, by both entries that such a program has: int
// 0x80, and what the kernel's own page of code uses (sysenter or syscall).
//
// "32-bit: WAY: " and the errno's number, or DONE; 0 where none got through, 1 where one did, 2 where it could not be
// tried. There is no 32-bit C library where this is built, so it uses none.

namespace {

using Call = int (*)(int number, int first, int second, int third, int fourth, int fifth);

constexpr int number_of_exit = 1;
constexpr int number_of_write = 4;
constexpr int number_of_open = 5;
constexpr int number_of_ioctl = 54;
constexpr int number_of_file_setattr = 469;

int by_interrupt(int number, int first, int second, int third, int fourth, int fifth) {
    int result = number; // NOLINT(misc-const-correctness): the assembler writes to it
    asm volatile("int $0x80"
                 : "+a"(result)
                 : "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(fifth)
                 : "memory", "cc");
    return result;
}

unsigned long kernel_page = 0; // AT_SYSINFO

int by_kernel_page(int number, int first, int second, int third, int fourth, int fifth) {
    int result = number; // NOLINT(misc-const-correctness): the assembler writes to it
    asm volatile("call *%[page]"
                 : "+a"(result)
                 : [page] "m"(kernel_page), "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(fifth)
                 : "memory", "cc");
    return result;
}

int word(const void* pointer) { return static_cast<int>(reinterpret_cast<unsigned long>(pointer)); }

// --- Output
// -----------------------------------------------------------------------------------------------------------

char line[256];
unsigned used = 0;

void add(const char* text) {
    while (*text != 0 && used < sizeof line) {
        line[used++] = *text++;
    }
}

void add_number(int number) {
    char digits[12];
    unsigned at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = static_cast<char>('0' + (number % 10));
        number /= 10;
    } while (number > 0);
    add(digits + at);
}

bool note(const char* way, const char* entry, int result) {
    used = 0;
    add("32-bit: ");
    add(way);
    add(entry);
    if (result >= 0) {
        add(": DONE");
    } else {
        add(": error ");
        add_number(-result);
    }
    add("\n");
    by_interrupt(number_of_write, 1, word(line), static_cast<int>(used), 0, 0);
    return result >= 0;
}

// --- Attempts
// ----------------------------------------------------------------------------------------------------------

constexpr unsigned fs_getxattr = 0x801c581f;
constexpr unsigned fs_setxattr = 0x401c5820;
constexpr unsigned get_flags = 0x80046601; // FS_IOC32_GETFLAGS
constexpr unsigned set_flags = 0x40046602; // FS_IOC32_SETFLAGS, and FS_IOC_SETFLAGS of a 32-bit program
constexpr unsigned set_flags_64 = 0x40086602;
constexpr unsigned xflag_inherit = 0x200; // FS_XFLAG_PROJINHERIT
constexpr unsigned flag_inherit = 0x20000000;
constexpr unsigned another_id = 424242;

unsigned attributes[8];

// Another label than there is: none, or one where there is none.
unsigned changed_attributes(int file) {
    by_interrupt(number_of_ioctl, file, static_cast<int>(fs_getxattr), word(attributes), 0, 0);
    const bool none = attributes[3] == 0;
    attributes[0] = none ? attributes[0] | xflag_inherit : attributes[0] & ~xflag_inherit;
    attributes[3] = none ? another_id : 0;
    return attributes[3];
}

bool try_entry(Call call, const char* entry, int file, const char* path) {
    changed_attributes(file);
    bool done =
        note("FSSETXATTR", entry, call(number_of_ioctl, file, static_cast<int>(fs_setxattr), word(attributes), 0, 0));
    constexpr unsigned requests[] = {set_flags, set_flags_64};
    for (const unsigned request : requests) {
        unsigned flags[2] = {0, 0};
        by_interrupt(number_of_ioctl, file, static_cast<int>(get_flags), word(flags), 0, 0);
        flags[0] ^= flag_inherit;
        done |= note(request == set_flags ? "SETFLAGS" : "SETFLAGS of 64 bits", entry,
                     call(number_of_ioctl, file, static_cast<int>(request), word(flags), 0, 0));
    }
    unsigned file_attributes[6] = {0, 0, 0, 0, changed_attributes(file), 0};
    constexpr int current_directory = -100; // AT_FDCWD
    done |= note("file_setattr", entry,
                 call(number_of_file_setattr, current_directory, word(path), word(file_attributes), 24, 0));
    return done;
}

int run(int argc, char** argv, char** environment) {
    while (*environment != nullptr) {
        ++environment;
    }
    constexpr unsigned long at_sysinfo = 32;
    for (const auto* pair = reinterpret_cast<unsigned long*>(environment + 1); pair[0] != 0; pair += 2) {
        kernel_page = pair[0] == at_sysinfo ? pair[1] : kernel_page;
    }
    const int file = argc == 2 ? by_interrupt(number_of_open, word(argv[1]), 0, 0, 0, 0) : -1;
    if (file < 0) {
        return 2;
    }
    bool done = try_entry(by_interrupt, " by int 0x80", file, argv[1]);
    if (kernel_page != 0) {
        done |= try_entry(by_kernel_page, " by the kernel's page", file, argv[1]);
    }
    return done ? 1 : 0;
}

} // namespace

extern "C" [[noreturn]] void begin(char** stack) {
    const int argc = static_cast<int>(reinterpret_cast<unsigned long>(stack[0]));
    const int status = run(argc, stack + 1, stack + argc + 2);
    for (;;) {
        by_interrupt(number_of_exit, status, 0, 0, 0, 0);
    }
}

asm(".globl _start\n"
    "_start:\n"
    "  mov %esp, %eax\n"
    "  and $-16, %esp\n"
    "  sub $12, %esp\n"
    "  push %eax\n"
    "  call begin\n");
