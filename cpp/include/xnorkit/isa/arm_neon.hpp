// NEON of 64-bit ARM, which each such CPU has: an instruction counts the ones of bytes.
#pragma once

#if defined(__aarch64__)

#include <arm_neon.h>

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
#include "xnorkit/loader.hpp"
#include "xnorkit/nibble_tables.hpp"
#include "xnorkit/region.hpp"
#include "xnorkit/shape.hpp"
#include "xnorkit/tags.hpp"
#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/work.hpp"

namespace xnorkit::arm_neon {

inline constexpr const char* kName = "arm_neon";
inline bool supported() { return true; }

inline constexpr int kWordLanes = 2;
// Blocks of output pixels x vectors of channels, by the 32 registers: sums, a vector of weights for
// each V, an input and two temporaries. Not timed on an ARM CPU.
inline constexpr int kWordPixels = 4, kWordVectors = 4;
inline constexpr int kFloatPixels = 5, kFloatVectors = 4;

inline constexpr bool kLoadBroadcasts = false;  // but one element of a register multiplies others

#include "xnorkit/isa/lanes.inl.hpp"
#include "xnorkit/isa/carry_lanes.inl.hpp"

using Counted = Words;  // of WordConv2d

// Each byte's number of ones, so at most kCounts results may be added before total().
inline constexpr int kCounts = 31;  // 31 * 8 = 248, the last that fits a byte
XNORKIT_INLINE Words count(Words x) {
  return reinterpret_cast<Words>(vcntq_u8(reinterpret_cast<uint8x16_t>(x)));
}
// Each word's sum of bytes.
XNORKIT_INLINE Words total(Words counts) {
  return reinterpret_cast<Words>(
      vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(reinterpret_cast<uint8x16_t>(counts)))));
}

// Bit l = a[l] < b[l], as signed numbers.
XNORKIT_INLINE std::uint32_t less(Words a, Words b) {
  const uint64x2_t mask = vcltq_s64(reinterpret_cast<int64x2_t>(a), reinterpret_cast<int64x2_t>(b));
  return static_cast<std::uint32_t>(vaddvq_u64(vandq_u64(mask, uint64x2_t{1, 2})));
}
XNORKIT_INLINE std::uint32_t less(Floats a, Floats b) {
  const uint32x4_t mask =
      vcltq_f32(reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b));
  return vaddvq_u32(vandq_u32(mask, uint32x4_t{1, 2, 4, 8}));
}

// a * b + c with one rounding, which is also the fastest.
XNORKIT_INLINE Floats multiply_add_exact(Floats a, Floats b, Floats c) {
  return reinterpret_cast<Floats>(vfmaq_f32(reinterpret_cast<float32x4_t>(c),
                                            reinterpret_cast<float32x4_t>(a),
                                            reinterpret_cast<float32x4_t>(b)));
}
XNORKIT_INLINE Floats multiply_add(Floats a, Floats b, Floats c) {
  return multiply_add_exact(a, b, c);
}
// c + the products of the low and of the high int16 of each lane.
XNORKIT_INLINE Ints multiply_pairs(Ints a, Ints b, Ints c) {
  const int16x8_t x = reinterpret_cast<int16x8_t>(a), y = reinterpret_cast<int16x8_t>(b);
  const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
  return c + reinterpret_cast<Ints>(vpaddq_s32(low, vmull_high_s16(x, y)));
}

// Lane l is -1 where bit l is set, else 1; higher bits are left out.
XNORKIT_INLINE Floats unit_signs(std::uint32_t bits) {
  const uint32x4_t set = vtstq_u32(vdupq_n_u32(bits), uint32x4_t{1, 2, 4, 8});
  const uint32x4_t one = vdupq_n_u32(0x3f800000u);  // of 1.0f
  return reinterpret_cast<Floats>(vorrq_u32(vshlq_n_u32(set, 31), one));
}

using SumChoice = void;  // a vector has but 4 of the 16 sums of BwnSums

using Uint8Quads = void;  // sums of four products of bytes are an extension
inline constexpr bool kAskForQuads = false;

// Makes the compiler have a vector's value in a register here.
template <class Vector>
XNORKIT_INLINE void pin(Vector& vector) {
  asm("" : "+w"(vector));
}
// The bytes of a word.
XNORKIT_INLINE EightInts widen(std::uint64_t bytes) {
  const uint16x8_t shorts = vmovl_u8(vcreate_u8(bytes));
  const uint32x4_t halves[2] = {vmovl_u16(vget_low_u16(shorts)), vmovl_high_u16(shorts)};
  return load_vector<EightInts>(halves);
}
// 16 bytes.
XNORKIT_INLINE void broadcast_row(const std::uint8_t* row, Bytes<16>* to) {
  *to = load_vector<Bytes<16>>(row);
}
// row[index] of each byte, 0 <= index < 16.
XNORKIT_INLINE Bytes<16> look_up(Bytes<16> row, Bytes<16> index) {
  return reinterpret_cast<Bytes<16>>(
      vqtbl1q_u8(reinterpret_cast<uint8x16_t>(row), reinterpret_cast<uint8x16_t>(index)));
}
// (a + b + 1) / 2
XNORKIT_INLINE Bytes<16> average(Bytes<16> a, Bytes<16> b) {
  return reinterpret_cast<Bytes<16>>(
      vrhaddq_u8(reinterpret_cast<uint8x16_t>(a), reinterpret_cast<uint8x16_t>(b)));
}
// Bit l = a[l] >= bounds[l], bit 8 + l = b[l] >= bounds[8 + l].
XNORKIT_INLINE std::uint64_t at_least(Shorts<16> a, Shorts<16> b, const std::uint16_t* bounds) {
  const uint16x8_t bits = {1, 2, 4, 8, 16, 32, 64, 128};
  const uint16x8_t x = vcgeq_u16(reinterpret_cast<uint16x8_t>(a), vld1q_u16(bounds));
  const uint16x8_t y = vcgeq_u16(reinterpret_cast<uint16x8_t>(b), vld1q_u16(bounds + 8));
  const std::uint32_t low = vaddvq_u16(vandq_u16(x, bits)), high = vaddvq_u16(vandq_u16(y, bits));
  return low | high << 8;
}
// Bit l = ones[l] >= bounds[l].
XNORKIT_INLINE std::uint64_t at_least(Bytes<16> ones, const std::uint8_t* bounds) {
  const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t x =
      vandq_u8(vcgeq_u8(reinterpret_cast<uint8x16_t>(ones), vld1q_u8(bounds)), bits);
  const std::uint32_t low = vaddv_u8(vget_low_u8(x)), high = vaddv_u8(vget_high_u8(x));
  return low | high << 8;
}

// The kernels of a binary convolution here. For 384 products words take 9 instructions, look-ups
// 8.25 to 9 and twice the memory; which is faster was not timed on an ARM CPU.
inline constexpr BinaryKernel kBinaryKernels[] = {BinaryKernel::kWords, BinaryKernel::kRows,
                                                  BinaryKernel::kLut, BinaryKernel::kDepthwise,
                                                  BinaryKernel::kJoined};
constexpr BinaryKernel binary_kernel(const BinaryShape& shape) {
  // Joined, a filter has fewer words: not timed on an ARM CPU, 0.4 of the time on `portable`.
  return shape.joins() ? BinaryKernel::kJoined : BinaryKernel::kWords;
}
constexpr LutBlock lut_block(int channels) {
  return channels <= 16   ? LutBlock{16, 1, 4}
         : channels <= 32 ? LutBlock{16, 2, 2}
                          : LutBlock{16, 4, 1};
}

#include "xnorkit/all_ops.inl.hpp"
#include "xnorkit/shuffle_ops.inl.hpp"
inline namespace kernels {
#include "xnorkit/tensor/word_tiles.inl.hpp"
}  // namespace kernels
using Tiles = WordTiles;
#include "xnorkit/tensor/kernels.inl.hpp"

}  // namespace xnorkit::arm_neon

#endif  // __aarch64__
