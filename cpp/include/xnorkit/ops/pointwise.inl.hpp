// Steps on each element in turn, each rounded to float32: scale, bias, batch norm, activation.
// `in` and `out` may be one map. The unit must be compiled with -ffp-contract=off: a compiler that
// joins the product and the sum of Affine takes a rounding away.

// Constants of a step: one a channel, or (channels = 1) one for all.
struct StepValues {
  bool load(Loader& loader, const char* name, const char* stem, int index, int channels) {
    char field[32];
    std::snprintf(field, sizeof field, "%s%d", stem, index);
    values = channel_values(loader, name, field, channels);
    return values != nullptr;
  }
  XNORKIT_INLINE Floats at(int c) const { return load_vector<Floats>(values + c); }

  const float* values = nullptr;
};

// What a step reads, and what it makes of the channels from c on.
template <class Step>
struct PointwiseStep;

template <>
struct PointwiseStep<steps::Scale> {
  bool load(Loader& loader, const char* name, int index, int channels) {
    return scale.load(loader, name, "scale", index, channels);
  }
  XNORKIT_INLINE Floats apply(Floats x, int c) const { return x * scale.at(c); }

  StepValues scale;
};

template <>
struct PointwiseStep<steps::Bias> {
  bool load(Loader& loader, const char* name, int index, int channels) {
    return bias.load(loader, name, "bias", index, channels);
  }
  XNORKIT_INLINE Floats apply(Floats x, int c) const { return x + bias.at(c); }

  StepValues bias;
};

template <>
struct PointwiseStep<steps::Affine> {
  bool load(Loader& loader, const char* name, int index, int channels) {
    return scale.load(loader, name, "scale", index, channels) &&
           bias.load(loader, name, "bias", index, channels);
  }
  XNORKIT_INLINE Floats apply(Floats x, int c) const { return x * scale.at(c) + bias.at(c); }

  StepValues scale, bias;
};

template <>
struct PointwiseStep<steps::AffineFused> : PointwiseStep<steps::Affine> {
  XNORKIT_INLINE Floats apply(Floats x, int c) const {
    return multiply_add_exact(x, scale.at(c), bias.at(c));
  }
};

template <>
struct PointwiseStep<steps::Relu> {
  bool load(Loader&, const char*, int, int) { return true; }
  // torch keeps -0.0 and NaN.
  XNORKIT_INLINE Floats apply(Floats x, int) const { return larger(Floats{}, x); }
};

template <>
struct PointwiseStep<steps::Clamp> {
  bool load(Loader& loader, const char* name, int index, int) {
    return low.load(loader, name, "low", index, 1) && high.load(loader, name, "high", index, 1);
  }
  XNORKIT_INLINE Floats apply(Floats x, int) const {
    return smaller(high.at(0), larger(low.at(0), x));
  }

  StepValues low, high;
};

// The steps from number `index` on.
template <int index, class... Steps>
struct PointwiseChain {
  bool load(Loader&, const char*, int) { return true; }
  XNORKIT_INLINE Floats apply(Floats x, int) const { return x; }
};

template <int index, class Step, class... Rest>
struct PointwiseChain<index, Step, Rest...> {
  bool load(Loader& loader, const char* name, int channels) {
    return step.load(loader, name, index, channels) && rest.load(loader, name, channels);
  }
  XNORKIT_INLINE Floats apply(Floats x, int c) const { return rest.apply(step.apply(x, c), c); }

  PointwiseStep<Step> step;
  PointwiseChain<index + 1, Rest...> rest;
};

template <Map map, class... Steps>
class Pointwise {
 public:
  bool load(Loader& loader, const char* name) { return chain_.load(loader, name, map.c); }

  void run(const float* x, float* y) const {
    if constexpr (repeats(map.c)) {
      each_vector<map.reals()>(Row<false>{chain_, x, y});
    } else {
      for (int pixel = 0; pixel < map.pixels(); ++pixel, x += map.c, y += map.c) {
        each_vector<map.c>(Row<true>{chain_, x, y});
      }
    }
  }

 private:
  using Chain = PointwiseChain<0, Steps...>;

  // by_channel: whether place i of the row is channel i, or any vector begins at channel 0.
  template <bool by_channel>
  struct Row {
    template <int n>
    XNORKIT_INLINE void at(int i) const {
      store_lanes<n>(y + i, chain.apply(load_lanes<n>(x + i), by_channel ? i : 0));
    }
    const Chain& chain;
    const float* x;
    float* y;
  };

  Chain chain_;
};
