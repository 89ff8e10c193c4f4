// Tiles by CarryConv2d's sums, where a popcount of words is one instruction.
//   block: [vector of filters][step][lane]      prepared: a CarryStep for each word of the runs

struct CarryTiles {
  static constexpr int P = 6;  // as CarryConv2d has it

  // Whether RowTiles are faster, as timed with 1024 filters.
  static bool few(const Filters& filters, std::ptrdiff_t rows) {
    return filters.steps() >= kWordLanes && 4 * rows <= filters.steps();
  }

  static int chunk_pixels(const Filters& filters) { return WordTiles::chunk_pixels(filters); }
  static std::size_t block_bytes(const Filters& filters) {
    return std::size_t{8} * kTileFilters * filters.steps();
  }
  static std::size_t chunk_bytes(const Filters& filters) {
    return sizeof(CarryStep) * filters.steps();
  }

  static void lay_out(const Filters& filters, std::ptrdiff_t first, int count, void* to) {
    auto* words = static_cast<std::uint64_t*>(to);
    for (int o = 0; o < kTileFilters; ++o) {
      std::uint64_t* place = words + o / kWordLanes * filters.steps() * kWordLanes + o % kWordLanes;
      if (o < count) {
        filters.put_words(first + o, place, kWordLanes);
      } else {
        for (int i = 0; i < filters.steps(); ++i) place[i * kWordLanes] = 0;
      }
    }
  }

  static void prepare(const Filters&, const Chunk& chunk, void* prepared) {
    auto* step = static_cast<CarryStep*>(prepared);
    for (const Run* run = chunk.runs; run < chunk.runs + chunk.run_count; ++run) {
      for (int i = 0; i < run->n; ++i) *step++ = {run->x + i, (run->w + i) * kWordLanes};
    }
  }

  static void tile(const Filters& filters, const Chunk& chunk, const void* prepared,
                   const void* block, int count, std::int32_t* ones) {
    int steps = 0;
    for (int i = 0; i < chunk.run_count; ++i) steps += chunk.runs[i].n;
    const CarryLine line{static_cast<const CarryStep*>(prepared), steps, chunk.x_pixel,
                         kTileFilters};
    const auto* w = static_cast<const std::uint64_t*>(block);
    for (int o = 0; o < count; o += kWordLanes, w += filters.steps() * kWordLanes) {
      pixels(chunk, line, w, ones + o);
    }
  }

 private:
  struct Counts {
    XNORKIT_INLINE void put(std::int32_t* to, Words ones) const {
      store_vector(to, __builtin_convertvector(ones, EightInts));
    }
  };

  // In as few blocks as there can be, of sizes that differ by at most 1.
  static void pixels(const Chunk& chunk, const CarryLine& line, const std::uint64_t* w,
                     std::int32_t* ones) {
    const int count = (chunk.pixels + P - 1) / P;
    const int small = chunk.pixels / count, large = chunk.pixels % count;
    if (large > 0) blocks_of<P>(small + 1, large, line, chunk.x, w, ones);
    const std::ptrdiff_t done = std::ptrdiff_t{large} * (small + 1);
    blocks_of<P>(small, count - large, line, chunk.x + done * chunk.x_pixel, w,
                 ones + done * kTileFilters);
  }

  template <int n>
  XNORKIT_INLINE static void blocks_of(int size, int count, const CarryLine& line,
                                       const std::uint64_t* x, const std::uint64_t* w,
                                       std::int32_t* ones) {
    if (size == n) return carry_blocks<n>(count, line, x, w, Counts{}, ones);
    if constexpr (n > 1) blocks_of<n - 1>(size, count, line, x, w, ones);
  }
};
