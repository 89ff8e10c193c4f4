// Tiles by xor and popcount, for every path.
//   block: [group of channels][step][V vectors]

struct WordTiles {
  using Arithmetic = BinaryArithmetic<(kMostCounts < 1 << 30)>;
  static constexpr int P = Arithmetic::kMostPixels, V = Arithmetic::kMostVectors;
  static constexpr int kFilters = V * Arithmetic::kLanes;  // of a group

  // Whether RowTiles are faster, as timed with 1024 filters.
  static bool few(const Filters&, std::ptrdiff_t rows) { return kCountedLanes == 1 || rows <= 4; }

  static int chunk_pixels(const Filters& filters) {
    const int pixels =
        (24 << 10) / (8 * (filters.steps() + 1)) / P * P;  // half of a first-level cache
    return pixels < P ? P : pixels < kTilePixels ? pixels : kTilePixels / P * P;
  }
  static std::size_t block_bytes(const Filters& filters) {
    return std::size_t{8} * kTileFilters * filters.steps();
  }
  static std::size_t chunk_bytes(const Filters&) { return 0; }

  static void lay_out(const Filters& filters, std::ptrdiff_t first, int count, void* to) {
    auto* words = static_cast<std::uint64_t*>(to);
    for (int o = 0; o < kTileFilters; ++o) {
      std::uint64_t* place = words + o / kFilters * filters.steps() * kFilters + o % kFilters;
      if (o < count) {
        filters.put_words(first + o, place, kFilters);
      } else {
        for (int i = 0; i < filters.steps(); ++i) place[i * kFilters] = 0;
      }
    }
  }

  static void prepare(const Filters&, const Chunk&, void*) {}

  static void tile(const Filters& filters, const Chunk& chunk, const void*, const void* block,
                   int count, std::int32_t* ones) {
    const auto* w = static_cast<const std::uint64_t*>(block);
    for (int o = 0; o < count; o += kFilters, w += filters.steps() * kFilters) {
      int pixel = 0;
      for (; pixel + P <= chunk.pixels; pixel += P) pixels<P>(chunk, pixel, w, ones + o);
      rest<P - 1>(chunk, pixel, w, ones + o);
    }
  }

 private:
  template <int n>
  XNORKIT_INLINE static void rest(const Chunk& chunk, int pixel, const std::uint64_t* w,
                                  std::int32_t* ones) {
    if constexpr (n > 0) {
      if (chunk.pixels - pixel == n) return pixels<n>(chunk, pixel, w, ones);
      rest<n - 1>(chunk, pixel, w, ones);
    }
  }

  template <int n>
  static void pixels(const Chunk& chunk, int pixel, const std::uint64_t* w, std::int32_t* ones) {
    typename Arithmetic::template Sums<n, V> sums;
    const std::uint64_t* x = chunk.x + pixel * chunk.x_pixel;
    for (const Run* run = chunk.runs; run < chunk.runs + chunk.run_count; ++run) {
      sums.add(x + run->x, chunk.x_pixel, w + run->w * kFilters, run->n);
    }
    for (int p = 0; p < n; ++p) {
      for (int v = 0; v < V; ++v) {
        std::uint64_t lanes[Arithmetic::kLanes];
        store_vector(lanes, sums.ones(p, v));
        std::int32_t* to = ones + (pixel + p) * kTileFilters + v * Arithmetic::kLanes;
        for (int l = 0; l < Arithmetic::kLanes; ++l) to[l] = static_cast<std::int32_t>(lanes[l]);
      }
    }
  }
};
