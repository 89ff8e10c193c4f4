// What becomes of LutConv2d's sums: packed bits by thresholds, or floats. As counts of ones,
//   sum < threshold  <=>  2 * ones + missing >= bound,   bound = all elements - threshold + 1
// where missing = elements under the window that are outside the map, none where the border is +1
// or -1. The left side is at most twice all elements < 65535, so that a bound fits uint16.

template <BinaryShape shape>
struct PairPixels {
  static constexpr Axis kRows = shape.window.rows(shape.in);
  static constexpr Axis kColumns = shape.window.columns(shape.in);
  static constexpr bool kWhole =
      shape.padding_value != 0 ||
      (kRows.inner().size() == kRows.out && kColumns.inner().size() == kColumns.out);

  XNORKIT_INLINE static int missing(int row, int column) {
    if constexpr (kWhole) return 0;
    const int inside = kRows.taps(row).size() * kColumns.taps(column).size();
    return (shape.window.taps() - inside) * shape.length();
  }
  // Whether a pair has this pixel: the last one of an odd row has but one.
  XNORKIT_INLINE static bool there(int column) {
    return kColumns.out % 2 == 0 || column < kColumns.out;
  }
};

template <BinaryShape shape, class Out, int width, int V>
class PairOutputs;

template <BinaryShape shape, int width, int V>
class PairOutputs<shape, BitsOut, width, V> {
  static constexpr int kGroupOut = shape.group_out();
  static constexpr int kVectors = (kGroupOut + V * width - 1) / (V * width) * V;  // of a group
  static constexpr int kWords = words_of(shape.out_c);
  // Whether no vector's bits share a byte with another group's.
  static constexpr bool kAligned = shape.groups == 1 || kGroupOut % kWordBits == 0;
  using Pixels = PairPixels<shape>;

 public:
  using Output = std::uint64_t;

  bool load(Loader& loader, const char* name) {
    const auto* threshold = loader.tensor<std::int32_t>(name, "threshold", shape.out_c);
    const auto* flip = loader.tensor<std::uint8_t>(name, "flip", shape.out_c);
    if (threshold == nullptr || flip == nullptr) return false;
    bounds_ = loader.take<std::uint16_t>(name, shape.groups * kVectors * width);
    flips_ = loader.take<std::uint64_t>(name, shape.groups * kVectors);
    if (bounds_ == nullptr || flips_ == nullptr) return false;
    for (int i = 0; i < shape.groups * kVectors * width; ++i) {
      const int vector = i / width, inside = vector % kVectors * width + i % width;
      const int channel = vector / kVectors * kGroupOut + inside;
      // Filler never reaches its bound, so its bit is 0.
      bounds_[i] = inside < kGroupOut ? bound(threshold[channel]) : 65535;
      flips_[vector] |= std::uint64_t{inside < kGroupOut && flip[channel] != 0} << (i % width);
    }
    return true;
  }

  // Before the first put() of a row.
  XNORKIT_INLINE void begin(std::uint64_t* y, int row) const {
    constexpr std::ptrdiff_t words = shape.window.out_w * kWords;
    if constexpr (!kAligned) {
      for (std::ptrdiff_t i = 0; i < words; ++i) y[row * words + i] = 0;
    }
  }

  template <int R, class Sums>
  XNORKIT_INLINE void put(const Sums& sums, int row, int group, int block, int pair,
                          std::uint64_t* y) const {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int pixel = 0; pixel < 2; ++pixel) {
        const int column = 2 * (pair + r) + pixel;
        if (!Pixels::there(column)) continue;
        std::uint64_t* to = y + (row * shape.window.out_w + column) * kWords;
        const auto missing = static_cast<std::uint16_t>(Pixels::missing(row, column));
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int vector = group * kVectors + block * V + v;
          place(to, group, block * V + v, bits(sums, r, pixel, v, missing, vector));
        }
      }
    }
  }

 private:
  static std::uint16_t bound(std::int32_t threshold) {
    const std::int64_t wanted = std::int64_t{shape.elements()} - threshold + 1;
    return static_cast<std::uint16_t>(wanted < 0 ? 0 : wanted > 65535 ? 65535 : wanted);
  }

  template <class Sums>
  XNORKIT_INLINE std::uint64_t bits(const Sums& sums, int r, int pixel, int v,
                                    std::uint16_t missing, int vector) const {
    const auto even = sums.even(r, pixel, v) * 2 + missing;
    const auto odd = sums.odd(r, pixel, v) * 2 + missing;
    return at_least(even, odd, bounds_ + vector * width) ^ flips_[vector];
  }

  // The bits of a vector of a group's channels.
  XNORKIT_INLINE static void place(std::uint64_t* pixel, int group, int vector,
                                   std::uint64_t bits) {
    if constexpr (kAligned) {
      const int first = group * kGroupOut + vector * width;
      auto* to = reinterpret_cast<unsigned char*>(pixel) + first / 8;
      // The last vector of a pixel fills its word.
      const bool whole = first % kWordBits == 0 && first + width >= shape.out_c;
      if (width == kWordBits || whole) {
        __builtin_memcpy(to, &bits, sizeof bits);
      } else {
        __builtin_memcpy(to, &bits, width / 8);
      }
    } else {
      const int first = group * kGroupOut + vector * width;
      const int word = first / kWordBits, shift = first % kWordBits;
      if (vector * width >= kGroupOut) return;  // filler, perhaps past the last word
      pixel[word] |= bits << shift;
      if (shift + width > kWordBits && word + 1 < kWords) {
        pixel[word + 1] |= bits >> (kWordBits - shift);
      }
    }
  }

  std::uint16_t* bounds_ = nullptr;  // [vector][channel]
  std::uint64_t* flips_ = nullptr;   // [vector]
};

template <BinaryShape shape, int width, int V>
class PairOutputs<shape, RealOut, width, V> {
  static constexpr int kGroupOut = shape.group_out();
  using Pixels = PairPixels<shape>;

 public:
  using Output = float;

  bool load(Loader&, const char*) { return true; }
  XNORKIT_INLINE void begin(float*, int) const {}

  template <int R, class Sums>
  XNORKIT_INLINE void put(const Sums& sums, int row, int group, int block, int pair,
                          float* y) const {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int pixel = 0; pixel < 2; ++pixel) {
        const int column = 2 * (pair + r) + pixel;
        if (!Pixels::there(column)) continue;
        const int elements = shape.elements() - Pixels::missing(row, column);
        float* to = y + (row * shape.window.out_w + column) * shape.out_c + group * kGroupOut;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int first = (block * V + v) * width;
          put_half(sums.even(r, pixel, v), elements, to, first);
          put_half(sums.odd(r, pixel, v), elements, to, first + width / 2);
        }
      }
    }
  }

 private:
  // elements - 2 * ones of the channels from `first` on.
  template <class Ones>
  XNORKIT_INLINE static void put_half(Ones ones, int elements, float* to, int first) {
    typedef std::uint16_t Few __attribute__((vector_size(2 * kFloatLanes)));
    constexpr int lanes = sizeof ones / 2;
    std::uint16_t counts[lanes];
    store_vector(counts, ones);
    for (int i = 0; i < lanes; i += kFloatLanes) {
      const Ints few = __builtin_convertvector(load_vector<Few>(counts + i), Ints);
      const Floats sums = __builtin_convertvector(broadcast(elements) - few * 2, Floats);
      const int left = kGroupOut - first - i;
      if (left >= kFloatLanes) {
        store_vector(to + first + i, sums);
      } else if (kGroupOut % kFloatLanes != 0 && left > 0) {
        store_part(to + first + i, sums, left);
      }
    }
  }
};
