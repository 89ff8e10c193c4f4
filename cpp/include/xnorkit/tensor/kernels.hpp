// The functions of a path for tensors whose shapes are known at run time; tensor/functions.hpp
// chooses a path and shares the work out among threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "xnorkit/tensor/bit_values.hpp"

namespace xnorkit {

struct TensorKernels {
  void (*pack_bytes)(const void* x, std::ptrdiff_t n, BitRange range, std::uint8_t* y);
  void (*unpack_bytes)(const std::uint8_t* x, std::ptrdiff_t n, BitValues values, void* y);
};

// The first n bytes of a word, 0 <= n <= 8, lowest first.
inline void store_bytes(std::uint8_t* to, std::uint64_t word, int n) {
  for (int i = 0; i < n; ++i) to[i] = static_cast<std::uint8_t>(word >> (8 * i));
}
// n bytes as the low bits of a word.
inline std::uint64_t load_bytes(const std::uint8_t* from, int n) {
  std::uint64_t word = 0;
  for (int i = 0; i < n; ++i) word |= std::uint64_t{from[i]} << (8 * i);
  return word;
}

}  // namespace xnorkit
