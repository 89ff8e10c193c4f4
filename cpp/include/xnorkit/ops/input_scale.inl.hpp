// XNOR-Net's K: the mean magnitude of a layer's real input.
//   map:   k[p] = sum over the window's taps of mean_c |x| / (kernel_h * kernel_w); a border is 0
//   whole: k[0] = mean of |x| over the map

template <Map in, Window window, bool whole>
class InputScale {
 public:
  bool load(Loader& loader, const char* name) {
    if constexpr (whole) return true;
    return loader.scratch(name, in.pixels(), &means_);
  }

  void run(const float* x, float* k, [[maybe_unused]] Work work) const {
    if constexpr (whole) {
      // Row by row: fewer terms a sum, so less rounding.
      float sum = 0.0f;
      for (int row = 0; row < in.h; ++row) sum += magnitude<in.w * in.c>(x + row * in.w * in.c);
      k[0] = sum / static_cast<float>(in.reals());
    } else {
      float* means = means_.at(work);
      for (int pixel = 0; pixel < in.pixels(); ++pixel) {
        means[pixel] = magnitude<in.c>(x + pixel * in.c) / static_cast<float>(in.c);
      }
      box_filter(means, k);
    }
  }

 private:
  struct Magnitudes {
    template <int n>
    XNORKIT_INLINE void at(int i) const {
      const Floats value = load_lanes<n>(x + i);
      *sums += value < 0.0f ? -value : value;
    }
    const float* x;
    Floats* sums;
  };

  // The sum of |x| over n elements.
  template <int n>
  XNORKIT_INLINE static float magnitude(const float* x) {
    Floats sums{};
    each_vector<n>(Magnitudes{x, &sums});
    float lanes[kFloatLanes];
    store_vector(lanes, sums);
    // In pairs: few additions that wait for each other, and less rounding.
    for (int half = kFloatLanes / 2; half > 0; half /= 2) {
      for (int l = 0; l < half; ++l) lanes[l] += lanes[l + half];
    }
    return lanes[0];
  }

  static void box_filter(const float* means, float* k) {
    constexpr Axis rows = window.rows(in), columns = window.columns(in);
    for (int row = 0; row < window.out_h; ++row) {
      for (int column = 0; column < window.out_w; ++column) {
        const Span ty = rows.taps(row), tx = columns.taps(column);
        float sum = 0.0f;
        for (int y = ty.begin; y < ty.end; ++y) {
          const int line = (rows.at(row) + y * window.dilation_h) * in.w + columns.at(column);
          for (int x = tx.begin; x < tx.end; ++x) sum += means[line + x * window.dilation_w];
        }
        *k++ = sum / static_cast<float>(window.taps());
      }
    }
  }

  Scratch<float> means_;
};
