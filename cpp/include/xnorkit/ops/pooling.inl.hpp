// The loops of pools on real maps: every output pixel joins the input pixels under its window,
// channel by channel, tap row by tap row.

// Join: start(); join(so far, value); finish(joined, row, column).
template <Map in, Window window, class Join>
struct Pooling {
  static constexpr Axis kRows = window.rows(in), kColumns = window.columns(in);
  static constexpr int kVectors = 4;  // joined side by side, to hide the latency of one

  static void run(const float* x, float* y) {
    for (int row = 0; row < window.out_h; ++row) {
      for (int column = 0; column < window.out_w; ++column, y += in.c) {
        const Pixel pixel{x, y, row, column, {kRows.taps(row), kColumns.taps(column)}};
        int c = 0;
        for (; c + kVectors * kFloatLanes <= in.c; c += kVectors * kFloatLanes) {
          pixel.template join<kVectors, kFloatLanes>(c);
        }
        for (; c + kFloatLanes <= in.c; c += kFloatLanes) pixel.template join<1, kFloatLanes>(c);
        if constexpr (in.c % kFloatLanes != 0) pixel.template join<1, in.c % kFloatLanes>(c);
      }
    }
  }

 private:
  struct Pixel {
    const float* x;
    float* y;
    int row, column;
    Taps taps;

    // Channels c to c + vectors * kFloatLanes, of the last vector only `lanes`.
    template <int vectors, int lanes>
    XNORKIT_INLINE void join(int c) const {
      Floats joined[vectors];
      for (int v = 0; v < vectors; ++v) joined[v] = Join::start();
      for (int ty = taps.y.begin; ty < taps.y.end; ++ty) {
        for (int tx = taps.x.begin; tx < taps.x.end; ++tx) {
          const int line = (kRows.at(row) + ty * window.dilation_h) * in.w;
          const int from = line + kColumns.at(column) + tx * window.dilation_w;
          for (int v = 0; v < vectors; ++v) {
            const float* value = x + std::ptrdiff_t{from} * in.c + c + v * kFloatLanes;
            joined[v] = Join::join(joined[v], load_lanes<lanes>(value));
          }
        }
      }
      for (int v = 0; v < vectors; ++v) {
        store_lanes<lanes>(y + c + v * kFloatLanes, Join::finish(joined[v], row, column));
      }
    }
  };
};
