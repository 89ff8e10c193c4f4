// Where LutConv2d's sums go: packed bits, or floats.

template <BinaryShape shape, class Out, int width, int V, bool kShort>
class PairOutputs;

template <BinaryShape shape, int width, int V, bool kShort>
class PairOutputs<shape, BitsOut, width, V, kShort> {
  static constexpr int kGroupOut = shape.group_out();
  static constexpr int kVectors = (kGroupOut + V * width - 1) / (V * width) * V;  // of a group
  static constexpr int kWords = words_of(shape.out_c);
  // Whether no vector's bits share a byte with another group's.
  static constexpr bool kAligned = shape.groups == 1 || kGroupOut % kWordBits == 0;
  using Pixels = PairPixels<shape>;

 public:
  using Output = std::uint64_t;

  bool load(Loader& loader, const char* name) { return bounds_.load(loader, name); }

  // Before the first put() of a row.
  XNORKIT_INLINE void begin(std::uint64_t* y, int row) const {
    constexpr std::ptrdiff_t words = shape.window.out_w * kWords;
    if constexpr (!kAligned) __builtin_memset(y + row * words, 0, words * sizeof(std::uint64_t));
  }

  template <int R, class Sums>
  XNORKIT_INLINE void put(const Sums& sums, int row, int group, int block, int pair,
                          std::uint64_t* y) const {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int pixel = 0; pixel < 2; ++pixel) {
        const int column = 2 * (pair + r) + pixel;
        if (!Pixels::there(column)) continue;
        std::uint64_t* to = y + (row * shape.window.out_w + column) * kWords;
        const int missing = Pixels::missing(row, column);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int vector = group * kVectors + block * V + v;
          place(to, group, block, v, bounds_.bits(sums, r, pixel, v, missing, vector));
        }
      }
    }
  }

 private:
  // The bits of a vector of a group's channels.
  XNORKIT_INLINE static void place(std::uint64_t* pixel, int group, int block, int v,
                                   std::uint64_t bits) {
    const int inside = (block * V + v) * width, first = group * kGroupOut + inside;
    if constexpr (kAligned) {
      auto* to = reinterpret_cast<unsigned char*>(pixel) + first / 8;
      // The first bits of a word clear the others, which come later if at all.
      static_assert(V * width % kWordBits == 0 || V == kVectors, "a block begins a word");
      __builtin_memcpy(to, &bits, v * width % kWordBits == 0 ? sizeof bits : width / 8);
    } else {
      const int word = first / kWordBits, shift = first % kWordBits;
      if (inside >= kGroupOut) return;  // filler, perhaps past the last word
      pixel[word] |= bits << shift;
      if (shift + width > kWordBits && word + 1 < kWords) {
        pixel[word + 1] |= bits >> (kWordBits - shift);
      }
    }
  }

  PairBounds<shape, width, kVectors, kShort> bounds_;
};

template <BinaryShape shape, int width, int V, bool kShort>
class PairOutputs<shape, RealOut, width, V, kShort> {
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
#pragma GCC unroll 2
      for (int pixel = 0; pixel < 2; ++pixel) {
        const int column = 2 * (pair + r) + pixel;
        if (!Pixels::there(column)) continue;
        const int elements = shape.elements() - Pixels::missing(row, column);
        float* to = y + (row * shape.window.out_w + column) * shape.out_c + group * kGroupOut;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int first = (block * V + v) * width;
          if constexpr (kShort) {
            put_some<std::uint8_t>(sums.ones(r, pixel, v), elements, to, first);
          } else {
            put_some<std::uint16_t>(sums.even(r, pixel, v), elements, to, first);
            put_some<std::uint16_t>(sums.odd(r, pixel, v), elements, to, first + width / 2);
          }
        }
      }
    }
  }

 private:
  // elements - 2 * ones of the channels from `first` on.
  template <class Lane, class Ones>
  XNORKIT_INLINE static void put_some(Ones ones, int elements, float* to, int first) {
    typedef Lane Few __attribute__((vector_size(kFloatLanes * sizeof(Lane))));
    typedef std::uint16_t Wider __attribute__((vector_size(kFloatLanes * 2)));
    constexpr int lanes = sizeof ones / sizeof(Lane);
    Lane counts[lanes];
    store_vector(counts, ones);
    for (int i = 0; i < lanes; i += kFloatLanes) {
      // Step by step, or GCC 12 would go lane by lane.
      const Wider wider = __builtin_convertvector(load_vector<Few>(counts + i), Wider);
      const Ints few = __builtin_convertvector(wider, Ints);
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
