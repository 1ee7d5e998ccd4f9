// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

// With BENCH_JSON in the environment a line is put at the end of that file, as an object that tests/bench/compare
// reads; BENCH is the member "bench" of it, which tells one table from the next. `members` is JSON: what it has
// besides. Names have nothing in them that JSON would escape.
inline void keep_bench_line(const std::string& name, double ratio, const std::string& members) {
    const char* const path = std::getenv("BENCH_JSON");
    const char* const bench = std::getenv("BENCH");
    std::FILE* const file = path != nullptr ? std::fopen(path, "a") : nullptr;
    if (file == nullptr) {
        return;
    }
    std::fprintf(file,
                 R"({"bench":"%s","name":"%s","ratio":%.4f,%s})"
                 "\n",
                 bench != nullptr ? bench : "", name.c_str(), ratio, members.c_str());
    std::fclose(file);
}
