// Real values to the bit planes of codes. With M = 2^bits - 1 thresholds a channel,
//   u = how many levels l = 1 .. M have !((x < threshold[l - 1][c]) != flip[c]);
// plane j holds bit j of u as a sign: 1 = negative = that bit is 0.
//   y: [plane][pixel][word]      threshold: float32 [M][c]      flip: uint8 [c], 0 or 1
//
// Bit j of u is the parity of how many multiples of 2^j are among 1 .. u. There are 2^(bits - j) -
// 1 of them up to M, an odd number: so the sign in plane j is the parity of "u < l" over these l,
// and a flip of all of them is one.
template <Map map, int bits>
class Quantise {
  static constexpr int kLevels = (1 << bits) - 1;
  static constexpr int kRow = (map.c + kFloatLanes - 1) / kFloatLanes * kFloatLanes;
  static constexpr int kLast = map.c - (map.words() - 1) * kWordBits;

 public:
  bool load(Loader& loader, const char* name) {
    const float* values = loader.tensor<float>(name, "threshold", kLevels * map.c);
    flips_ = channel_flags(loader, name, "flip", map.c);
    if (values == nullptr || flips_ == nullptr) return false;
    threshold_ = loader.take<float>(name, kLevels * kRow);
    for (int i = 0; threshold_ != nullptr && i < kLevels * map.c; ++i) {
      threshold_[i / map.c * kRow + i % map.c] = values[i];
    }
    return threshold_ != nullptr;
  }

  void run(const float* x, std::uint64_t* y) const {
    for (int pixel = 0; pixel < map.pixels(); ++pixel, x += map.c, y += map.words()) {
      int first = 0;
      for (int word = 0; word < map.words() - 1; ++word, first += kWordBits) {
        put<kWordBits>(x + first, first, y + word, flips_[word]);
      }
      // The last word, whole or not.
      put<kLast>(x + first, first, y + map.words() - 1, flips_[map.words() - 1]);
    }
  }

 private:
  template <int n>
  XNORKIT_INLINE void put(const float* x, int first, std::uint64_t* y, std::uint64_t flips) const {
    std::uint64_t planes[bits] = {};
    XNORKIT_UNROLL
    for (int level = 1; level <= kLevels; ++level) {
      const std::uint64_t below = below_bits<n>(x, threshold_ + (level - 1) * kRow + first);
      XNORKIT_UNROLL
      for (int plane = 0; plane < bits; ++plane) {
        if (level % (1 << plane) == 0) planes[plane] ^= below;
      }
    }
    for (int plane = 0; plane < bits; ++plane) y[plane * map.bit_words()] = planes[plane] ^ flips;
  }

  float* threshold_ = nullptr;
  const std::uint64_t* flips_ = nullptr;
};
