// torch's avg_pool2d of what Steps (see pointwise.inl.hpp) make of the input: the sum under a
// window, tap row by tap row, divided by
//   divisor                                 where it is not 0, else
//   the window's size, cut where it reaches over the border (ceil_mode)     with count_pad
//   the number of its elements inside the map                               without
// A window without an element inside is 0.

template <Map in, Window window, bool count_pad, int pad_bottom, int pad_right, int divisor,
          class... Steps>
class AveragePool {
 public:
  bool load(Loader& loader, const char* name) { return chain_.load(loader, name, in.c); }
  void run(const float* x, float* y) const { Pooling<in, window, Join>::run({chain_}, x, y); }

 private:
  static constexpr Axis kRows = window.rows(in), kColumns = window.columns(in);
  using Chain = PointwiseChain<0, Steps...>;

  struct Join {
    XNORKIT_INLINE static Floats start() { return Floats{}; }
    XNORKIT_INLINE Floats join(Floats so_far, Floats value, int c) const {
      return so_far + chain.apply(value, c);
    }
    XNORKIT_INLINE static Floats finish(Floats sum, int row, int column) {
      return sum / static_cast<float>(elements(row, column));
    }
    const Chain& chain;
  };

  // At least 1.
  static constexpr int elements(int row, int column) {
    if (divisor != 0) return divisor;
    const int n = count_pad ? reach(kRows, row, pad_bottom) * reach(kColumns, column, pad_right)
                            : kRows.taps(row).size() * kColumns.taps(column).size();
    return n > 0 ? n : 1;
  }

  // Positions of an axis under output o's window, border included.
  static constexpr int reach(Axis axis, int o, int pad_after) {
    const int left = axis.size + pad_after - axis.at(o);
    return left < axis.kernel ? left : axis.kernel;
  }

  Chain chain_;
};
