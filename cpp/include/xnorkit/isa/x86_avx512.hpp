// AVX-512 with VPOPCNTDQ, IFMA and VNNI (Ice Lake, Zen 4 and later): an instruction counts the ones
// of a word.
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

namespace xnorkit::x86_avx512 {
inline bool supported() { return x86_cpu().vpopcntdq && x86_cpu().vnni; }
}  // namespace xnorkit::x86_avx512

XNORKIT_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx512ifma,avx2,fma")
namespace xnorkit::x86_avx512 {

inline constexpr const char* kName = "x86_avx512";

inline constexpr int kWordLanes = 8;
// Blocks of output pixels x vectors of channels, in 32 registers: the fastest of 4x4, 6x2, 8x2,
// 10x2 and 12x1 for words (44 us on 20x51, 64 to 64, 3x3).
inline constexpr int kWordPixels = 6, kWordVectors = 2;
inline constexpr int kFloatPixels = 6, kFloatVectors = 4;

#include "xnorkit/isa/lanes.inl.hpp"

using Counted = Words;  // of WordConv2d
#include "xnorkit/isa/x86_avx512_lanes.inl.hpp"

inline constexpr bool kAskForQuads = false;  // see int8_conv2d.inl.hpp; supported() asks

// Each word's number of ones.
inline constexpr int kCounts = 1 << 30;  // no limit: 2^30 words of one sum are more than a network
XNORKIT_INLINE Words count(Words x) {
  return reinterpret_cast<Words>(_mm512_popcnt_epi64(reinterpret_cast<__m512i>(x)));
}
XNORKIT_INLINE Words total(Words counts) { return counts; }
// 2 * a + b, both below 2^51.
XNORKIT_INLINE Words twice_plus(Words a, Words b) {
  return reinterpret_cast<Words>(_mm512_madd52lo_epu64(
      reinterpret_cast<__m512i>(b), reinterpret_cast<__m512i>(a), _mm512_set1_epi64(2)));
}

// The kernels of a binary convolution here, and which is the fastest.
inline constexpr BinaryKernel kBinaryKernels[] = {BinaryKernel::kCarry,     BinaryKernel::kRows,
                                                  BinaryKernel::kWords,     BinaryKernel::kLut,
                                                  BinaryKernel::kDepthwise, BinaryKernel::kJoined};
constexpr BinaryKernel binary_kernel(const BinaryShape& shape) {
  // 3x3 on 20x51, 16 to 16 takes 4.3 instead of 10.4 us, 70 to 70 52 instead of 74; linear, 7x7x16
  // to 128, 0.2 instead of 0.5.
  if (shape.joins()) return BinaryKernel::kJoined;
  // Where weights come from beyond the L2 cache; 4096 to 4096 takes 32 instead of 43 us, 6144 to
  // 6144 134 instead of 185, 2048 to 2048 (0.5 MB) the same.
  if (shape.one_pixel() && shape.weight_bytes() >= 1 << 20) return BinaryKernel::kRows;
  // On 6x6, 128 to 128, 3x3 words take 4.4 instead of 4.9 us, on 7x7, 512 to 512, 96 instead of 83.
  if (shape.window.output(1).pixels() < 40) return BinaryKernel::kWords;
  // Where there is one pair of words or less, carries gain little: 1x1 on 28x28, 128 to 256,
  // look-up makes 905 products a ns instead of 865, of each other pixel 895 instead of 770, 64 to
  // 64 625 instead of 510; but of every pixel 660 instead of 715, and 192 to 192 915 instead of
  // 1130.
  const bool pair = shape.elements() > kWordBits && shape.elements() <= 2 * kWordBits;
  const bool part = shape.elements() <= kWordBits && shape.window.stride_w > 1;
  return shape.window.taps() == 1 && (pair || part) ? BinaryKernel::kLut : BinaryKernel::kCarry;
}
constexpr LutBlock lut_block(int channels) {
  return channels <= 32 ? LutBlock{32, 1, 4} : LutBlock{64, 1, 4};
}

#include "xnorkit/all_ops.inl.hpp"
#include "xnorkit/shuffle_ops.inl.hpp"
inline namespace kernels {
// CarryConv2d's places and sums.
#include "xnorkit/ops/carry_regions.inl.hpp"
#include "xnorkit/ops/carry_sums.inl.hpp"
#include "xnorkit/ops/carry_conv2d.inl.hpp"
}  // namespace kernels
inline namespace kernels {
#include "xnorkit/tensor/word_tiles.inl.hpp"
#include "xnorkit/tensor/carry_tiles.inl.hpp"
}  // namespace kernels
using Tiles = CarryTiles;
#include "xnorkit/tensor/kernels.inl.hpp"

}  // namespace xnorkit::x86_avx512
XNORKIT_TARGET_END()

#endif  // __x86_64__
