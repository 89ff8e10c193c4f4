// What becomes of a convolution's sums that are floats (.floats(p, v)).
//   RealOut: a real map
//   BitsOut: their packed signs, as Threshold makes them, without the sums ever being in memory
//     threshold: float32 [out_c]      flip: uint8 [out_c], 0 or 1

// The sums, written straight to a real map.
template <class Loops>
struct RealOutputs {
  float* y;

  template <int P>
  struct Block {
    XNORKIT_INLINE Block(const RealOutputs& outputs, int row, int column, Taps)
        : to(outputs.y + (row * Loops::kWindow.out_w + column) * Loops::kLayout.out_c) {}

    template <class Sums>
    XNORKIT_INLINE void put(const Sums& sums, int group, int block) {
      constexpr int lanes = Loops::kBlockChannels / Loops::kVectors;
      const int inside = block * Loops::kBlockChannels;
      float* pixel = to + group * Loops::kLayout.group_out() + inside;
      for (int p = 0; p < P; ++p, pixel += Loops::kLayout.out_c) {
        for (int v = 0; v < Loops::kVectors; ++v) {
          const int left = Loops::kLayout.group_out() - inside - v * lanes;
          if (left >= lanes) {
            store_vector(pixel + v * lanes, sums.floats(p, v));
          } else if (Loops::kLayout.group_out() % lanes != 0 && left > 0) {
            store_part(pixel + v * lanes, sums.floats(p, v), left);
          }
        }
      }
    }
    XNORKIT_INLINE void finish() {}

    float* to;
  };
};

// Bits of sum < threshold, not yet flipped.
template <class Loops>
struct SignOutputs {
  using Bits = LaneBits<Loops::kBlockChannels>;
  static constexpr int kGroupOut = Loops::kLayout.group_out();
  static constexpr int kPixelBytes = words_of(Loops::kLayout.out_c) * sizeof(std::uint64_t);
  // Whether blocks of bits are bytes side by side; then only filler follows the last of a pixel.
  static constexpr bool kBytes =
      (Loops::kLayout.groups == 1 || kGroupOut % Loops::kBlockChannels == 0) &&
      Loops::kBlockChannels % 8 == 0;

  std::uint8_t* y;
  const float* thresholds;  // [block of channels][lane], filler -inf: no bit

  template <int P>
  struct Block {
    XNORKIT_INLINE Block(const SignOutputs& outputs, int row, int column, Taps)
        : to(outputs.y + (row * Loops::kWindow.out_w + column) * kPixelBytes),
          thresholds(outputs.thresholds) {
      if constexpr (!kBytes || Loops::kLayout.out_c % kWordBits != 0) {
        __builtin_memset(to, 0, P * kPixelBytes);  // the filler of the last word
      }
    }

    template <class Sums>
    XNORKIT_INLINE void put(const Sums& sums, int group, int block) {
      const float* limits = thresholds + (group * Loops::kBlocks + block) * Loops::kBlockChannels;
      const int first = group * kGroupOut + block * Loops::kBlockChannels;
      std::uint8_t* pixel = to;
      XNORKIT_UNROLL
      for (int p = 0; p < P; ++p, pixel += kPixelBytes) {
        if constexpr (kBytes) {
          put_pixel(sums, p, limits, pixel + first / 8);
        } else {
          std::uint8_t bytes[sizeof(Bits)];
          put_pixel(sums, p, limits, bytes);
          place(pixel, first, bytes);
        }
      }
    }
    XNORKIT_INLINE void finish() {}

    template <class Sums>
    XNORKIT_INLINE static void put_pixel(const Sums& sums, int p, const float* limits,
                                         std::uint8_t* at) {
      Bits bits = 0;
      XNORKIT_UNROLL
      for (int v = 0; v < Loops::kVectors; ++v) {
        const Floats limit = load_vector<Floats>(limits + v * kFloatLanes);
        if constexpr (kFloatLanes % 8 == 0) {
          store_less(at + v * kFloatLanes / 8, sums.floats(p, v), limit);
        } else {
          bits |= static_cast<Bits>(less(sums.floats(p, v), limit) << (v * kFloatLanes));
        }
      }
      if constexpr (kFloatLanes % 8 != 0) __builtin_memcpy(at, &bits, sizeof bits);
    }

    // Adds bits at bit `first` of a pixel, those of filler left out.
    XNORKIT_INLINE static void place(std::uint8_t* pixel, int first, const std::uint8_t* bytes) {
      std::uint8_t* at = pixel + first / 8;
      for (int i = 0; i < int{sizeof(Bits)}; ++i) {
        const int bits = bytes[i] << (first % 8);
        if ((bits & 0xff) != 0) at[i] = static_cast<std::uint8_t>(at[i] | bits);
        if (bits >> 8 != 0) at[i + 1] = static_cast<std::uint8_t>(at[i + 1] | bits >> 8);
      }
    }

    std::uint8_t* to;
    const float* thresholds;
  };
};

template <class Loops, class Out>
struct RealEnd {
  using Output = float;
  using Outputs = RealOutputs<Loops>;

  bool load(Loader&, const char*) { return true; }
  XNORKIT_INLINE Outputs outputs(float* y) const { return {y}; }
  XNORKIT_INLINE void finish(float*) const {}
};

template <class Loops>
struct RealEnd<Loops, BitsOut> {
  using Output = std::uint64_t;
  using Outputs = SignOutputs<Loops>;

  bool load(Loader& loader, const char* name) {
    constexpr int group_out = Loops::kLayout.group_out();
    constexpr int per_group = Loops::kBlocks * Loops::kBlockChannels;
    const float* values = loader.tensor<float>(name, "threshold", Loops::kLayout.out_c);
    flips = channel_flags(loader, name, "flip", Loops::kLayout.out_c);
    if (values == nullptr || flips == nullptr) return false;
    thresholds = loader.take<float>(name, Loops::kLayout.groups * per_group);
    for (int i = 0; thresholds != nullptr && i < Loops::kLayout.groups * per_group; ++i) {
      const int inside = i % per_group;
      thresholds[i] =
          inside < group_out ? values[i / per_group * group_out + inside] : -__builtin_inff();
    }
    return thresholds != nullptr;
  }
  XNORKIT_INLINE Outputs outputs(std::uint64_t* y) const {
    return {reinterpret_cast<std::uint8_t*>(y), thresholds};
  }
  // Flips all at once: in the loops it would cost 5 % of them.
  XNORKIT_INLINE void finish(std::uint64_t* y) const {
    constexpr int words = words_of(Loops::kLayout.out_c);
    for (int pixel = 0; pixel < Loops::kWindow.out_h * Loops::kWindow.out_w; ++pixel) {
      for (int word = 0; word < words; ++word) *y++ ^= flips[word];
    }
  }

  float* thresholds = nullptr;
  const std::uint64_t* flips = nullptr;
};
