// Convolution of codes of several bits with codes of several bits. An odd code is the sum of
// 2^j * (sign in plane j), so
//   y[p][o] = sum over planes j of x, i of w:  2^(i + j) * (plane j of x, convolved with plane i)
//   x: [plane][pixel][word]      y: float, whole numbers below 2^24: exact
//   weight: bits of [group][plane][out_c / groups][kh][kw][in_c / groups], 1 = negative
//
// For each plane of x one BinaryConv2d gives the sums with all planes of w, as channels side by
// side. The highest plane comes first, so that each next one is added to twice what is there.
template <Map in, int out_c, Window window, int groups, int padding_value, int input_bits,
          int weight_bits>
class BitplaneConv2d {
  using Planes = BinaryConv2d<in, weight_bits * out_c, window, groups, padding_value, RealOut>;
  static constexpr int kGroupOut = out_c / groups;
  static constexpr int kGroups = window.out_h * window.out_w * groups;  // of all pixels

 public:
  static constexpr const char* kKernel = Planes::kKernel;

  bool load(Loader& loader, const char* name) {
    return planes_.load(loader, name) &&
           loader.scratch(name, std::size_t{kGroups} * kGroupOut * weight_bits, &sums_);
  }

  void run(const std::uint64_t* x, float* y, Work work) const {
    float* const sums = sums_.at(work);
    if constexpr (weight_bits == 1) {
      planes_.run(x + (input_bits - 1) * in.bit_words(), y, work);
    } else {
      planes_.run(x + (input_bits - 1) * in.bit_words(), sums, work);
      add<true>(sums, y);
    }
    for (int plane = input_bits - 2; plane >= 0; --plane) {
      planes_.run(x + plane * in.bit_words(), sums, work);
      add<false>(sums, y);
    }
  }

 private:
  // y = sum of 2^i * (sums with plane i), and 2 * y where that is not the first.
  template <bool first>
  static void add(const float* sums, float* y) {
    for (int i = 0; i < kGroups; ++i, sums += kGroupOut * weight_bits, y += kGroupOut) {
      each_vector<kGroupOut>(Add<first>{sums, y});
    }
  }

  template <bool first>
  struct Add {
    template <int n>
    XNORKIT_INLINE void at(int i) const {
      Floats sum = load_lanes<n>(sums + (weight_bits - 1) * kGroupOut + i);
      XNORKIT_UNROLL
      for (int plane = weight_bits - 2; plane >= 0; --plane) {
        sum = sum + sum + load_lanes<n>(sums + plane * kGroupOut + i);
      }
      if constexpr (!first) {
        const Floats before = load_lanes<n>(y + i);
        sum = before + before + sum;
      }
      store_lanes<n>(y + i, sum);
    }
    const float* sums;
    float* y;
  };

  Planes planes_;
  Scratch<float> sums_;
};
