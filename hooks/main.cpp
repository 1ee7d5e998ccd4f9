// SPDX-License-Identifier: Apache-2.0
#include "hooks/hook.h"

int main(int argc, char** argv) { return bulkhead::hook::run({argv, static_cast<std::size_t>(argc)}); }
