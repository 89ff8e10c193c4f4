// Real values to packed signs:  bit = (x < threshold[c]) != flip[c];  NaN counts as not below.
//   threshold: float32 [c]      flip: uint8 [c], 0 or 1

// Bit i = x[i] < threshold[i], for n <= 64 values.
struct Compare {
  template <int n>
  XNORKIT_INLINE void at(int i) const {
    // Lanes that are filler hold 0 < threshold or not: cut off.
    const std::uint64_t mask = less(load_lanes<n>(x + i), load_vector<Floats>(threshold + i));
    *bits |= (mask & low_bits(n)) << i;
  }
  const float *x, *threshold;
  std::uint64_t* bits;
};
template <int n>
XNORKIT_INLINE std::uint64_t below_bits(const float* x, const float* threshold) {
  std::uint64_t bits = 0;
  each_vector<n>(Compare{x, threshold, &bits});
  return bits;
}

template <Map map>
class Threshold {
 public:
  bool load(Loader& loader, const char* name) {
    threshold_ = channel_values(loader, name, "threshold", map.c);
    flips_ = channel_flags(loader, name, "flip", map.c);
    return threshold_ != nullptr && flips_ != nullptr;
  }

  void run(const float* x, std::uint64_t* y) const {
    for (int pixel = 0; pixel < map.pixels(); ++pixel, x += map.c, y += map.words()) {
      int first = 0;
      for (int word = 0; word < map.words() - 1; ++word, first += kWordBits) {
        y[word] = below_bits<kWordBits>(x + first, threshold_ + first) ^ flips_[word];
      }
      // The last word, whole or not.
      y[map.words() - 1] =
          below_bits<kLast>(x + first, threshold_ + first) ^ flips_[map.words() - 1];
    }
  }

 private:
  static constexpr int kLast = map.c - (map.words() - 1) * kWordBits;

  const float* threshold_ = nullptr;
  const std::uint64_t* flips_ = nullptr;
};
