// The loops of every convolution:
//
//   y[p][o] = sum over taps t inside the map, elements i:  x[p + t][i] * w[o][t][i]
//
// What an element, a product and a sum are is the Arithmetic's (floats, packed signs, int16 pairs).
// A block is P neighbouring output pixels of a row x V vectors of output channels, its sums in
// registers: an element of x is broadcast, a vector of w serves P pixels.
//   x: [group][pixel][element]
//   w: [group][channel block][tap row][tap][step][V vectors], filler channels are 0
// Taps outside the map are skipped, so zero padding is exact and never stored.

// Where the elements of a convolution's input lie.
struct Layout {
  Map in;
  Window window;
  int out_c, groups;
  int length;                         // elements of a pixel and group
  std::ptrdiff_t pitch, group_pitch;  // elements from a pixel to the next, a group to the next

  constexpr int group_out() const { return out_c / groups; }
  // Whether the taps of a row are one run of elements.
  constexpr bool joined() const { return window.dilation_w == 1 && pitch == length; }
};

// One element of the weights: of filter o, tap tap_y * kernel_w + tap_x; `in_run` counts within the
// run of elements that a Sums adds at once.
struct WeightPlace {
  int o, tap, element, in_run;
};

// The least power of two vectors that hold `channels`, at most `most`.
constexpr int vectors_for(int channels, int lanes, int most) {
  int vectors = 1;
  while (2 * vectors <= most && vectors * lanes < channels) vectors *= 2;
  return vectors;
}

// Arithmetic: Input, Weight, kLanes, kMostPixels, kMostVectors, kOnePixelVectors (where there is
// but
//   one pixel); steps(n): steps of a run of n elements; kWeights<V>: Weights of a step;
//   Sums<P, V>: .add(x, pixel_step, w, n) adds a run of n elements.
template <Layout layout, class Arithmetic>
struct Convolution {
  using Input = typename Arithmetic::Input;
  using Weight = typename Arithmetic::Weight;

  static constexpr Layout kLayout = layout;
  static constexpr Window kWindow = layout.window;
  static constexpr Axis kRows = kWindow.rows(layout.in), kColumns = kWindow.columns(layout.in);
  static constexpr int kVectors =
      vectors_for(layout.group_out(), Arithmetic::kLanes,
                  kWindow.out_w == 1 ? Arithmetic::kOnePixelVectors : Arithmetic::kMostVectors);
  static constexpr int kBlockChannels = kVectors * Arithmetic::kLanes;
  static constexpr int kBlocks = (layout.group_out() + kBlockChannels - 1) / kBlockChannels;
  static constexpr int kTapRowSteps = layout.joined()
                                          ? Arithmetic::steps(kWindow.kernel_w * layout.length)
                                          : kWindow.kernel_w * Arithmetic::steps(layout.length);
  static constexpr std::size_t kStepWeights = Arithmetic::template kWeights<kVectors>;
  static constexpr std::size_t kBlockWeights = kWindow.kernel_h * kTapRowSteps * kStepWeights;
  static constexpr std::size_t kAllWeights = layout.groups * kBlocks * kBlockWeights;

  // source.put(step, lane, place) for every element of every filter.
  template <class Source>
  static void lay_out(const Source& source, Weight* to) {
    for (int block = 0; block < layout.groups * kBlocks; ++block, to += kBlockWeights) {
      for (int lane = 0; lane < kBlockChannels; ++lane) {
        const int inside = block % kBlocks * kBlockChannels + lane;
        if (inside >= layout.group_out()) break;  // filler
        lay_out_filter(source, to, lane, block / kBlocks * layout.group_out() + inside);
      }
    }
  }

  // All output pixels. Outputs::Block<P>: constructed with (outputs, row, column, taps) for P
  // pixels, .put(sums, group, block) for each block of channels, then .finish().
  template <class Outputs>
  XNORKIT_INLINE static void run(const Outputs& outputs, const Input* x, const Weight* w) {
    run_rows(outputs, x, w, {0, kWindow.out_h});
  }

  // Those whose windows reach over the left or right border.
  template <class Outputs>
  XNORKIT_INLINE static void run_edges(const Outputs& outputs, const Input* x, const Weight* w) {
    constexpr Span inner = kColumns.inner();
    for (int row = 0; row < kWindow.out_h; ++row) {
      const Span rows = kRows.taps(row);
      edge(outputs, x, w, row, {0, inner.begin}, rows);
      edge(outputs, x, w, row, {inner.end, kWindow.out_w}, rows);
    }
  }

  // Some rows of them. Only those rows of x are read that they reach.
  template <class Outputs>
  XNORKIT_INLINE static void run_rows(const Outputs& outputs, const Input* x, const Weight* w,
                                      Span some) {
    constexpr Span inner = kColumns.inner();
    for (int row = some.begin; row < some.end; ++row) {
      const Span rows = kRows.taps(row);
      edge(outputs, x, w, row, {0, inner.begin}, rows);
      blocks(outputs, x, w, row, rows);
      edge(outputs, x, w, row, {inner.end, kWindow.out_w}, rows);
    }
  }

 private:
  // Number of an element's step within its block. A joined run with more than one element a step
  // always begins at tap 0.
  static constexpr int step(int tap_y, int tap_x, int element) {
    if (layout.joined()) {
      return tap_y * kTapRowSteps + Arithmetic::steps(tap_x * layout.length + element + 1) - 1;
    }
    return tap_y * kTapRowSteps + tap_x * Arithmetic::steps(layout.length) +
           Arithmetic::steps(element + 1) - 1;
  }

  template <class Source>
  static void lay_out_filter(const Source& source, Weight* to, int lane, int o) {
    for (int tap = 0; tap < kWindow.taps(); ++tap) {
      const int ty = tap / kWindow.kernel_w, tx = tap % kWindow.kernel_w;
      for (int i = 0; i < layout.length; ++i) {
        const int in_run = layout.joined() ? tx * layout.length + i : i;
        source.put(to + step(ty, tx, i) * kStepWeights, lane, WeightPlace{o, tap, i, in_run});
      }
    }
  }

  // Pixels whose windows reach over the left or right border, one by one.
  template <class Outputs>
  XNORKIT_INLINE static void edge(const Outputs& outputs, const Input* x, const Weight* w, int row,
                                  Span columns, Span rows) {
    for (int column = columns.begin; column < columns.end; ++column) {
      block<1>(outputs, x, w, row, column, {rows, kColumns.taps(column)});
    }
  }

  // The pixels between, in as few blocks as there can be, of sizes that differ by at most 1.
  template <class Outputs>
  XNORKIT_INLINE static void blocks(const Outputs& outputs, const Input* x, const Weight* w,
                                    int row, Span rows) {
    constexpr Span inner = kColumns.inner();
    if constexpr (inner.size() > 0) {
      constexpr int count = (inner.size() + Arithmetic::kMostPixels - 1) / Arithmetic::kMostPixels;
      constexpr int small = inner.size() / count, large = inner.size() % count;
      const Taps taps{rows, {0, kWindow.kernel_w}};
      int column = inner.begin;
      if constexpr (large > 0) {
        for (int i = 0; i < large; ++i, column += small + 1) {
          block<small + 1>(outputs, x, w, row, column, taps);
        }
      }
      for (int i = large; i < count; ++i, column += small) {
        block<small>(outputs, x, w, row, column, taps);
      }
    }
  }

  // Inlined, so that the taps of whole windows are constants; called, they cost 20 ns a block.
  template <int P, class Outputs>
  XNORKIT_INLINE static void block(const Outputs& outputs, const Input* x, const Weight* w, int row,
                                   int column, Taps taps) {
    typename Outputs::template Block<P> out(outputs, row, column, taps);
    const std::ptrdiff_t first_y = kRows.at(row), first_x = kColumns.at(column);
    for (int group = 0; group < layout.groups; ++group, x += layout.group_pitch) {
      for (int b = 0; b < kBlocks; ++b, w += kBlockWeights) {
        typename Arithmetic::template Sums<P, kVectors> sums;
        for (int ty = taps.y.begin; ty < taps.y.end; ++ty) {
          const std::ptrdiff_t line = (first_y + ty * kWindow.dilation_h) * layout.in.w + first_x;
          tap_row(sums, x, line, w, ty, taps.x);
        }
        out.put(sums, group, b);
      }
    }
    out.finish();
  }

  // Adds the taps of a row of the window; `line` is the pixel of its tap 0, inside the map or not.
  template <class Sums>
  XNORKIT_INLINE static void tap_row(Sums& sums, const Input* x, std::ptrdiff_t line,
                                     const Weight* w, int ty, Span taps) {
    constexpr std::ptrdiff_t pixel_step = kWindow.stride_w * layout.pitch;
    if constexpr (layout.joined()) {
      if (taps.size() == 0) return;
      sums.add(x + (line + taps.begin) * layout.pitch, pixel_step,
               w + step(ty, taps.begin, 0) * kStepWeights, taps.size() * layout.length);
    } else {
      for (int tx = taps.begin; tx < taps.end; ++tx) {
        sums.add(x + (line + tx * kWindow.dilation_w) * layout.pitch, pixel_step,
                 w + step(ty, tx, 0) * kStepWeights, layout.length);
      }
    }
  }
};
