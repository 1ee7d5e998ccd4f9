// SPDX-License-Identifier: Apache-2.0
// What a hook, or a runtime, costs at the least.
int main() { return 0; }
