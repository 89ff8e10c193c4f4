// The path of any CPU: 128-bit vectors of the compiler, which are SSE2 on x86-64 and NEON on ARM.
//
// x86-64 CPUs count ones by an instruction since 2008, and so does this path there. Built with
// XNORKIT_BASELINE it runs on older ones too, in 1.8 times the time.
#pragma once

#if defined(__x86_64__) && !defined(XNORKIT_BASELINE)
#define XNORKIT_POPCNT 1
#include <nmmintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <type_traits>
#include <utility>

#include "xnorkit/audio/log_mel.hpp"
#include "xnorkit/bits.hpp"
#include "xnorkit/loader.hpp"
#include "xnorkit/region.hpp"
#include "xnorkit/shape.hpp"
#include "xnorkit/tags.hpp"
#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/work.hpp"

#if defined(XNORKIT_POPCNT)
#include "xnorkit/isa/x86_cpu.hpp"

namespace xnorkit::portable {
inline bool supported() { return x86_cpu().popcnt; }
}  // namespace xnorkit::portable

XNORKIT_TARGET_BEGIN("popcnt")
#else
namespace xnorkit::portable {
inline bool supported() { return true; }
}  // namespace xnorkit::portable
#endif

namespace xnorkit::portable {

inline constexpr const char* kName = "portable";

inline constexpr int kWordLanes = 2;
inline constexpr int kFloatPixels = 5, kFloatVectors = 2;

inline constexpr bool kLoadBroadcasts = false;  // it takes a shuffle, too

#include "xnorkit/isa/lanes.inl.hpp"
#include "xnorkit/isa/carry_lanes.inl.hpp"

#if defined(XNORKIT_POPCNT)
// Blocks of output pixels x channels: of 4 to 8 pixels the fastest with GCC (20x51, 64 to 64, 3x3:
// 239, 8 pixels 260 us).
inline constexpr int kWordPixels = 4, kWordVectors = 1;
using Counted = std::uint64_t;
XNORKIT_INLINE Counted count(Counted x) { return static_cast<Counted>(__builtin_popcountll(x)); }
XNORKIT_INLINE Counted total(Counted count) { return count; }
XNORKIT_INLINE std::uint32_t less(Counted a, Counted b) {
  return static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b);
}
#else
// Sums, two loads and two temporaries in 16 registers.
inline constexpr int kWordPixels = 4, kWordVectors = 1;
using Counted = Words;
#endif

// Each byte's number of ones, so at most kCounts results may be added before total().
inline constexpr int kCounts = 31;  // 31 * 8 = 248, the last that fits a byte
XNORKIT_INLINE Words count(Words x) {
  x -= (x >> 1) & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
  return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}
// Each word's sum of bytes.
XNORKIT_INLINE Words total(Words counts) {
  counts = (counts & 0x00ff00ff00ff00ffu) + ((counts >> 8) & 0x00ff00ff00ff00ffu);
  counts += counts >> 16;  // sums below 2^11 each, so nothing reaches the next 16 bits
  return (counts + (counts >> 32)) & 0xffffu;
}

// Bit l = a[l] < b[l], as signed numbers.
XNORKIT_INLINE std::uint32_t less(Words a, Words b) {
  std::uint32_t mask = 0;
  for (int l = 0; l < kWordLanes; ++l) {
    mask |= static_cast<std::uint32_t>(static_cast<std::int64_t>(a[l]) <
                                       static_cast<std::int64_t>(b[l]))
            << l;
  }
  return mask;
}
XNORKIT_INLINE std::uint32_t less(Floats a, Floats b) {
#if defined(__SSE2__)
  return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_cmplt_ps(a, b)));
#else
  const Ints mask = (a < b) & Ints{1, 2, 4, 8};
  return static_cast<std::uint32_t>(mask[0] | mask[1] | mask[2] | mask[3]);
#endif
}

#if defined(__SSE2__)
XNORKIT_INLINE Floats larger(Floats a, Floats b) { return _mm_max_ps(a, b); }
XNORKIT_INLINE Floats smaller(Floats a, Floats b) { return _mm_min_ps(a, b); }
#endif

// a * b + c, where speed chooses the number of roundings.
XNORKIT_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
// a * b + c with one rounding.
XNORKIT_INLINE Floats multiply_add_exact_lanes(Floats a, Floats b, Floats c) {
  for (int l = 0; l < kFloatLanes; ++l) c[l] = __builtin_fmaf(a[l], b[l], c[l]);
  return c;
}
#if defined(__SSE2__)
// The low two lanes of it in double, where the product is exact. Where `odd` is set, that may round
// to another float than the exact sum does: at the middle of two floats, and below normal ones.
XNORKIT_INLINE __m128 multiply_add_low(__m128 a, __m128 b, __m128 c, Ints* odd) {
  const __m128d sum = _mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b)), _mm_cvtps_pd(c));
  const Ints bits = reinterpret_cast<Ints>(sum);  // low half, high half
  const Ints size = bits & INT32_MAX, normal = {INT32_MIN, 0x38100000, INT32_MIN, 0x38100000};
  *odd |= (bits & Ints{0x1fffffff, 0, 0x1fffffff, 0}) == Ints{1 << 28, -1, 1 << 28, -1};
  *odd |= (size < normal) & (size > 0);
  return _mm_cvtpd_ps(sum);
}
XNORKIT_INLINE Floats multiply_add_exact(Floats a, Floats b, Floats c) {
  Ints odd{};
  const __m128 low = multiply_add_low(a, b, c, &odd);
  const __m128 high =
      multiply_add_low(_mm_movehl_ps(a, a), _mm_movehl_ps(b, b), _mm_movehl_ps(c, c), &odd);
  if (_mm_movemask_epi8(reinterpret_cast<__m128i>(odd)) != 0) {
    return multiply_add_exact_lanes(a, b, c);
  }
  return _mm_movelh_ps(low, high);
}
#else
XNORKIT_INLINE Floats multiply_add_exact(Floats a, Floats b, Floats c) {
  return multiply_add_exact_lanes(a, b, c);
}
#endif
// c + the products of the low and of the high int16 of each lane.
XNORKIT_INLINE Ints multiply_pairs(Ints a, Ints b, Ints c) {
#if defined(__SSE2__)  // every x86-64 CPU has it, and no 32-bit multiplication of vectors
  return c + reinterpret_cast<Ints>(
                 _mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return c + (a >> 16) * (b >> 16) + ((a << 16) >> 16) * ((b << 16) >> 16);
#endif
}

// Lane l is -1 where bit l is set, else 1; higher bits are left out.
inline constexpr SignRows<kFloatLanes> kSigns;
XNORKIT_INLINE Floats unit_signs(std::uint32_t bits) {
  return load_vector<Floats>(kSigns.rows[bits % (1u << kFloatLanes)]);
}

// The kernels of a binary convolution here, and which is the fastest.
inline constexpr BinaryKernel kBinaryKernels[] = {BinaryKernel::kWords, BinaryKernel::kRows,
                                                  BinaryKernel::kDepthwise, BinaryKernel::kJoined};
constexpr BinaryKernel binary_kernel(const BinaryShape& shape) {
  // 3x3 on 20x51, 16 to 16 takes 39 instead of 96 us; linear, 7x7x16 to 128, 1.0 instead of 2.4.
  if (shape.joins()) return BinaryKernel::kJoined;
#if !defined(XNORKIT_POPCNT)
  // From about 16 words of a filter on: 1024 to 1024 takes 11.3 instead of 12.5 us, 6144 to 6144
  // 360 instead of 470, 640 to 100 the same.
  if (shape.one_pixel() && shape.elements() >= 1024) return BinaryKernel::kRows;
#endif
  return BinaryKernel::kWords;
}

using SumChoice = void;  // no instruction permutes lanes by a register

using Uint8Quads = void;  // no instruction sums four products of bytes
inline constexpr bool kAskForQuads = false;

#include "xnorkit/all_ops.inl.hpp"
inline namespace kernels {
#include "xnorkit/tensor/word_tiles.inl.hpp"
}  // namespace kernels
using Tiles = WordTiles;
#include "xnorkit/tensor/kernels.inl.hpp"

}  // namespace xnorkit::portable

#if defined(XNORKIT_POPCNT)
XNORKIT_TARGET_END()
#undef XNORKIT_POPCNT
#endif
