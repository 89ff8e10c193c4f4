// LutConv2d's thresholds, compared with counts of ones:
//   sum < threshold  <=>  2 * ones + missing >= bound,   bound = all elements - threshold + 1
// where missing = elements under the window that are outside the map, none where the border is +1
// or -1. The left side is at most twice all elements: that of a long sum < 65535, so bounds are
// uint16. Of a short sum half of it fits a byte:
//   ones + missing / 2 >= (bound - missing % 2 + 1) / 2
// with bounds for an even and, where that occurs, for an odd `missing`.

template <BinaryShape shape>
struct PairPixels {
  static constexpr Axis kRows = shape.window.rows(shape.in);
  static constexpr Axis kColumns = shape.window.columns(shape.in);
  static constexpr bool kWhole =
      shape.padding_value != 0 ||
      (kRows.inner().size() == kRows.out && kColumns.inner().size() == kColumns.out);
  static constexpr bool kOdd = !kWhole && shape.length() % 2 == 1;  // `missing` may be

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

// kVectors: of `width` channels, of a group.
template <BinaryShape shape, int width, int kVectors, bool kShort>
class PairBounds {
  using Bound = std::conditional_t<kShort, std::uint8_t, std::uint16_t>;
  static constexpr int kAll = shape.groups * kVectors;
  static constexpr int kMost = kShort ? 255 : 65535;  // more than any sum has

 public:
  bool load(Loader& loader, const char* name) {
    const auto* threshold = loader.tensor<std::int32_t>(name, "threshold", shape.out_c);
    const auto* flip = loader.tensor<std::uint8_t>(name, "flip", shape.out_c);
    if (threshold == nullptr || flip == nullptr) return false;
    bounds_ = loader.take<Bound>(name, (PairPixels<shape>::kOdd ? 2 : 1) * kAll * width);
    flips_ = loader.take<std::uint64_t>(name, kAll);
    if (bounds_ == nullptr || flips_ == nullptr) return false;
    for (int i = 0; i < kAll * width; ++i) {
      const int vector = i / width, inside = vector % kVectors * width + i % width;
      const bool filler = inside >= shape.group_out();  // its bit is 0
      const int channel = vector / kVectors * shape.group_out() + inside;
      bounds_[i] = filler ? kMost : bound(threshold[channel], 0);
      if constexpr (PairPixels<shape>::kOdd) {
        bounds_[kAll * width + i] = filler ? kMost : bound(threshold[channel], 1);
      }
      flips_[vector] |= std::uint64_t{!filler && flip[channel] != 0} << (i % width);
    }
    return true;
  }

  // The bits of the v-th vector of sums, which is the vector-th of all.
  template <class Sums>
  XNORKIT_INLINE std::uint64_t bits(const Sums& sums, int r, int pixel, int v, int missing,
                                    int vector) const {
    if constexpr (kShort) {
      const int odd = PairPixels<shape>::kOdd ? missing % 2 : 0;
      // A variable, or GCC takes it for an int under -fsanitize=undefined and refuses the sum.
      const auto half = static_cast<std::uint8_t>(missing / 2);
      const auto ones = sums.ones(r, pixel, v) + half;
      return at_least(ones, bounds_ + (odd * kAll + vector) * width) ^ flips_[vector];
    } else {
      const auto more = static_cast<std::uint16_t>(missing);
      const auto even = sums.even(r, pixel, v) * 2 + more, odd = sums.odd(r, pixel, v) * 2 + more;
      return at_least(even, odd, bounds_ + vector * width) ^ flips_[vector];
    }
  }

 private:
  static Bound bound(std::int32_t threshold, int odd) {
    const std::int64_t twice = std::int64_t{shape.elements()} - threshold + 1;
    const std::int64_t wanted = kShort ? (twice - odd + 1) >> 1 : twice;
    return static_cast<Bound>(wanted < 0 ? 0 : wanted > kMost ? kMost : wanted);
  }

  Bound* bounds_ = nullptr;         // [missing % 2][vector][channel]
  std::uint64_t* flips_ = nullptr;  // [vector]
};
