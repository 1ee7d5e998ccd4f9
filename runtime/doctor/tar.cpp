// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/tar.h"

#include <array>
#include <cstdio>

namespace bulkhead::doctor {

namespace {

constexpr std::size_t block = 512;

// Where in a header each field is, and how long.
struct Field {
    std::size_t begin;
    std::size_t size;
};
constexpr Field name_field{.begin = 0, .size = 100};
constexpr Field mode_field{.begin = 100, .size = 8};
constexpr Field owner_field{.begin = 108, .size = 8};
constexpr Field group_field{.begin = 116, .size = 8};
constexpr Field size_field{.begin = 124, .size = 12};
constexpr Field time_field{.begin = 136, .size = 12};
constexpr Field checksum_field{.begin = 148, .size = 8};
constexpr Field type_field{.begin = 156, .size = 1};
constexpr Field magic_field{.begin = 257, .size = 8};

class Header {
public:
    void set(const Field& field, std::string_view value) { text_.replace(field.begin, value.size(), value); }
    void set_number(const Field& field, std::size_t value) {
        std::array<char, 24> digits{};
        const int width = static_cast<int>(field.size) - 1;
        std::snprintf(digits.data(), digits.size(), "%0*zo", width, value);
        set(field, digits.data());
    }
    // The sum of all bytes, its own being blanks.
    [[nodiscard]] std::string finished() {
        set(checksum_field, std::string(checksum_field.size, ' '));
        std::size_t sum = 0;
        for (const char each : text_) {
            sum += static_cast<unsigned char>(each);
        }
        set_number({.begin = checksum_field.begin, .size = checksum_field.size - 1}, sum);
        text_[checksum_field.begin + checksum_field.size - 2] = '\0';
        return text_;
    }

private:
    std::string text_ = std::string(block, '\0');
};

} // namespace

void Tar::add_header(std::string_view name, std::size_t size, unsigned mode, char type) {
    Header header;
    header.set(name_field, name.substr(0, name_field.size - 1));
    header.set_number(mode_field, mode);
    header.set_number(owner_field, 0);
    header.set_number(group_field, 0);
    header.set_number(size_field, size);
    header.set_number(time_field, 0);
    header.set(type_field, std::string_view(&type, 1));
    header.set(magic_field, std::string_view("ustar\00000", magic_field.size));
    text_.append(header.finished());
}

void Tar::add_directory(std::string_view name) { add_header(std::string(name) + "/", 0, 0755, '5'); }

void Tar::add_file(std::string_view name, std::string_view content, unsigned mode) {
    add_header(name, content.size(), mode, '0');
    text_.append(content);
    text_.append((block - content.size() % block) % block, '\0');
}

std::string Tar::text() const { return text_ + std::string(2 * block, '\0'); }

} // namespace bulkhead::doctor
