// The kernel where a popcount of words is one instruction: two words are added bit by bit before
// their ones are counted, five instructions for two words instead of six.
//
// A lane is an output channel. With x ^ w of word i the bits to be counted, p[i] is their running
// parity, p[i] = p[i-1] ^ x[i] ^ w[i]. Each one changes the parity, so there are twice as many ones
// as falls from 1 to 0, and one more where the last parity is 1. Among three parities in a row
// there is at most one fall, so that one vector holds the falls of two words:
//   ones = 2 * sum of popcount(falls(p[i], p[i+1], p[i+2])) + popcount(p[last])
// A parity, falls: one instruction each, of three operands.
//   w: [group][block of channels][tap][word][lane], filler channels are 0
// Words are paired along a list of those that lie inside the map, so a border of 0 is no tap at
// all.

template <BinaryShape shape, class Out>
class CarryConv2d {
  using Signs = SignsInput<shape.in, shape.window, shape.groups, shape.padding_value>;
  static constexpr Layout kLayout = Signs::layout(shape.out_c);
  using Regions = CarryRegions<kLayout>;

  static constexpr bool kBits = std::is_same_v<Out, BitsOut>;
  static constexpr int kSteps = Regions::kSteps, kLength = shape.length();
  static constexpr int kBlocks = (shape.group_out() + kWordLanes - 1) / kWordLanes;  // of a group
  static constexpr int kBlockWeights = kSteps * kWordLanes;
  static constexpr std::size_t kFilterBytes = (shape.elements() + 7) / 8;
  static constexpr int kPixelOutputs = kBits ? words_of(shape.out_c) : shape.out_c;
  static constexpr int kMostPixels = 6;  // of a block; 4 to 12 are equally fast
  // Windows of at most as many words have loops of their own, unrolled: 30.7 instead of 31.8 us on
  // 20x51, 64 to 64, 3x3.
  static constexpr bool kUnrolled = kSteps <= 12;

 public:
  static constexpr const char* kKernel = "carry-save";
  using Output = std::conditional_t<kBits, std::uint64_t, float>;

  bool load(Loader& loader, const char* name) {
    const auto* packed = loader.tensor<std::uint8_t>(name, "weight", shape.out_c * kFilterBytes);
    const std::uint8_t* flip = nullptr;
    if (packed == nullptr || !signs_.load(loader, name) || !regions_.load(loader, name)) {
      return false;
    }
    if (kBits && !load_thresholds(loader, name, &flip)) return false;
    weight_ = loader.take<std::uint64_t>(name, std::size_t{shape.groups} * kBlocks * kBlockWeights);
    for (int o = 0; weight_ != nullptr && o < shape.out_c; ++o) {
      lay_out(packed + o * kFilterBytes, flip != nullptr && flip[o] != 0, o);
    }
    return weight_ != nullptr;
  }

  void run(const std::uint64_t* x, Output* y, Work work) const {
    if constexpr (kBits && shape.groups * kBlocks < words_of(shape.out_c) * 8) {  // bytes of filler
      __builtin_memset(y, 0, sizeof(Output) * kPixelOutputs * kLayout.window.output(1).pixels());
    }
    x = signs_.prepared(x, work);
    for (int i = 0; i < regions_.count; ++i) {
      const CarryRegion& r = regions_.first[i];
      region(r, x + r.x, y + r.y * kPixelOutputs);
    }
  }

 private:
  // A flipped channel has its weights negated: (sum >= t) = (-sum < 1 - t).
  bool load_thresholds(Loader& loader, const char* name, const std::uint8_t** flip) {
    const auto* threshold = loader.tensor<std::int32_t>(name, "threshold", shape.out_c);
    *flip = loader.tensor<std::uint8_t>(name, "flip", shape.out_c);
    if (threshold == nullptr || *flip == nullptr) return false;
    constexpr int lanes = kBlocks * kWordLanes;
    limits_ = loader.take<std::uint64_t>(name, shape.groups * lanes);
    for (int i = 0; limits_ != nullptr && i < shape.groups * lanes; ++i) {
      const int o = i / lanes * shape.group_out() + i % lanes;
      // No count is above the limit of a filler lane, so its bit is 0.
      const bool filler = i % lanes >= shape.group_out();
      std::int64_t limit = INT64_MAX;
      if (!filler) {
        const std::int64_t t = threshold[o];
        limit = std::int64_t{shape.elements()} - ((*flip)[o] != 0 ? 1 - t : t);
      }
      limits_[i] = static_cast<std::uint64_t>(limit);
    }
    return limits_ != nullptr;
  }

  void lay_out(const std::uint8_t* filter, bool negated, int o) {
    const int inside = o % shape.group_out();
    const int block = o / shape.group_out() * kBlocks + inside / kWordLanes;
    std::uint64_t* to = weight_ + std::ptrdiff_t{block} * kBlockWeights + inside % kWordLanes;
    for (int tap = 0; tap < shape.window.taps(); ++tap) {
      for (int word = 0; word < kLayout.length; ++word, to += kWordLanes) {
        const int done = word * kWordBits;
        const int n = kLength - done < kWordBits ? kLength - done : kWordBits;
        const std::size_t first = std::size_t(tap) * kLength + done;
        *to = packed_word(filter, first, n) ^ (negated ? low_bits(n) : 0);
      }
    }
  }

  void region(const CarryRegion& r, const std::uint64_t* x, Output* y) const {
    for (int line = 0; line < r.lines; ++line) {
      const std::uint64_t* w = weight_;
      for (int group = 0; group < shape.groups; ++group) {
        for (int block = 0; block < kBlocks; ++block, w += kBlockWeights) {
          this->line(r, x + group * kLayout.group_pitch, w, y, group, block);
        }
      }
      x += r.x_line;
      y += r.y_line * kPixelOutputs;
    }
  }

  XNORKIT_INLINE void line(const CarryRegion& r, const std::uint64_t* x, const std::uint64_t* w,
                           Output* y, int group, int block) const {
    const int channel = group * shape.group_out() + block * kWordLanes;
    if constexpr (kBits) {
      const std::uint64_t* limit = limits_ + (group * kBlocks + block) * kWordLanes;
      const int missing = (shape.window.taps() - r.taps) * kLength;
      // 2 * ones > limit - missing
      const SignedWords half = (load_vector<SignedWords>(limit) - missing) >> 1;
      auto* to = reinterpret_cast<std::uint8_t*>(y) + channel / 8;
      pixels(r, x, w, CarryBits{reinterpret_cast<Words>(half)}, to);
    } else {
      const std::uint64_t elements = r.taps * kLength;
      const int left = shape.group_out() - block * kWordLanes;
      using Reals = CarryReals<shape.group_out() % kWordLanes != 0>;
      pixels(r, x, w, Reals{elements, left < kWordLanes ? left : kWordLanes}, y + channel);
    }
  }

  // In as few blocks as there can be, of sizes that differ by at most 1.
  template <class Outputs, class To>
  XNORKIT_INLINE static void pixels(const CarryRegion& r, const std::uint64_t* x,
                                    const std::uint64_t* w, const Outputs& outputs, To* to) {
    const CarryLine line{r.steps, r.step_count, r.x_pixel,
                         r.y_pixel * std::ptrdiff_t{kPixelOutputs * sizeof(Output) / sizeof(To)}};
    const int count = (r.pixels + kMostPixels - 1) / kMostPixels;
    const int small = r.pixels / count, large = r.pixels % count;
    if (large > 0) {
      blocks_of<kMostPixels>(small + 1, large, r.whole, line, x, w, outputs, to);
      x += large * (small + 1) * line.x_pixel;
      to += large * (small + 1) * line.y_pixel;
    }
    blocks_of<kMostPixels>(small, count - large, r.whole, line, x, w, outputs, to);
  }

  template <int P, class Outputs, class To>
  XNORKIT_INLINE static void blocks_of(int size, int count, bool whole, const CarryLine& line,
                                       const std::uint64_t* x, const std::uint64_t* w,
                                       const Outputs& outputs, To* to) {
    if (size == P) {
      if (kUnrolled && whole) {
        return carry_whole_blocks<Regions, P>(count, line, x, w, outputs, to);
      }
      return carry_blocks<P>(count, line, x, w, outputs, to);
    }
    if constexpr (P > 1) blocks_of<P - 1>(size, count, whole, line, x, w, outputs, to);
  }

  Signs signs_;
  Regions regions_;
  std::uint64_t* weight_ = nullptr;
  std::uint64_t* limits_ = nullptr;  // [group][block][lane]: all elements - threshold, as int64
};

template <>
struct BinaryKernelOf<BinaryKernel::kCarry> {
  static constexpr const char* name = "carry";
  // A block's bits are whole bytes of the output.
  static constexpr bool fits(const BinaryShape& shape) {
    return shape.groups == 1 || shape.group_out() % kWordLanes == 0;
  }
  template <BinaryShape shape, class Out>
  using Op = CarryConv2d<shape, Out>;
};
