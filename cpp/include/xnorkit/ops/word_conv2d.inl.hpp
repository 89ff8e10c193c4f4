// The kernel that every path has: a word of 64 signs of a pixel against that of a vector of
// filters, by xor and popcount.
//
// A border of 0 is no tap at all: n shrinks. A border of +1 or -1 is stored around a copy of the
// map, as bits. In counts the comparison reads, with m = all elements - n,
//   2 * popcount + m > all elements - threshold,
// and the mask of a vector comparison is a piece of the packed output. A path says what is counted
// at once, Counted: Words, or one word where an instruction counts the ones of a register.

// Of a lane; at most as many counts may be added before total().
inline constexpr int kCountedLanes = sizeof(Counted) / sizeof(std::uint64_t);
inline constexpr int kMostCounts = std::is_same_v<Counted, Words> ? kCounts : INT32_MAX;

// kLong: whether a sum may have more than kMostCounts words, so that the counts must be emptied.
template <bool kLong>
struct BinaryArithmetic {
  using Input = std::uint64_t;
  using Weight = std::uint64_t;
  static constexpr int kLanes = kCountedLanes;
  static constexpr int kMostPixels = kWordPixels, kMostVectors = kWordVectors;
  static constexpr int kOnePixelVectors = 4;
  static constexpr int steps(int n) { return n; }
  template <int V>
  static constexpr int kWeights = V * kCountedLanes;

  template <int P, int V>
  struct Sums {
    XNORKIT_INLINE void add(const std::uint64_t* x, std::ptrdiff_t pixel_step,
                            const std::uint64_t* w, int n) {
      if constexpr (kLong) {
        for (; n > room; n -= room, empty()) {
          add_some(x, pixel_step, w, room);
          x += room;
          w += room * V * kCountedLanes;
        }
        room -= n;
      }
      add_some(x, pixel_step, w, n);
    }

    // The number of ones of each lane.
    XNORKIT_INLINE Counted ones(int p, int v) const {
      return kLong ? emptied[p][v] + total(counts[p][v]) : total(counts[p][v]);
    }

   private:
    XNORKIT_INLINE void add_some(const std::uint64_t* x, std::ptrdiff_t pixel_step,
                                 const std::uint64_t* w, int n) {
      for (int i = 0; i < n; ++i, w += V * kCountedLanes) {
        for (int p = 0; p < P; ++p) {
          const Counted signs = x[p * pixel_step + i] + Counted{};
          for (int v = 0; v < V; ++v) {
            counts[p][v] += count(signs ^ load_vector<Counted>(w + v * kCountedLanes));
#if !defined(__clang__)
            // Counted and added one by one: GCC else counts several words before it adds them, in
            // registers that it lacks (portable, 28x28, 128 to 128, 3x3: 730 instead of 590 us).
            if constexpr (kCountedLanes == 1) asm("" : "+r"(counts[p][v]));
#endif
          }
        }
      }
    }
    XNORKIT_INLINE void empty() {
      for (int p = 0; p < P; ++p) {
        for (int v = 0; v < V; ++v) {
          emptied[p][v] += total(counts[p][v]);
          counts[p][v] = Counted{};
        }
      }
      room = kMostCounts;
    }

    Counted counts[P][V] = {};
    Counted emptied[P][V] = {};
    int room = kMostCounts;  // words that may still be counted before empty()
  };
};

// Thresholds of each lane, and where the packed output goes.
template <class Loops, int in_channels>
struct BitsOutputs {
  static constexpr int kOutC = Loops::kLayout.out_c, kWords = words_of(kOutC);

  std::uint64_t* y;
  const std::uint64_t* limits;  // [block of channels][lane]: all elements - threshold, as int64
  const std::uint64_t* flips;   // [word]

  template <int P>
  struct Block {
    XNORKIT_INLINE Block(const BitsOutputs& outputs_, int row, int column, Taps taps)
        : outputs(outputs_),
          pixel(row * Loops::kWindow.out_w + column),
          missing((Loops::kWindow.taps() - taps.count()) * in_channels) {}

    template <class Sums>
    XNORKIT_INLINE void put(const Sums& sums, int group, int block) {
      const std::uint64_t* limit =
          outputs.limits + (group * Loops::kBlocks + block) * Loops::kBlockChannels;
      const int first = group * Loops::kLayout.group_out() + block * Loops::kBlockChannels;
      for (int p = 0; p < P; ++p) {
        std::uint64_t bits = 0;
        for (int v = 0; v < Loops::kVectors; ++v) {
          const Counted ones = sums.ones(p, v);
          const Counted twice = ones + ones + std::uint64_t(missing);
          bits |= std::uint64_t{less(load_vector<Counted>(limit + v * kCountedLanes), twice)}
                  << (v * kCountedLanes);
        }
        place(words[p], first, bits);
      }
    }

    XNORKIT_INLINE void finish() {
      std::uint64_t* to = outputs.y + pixel * kWords;
      for (int p = 0; p < P; ++p, to += kWords) {
        for (int i = 0; i < kWords; ++i) to[i] = words[p][i] ^ outputs.flips[i];
      }
    }

    // Bits of channels from `first` on; those of groups need not begin at a lane's multiple.
    XNORKIT_INLINE static void place(std::uint64_t* row, int first, std::uint64_t bits) {
      const int word = first / kWordBits, shift = first % kWordBits;
      row[word] |= bits << shift;
      if constexpr (Loops::kLayout.groups > 1 && Loops::kLayout.group_out() % kWordBits != 0) {
        if (shift + Loops::kBlockChannels > kWordBits) row[word + 1] |= bits >> (kWordBits - shift);
      }
    }

    const BitsOutputs& outputs;
    std::ptrdiff_t pixel;
    int missing;                              // elements under the window that are outside the map
    std::uint64_t words[P][kWords + 1] = {};  // one more for the filler of the last block
  };
};

// elements - 2 * ones
XNORKIT_INLINE HalfFloats real_sums(double elements, Words ones) {
  // 2^52 + n as a double has n as its low bits, 0 <= n < 2^52; its exponent is 0x433.
  ones |= broadcast(std::uint64_t{0x433} << 52);
  const Doubles counted = reinterpret_cast<Doubles>(ones) - 4503599627370496.0;
  return __builtin_convertvector(elements - (counted + counted), HalfFloats);
}
XNORKIT_INLINE float real_sums(double elements, std::uint64_t ones) {
  return static_cast<float>(elements - 2.0 * static_cast<double>(static_cast<std::int64_t>(ones)));
}

// The sums as reals.
template <class Loops, int in_channels>
struct SumOutputs {
  float* y;

  template <class Sums>
  struct AsFloats {
    XNORKIT_INLINE auto floats(int p, int v) const { return real_sums(elements, sums.ones(p, v)); }
    const Sums& sums;
    double elements;  // under the window, inside the map
  };

  template <int P>
  struct Block {
    XNORKIT_INLINE Block(const SumOutputs& outputs, int row, int column, Taps taps)
        : reals(RealOutputs<Loops>{outputs.y}, row, column, taps),
          elements(taps.count() * in_channels) {}

    template <class Sums>
    XNORKIT_INLINE void put(const Sums& sums, int group, int block) {
      reals.put(AsFloats<Sums>{sums, elements}, group, block);
    }
    XNORKIT_INLINE void finish() {}

    typename RealOutputs<Loops>::template Block<P> reals;
    double elements;
  };
};

template <BinaryShape shape, class Out>
class WordConv2d {
  using Signs = SignsInput<shape.in, shape.window, shape.groups, shape.padding_value>;
  static constexpr int kOutC = shape.out_c;
  static constexpr int kLength = shape.length(), kAll = shape.elements();
  static constexpr std::size_t kFilterBytes = (kAll + 7) / 8;
  static constexpr bool kBits = std::is_same_v<Out, BitsOut>;
  using Loops = Convolution<Signs::layout(kOutC),
                            BinaryArithmetic<(shape.window.taps() * Signs::kWords > kMostCounts)>>;

 public:
  static constexpr const char* kKernel = "popcount";
  using Output = std::conditional_t<kBits, std::uint64_t, float>;

  bool load(Loader& loader, const char* name) {
    const Source source{loader.tensor<std::uint8_t>(name, "weight", kOutC * kFilterBytes)};
    weight_ =
        source.weight == nullptr ? nullptr : loader.take<std::uint64_t>(name, Loops::kAllWeights);
    if (weight_ == nullptr || !signs_.load(loader, name)) return false;
    Loops::lay_out(source, weight_);
    return !kBits || load_thresholds(loader, name);
  }

  void run(const std::uint64_t* x, Output* y, Work work) const {
    Loops::run(outputs(y), signs_.prepared(x, work), weight_);
  }

  // Only the columns whose windows reach over the left or right border.
  void run_edges(const std::uint64_t* x, Output* y, Work work) const {
    Loops::run_edges(outputs(y), signs_.prepared(x, work), weight_);
  }

 private:
  struct Source {
    void put(std::uint64_t* step, int lane, WeightPlace at) const {
      const std::uint8_t* filter = weight + at.o * kFilterBytes;
      const int done = at.element * kWordBits;
      const int n = kLength - done < kWordBits ? kLength - done : kWordBits;
      for (int bit = 0; bit < n; ++bit) {
        step[lane] |= packed_bit(filter, std::size_t(at.tap) * kLength + done + bit) << bit;
      }
    }
    const std::uint8_t* weight;
  };

  XNORKIT_INLINE auto outputs(Output* y) const {
    if constexpr (kBits) {
      return BitsOutputs<Loops, kLength>{y, limits_, flips_};
    } else {
      return SumOutputs<Loops, kLength>{y};
    }
  }

  bool load_thresholds(Loader& loader, const char* name) {
    const std::int32_t* threshold = loader.tensor<std::int32_t>(name, "threshold", kOutC);
    flips_ = channel_flags(loader, name, "flip", kOutC);
    if (threshold == nullptr || flips_ == nullptr) return false;
    constexpr int size = shape.groups * Loops::kBlocks * Loops::kBlockChannels;
    limits_ = loader.take<std::uint64_t>(name, size);
    for (int i = 0; limits_ != nullptr && i < size; ++i) {
      constexpr int per_group = Loops::kBlocks * Loops::kBlockChannels;
      constexpr int group_out = kOutC / shape.groups;
      const int inside = i % per_group;
      // No count is above the limit of a filler lane, so its bit is 0.
      limits_[i] =
          inside >= group_out
              ? std::uint64_t{INT64_MAX}
              : std::uint64_t(std::int64_t{kAll} - threshold[i / per_group * group_out + inside]);
    }
    return limits_ != nullptr;
  }

  Signs signs_;
  std::uint64_t* weight_ = nullptr;
  std::uint64_t* limits_ = nullptr;
  std::uint64_t* flips_ = nullptr;
};

template <>
struct BinaryKernelOf<BinaryKernel::kWords> {
  static constexpr const char* name = "words";
  static constexpr bool fits(const BinaryShape&) { return true; }
  template <BinaryShape shape, class Out>
  using Op = WordConv2d<shape, Out>;
};
