// Filters in units of 8 output channels, whose bits are one byte of packed output; what kernels
// take that add carries.
//   weight: [group][unit][tap][word][channel]      the words of a unit are one run of memory
//   limits: [group][unit][channel]                 all elements - threshold; of filler the highest
// A flipped channel has its weights negated: (sum >= t) = (-sum < 1 - t). Filler channels are 0.

inline constexpr int kUnit = 8;

// taps: those that are stored.
template <BinaryShape shape, Taps taps, bool kBits>
struct UnitFilters {
  static constexpr int kLength = shape.length(), kTapWords = words_of(kLength);
  static constexpr int kWords = taps.count() * kTapWords;                 // of a filter
  static constexpr int kUnits = (shape.group_out() + kUnit - 1) / kUnit;  // of a group
  static constexpr std::ptrdiff_t kUnitWords = std::ptrdiff_t{kWords} * kUnit;
  static constexpr std::size_t kFilterBytes = (shape.elements() + 7) / 8;

  bool load(Loader& loader, const char* name) {
    const auto* packed = loader.tensor<std::uint8_t>(name, "weight", shape.out_c * kFilterBytes);
    const std::uint8_t* flip = nullptr;
    if (packed == nullptr || (kBits && !load_limits(loader, name, &flip))) return false;
    weight = loader.take<std::uint64_t>(name, shape.groups * kUnits * kUnitWords);
    for (int o = 0; weight != nullptr && o < shape.out_c; ++o) {
      lay_out(packed + o * kFilterBytes, kBits && flip[o] != 0, o);
    }
    return weight != nullptr;
  }

  std::uint64_t* weight = nullptr;
  std::uint64_t* limits = nullptr;  // as int64; null where the output is real

 private:
  bool load_limits(Loader& loader, const char* name, const std::uint8_t** flip) {
    constexpr int lanes = kUnits * kUnit;
    const auto* threshold = loader.tensor<std::int32_t>(name, "threshold", shape.out_c);
    *flip = loader.tensor<std::uint8_t>(name, "flip", shape.out_c);
    if (threshold == nullptr || *flip == nullptr) return false;
    limits = loader.take<std::uint64_t>(name, shape.groups * lanes);
    for (int i = 0; limits != nullptr && i < shape.groups * lanes; ++i) {
      limits[i] = std::uint64_t{INT64_MAX};  // no count is above it, so its bit is 0
      if (i % lanes >= shape.group_out()) continue;
      const int o = i / lanes * shape.group_out() + i % lanes;
      const std::int64_t t = threshold[o];
      limits[i] = static_cast<std::uint64_t>(shape.elements() - ((*flip)[o] != 0 ? 1 - t : t));
    }
    return limits != nullptr;
  }

  void lay_out(const std::uint8_t* filter, bool negated, int o) {
    const int inside = o % shape.group_out();
    const int unit = o / shape.group_out() * kUnits + inside / kUnit;
    std::uint64_t* to = weight + unit * kUnitWords + inside % kUnit;
    for (int y = taps.y.begin; y < taps.y.end; ++y) {
      for (int x = taps.x.begin; x < taps.x.end; ++x) {
        const std::size_t tap = static_cast<std::size_t>(y) * shape.window.kernel_w + x;
        for (int done = 0; done < kLength; done += kWordBits, to += kUnit) {
          const int n = kLength - done < kWordBits ? kLength - done : kWordBits;
          *to = packed_word(filter, tap * kLength + done, n) ^ (negated ? low_bits(n) : 0);
        }
      }
    }
  }
};
