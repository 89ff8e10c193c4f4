// BwnConv2d by lanes of +1 and -1: a step's bits become them, P pixels share them, one multiply-add
// each, whose product is exact.

struct BwnSignsArithmetic {
  using Input = float;
  using Weight = std::uint8_t;
  static constexpr int kLanes = kFloatLanes;
  static constexpr int kMostPixels = kFloatPixels, kMostVectors = kFloatVectors;
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
        XNORKIT_UNROLL
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

template <Map in, int out_c, Window window, int groups, class Out>
class BwnSigns {
  using In = RealInput<in, window>;
  static constexpr int kLength = in.c / groups;
  static constexpr std::size_t kFilterBytes = (std::size_t{window.taps()} * kLength + 7) / 8;
  using Loops = Convolution<Layout{In::kMap, In::kWindow, out_c, groups, kLength, in.c, kLength},
                            BwnSignsArithmetic>;

 public:
  using Output = typename RealEnd<Loops, Out>::Output;

  bool load(Loader& loader, const char* name) {
    const Source source{loader.tensor<std::uint8_t>(name, "weight", out_c * kFilterBytes)};
    weight_ =
        source.weight == nullptr ? nullptr : loader.take<std::uint8_t>(name, Loops::kAllWeights);
    if (weight_ == nullptr) return false;
    Loops::lay_out(source, weight_);
    return in_.load(loader, name) && end_.load(loader, name);
  }

  void run(const float* x, Output* y, Work work) const {
    Loops::run(end_.outputs(y), in_.prepared(x, work), weight_);
    end_.finish(y);
  }

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

  In in_;
  std::uint8_t* weight_ = nullptr;
  RealEnd<Loops, Out> end_;
};
