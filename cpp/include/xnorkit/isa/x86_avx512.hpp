// AVX-512 with VPOPCNTDQ (Ice Lake, Zen 4 and later): an instruction counts a word's ones.
#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <type_traits>
#include <utility>

#include "xnorkit/audio/log_mel.hpp"
#include "xnorkit/bits.hpp"
#include "xnorkit/isa/x86_cpu.hpp"
#include "xnorkit/loader.hpp"
#include "xnorkit/region.hpp"
#include "xnorkit/shape.hpp"
#include "xnorkit/tags.hpp"
#include "xnorkit/work.hpp"

namespace xnorkit::x86_avx512 {
inline bool supported() { return x86_cpu().vpopcntdq; }
}  // namespace xnorkit::x86_avx512

XNORKIT_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,fma")
namespace xnorkit::x86_avx512 {

inline constexpr const char* kName = "x86_avx512";

inline constexpr int kWordLanes = 8;
// Blocks of output pixels x vectors of channels, in 32 registers: the fastest of 4x4, 6x2, 8x2,
// 10x2 and 12x1 for words (44 us on 20x51, 64 to 64, 3x3).
inline constexpr int kWordPixels = 6, kWordVectors = 2;
inline constexpr int kFloatPixels = 6, kFloatVectors = 4;
inline constexpr int kSignPixels = 12, kSignVectors = 2;

#include "xnorkit/isa/lanes.inl.hpp"

// Each word's number of ones.
inline constexpr int kCounts = 1 << 30;  // no limit: 2^30 words of one sum are more than a network
XNORKIT_INLINE Words count(Words x) {
  return reinterpret_cast<Words>(_mm512_popcnt_epi64(reinterpret_cast<__m512i>(x)));
}
XNORKIT_INLINE Words total(Words counts) { return counts; }

// A mask as a number. By hand, because GCC 12.2 may widen one by storing its byte to the stack and
// loading eight from there (seen at -O1 -fsanitize=undefined: 56 bits of something else).
XNORKIT_INLINE std::uint32_t as_number(__mmask8 mask) {
  std::uint32_t number;
  asm("kmovb %1, %0" : "=r"(number) : "k"(mask));
  return number;
}
XNORKIT_INLINE std::uint32_t as_number(__mmask16 mask) {
  std::uint32_t number;
  asm("kmovw %1, %0" : "=r"(number) : "k"(mask));
  return number;
}

// Bit l = a[l] < b[l], as signed numbers.
XNORKIT_INLINE std::uint32_t less(Words a, Words b) {
  return as_number(
      _mm512_cmplt_epi64_mask(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
XNORKIT_INLINE std::uint32_t less(Floats a, Floats b) {
  return as_number(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ));
}

// a * b + c, where speed chooses the number of roundings.
XNORKIT_INLINE Floats multiply_add(Floats a, Floats b, Floats c) {
  return _mm512_fmadd_ps(a, b, c);
}
// a * b + c with one rounding.
XNORKIT_INLINE Floats multiply_add_exact(Floats a, Floats b, Floats c) {
  return _mm512_fmadd_ps(a, b, c);
}
// c + the products of the low and of the high int16 of each lane.
XNORKIT_INLINE Ints multiply_pairs(Ints a, Ints b, Ints c) {
  return c + reinterpret_cast<Ints>(
                 _mm512_madd_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}

// Lane l is -1 where bit l is set, else 1; higher bits are left out.
XNORKIT_INLINE Floats unit_signs(std::uint32_t bits) {
  const __m512 one = _mm512_set1_ps(1.0f);
  return _mm512_mask_blend_ps(static_cast<__mmask16>(bits), one, -one);
}

// The kernels of a binary convolution here, and which is the fastest.
inline constexpr BinaryKernel kBinaryKernels[] = {BinaryKernel::kWords};
constexpr BinaryKernel binary_kernel(const BinaryShape&) { return BinaryKernel::kWords; }

#include "xnorkit/all_ops.inl.hpp"

}  // namespace xnorkit::x86_avx512
XNORKIT_TARGET_END()

#endif  // __x86_64__
