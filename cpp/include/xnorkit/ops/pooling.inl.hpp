// The loops of pools on real maps: every output pixel joins the input pixels under its window,
// channel by channel, tap row by tap row.

// Join: start(); join(so far, value, channel); finish(joined, row, column).
template <Map in, Window window, class Join>
struct Pooling {
  static constexpr Axis kRows = window.rows(in), kColumns = window.columns(in);
  static constexpr int kVectors = 4;  // joined side by side, to hide the latency of one

  static void run(const Join& join, const float* x, float* y) {
    for (int row = 0; row < window.out_h; ++row) {
      for (int column = 0; column < window.out_w; ++column, y += in.c) {
        const Pixel pixel{join, x, y, row, column, {kRows.taps(row), kColumns.taps(column)}};
        int c = 0;
        for (; c + kVectors * kFloatLanes <= in.c; c += kVectors * kFloatLanes) {
          pixel.template joined<kVectors, kFloatLanes>(c);
        }
        for (; c + kFloatLanes <= in.c; c += kFloatLanes) pixel.template joined<1, kFloatLanes>(c);
        if constexpr (in.c % kFloatLanes != 0) pixel.template joined<1, in.c % kFloatLanes>(c);
      }
    }
  }

 private:
  struct Pixel {
    const Join& join;
    const float* x;
    float* y;
    int row, column;
    Taps taps;

    // Channels c to c + vectors * kFloatLanes, of the last vector only `lanes`.
    template <int vectors, int lanes>
    XNORKIT_INLINE void joined(int c) const {
      Floats so_far[vectors];
      for (int v = 0; v < vectors; ++v) so_far[v] = join.start();
      for (int ty = taps.y.begin; ty < taps.y.end; ++ty) {
        for (int tx = taps.x.begin; tx < taps.x.end; ++tx) {
          const int line = (kRows.at(row) + ty * window.dilation_h) * in.w;
          const int from = line + kColumns.at(column) + tx * window.dilation_w;
          for (int v = 0; v < vectors; ++v) {
            const int channel = c + v * kFloatLanes;
            const float* value = x + std::ptrdiff_t{from} * in.c + channel;
            so_far[v] = join.join(so_far[v], load_lanes<lanes>(value), channel);
          }
        }
      }
      for (int v = 0; v < vectors; ++v) {
        store_lanes<lanes>(y + c + v * kFloatLanes, join.finish(so_far[v], row, column));
      }
    }
  };
};
