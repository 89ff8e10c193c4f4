// AVX2 and FMA.
#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <type_traits>
#include <utility>

#include "xnorkit/audio/log_mel.hpp"
#include "xnorkit/bits.hpp"
#include "xnorkit/isa/x86_cpu.hpp"
#include "xnorkit/loader.hpp"
#include "xnorkit/nibble_tables.hpp"
#include "xnorkit/region.hpp"
#include "xnorkit/shape.hpp"
#include "xnorkit/tags.hpp"
#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/work.hpp"

namespace xnorkit::x86_avx2 {
inline bool supported() { return x86_cpu().avx2; }
}  // namespace xnorkit::x86_avx2

XNORKIT_TARGET_BEGIN("avx2,fma")
namespace xnorkit::x86_avx2 {

inline constexpr const char* kName = "x86_avx2";

inline constexpr int kWordLanes = 4;
// Blocks of output pixels x vectors of channels, in 16 registers: the fastest of 2x4, 3x2, 4x2, 5x2
// and 6x1 for words (136 us on 20x51, 64 to 64, 3x3; 4x2 spills and takes 150).
inline constexpr int kWordPixels = 3, kWordVectors = 2;
inline constexpr int kFloatPixels = 6, kFloatVectors = 2;

inline constexpr bool kLoadBroadcasts = true;  // a load may broadcast

#include "xnorkit/isa/lanes.inl.hpp"

using Counted = Words;  // of WordConv2d
#include "xnorkit/isa/carry_lanes.inl.hpp"
#include "xnorkit/isa/x86_ymm_bytes.inl.hpp"
#include "xnorkit/isa/nibble_counts.inl.hpp"

// Each word's sum of bytes.
XNORKIT_INLINE Words total(Words counts) {
  return reinterpret_cast<Words>(
      _mm256_sad_epu8(reinterpret_cast<__m256i>(counts), _mm256_setzero_si256()));
}

// Bit l = a[l] < b[l], as signed numbers.
XNORKIT_INLINE std::uint32_t less(Words a, Words b) {
  const __m256i mask =
      _mm256_cmpgt_epi64(reinterpret_cast<__m256i>(b), reinterpret_cast<__m256i>(a));
  return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(mask)));
}
XNORKIT_INLINE std::uint32_t less(Floats a, Floats b) {
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)));
}

// The same bits, written.
XNORKIT_INLINE void store_less(std::uint8_t* to, Floats a, Floats b) {
  const std::uint32_t bits = less(a, b);
  *to = static_cast<std::uint8_t>(bits);
}

XNORKIT_INLINE Floats larger(Floats a, Floats b) { return _mm256_max_ps(a, b); }
XNORKIT_INLINE Floats smaller(Floats a, Floats b) { return _mm256_min_ps(a, b); }

// a * b + c, where speed chooses the number of roundings.
XNORKIT_INLINE Floats multiply_add(Floats a, Floats b, Floats c) {
  return _mm256_fmadd_ps(a, b, c);
}
// a * b + c with one rounding.
XNORKIT_INLINE Floats multiply_add_exact(Floats a, Floats b, Floats c) {
  return _mm256_fmadd_ps(a, b, c);
}
// c + the products of the low and of the high int16 of each lane.
XNORKIT_INLINE Ints multiply_pairs(Ints a, Ints b, Ints c) {
  return c + reinterpret_cast<Ints>(
                 _mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}

// Lane l is -1 where bit l is set, else 1; higher bits are left out.
inline constexpr SignRows<kFloatLanes> kSigns;
XNORKIT_INLINE Floats unit_signs(std::uint32_t bits) {
  return load_vector<Floats>(kSigns.rows[bits % (1u << kFloatLanes)]);
}

// The kernels of a binary convolution here, and which is the fastest.
inline constexpr BinaryKernel kBinaryKernels[] = {BinaryKernel::kWords, BinaryKernel::kRows,
                                                  BinaryKernel::kLut, BinaryKernel::kDepthwise,
                                                  BinaryKernel::kJoined};
constexpr BinaryKernel binary_kernel(const BinaryShape& shape) {
  // Linear, 7x7x16 to 128, takes 0.45 instead of 0.55 us, 7x7x8 to 10 0.1 instead of 0.3.
  if (shape.one_pixel() && shape.joins()) return BinaryKernel::kJoined;
  // 3x3 on 20x51, 64 to 16 takes 36 instead of 40 us, 16 to 8 7.4 instead of 14.5; 16 to 16 15.5
  // instead of 14.5.
  if (words_are_faster(shape, 6)) {
    return shape.joins() ? BinaryKernel::kJoined : BinaryKernel::kWords;
  }
  // Of long filters: 7x7x64 to 128 takes 1.35 instead of 1.43 us (clang 1.36, 1.6), 6144 to 6144
  // 193 instead of 200; but 2048 to 2048 16.3 instead of 15.3.
  if (shape.one_pixel() && shape.elements() >= 3072) return BinaryKernel::kRows;
  return shape.window.out_w > 1 ? BinaryKernel::kLut : BinaryKernel::kWords;
}
constexpr LutBlock lut_block(int channels) {
  return channels <= 32 ? LutBlock{32, 1, 2} : LutBlock{32, 2, 1};
}

// See bwn_sums.inl.hpp. Bit 3 says that the sum is the negative of that of the other bits.
class SumChoice {
 public:
  static constexpr int kPixels = 4, kVectors = 2;  // of a block

  SumChoice() = default;
  XNORKIT_INLINE explicit SumChoice(Ints bits)
      : place_(reinterpret_cast<__m256i>(bits)),
        sign_(reinterpret_cast<Floats>(((bits << 28) & INT32_MIN) | kOne)) {}

  static unsigned code(unsigned negative) { return negative < 8 ? negative : negative ^ 7; }

  XNORKIT_INLINE Floats added(Floats sums, Floats table) const {
    return multiply_add(_mm256_permutevar8x32_ps(table, place_), sign_, sums);
  }

 private:
  static constexpr std::int32_t kOne = 0x3f800000;  // bits of 1.0f

  __m256i place_;
  Floats sign_;
};

using Uint8Quads = void;  // no instruction sums four products of bytes
inline constexpr bool kAskForQuads = false;

#include "xnorkit/all_ops.inl.hpp"
#include "xnorkit/shuffle_ops.inl.hpp"
inline namespace kernels {
#include "xnorkit/tensor/word_tiles.inl.hpp"
#include "xnorkit/tensor/pair_tiles.inl.hpp"
}  // namespace kernels
using Tiles = PairTiles;
#include "xnorkit/tensor/kernels.inl.hpp"

}  // namespace xnorkit::x86_avx2
XNORKIT_TARGET_END()

#endif  // __x86_64__
