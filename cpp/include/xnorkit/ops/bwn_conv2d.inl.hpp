// Convolution of a real map with weights of +1 and -1, one bit each in memory too.
//   weight: bits of [out_c][kh][kw][in_c / groups], 1 = negative, each filter from a new byte
// A step's bits become lanes of +1 and -1 that P pixels share: one multiply-add each, and the
// product is exact.

// An unsigned number of a bit a lane.
template <int lanes>
using LaneBits = std::conditional_t<
    lanes <= 8, std::uint8_t,
    std::conditional_t<lanes <= 16, std::uint16_t,
                       std::conditional_t<lanes <= 32, std::uint32_t, std::uint64_t>>>;

struct BwnArithmetic {
  using Input = float;
  using Weight = std::uint8_t;
  static constexpr int kLanes = kFloatLanes;
  static constexpr int kMostPixels = kSignPixels, kMostVectors = kSignVectors;
  static constexpr int kOnePixelVectors = 4;
  static constexpr int steps(int n) { return n; }
  template <int V>
  static constexpr int kWeights = sizeof(LaneBits<V * kFloatLanes>);

  template <int P, int V>
  struct Sums {
    using Bits = LaneBits<V * kFloatLanes>;

    XNORKIT_INLINE void add(const float* x, std::ptrdiff_t pixel_step, const std::uint8_t* w,
                            int n) {
      for (int i = 0; i < n; ++i, w += sizeof(Bits)) {
        Bits bits;
        __builtin_memcpy(&bits, w, sizeof bits);
        Floats signs[V];
        for (int v = 0; v < V; ++v) {
          signs[v] = unit_signs(static_cast<std::uint32_t>(bits >> (v * kFloatLanes)));
        }
        for (int p = 0; p < P; ++p) {
          const Floats value = broadcast(x[p * pixel_step + i]);
          for (int v = 0; v < V; ++v) sum[p][v] = multiply_add(value, signs[v], sum[p][v]);
        }
      }
    }
    XNORKIT_INLINE Floats floats(int p, int v) const { return sum[p][v]; }

    Floats sum[P][V] = {};
  };
};

template <Map in, int out_c, Window window, int groups>
class BwnConv2d {
  static constexpr int kLength = in.c / groups;
  static constexpr std::size_t kFilterBits = std::size_t{window.taps()} * kLength;
  static constexpr std::size_t kFilterBytes = (kFilterBits + 7) / 8;
  using Loops =
      Convolution<Layout{in, window, out_c, groups, kLength, in.c, kLength}, BwnArithmetic>;

 public:
  bool load(Loader& loader, const char* name) {
    const Source source{loader.tensor<std::uint8_t>(name, "weight", out_c * kFilterBytes)};
    weight_ =
        source.weight == nullptr ? nullptr : loader.take<std::uint8_t>(name, Loops::kAllWeights);
    if (weight_ == nullptr) return false;
    Loops::lay_out(source, weight_);
    return true;
  }

  void run(const float* x, float* y) const { Loops::run(RealOutputs<Loops>{y}, x, weight_); }

 private:
  struct Source {
    void put(std::uint8_t* step, int lane, WeightPlace at) const {
      const std::uint64_t bit =
          packed_bit(weight + at.o * kFilterBytes, std::size_t(at.tap) * kLength + at.element);
      // Lane bits are a little-endian number, as are those of every supported CPU.
      step[lane / 8] = static_cast<std::uint8_t>(step[lane / 8] | bit << (lane % 8));
    }
    const std::uint8_t* weight;
  };

  std::uint8_t* weight_ = nullptr;
};
