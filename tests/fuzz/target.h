#pragma once

#include <cstddef>
#include <cstdint>

// What libFuzzer calls with each input it makes up, and the replay test with each file of the corpus. A target throws
// std::logic_error, which nobody catches under the fuzzer, when the input shows a mistake of ours.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
