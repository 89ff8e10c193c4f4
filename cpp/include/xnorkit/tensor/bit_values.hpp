// Elements of a tensor as bit patterns: packing and unpacking need of a dtype no more than that.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xnorkit {

// An element's bit is 1 where its pattern, read as an unsigned number, is in [first, last].
// Negative numbers are such a range in every dtype, NaN and -0.0 outside of it:
//   float32: 0x80000001 ... 0xff800000      int8: 0x80 ... 0xff      bool: 1 ... 0xff
struct BitRange {
  int bytes;  // 1, 2, 4 or 8
  std::uint64_t first, last;

  constexpr bool is_float32() const {
    return bytes == 4 && first == 0x80000001u && last == 0xff800000u;
  }
};

// What stands for a bit 0 and a bit 1.
struct BitValues {
  int bytes;  // 1, 2, 4 or 8
  std::uint64_t zero, one;

  constexpr bool are_float32_signs() const {
    return bytes == 4 && zero == 0x3f800000u && one == 0xbf800000u;
  }
};

// A packed row of n bits takes whole bytes: bit i is bit i % 8 of byte i / 8, filler is 0.
constexpr std::ptrdiff_t bytes_of(std::ptrdiff_t bits) { return (bits + 7) / 8; }

}  // namespace xnorkit
