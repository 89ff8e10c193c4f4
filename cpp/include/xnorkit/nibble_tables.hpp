// What LutConv2d looks up: the ones of two pixels' nibbles against every nibble of a weight.
#pragma once

#include <bit>
#include <cstdint>

namespace xnorkit {

// Row x + 17 * y, where x and y are nibbles of two pixels, or 16 for one that is not there:
//   byte w = ones(x ^ w) + 16 * ones(y ^ w)      0 <= w < 16; no ones where x or y is 16
struct NibbleTables {
  constexpr NibbleTables() : rows() {
    for (unsigned y = 0; y < 17; ++y) {
      for (unsigned x = 0; x < 17; ++x) {
        for (unsigned w = 0; w < 16; ++w) {
          rows[x + 17 * y][w] = static_cast<std::uint8_t>(ones(x, w) + 16 * ones(y, w));
        }
      }
    }
  }

  static constexpr int ones(unsigned x, unsigned w) { return x < 16 ? std::popcount(x ^ w) : 0; }

  alignas(64) std::uint8_t rows[17 * 17][16];
};

inline constexpr NibbleTables kNibbleTables;

}  // namespace xnorkit
