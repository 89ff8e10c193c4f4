// Tiles of few rows with filters as they are packed, a lane being a word of one filter: nothing is
// laid out, and each filter is read once for up to four rows. Filters come from far away, so that
// some are read side by side, and asked for ahead (see row_sums.inl.hpp).

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
  static constexpr int kAhead = 1024;  // bytes

  template <int R>
  static void rows(const Filters& filters, const Chunk& chunk, int pixel, std::ptrdiff_t first,
                   int some, std::int32_t* ones) {
    constexpr int together = R == 1 ? 4 : 2;
    const std::uint64_t* x = chunk.x + pixel * chunk.x_pixel;
    ones += pixel * kTileFilters;
    int o = 0;
    for (; o + together <= some; o += together) {
      sums<R, together>(filters, x, chunk.x_pixel, first + o, ones + o);
    }
    for (; o < some; ++o) sums<R, 1>(filters, x, chunk.x_pixel, first + o, ones + o);
  }

  // R rows with F filters.
  template <int R, int F>
  XNORKIT_INLINE static void sums(const Filters& filters, const std::uint64_t* x,
                                  std::ptrdiff_t x_row, std::ptrdiff_t first, std::int32_t* ones) {
    std::int64_t sums[R][F] = {};
    const std::uint8_t* w = filters.bits + first * filters.pitch;
    // Vectors of words that are whole in the packed filter.
    const int vectors = filters.length / kWordBits / kCountedLanes;
    for (int done = 0; done < vectors;) {
      const int end = vectors - done < kMostCounts ? vectors : done + kMostCounts;
      Counted counts[R][F] = {};
      for (int i = done; i < end; ++i) {
        const std::uint8_t* from = w + i * sizeof(Counted);
        for (int f = 0; f < F; ++f, from += filters.pitch) {
          const Counted filter = load_vector<Counted>(from);
          __builtin_prefetch(from + kAhead);
          for (int r = 0; r < R; ++r) {
            const auto row = load_vector<Counted>(x + r * x_row + i * kCountedLanes);
            counts[r][f] += count(row ^ filter);
          }
        }
      }
      for (int i = 0; i < R * F; ++i) sums[i / F][i % F] += sum_of(total(counts[i / F][i % F]));
      done = end;
    }
    const int words = vectors * kCountedLanes;
    for (int f = 0; f < F; ++f) {
      add_rest<R, F>(filters, words, x + words, x_row, w + f * filters.pitch, f, sums);
    }
    for (int i = 0; i < R * F; ++i) {
      ones[i / F * kTileFilters + i % F] = static_cast<std::int32_t>(sums[i / F][i % F]);
    }
  }

  // Words that don't fill a vector.
  template <int R, int F>
  XNORKIT_INLINE static void add_rest(const Filters& filters, int words, const std::uint64_t* x,
                                      std::ptrdiff_t x_row, const std::uint8_t* w, int f,
                                      std::int64_t (&sums)[R][F]) {
    const Filters rest{w + words * sizeof(std::uint64_t), 0, 1, filters.length - words * kWordBits};
    if (rest.length == 0) return;
    std::uint64_t tail[kCountedLanes];
    rest.put_words(0, tail, 1);
    for (int i = 0; i < rest.steps(); ++i) {
      for (int r = 0; r < R; ++r) sums[r][f] += __builtin_popcountll(x[r * x_row + i] ^ tail[i]);
    }
  }

  XNORKIT_INLINE static std::int64_t sum_of(Counted words) {
    std::uint64_t lanes[kCountedLanes], sum = 0;
    store_vector(lanes, words);
    for (const std::uint64_t lane : lanes) sum += lane;
    return static_cast<std::int64_t>(sum);
  }
};
