// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/shim.h"

int main(int argc, char** argv) { return bulkhead::shim::run({argv, static_cast<std::size_t>(argc)}); }
