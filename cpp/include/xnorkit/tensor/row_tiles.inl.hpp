// Tiles of few rows with filters as they are packed, a lane being a word of one filter: nothing is
// laid out, and each filter is read once for up to four rows.

struct RowTiles {
  // x: rows of filters.steps() words, one run. ones as of a tile.
  static void tile(const Filters& filters, const Chunk& chunk, std::ptrdiff_t first, int some,
                   std::int32_t* ones) {
    int pixel = 0;
    for (; pixel + 4 <= chunk.pixels; pixel += 4) {
      rows<4>(filters, chunk, pixel, first, some, ones);
    }
    const int left = chunk.pixels - pixel;
    if (left == 3) rows<3>(filters, chunk, pixel, first, some, ones);
    if (left == 2) rows<2>(filters, chunk, pixel, first, some, ones);
    if (left == 1) rows<1>(filters, chunk, pixel, first, some, ones);
  }

 private:
  template <int R>
  static void rows(const Filters& filters, const Chunk& chunk, int pixel, std::ptrdiff_t first,
                   int some, std::int32_t* ones) {
    const std::uint64_t* x = chunk.x + pixel * chunk.x_pixel;
    // Vectors of words that are whole in the packed filter.
    const int vectors = filters.length / kWordBits / kCountedLanes;
    Filters rest{nullptr, 0, 1, filters.length - vectors * kCountedLanes * kWordBits};
    for (int o = 0; o < some; ++o) {
      std::int64_t sums[R] = {};
      const std::uint8_t* w = filters.bits + (first + o) * filters.pitch;
      for (int done = 0; done < vectors;) {
        const int end = vectors - done < kMostCounts ? vectors : done + kMostCounts;
        Counted counts[R] = {};
        for (int i = done; i < end; ++i) {
          const Counted filter = load_vector<Counted>(w + std::ptrdiff_t{i} * sizeof(Counted));
          for (int r = 0; r < R; ++r) {
            const auto row = load_vector<Counted>(x + r * chunk.x_pixel + i * kCountedLanes);
            counts[r] += count(row ^ filter);
          }
        }
        for (int r = 0; r < R; ++r) sums[r] += sum_of(total(counts[r]));
        done = end;
      }
      std::uint64_t tail[kCountedLanes] = {};
      rest.bits = w + std::ptrdiff_t{vectors} * sizeof(Counted);
      rest.put_words(0, tail, 1);
      for (int i = 0; i < rest.steps(); ++i) {
        for (int r = 0; r < R; ++r) {
          sums[r] +=
              __builtin_popcountll(x[r * chunk.x_pixel + vectors * kCountedLanes + i] ^ tail[i]);
        }
      }
      for (int r = 0; r < R; ++r) {
        ones[(pixel + r) * kTileFilters + o] = static_cast<std::int32_t>(sums[r]);
      }
    }
  }

  XNORKIT_INLINE static std::int64_t sum_of(Counted words) {
    std::uint64_t lanes[kCountedLanes], sum = 0;
    store_vector(lanes, words);
    for (const std::uint64_t lane : lanes) sum += lane;
    return static_cast<std::int64_t>(sum);
  }
};
