// Counts of a tile to integers or reals.

inline void put_integers(const std::int32_t* ones, const Chunk& chunk, int count, std::int32_t* y,
                         std::ptrdiff_t y_pixel) {
  const auto elements = static_cast<std::int32_t>(chunk.elements);
  for (int p = 0; p < chunk.pixels; ++p, ones += kTileFilters, y += y_pixel) {
    for (int o = 0; o < count; ++o) y[o] = elements - 2 * ones[o];
  }
}

// Filters side by side.
inline void put_rows(const std::int32_t* ones, const Chunk& chunk, int count, RealTarget to) {
  float scale[kTileFilters], bias[kTileFilters];
  for (int o = 0; o < count; ++o) {
    scale[o] = to.scale == nullptr ? 1.0f : to.scale[o];
    bias[o] = to.bias == nullptr ? -0.0f : to.bias[o];  // x + -0.0 is x, of -0.0 too
  }
  const auto elements = static_cast<std::int32_t>(chunk.elements);
  for (int p = 0; p < chunk.pixels; ++p, ones += kTileFilters, to.y += to.y_pixel) {
    for (int o = 0; o < count; ++o) {
      to.y[o] = static_cast<float>(elements - 2 * ones[o]) * scale[o] + bias[o];
    }
  }
}

// Pixels side by side, kSquare x kSquare counts at a time.
inline constexpr int kSquare = 16;

XNORKIT_INLINE void put_line(const float* values, int n, float* y, std::ptrdiff_t y_pixel) {
  if (n == kSquare && y_pixel == 1) {
    __builtin_memcpy(y, values, kSquare * sizeof(float));
  } else {
    for (int i = 0; i < n; ++i) y[i * y_pixel] = values[i];
  }
}

inline void put_planes(const std::int32_t* ones, const Chunk& chunk, int count, RealTarget to) {
  std::int32_t square[kSquare][kSquare];
  const auto elements = static_cast<std::int32_t>(chunk.elements);
  for (int o = 0; o < count; o += kSquare) {
    for (int p = 0; p < chunk.pixels; p += kSquare) {
      for (int i = 0; i < kSquare; ++i) {
        for (int k = 0; k < kSquare; ++k) square[k][i] = ones[(p + i) * kTileFilters + o + k];
      }
      const int some = chunk.pixels - p < kSquare ? chunk.pixels - p : kSquare;
      for (int k = 0; k < kSquare && o + k < count; ++k) {
        const float scale = to.scale == nullptr ? 1.0f : to.scale[o + k];
        const float bias = to.bias == nullptr ? -0.0f : to.bias[o + k];
        float* y = to.y + (o + k) * to.y_filter + p * to.y_pixel;
        float values[kSquare];
        for (int i = 0; i < kSquare; ++i) {
          values[i] = static_cast<float>(elements - 2 * square[k][i]) * scale + bias;
        }
        put_line(values, some, y, to.y_pixel);
      }
    }
  }
}

inline void put_reals(const std::int32_t* ones, const Chunk& chunk, int count, RealTarget to) {
  if (to.y_filter == 1) {
    put_rows(ones, chunk, count, to);
  } else {
    put_planes(ones, chunk, count, to);
  }
}
