// SPDX-License-Identifier: Apache-2.0
// File descriptors with an owner. No raw int descriptor crosses a function signature outside runtime/sys.
#pragma once

#include <utility>

namespace bulkhead {

// A descriptor that somebody else keeps open for as long as this value is used. Never closes.
class BorrowedFd {
public:
    constexpr explicit BorrowedFd(int number) : number_(number) {}

    [[nodiscard]] constexpr int number() const { return number_; }

private:
    int number_;
};

// Owns a descriptor and closes it once. errno survives the closing, and close() is never retried: on Linux the number
// is free after EINTR too, and may be another thread's by then (close(2)).
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int number) : number_(number) {}

    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;

    UniqueFd(UniqueFd&& other) noexcept : number_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        UniqueFd moved(std::move(other));
        std::swap(number_, moved.number_);
        return *this;
    }

    ~UniqueFd() { reset(); }

    [[nodiscard]] bool valid() const { return number_ >= 0; }
    [[nodiscard]] BorrowedFd borrow() const& { return BorrowedFd(number_); }
    BorrowedFd borrow() && = delete; // it would dangle

    // Gives up ownership: the caller closes it.
    [[nodiscard]] int release() { return std::exchange(number_, -1); }
    void reset();

private:
    int number_ = -1;
};

} // namespace bulkhead
