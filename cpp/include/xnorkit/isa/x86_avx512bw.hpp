// AVX-512 without VPOPCNTDQ (Skylake-X, Cascade Lake): F, BW, DQ and VL.
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

namespace xnorkit::x86_avx512bw {
inline bool supported() { return x86_cpu().avx512; }
}  // namespace xnorkit::x86_avx512bw

XNORKIT_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
namespace xnorkit::x86_avx512bw {

inline constexpr const char* kName = "x86_avx512bw";

inline constexpr int kWordLanes = 8;
// Blocks of output pixels x vectors of channels, in 32 registers: the fastest of 4x4, 6x2, 8x2,
// 10x2 and 12x1 for words (44 us on 20x51, 64 to 64, 3x3).
inline constexpr int kWordPixels = 6, kWordVectors = 2;
inline constexpr int kFloatPixels = 6, kFloatVectors = 4;

#include "xnorkit/isa/lanes.inl.hpp"

using Counted = Words;  // of WordConv2d
#include "xnorkit/isa/x86_avx512_lanes.inl.hpp"
#include "xnorkit/isa/nibble_counts.inl.hpp"

inline constexpr bool kAskForQuads = true;  // see int8_conv2d.inl.hpp; Cascade Lake has them

// 2 * a + b
XNORKIT_INLINE Words twice_plus(Words a, Words b) { return a + a + b; }
// Each word's sum of bytes.
XNORKIT_INLINE Words total(Words counts) {
  return reinterpret_cast<Words>(
      _mm512_sad_epu8(reinterpret_cast<__m512i>(counts), _mm512_setzero_si512()));
}

// The kernels of a binary convolution here, and which is the fastest.
inline constexpr BinaryKernel kBinaryKernels[] = {BinaryKernel::kWords, BinaryKernel::kRows,
                                                  BinaryKernel::kLut, BinaryKernel::kDepthwise,
                                                  BinaryKernel::kJoined};
constexpr BinaryKernel binary_kernel(const BinaryShape& shape) {
  // Linear, 7x7x16 to 128, takes 0.3 instead of 0.8 us, 7x7x70 to 64 0.5 instead of 0.6.
  if (shape.one_pixel() && shape.joins()) return BinaryKernel::kJoined;
  // 3x3 on 20x51, 64 to 16 takes 27 instead of 33 us, 16 to 8 5.4 instead of 12.1.
  if (words_are_faster(shape, 5)) {
    return shape.joins() ? BinaryKernel::kJoined : BinaryKernel::kWords;
  }
  // From about 16 words of a filter on: 1024 to 1024 takes 1.9 instead of 2.7 us, 6144 to 6144 140
  // instead of 170, 640 to 100 0.21 instead of 0.22.
  if (shape.one_pixel() && shape.elements() >= 1024) return BinaryKernel::kRows;
  return shape.window.out_w > 1 ? BinaryKernel::kLut : BinaryKernel::kWords;
}
constexpr LutBlock lut_block(int channels) {
  return channels <= 32 ? LutBlock{32, 1, 4} : LutBlock{64, 1, 4};
}

#include "xnorkit/all_ops.inl.hpp"
#include "xnorkit/shuffle_ops.inl.hpp"
inline namespace kernels {
#include "xnorkit/tensor/word_tiles.inl.hpp"
#include "xnorkit/tensor/pair_tiles.inl.hpp"
}  // namespace kernels
using Tiles = PairTiles;
#include "xnorkit/tensor/kernels.inl.hpp"

}  // namespace xnorkit::x86_avx512bw
XNORKIT_TARGET_END()

#endif  // __x86_64__
