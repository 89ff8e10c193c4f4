// The functions of a path for tensors whose shapes are known at run time; tensor/functions.hpp
// chooses a path and shares the work out among threads.
//
// Products of packed rows with packed filters are computed in tiles, for each pixel (or row) p of a
// chunk and each filter o of a block
//   ones[p][o] = popcount(x[p] ^ w[o])
// over the words that the chunk's runs name. A dot product of n elements is n - 2 * ones.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "xnorkit/bits.hpp"
#include "xnorkit/tensor/bit_values.hpp"

namespace xnorkit {

inline constexpr int kTilePixels = 48, kTileFilters = 64;  // at most, 12 KiB of counts

// The first n bytes of a word, 0 <= n <= 8, lowest first.
inline void store_bytes(std::uint8_t* to, std::uint64_t word, int n) {
  if constexpr (std::endian::native == std::endian::little) {
    if (n == 8) return static_cast<void>(std::memcpy(to, &word, 8));
  }
  for (int i = 0; i < n; ++i) to[i] = static_cast<std::uint8_t>(word >> (8 * i));
}
// n bytes as the low bits of a word.
inline std::uint64_t load_bytes(const std::uint8_t* from, int n) {
  std::uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little) {
    if (n == 8) return static_cast<void>(std::memcpy(&word, from, 8)), word;
  }
  for (int i = 0; i < n; ++i) word |= std::uint64_t{from[i]} << (8 * i);
  return word;
}

// Packed filters, each from a new byte: bits of [tap][length].
struct Filters {
  const std::uint8_t* bits;
  std::ptrdiff_t pitch;  // bytes from a filter to the next
  int taps, length;

  constexpr int words() const { return words_of(length); }  // of a tap
  constexpr int steps() const { return taps * words(); }
  constexpr std::int64_t elements() const { return std::int64_t{taps} * length; }

  // A filter's steps() words, the next one `stride` further. Each tap begins a new word, filler is
  // 0.
  void put_words(std::ptrdiff_t filter, std::uint64_t* to, std::ptrdiff_t stride) const {
    const std::uint8_t* const from = bits + filter * pitch;
    for (int tap = 0; tap < taps; ++tap) {
      std::size_t first = std::size_t(tap) * length;
      int left = length;
      for (; left >= kWordBits && first % 8 == 0; left -= kWordBits, first += kWordBits) {
        *to = load_bytes(from + first / 8, 8);
        to += stride;
      }
      for (; left > 0; left -= kWordBits, first += kWordBits) {
        *to = packed_word(from, first, left < kWordBits ? left : kWordBits);
        to += stride;
      }
    }
  }
};

// n words side by side: from word x after a pixel's place, and from word w of a filter.
struct Run {
  std::int32_t x, w, n;
};

// Neighbouring pixels that meet the same words of a filter.
struct Chunk {
  const std::uint64_t* x;  // place of the first
  std::ptrdiff_t x_pixel;  // words to the next
  int pixels;              // at most kTilePixels
  const Run* runs;
  int run_count;
  std::int64_t elements;  // of a dot product
};

// Where a tile's results go, as reals: (elements - 2 * ones) * scale[o] + bias[o].
struct RealTarget {
  float* y;
  std::ptrdiff_t y_pixel, y_filter;
  const float *scale, *bias;  // or null
};

struct TensorKernels {
  void (*pack_words)(const void* x, std::ptrdiff_t n, BitRange range, std::uint64_t* y);
  // n channels, `plane` elements from one to the next, of `pixels` side by side; y: [pixel][word].
  void (*pack_planes)(const void* x, std::ptrdiff_t plane, int n, int pixels, BitRange range,
                      std::uint64_t* y, std::ptrdiff_t y_pixel);
  void (*pack_bytes)(const void* x, std::ptrdiff_t n, BitRange range, std::uint8_t* y);
  void (*unpack_bytes)(const std::uint8_t* x, std::ptrdiff_t n, BitValues values, void* y);

  // Pixels of a chunk that make good use of caches.
  int (*chunk_pixels)(const Filters& filters);
  // Bytes of a block of kTileFilters filters, and of what prepare() makes of the largest chunk.
  std::size_t (*block_bytes)(const Filters& filters);
  std::size_t (*chunk_bytes)(const Filters& filters);
  // `count` filters from `first` on, as tile() reads them; to: 64 bytes aligned.
  void (*lay_out)(const Filters& filters, std::ptrdiff_t first, int count, void* to);
  void (*prepare)(const Filters& filters, const Chunk& chunk, void* prepared);
  // ones: [pixel][kTileFilters]; of filters from `count` on undefined.
  void (*tile)(const Filters& filters, const Chunk& chunk, const void* prepared, const void* block,
               int count, std::int32_t* ones);
  // The same of filters as they are packed, where the chunk has one run, and whether that is
  // faster: laying filters out takes as long as some rows do.
  void (*row_tile)(const Filters& filters, const Chunk& chunk, std::ptrdiff_t first, int count,
                   std::int32_t* ones);
  bool (*few)(const Filters& filters, std::ptrdiff_t rows);
  void (*put_integers)(const std::int32_t* ones, const Chunk& chunk, int count, std::int32_t* y,
                       std::ptrdiff_t y_pixel);
  void (*put_reals)(const std::int32_t* ones, const Chunk& chunk, int count, RealTarget to);
};

}  // namespace xnorkit
