// Elements of any dtype to bits and back, 64 at a time. Included by each isa/<name>.hpp.

// 64 bytes, each 0 or 1, as the bits of a word.
XNORKIT_INLINE std::uint64_t gathered(const std::uint8_t* flags) {
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) {
    std::uint64_t eight = 0;
    for (int k = 0; k < 8; ++k) eight |= std::uint64_t{flags[8 * i + k]} << (8 * k);
    // Byte k goes to bit 56 + k; no two products meet in a bit.
    bits |= (eight * 0x0102040810204080u >> 56) << (8 * i);
  }
  return bits;
}

// Bits of n elements, 0 < n <= 64; the higher ones are 0.
template <class T>
XNORKIT_INLINE std::uint64_t element_bits(const void* from, int n, BitRange range) {
  const T first = static_cast<T>(range.first), span = static_cast<T>(range.last - first);
  T x[kWordBits];
  std::uint8_t flags[kWordBits];
  if (n == kWordBits) {
    __builtin_memcpy(x, from, sizeof x);
  } else {
    for (T& value : x) value = static_cast<T>(first - 1);  // outside the range
    __builtin_memcpy(x, from, static_cast<std::size_t>(n) * sizeof(T));
  }
  for (int i = 0; i < kWordBits; ++i) flags[i] = static_cast<T>(x[i] - first) <= span;
  return gathered(flags);
}

// The same of float32 by the sign rule.
XNORKIT_INLINE std::uint64_t float_bits(const float* x, int n) {
  std::uint64_t bits = 0;
  int i = 0;
  for (; i + kFloatLanes <= n; i += kFloatLanes) {
    bits |= std::uint64_t{less(load_vector<Floats>(x + i), Floats{})} << i;
  }
  if (i < n) bits |= std::uint64_t{less(load_part(x + i, n - i), Floats{})} << i;
  return bits;
}

XNORKIT_INLINE std::uint64_t bits_of(const void* x, int n, BitRange range) {
  if (range.is_float32()) return float_bits(static_cast<const float*>(x), n);
  switch (range.bytes) {
    case 1:
      return element_bits<std::uint8_t>(x, n, range);
    case 2:
      return element_bits<std::uint16_t>(x, n, range);
    case 4:
      return element_bits<std::uint32_t>(x, n, range);
    default:
      return element_bits<std::uint64_t>(x, n, range);
  }
}

// Elements side by side → words, filler 0.
inline void pack_words(const void* x, std::ptrdiff_t n, BitRange range, std::uint64_t* y) {
  const auto* from = static_cast<const unsigned char*>(x);
  for (; n > 0; n -= kWordBits, from += kWordBits * range.bytes) {
    *y++ = bits_of(from, n < kWordBits ? static_cast<int>(n) : kWordBits, range);
  }
}

// A word's channels of up to kWidth pixels: bits are gathered where the pixels lie side by side.
inline constexpr int kWidth = 16;

template <class T>
XNORKIT_INLINE void planes_of(const unsigned char* x, std::ptrdiff_t plane, int n, int pixels,
                              BitRange range, std::uint64_t* y, std::ptrdiff_t y_pixel) {
  const T first = static_cast<T>(range.first), span = static_cast<T>(range.last - first);
  std::uint32_t halves[2][kWidth] = {};
  for (int channel = 0; channel < n; ++channel, x += plane * sizeof(T)) {
    std::uint32_t* bits = halves[channel / 32];
    const std::uint32_t bit = 1u << channel % 32;
    T row[kWidth] = {};
    if (pixels == kWidth) {
      __builtin_memcpy(row, x, sizeof row);
    } else {
      __builtin_memcpy(row, x, sizeof(T) * static_cast<std::size_t>(pixels));
    }
    for (int p = 0; p < kWidth; ++p) bits[p] |= static_cast<T>(row[p] - first) <= span ? bit : 0;
  }
  for (int p = 0; p < pixels; ++p) {
    y[p * y_pixel] = halves[0][p] | std::uint64_t{halves[1][p]} << 32;
  }
}

// The same of V vectors of float32.
template <int V>
XNORKIT_INLINE void float_planes(const float* x, std::ptrdiff_t plane, int n, std::uint64_t* y,
                                 std::ptrdiff_t y_pixel) {
  constexpr int width = V * kFloatLanes;
  std::uint32_t halves[2][width] = {};
  for (int half = 0; 32 * half < n; ++half) {
    const int end = n - 32 * half < 32 ? n - 32 * half : 32;
    Ints bits[V] = {};
    for (int channel = 0; channel < end; ++channel, x += plane) {
      const Ints bit = broadcast(static_cast<std::int32_t>(1u << channel));
      for (int v = 0; v < V; ++v) {
        bits[v] |= (load_vector<Floats>(x + v * kFloatLanes) < Floats{}) & bit;
      }
    }
    __builtin_memcpy(halves[half], bits, sizeof bits);
  }
  for (int p = 0; p < width; ++p) {
    y[p * y_pixel] = halves[0][p] | std::uint64_t{halves[1][p]} << 32;
  }
}

// At least V vectors of pixels; the last block overlaps the one before where it must.
template <int V>
XNORKIT_INLINE void all_float_planes(const float* x, std::ptrdiff_t plane, int n, int pixels,
                                     std::uint64_t* y, std::ptrdiff_t y_pixel) {
  constexpr int width = V * kFloatLanes;
  for (int p = 0; p < pixels; p += width) {
    const int first = pixels - p < width ? pixels - width : p;
    float_planes<V>(x + first, plane, n, y + first * y_pixel, y_pixel);
  }
}

// Channels of one word.
inline void pack_plane_words(const void* x, std::ptrdiff_t plane, int n, int pixels, BitRange range,
                             std::uint64_t* y, std::ptrdiff_t y_pixel) {
  if (range.is_float32() && pixels >= kFloatLanes) {
    const auto* floats = static_cast<const float*>(x);
    if (pixels >= 4 * kFloatLanes) {
      all_float_planes<4>(floats, plane, n, pixels, y, y_pixel);
    } else {
      all_float_planes<1>(floats, plane, n, pixels, y, y_pixel);
    }
    return;
  }
  for (int p = 0; p < pixels; p += kWidth) {
    const int some = pixels - p < kWidth ? pixels - p : kWidth;
    const auto* from = static_cast<const unsigned char*>(x) + p * range.bytes;
    std::uint64_t* to = y + p * y_pixel;
    if (range.bytes == 1) planes_of<std::uint8_t>(from, plane, n, some, range, to, y_pixel);
    if (range.bytes == 2) planes_of<std::uint16_t>(from, plane, n, some, range, to, y_pixel);
    if (range.bytes == 4) planes_of<std::uint32_t>(from, plane, n, some, range, to, y_pixel);
    if (range.bytes == 8) planes_of<std::uint64_t>(from, plane, n, some, range, to, y_pixel);
  }
}

inline void pack_planes(const void* x, std::ptrdiff_t plane, int n, int pixels, BitRange range,
                        std::uint64_t* y, std::ptrdiff_t y_pixel) {
  const auto* from = static_cast<const unsigned char*>(x);
  for (; n > 0; n -= kWordBits, from += kWordBits * plane * range.bytes, ++y) {
    pack_plane_words(from, plane, n < kWordBits ? n : kWordBits, pixels, range, y, y_pixel);
  }
}

// Elements side by side, to whole bytes.
inline void pack_bytes(const void* x, std::ptrdiff_t n, BitRange range, std::uint8_t* y) {
  const auto* from = static_cast<const unsigned char*>(x);
  for (; n > 0; n -= kWordBits, from += kWordBits * range.bytes, y += sizeof(std::uint64_t)) {
    const int some = n < kWordBits ? static_cast<int>(n) : kWordBits;
    store_bytes(y, bits_of(from, some, range), static_cast<int>(bytes_of(some)));
  }
}

// The bits of a word as 64 bytes, each 0 or 1.
XNORKIT_INLINE void scatter(std::uint64_t bits, std::uint8_t* flags) {
  for (int i = 0; i < 8; ++i) {
    // Bit k of eight copies of a byte is kept in byte k, and carried to that byte's highest bit.
    std::uint64_t eight = (bits >> (8 * i) & 0xff) * 0x0101010101010101u & 0x8040201008040201u;
    eight = (eight + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
    for (int k = 0; k < 8; ++k) flags[8 * i + k] = static_cast<std::uint8_t>(eight >> (8 * k));
  }
}

template <class T>
XNORKIT_INLINE void unpack_elements(std::uint64_t bits, int n, BitValues values, void* to) {
  const T zero = static_cast<T>(values.zero), change = static_cast<T>(values.zero ^ values.one);
  std::uint8_t flags[kWordBits];
  T y[kWordBits];
  scatter(bits, flags);
  for (int i = 0; i < kWordBits; ++i) y[i] = static_cast<T>(zero ^ (change & (T{0} - flags[i])));
  __builtin_memcpy(to, y, static_cast<std::size_t>(n) * sizeof(T));
}

XNORKIT_INLINE void unpack_signs(std::uint64_t bits, int n, float* y) {
  int i = 0;
  for (; i + kFloatLanes <= n; i += kFloatLanes) {
    store_vector(y + i, unit_signs(static_cast<std::uint32_t>(bits >> i)));
  }
  if (i < n) store_part(y + i, unit_signs(static_cast<std::uint32_t>(bits >> i)), n - i);
}

// Whole bytes → n elements.
inline void unpack_bytes(const std::uint8_t* x, std::ptrdiff_t n, BitValues values, void* y) {
  auto* to = static_cast<unsigned char*>(y);
  for (; n > 0; n -= kWordBits, x += sizeof(std::uint64_t), to += kWordBits * values.bytes) {
    const int some = n < kWordBits ? static_cast<int>(n) : kWordBits;
    const std::uint64_t bits = load_bytes(x, static_cast<int>(bytes_of(some)));
    if (values.are_float32_signs()) {
      unpack_signs(bits, some, reinterpret_cast<float*>(to));
    } else if (values.bytes == 1) {
      unpack_elements<std::uint8_t>(bits, some, values, to);
    } else if (values.bytes == 2) {
      unpack_elements<std::uint16_t>(bits, some, values, to);
    } else if (values.bytes == 4) {
      unpack_elements<std::uint32_t>(bits, some, values, to);
    } else {
      unpack_elements<std::uint64_t>(bits, some, values, to);
    }
  }
}
