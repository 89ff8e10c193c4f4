// What a fuzz target is made of: LLVMFuzzerTestOneInput, which libFuzzer calls too, and what
// driver.cpp asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace xnorkit::fuzz {

using Bytes = std::vector<char>;

std::vector<Bytes> seeds();
std::string summary();  // how many inputs were what: all refused would mean that nothing was tested

// Ends the program, as a sanitizer does.
inline void require(bool right) {
  if (!right) __builtin_trap();
}

}  // namespace xnorkit::fuzz
