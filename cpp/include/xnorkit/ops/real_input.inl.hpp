// A real map as the loops of a convolution read it: the map itself, or a copy with columns of zeros
// at its sides, so that every window is whole from left to right. (A pixel at the border by itself
// costs as much as six within; rows outside are skipped.)

template <Map in, Window window>
struct RealInput {
  static constexpr int kWidth = window.columns(in).reached();
  static constexpr bool kCopied = kWidth != in.w;
  static constexpr Map kMap{in.h, kWidth, in.c};
  static constexpr Window kWindow = unpadded_columns(window);

  bool load(Loader& loader, const char* name) {
    return !kCopied || loader.scratch(name, kMap.reals(), &copy);
  }

  XNORKIT_INLINE const float* prepared(const float* x, Work work) const {
    if constexpr (!kCopied) return x;
    float* to = copy.at(work) + window.pad_left * in.c;
    for (int row = 0; row < in.h; ++row, x += in.w * in.c, to += kWidth * in.c) {
      each_vector<in.w * in.c>(Row{x, to});
    }
    return copy.at(work);
  }

 private:
  struct Row {
    template <int n>
    XNORKIT_INLINE void at(int i) const {
      store_lanes<n>(to + i, load_lanes<n>(from + i));
    }
    const float* from;
    float* to;
  };

  Scratch<float> copy;
};
