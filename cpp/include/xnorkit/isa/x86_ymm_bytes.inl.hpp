// Shuffles of bytes in 32-byte vectors: AVX2. Included by the paths that have it, after
// lanes.inl.hpp.

// Makes the compiler have a vector's value in a register here.
template <class Vector>
XNORKIT_INLINE void pin(Vector& vector) {
  asm("" : "+v"(vector));
}
// The bytes of a word.
XNORKIT_INLINE EightInts widen(std::uint64_t bytes) {
  return reinterpret_cast<EightInts>(
      _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes))));
}
// 16 bytes, in each 16 of the vector.
XNORKIT_INLINE void broadcast_row(const std::uint8_t* row, Bytes<32>* to) {
  const __m128i bytes = _mm_load_si128(reinterpret_cast<const __m128i*>(row));
  *to = reinterpret_cast<Bytes<32>>(_mm256_broadcastsi128_si256(bytes));
}
// row[index] of each byte, 0 <= index < 16.
XNORKIT_INLINE Bytes<32> look_up(Bytes<32> row, Bytes<32> index) {
  return reinterpret_cast<Bytes<32>>(
      _mm256_shuffle_epi8(reinterpret_cast<__m256i>(row), reinterpret_cast<__m256i>(index)));
}
// (a + b + 1) / 2
XNORKIT_INLINE Bytes<32> average(Bytes<32> a, Bytes<32> b) {
  return reinterpret_cast<Bytes<32>>(
      _mm256_avg_epu8(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}
// Bit l = a[l] >= bounds[l], bit 16 + l = b[l] >= bounds[16 + l].
XNORKIT_INLINE std::uint64_t at_least(Shorts<32> a, Shorts<32> b, const std::uint16_t* bounds) {
  const __m256i x = reinterpret_cast<__m256i>(a), y = reinterpret_cast<__m256i>(b);
  const __m256i above_x = _mm256_max_epu16(x, load_vector<__m256i>(bounds));
  const __m256i above_y = _mm256_max_epu16(y, load_vector<__m256i>(bounds + 16));
  const __m256i bytes =
      _mm256_packs_epi16(_mm256_cmpeq_epi16(x, above_x), _mm256_cmpeq_epi16(y, above_y));
  // packs works on halves: the middle quarters change places.
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_permute4x64_epi64(bytes, 0xd8)));
}
// Bit l = ones[l] >= bounds[l].
XNORKIT_INLINE std::uint64_t at_least(Bytes<32> ones, const std::uint8_t* bounds) {
  const __m256i x = reinterpret_cast<__m256i>(ones);
  const __m256i above = _mm256_max_epu8(x, load_vector<__m256i>(bounds));
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, above)));
}
