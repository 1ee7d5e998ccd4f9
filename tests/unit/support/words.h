// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::test {

// A command line as main() is given it, out of one text with blanks between the words.
class Words {
public:
    explicit Words(const std::string& line) {
        std::istringstream words(line);
        for (std::string word; words >> word;) {
            words_.push_back(word);
        }
        point();
    }
    explicit Words(std::vector<std::string> words) : words_(std::move(words)) { point(); }
    Words(const Words&) = delete;
    Words& operator=(const Words&) = delete;
    ~Words() = default;

    [[nodiscard]] const std::vector<char*>& pointers() const { return pointers_; }
    [[nodiscard]] std::string_view operator[](std::size_t index) const { return words_[index]; }

private:
    void point() {
        for (auto& word : words_) {
            pointers_.push_back(word.data());
        }
    }

    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

} // namespace bulkhead::test
