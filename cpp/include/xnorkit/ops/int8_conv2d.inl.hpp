// Convolution of a real map, rounded to 8 bits, with int8 weights; sums in int32, so exact.
//   step: float32 [1]      q = clamp(x / step, -127, 127), rounded half to even
//   weight: int8 [out_c][kh][kw][in_c / groups]
// Written as floats: exact while |sum| < 2^24. Two neighbouring elements of a run make one step
// (int16 pairs), so the rounded map has its border of zeros and every window is whole.

struct Int8Arithmetic {
  using Input = std::int16_t;
  using Weight = std::int32_t;  // two int16
  static constexpr int kLanes = kFloatLanes;
  static constexpr int kMostPixels = kFloatPixels, kMostVectors = kFloatVectors;
  static constexpr int kOnePixelVectors = 4;
  static constexpr int steps(int n) { return (n + 1) / 2; }
  template <int V>
  static constexpr int kWeights = V * kFloatLanes;

  template <int P, int V>
  struct Sums {
    // The last pair of an odd run reads one element more; its weight is 0.
    XNORKIT_INLINE void add(const std::int16_t* x, std::ptrdiff_t pixel_step, const std::int32_t* w,
                            int n) {
      for (int i = 0; i < n; i += 2, w += V * kFloatLanes) {
        for (int p = 0; p < P; ++p) {
          std::int32_t pair;
          __builtin_memcpy(&pair, x + p * pixel_step + i, sizeof pair);
          const Ints value = broadcast(pair);
          for (int v = 0; v < V; ++v) {
            sum[p][v] = multiply_pairs(value, load_vector<Ints>(w + v * kFloatLanes), sum[p][v]);
          }
        }
      }
    }
    XNORKIT_INLINE Floats floats(int p, int v) const {
      return __builtin_convertvector(sum[p][v], Floats);
    }

    Ints sum[P][V] = {};
  };
};

template <Map in, int out_c, Window window, int groups>
class Int8Conv2d {
  static constexpr int kLength = in.c / groups;
  static constexpr Map kStaged = bordered(in, window);
  using Loops =
      Convolution<Layout{kStaged, unpadded(window), out_c, groups, kLength, in.c, kLength},
                  Int8Arithmetic>;

 public:
  bool load(Loader& loader, const char* name) {
    const float* step = loader.tensor<float>(name, "step", 1);
    const Source source{
        loader.tensor<std::int8_t>(name, "weight", std::size_t{out_c} * window.taps() * kLength)};
    if (step == nullptr || source.weight == nullptr) return false;
    step_ = *step;
    weight_ = loader.take<std::int32_t>(name, Loops::kAllWeights);
    if (weight_ == nullptr || !loader.scratch(name, kStaged.reals(), &staged_)) return false;
    Loops::lay_out(source, weight_);
    return true;
  }

  void run(const float* x, float* y, Work work) const {
    std::int16_t* staged = staged_.at(work);
    stage(x, staged);
    Loops::run(RealOutputs<Loops>{y}, staged, weight_);
  }

 private:
  struct Source {
    void put(std::int32_t* step, int lane, WeightPlace at) const {
      const std::int16_t value =
          weight[(std::size_t(at.o) * window.taps() + at.tap) * kLength + at.element];
      __builtin_memcpy(reinterpret_cast<std::int16_t*>(step + lane) + at.in_run % 2, &value,
                       sizeof value);
    }
    const std::int8_t* weight;
  };

  // Rounds the map into the inside of the staged one.
  void stage(const float* x, std::int16_t* staged) const {
    for (int row = 0; row < in.h; ++row, x += in.w * in.c) {
      std::int16_t* to = staged + ((row + window.pad_top) * kStaged.w + window.pad_left) * in.c;
      for (int i = 0; i < in.w * in.c; ++i) to[i] = rounded(x[i] / step_);
    }
  }

  // Adding 1.5 * 2^23 leaves no bit below 1, and the rounding of that addition is half to even.
  XNORKIT_INLINE static std::int16_t rounded(float value) {
    constexpr float kShift = 12582912.0f;
    constexpr std::int32_t kShiftBits = 0x4b400000;
    value = value < -127.0f ? -127.0f : value;
    value = (value > 127.0f ? 127.0f : value) + kShift;
    std::int32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return static_cast<std::int16_t>(bits - kShiftBits);
  }

  float step_ = 1.0f;
  std::int32_t* weight_ = nullptr;
  Scratch<std::int16_t> staged_;
};
