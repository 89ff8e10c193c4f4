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

// Pixels side by side, a square of counts at a time.
inline constexpr int kSquare = 8;

struct Square {
  typedef std::int32_t Integers __attribute__((vector_size(4 * kSquare)));
  typedef float Reals __attribute__((vector_size(4 * kSquare)));

  // Rows of pixels become rows of filters, by halves of ever larger pieces.
  XNORKIT_INLINE explicit Square(const std::int32_t* ones) {
    Integers a[kSquare], b[kSquare];
    for (int i = 0; i < kSquare; ++i) {
      __builtin_memcpy(&a[i], ones + i * kTileFilters, sizeof a[i]);
    }
    for (int i = 0; i < kSquare; i += 2) {
      b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
      b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < kSquare; i += 4) {
      for (int k = 0; k < 2; ++k) {
        const Integers x = b[i + k], y = b[i + k + 2];
        a[i + 2 * k] = __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13);
        a[i + 2 * k + 1] = __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15);
      }
    }
    for (int i = 0; i < 4; ++i) {
      of_filter[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
      of_filter[i + 4] = __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
  }

  Integers of_filter[kSquare];
};

inline void put_planes(const std::int32_t* ones, const Chunk& chunk, int count, RealTarget to) {
  const auto elements = static_cast<std::int32_t>(chunk.elements);
  for (int o = 0; o < count; o += kSquare) {
    for (int p = 0; p < chunk.pixels; p += kSquare) {
      const Square square(ones + p * kTileFilters + o);
      const int some = chunk.pixels - p < kSquare ? chunk.pixels - p : kSquare;
      for (int k = 0; k < kSquare && o + k < count; ++k) {
        const float scale = to.scale == nullptr ? 1.0f : to.scale[o + k];
        const float bias = to.bias == nullptr ? -0.0f : to.bias[o + k];
        const Square::Integers sums = elements - 2 * square.of_filter[k];
        const auto values = __builtin_convertvector(sums, Square::Reals) * scale + bias;
        float* y = to.y + (o + k) * to.y_filter + p * to.y_pixel;
        if (some == kSquare && to.y_pixel == 1) {
          __builtin_memcpy(y, &values, sizeof values);
        } else {
          for (int i = 0; i < some; ++i) y[i * to.y_pixel] = values[i];
        }
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
