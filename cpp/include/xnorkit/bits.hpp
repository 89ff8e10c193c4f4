// Packed signs: bit 1 = negative, bit 0 = positive or zero, filler bits 0.
//
// Channel i of a pixel is bit i % 64 of word i / 64. A dot product of true length K is
//   K - 2 * popcount(a ^ b),
// filler included, because filler is equal on both sides.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xnorkit {

inline constexpr int kWordBits = 64;

constexpr int words_of(int channels) { return (channels + kWordBits - 1) / kWordBits; }

// The n lowest bits set, 0 <= n <= 64: what a word holds that is not filler.
constexpr std::uint64_t low_bits(int n) {
  return n >= kWordBits ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
}

// The bits of the real channels in word `word` of a pixel of `channels`.
constexpr std::uint64_t real_bits(int channels, int word) {
  const int left = channels - word * kWordBits;
  return left <= 0 ? 0 : low_bits(left);
}

// Bit i of a packed tensor of model.xnor: bit i % 8 of byte i / 8.
inline std::uint64_t packed_bit(const std::uint8_t* packed, std::size_t i) {
  return (packed[i / 8] >> (i % 8)) & 1u;
}

// Bits [first, first + n) of a packed tensor, 0 < n <= 64, as the low bits of one word.
inline std::uint64_t packed_word(const std::uint8_t* packed, std::size_t first, int n) {
  const std::size_t begin = first / 8, end = (first + n + 7) / 8;
  const int shift = static_cast<int>(first % 8);
  std::uint64_t bits = packed[begin] >> shift;
  for (std::size_t byte = begin + 1; byte < end; ++byte) {
    bits |= std::uint64_t{packed[byte]} << (8 * (byte - begin) - shift);
  }
  return bits & low_bits(n);
}

// Bits [first, first + n) of a row of words, n <= 64, as the low bits of one word.
inline std::uint64_t take_bits(const std::uint64_t* words, int first, int n) {
  const int at = first / kWordBits, shift = first % kWordBits;
  std::uint64_t bits = words[at] >> shift;
  // The next word is read only where it holds a wanted bit: it may lie past the row's end.
  if (shift + n > kWordBits) bits |= words[at + 1] << (kWordBits - shift);
  return bits & low_bits(n);
}

}  // namespace xnorkit
