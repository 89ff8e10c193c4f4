// The largest value under a window; the border is never it.

// Reals. As torch: NaN wins, and of two equal values (-0, +0) the first.
template <Map in, Window window>
class MaxPool {
 public:
  bool load(Loader&, const char*) { return true; }
  void run(const float* x, float* y) const { Pooling<in, window, Join>::run({}, x, y); }

 private:
  struct Join {
    XNORKIT_INLINE static Floats start() { return broadcast(-__builtin_inff()); }
    XNORKIT_INLINE static Floats join(Floats so_far, Floats value, int) {
      return ((value > so_far) | (value != value)) ? value : so_far;
    }
    XNORKIT_INLINE static Floats finish(Floats joined, int, int) { return joined; }
  };
};

// Signs: bit 1 = negative, so the largest is the AND. Where what follows is decreasing in a
// channel, the smallest is wanted there: OR.
//   any: uint8 [c], 1 where OR
template <Map in, Window window>
class MaxPoolBits {
 public:
  bool load(Loader& loader, const char* name) {
    any_ = channel_flags(loader, name, "any", in.c);
    return any_ != nullptr;
  }

  void run(const std::uint64_t* x, std::uint64_t* y) const {
    constexpr Axis rows = window.rows(in), columns = window.columns(in);
    for (int row = 0; row < window.out_h; ++row) {
      for (int column = 0; column < window.out_w; ++column, y += in.words()) {
        const Taps taps{rows.taps(row), columns.taps(column)};
        const std::ptrdiff_t first = std::ptrdiff_t{rows.at(row)} * in.w + columns.at(column);
        for (int word = 0; word < in.words(); ++word) y[word] = join(x, first, word, taps);
      }
    }
  }

 private:
  XNORKIT_INLINE std::uint64_t join(const std::uint64_t* x, std::ptrdiff_t first, int word,
                                    Taps taps) const {
    std::uint64_t all = real_bits(in.c, word), any = 0;
    for (int ty = taps.y.begin; ty < taps.y.end; ++ty) {
      for (int tx = taps.x.begin; tx < taps.x.end; ++tx) {
        const std::ptrdiff_t from = first + ty * window.dilation_h * in.w + tx * window.dilation_w;
        const std::uint64_t signs = x[from * in.words() + word];
        all &= signs;
        any |= signs;
      }
    }
    return (all & ~any_[word]) | (any & any_[word]);
  }

  const std::uint64_t* any_ = nullptr;
};
