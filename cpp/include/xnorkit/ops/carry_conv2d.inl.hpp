// The kernel where a popcount of words is one instruction: two words are added bit by bit before
// their ones are counted, five instructions for two words instead of six.
//
// A lane is an output channel. With x ^ w of word i the bits to be counted, p[i] is their running
// parity, p[i] = p[i-1] ^ x[i] ^ w[i]. Each one changes the parity, so there are twice as many ones
// as falls from 1 to 0, and one more where the last parity is 1. Among three parities in a row
// there is at most one fall, so that one vector holds the falls of two words:
//   ones = 2 * sum of popcount(falls(p[i], p[i+1], p[i+2])) + popcount(p[last])
// A parity, falls: one instruction each, of three operands.
// Words are paired along a list of those that lie inside the map, so a border of 0 is no tap at
// all.

template <BinaryShape shape, class Out>
class CarryConv2d {
  static_assert(kUnit == kWordLanes);
  using Signs = SignsInput<shape.in, shape.window, shape.groups, shape.padding_value>;
  static constexpr Layout kLayout = Signs::layout(shape.out_c);
  using Regions = CarryRegions<kLayout>;

  static constexpr bool kBits = std::is_same_v<Out, BitsOut>;
  static constexpr int kSteps = Regions::kSteps, kLength = shape.length();
  static constexpr Taps kAllTaps = {{0, shape.window.kernel_h}, {0, shape.window.kernel_w}};
  using Filters = UnitFilters<shape, kAllTaps, kBits>;
  static constexpr int kUnits = Filters::kUnits;
  static constexpr int kPixelOutputs = kBits ? words_of(shape.out_c) : shape.out_c;
  static constexpr int kMostPixels = 6;  // of a block; 4 to 12 are equally fast
  // Windows of at most as many words have loops of their own, unrolled: 30.7 instead of 31.8 us on
  // 20x51, 64 to 64, 3x3.
  static constexpr bool kUnrolled = kSteps <= 12;

 public:
  static constexpr const char* kKernel = "carry-save";
  using Output = std::conditional_t<kBits, std::uint64_t, float>;

  bool load(Loader& loader, const char* name) {
    return filters_.load(loader, name) && signs_.load(loader, name) && regions_.load(loader, name);
  }

  void run(const std::uint64_t* x, Output* y, Work work) const {
    if constexpr (kBits && shape.groups * kUnits < words_of(shape.out_c) * 8) {  // bytes of filler
      __builtin_memset(y, 0, sizeof(Output) * kPixelOutputs * kLayout.window.output(1).pixels());
    }
    x = signs_.prepared(x, work);
    for (int i = 0; i < regions_.count; ++i) {
      const CarryRegion& r = regions_.first[i];
      region(r, x + r.x, y + r.y * kPixelOutputs);
    }
  }

 private:
  void region(const CarryRegion& r, const std::uint64_t* x, Output* y) const {
    for (int line = 0; line < r.lines; ++line) {
      const std::uint64_t* w = filters_.weight;
      for (int group = 0; group < shape.groups; ++group) {
        for (int unit = 0; unit < kUnits; ++unit, w += Filters::kUnitWords) {
          this->line(r, x + group * kLayout.group_pitch, w, y, group, unit);
        }
      }
      x += r.x_line;
      y += r.y_line * kPixelOutputs;
    }
  }

  XNORKIT_INLINE void line(const CarryRegion& r, const std::uint64_t* x, const std::uint64_t* w,
                           Output* y, int group, int unit) const {
    const int channel = group * shape.group_out() + unit * kUnit;
    if constexpr (kBits) {
      const std::uint64_t* limit = filters_.limits + (group * kUnits + unit) * kUnit;
      const int missing = (shape.window.taps() - r.taps) * kLength;
      // 2 * ones > limit - missing
      const SignedWords half = (load_vector<SignedWords>(limit) - missing) >> 1;
      auto* to = reinterpret_cast<std::uint8_t*>(y) + channel / 8;
      pixels(r, x, w, CarryBits{reinterpret_cast<Words>(half)}, to);
    } else {
      const std::uint64_t elements = r.taps * kLength;
      const int left = shape.group_out() - unit * kUnit;
      using Reals = CarryReals<shape.group_out() % kUnit != 0>;
      pixels(r, x, w, Reals{elements, left < kUnit ? left : kUnit}, y + channel);
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
  Filters filters_;
};

template <>
struct BinaryKernelOf<BinaryKernel::kCarry> {
  static constexpr const char* name = "carry";
  // A block's bits are whole bytes of the output.
  static constexpr bool fits(const BinaryShape& shape) {
    return shape.groups == 1 || shape.group_out() % kUnit == 0;
  }
  template <BinaryShape shape, class Out>
  using Op = CarryConv2d<shape, Out>;
};
