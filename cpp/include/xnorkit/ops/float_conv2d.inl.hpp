// Convolution of a real map with float weights, without bias; real_outputs.inl.hpp says what
// becomes of the sums.
//   weight: float32 [out_c][kh][kw][in_c / groups]
// Also a linear layer, whose kernel is the whole map. The sum runs over tap rows, taps and input
// channels, in float32, with the roundings of the path's multiply_add.

struct FloatArithmetic {
  using Input = float;
  using Weight = float;
  static constexpr int kLanes = kFloatLanes;
  static constexpr int kMostPixels = kFloatPixels, kMostVectors = kFloatVectors;
  static constexpr int kOnePixelVectors = 4;  // so many sums hide the 4 cycles of an addition
  static constexpr int steps(int n) { return n; }
  template <int V>
  static constexpr int kWeights = V * kFloatLanes;

  template <int P, int V>
  struct Sums {
    XNORKIT_INLINE void add(const float* x, std::ptrdiff_t pixel_step, const float* w, int n) {
      for (int i = 0; i < n; ++i, w += V * kFloatLanes) {
        if constexpr (kLoadBroadcasts) forget_loads();
        XNORKIT_UNROLL
        for (int p = 0; p < P; ++p) {
          const Floats value = broadcast(x[p * pixel_step + i]);
          for (int v = 0; v < V; ++v) {
            sum[p][v] = multiply_add(value, load_vector<Floats>(w + v * kFloatLanes), sum[p][v]);
          }
        }
      }
    }
    XNORKIT_INLINE Floats floats(int p, int v) const { return sum[p][v]; }

    Floats sum[P][V] = {};
  };
};

template <Map in, int out_c, Window window, int groups, class Out>
class FloatConv2d {
  using In = RealInput<in, window>;
  static constexpr int kLength = in.c / groups;
  using Loops = Convolution<Layout{In::kMap, In::kWindow, out_c, groups, kLength, in.c, kLength},
                            FloatArithmetic>;

 public:
  using Output = typename RealEnd<Loops, Out>::Output;

  bool load(Loader& loader, const char* name) {
    const Source source{
        loader.tensor<float>(name, "weight", std::size_t{out_c} * window.taps() * kLength)};
    weight_ = source.weight == nullptr ? nullptr : loader.take<float>(name, Loops::kAllWeights);
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
    void put(float* step, int lane, WeightPlace at) const {
      step[lane] = weight[(std::size_t(at.o) * window.taps() + at.tap) * kLength + at.element];
    }
    const float* weight;
  };

  In in_;
  float* weight_ = nullptr;
  RealEnd<Loops, Out> end_;
};
