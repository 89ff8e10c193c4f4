// What the paths with AVX-512 F, BW, DQ and VL share, after lanes.inl.hpp.

#include "xnorkit/isa/x86_ymm_bytes.inl.hpp"

inline constexpr bool kLoadBroadcasts = true;  // a load may broadcast

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

XNORKIT_INLINE std::uint32_t as_number(__mmask32 mask) {
  std::uint32_t number;
  asm("kmovd %1, %0" : "=r"(number) : "k"(mask));
  return number;
}
XNORKIT_INLINE std::uint64_t as_number(__mmask64 mask) {
  std::uint64_t number;
  asm("kmovq %1, %0" : "=r"(number) : "k"(mask));
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
// The same bits, written.
XNORKIT_INLINE void store_less(std::uint8_t* to, Floats a, Floats b) {
  const __mmask16 mask = _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
  asm("kmovw %1, %0" : "=m"(*reinterpret_cast<std::uint8_t (*)[2]>(to)) : "k"(mask));
}

// The same as a byte.
XNORKIT_INLINE void store_less(std::uint8_t* to, Words a, Words b) {
  const __mmask8 mask =
      _mm512_cmplt_epi64_mask(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b));
  asm("kmovb %1, %0" : "=m"(*to) : "k"(mask));  // GCC would go by a general register, half as fast
}

// Writes the first n lanes, 0 <= n <= 8.
XNORKIT_INLINE void store_first(float* to, HalfFloats vector, int n) {
  _mm256_mask_storeu_ps(to, static_cast<__mmask8>((1u << n) - 1), vector);
}

// a ^ b ^ c, and where two of them are 1: the sum of three bits, and its carry.
XNORKIT_INLINE Words parity3(Words a, Words b, Words c) {
  return reinterpret_cast<Words>(_mm512_ternarylogic_epi64(reinterpret_cast<__m512i>(a),
                                                           reinterpret_cast<__m512i>(b),
                                                           reinterpret_cast<__m512i>(c), 0x96));
}
XNORKIT_INLINE Words majority(Words a, Words b, Words c) {
  return reinterpret_cast<Words>(_mm512_ternarylogic_epi64(reinterpret_cast<__m512i>(a),
                                                           reinterpret_cast<__m512i>(b),
                                                           reinterpret_cast<__m512i>(c), 0xe8));
}
// Where a bit is 1 in a and 0 in b, or 1 in b and 0 in c.
XNORKIT_INLINE Words falls(Words a, Words b, Words c) {
  return reinterpret_cast<Words>(_mm512_ternarylogic_epi64(reinterpret_cast<__m512i>(a),
                                                           reinterpret_cast<__m512i>(b),
                                                           reinterpret_cast<__m512i>(c), 0x74));
}

// maskz, because GCC 12 warns of the undefined vector in the forms without a mask.
XNORKIT_INLINE Floats larger(Floats a, Floats b) { return _mm512_maskz_max_ps(0xffff, a, b); }
XNORKIT_INLINE Floats smaller(Floats a, Floats b) { return _mm512_maskz_min_ps(0xffff, a, b); }

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

// 16 bytes, in each 16 of the vector.
XNORKIT_INLINE void broadcast_row(const std::uint8_t* row, Bytes<64>* to) {
  const __m128i bytes = _mm_load_si128(reinterpret_cast<const __m128i*>(row));
  // maskz, because GCC 12 warns of the undefined vector in its form without a mask.
  *to = reinterpret_cast<Bytes<64>>(_mm512_maskz_broadcast_i32x4(0xffff, bytes));
}
// row[index] of each byte, 0 <= index < 16.
XNORKIT_INLINE Bytes<64> look_up(Bytes<64> row, Bytes<64> index) {
  return reinterpret_cast<Bytes<64>>(
      _mm512_shuffle_epi8(reinterpret_cast<__m512i>(row), reinterpret_cast<__m512i>(index)));
}
// (a + b + 1) / 2
XNORKIT_INLINE Bytes<64> average(Bytes<64> a, Bytes<64> b) {
  return reinterpret_cast<Bytes<64>>(
      _mm512_avg_epu8(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
// Bit l = a[l] >= bounds[l], bit 32 + l = b[l] >= bounds[32 + l].
XNORKIT_INLINE std::uint64_t at_least(Shorts<64> a, Shorts<64> b, const std::uint16_t* bounds) {
  const __mmask32 x =
      _mm512_cmpge_epu16_mask(reinterpret_cast<__m512i>(a), load_vector<__m512i>(bounds));
  const __mmask32 y =
      _mm512_cmpge_epu16_mask(reinterpret_cast<__m512i>(b), load_vector<__m512i>(bounds + 32));
  return as_number(x) | std::uint64_t{as_number(y)} << 32;
}
// Bit l = ones[l] >= bounds[l].
XNORKIT_INLINE std::uint64_t at_least(Bytes<64> ones, const std::uint8_t* bounds) {
  return as_number(
      _mm512_cmpge_epu8_mask(reinterpret_cast<__m512i>(ones), load_vector<__m512i>(bounds)));
}

// See bwn_sums.inl.hpp.
class SumChoice {
 public:
  static constexpr int kPixels = 6, kVectors = 4;  // of a block

  SumChoice() = default;
  XNORKIT_INLINE explicit SumChoice(Ints bits) : place_(reinterpret_cast<__m512i>(bits)) {}

  static unsigned code(unsigned negative) { return negative; }

  XNORKIT_INLINE Floats added(Floats sums, Floats table) const {
    // maskz, because GCC 12 warns of the undefined vector in its form without a mask.
    return sums + _mm512_maskz_permutexvar_ps(0xffff, place_, table);
  }

 private:
  __m512i place_;  // the instruction looks at four bits
};

// See int8_conv2d.inl.hpp. An element is stored plus 128, the instruction's first factor being
// without sign.
struct Uint8Quads {
  using Element = std::uint8_t;
  using Weight = std::int8_t;
  static constexpr int kProducts = 4, kZero = 128;
  static bool supported() { return x86_cpu().vnni; }

  // By hand: with the target "avx512vnni" a compiler may take its instructions for other sums, too.
  XNORKIT_INLINE static Ints sum(Ints sums, Ints x, Ints w) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(w));
    return sums;
  }
};
