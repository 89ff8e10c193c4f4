// Tiles by LutConv2d's sums, for paths that can shuffle bytes: two neighbouring pixels are looked
// up at once, 64 channels a block.
//   block: [step][nibble][V vectors][channel], one nibble a byte, in the order of long sums
//   prepared: uint16[pair][word of the runs][nibble], rows of kNibbleTables

struct PairTiles {
  static constexpr LutBlock kBlock = lut_block(kTileFilters);
  static constexpr int width = kBlock.width, V = kBlock.vectors, R = kBlock.pairs;
  static_assert(V * width == kTileFilters);
  static constexpr int kNibbles = kWordBits / 4;  // of a word
  static constexpr int kWords = 3;                // that are added at once, 48 of kMost nibbles
  using Sums = PairSums<width, R, V, false>;
  static_assert(kWords * kNibbles <= kShortNibbles);

  // Two ones more than 16 bits hold would be lost.
  static bool fits(const Filters& filters) { return filters.elements() <= 65535; }

  // Whether RowTiles are faster, as timed with 1024 filters.
  static bool few(const Filters& filters, std::ptrdiff_t rows) {
    return rows <= (kWordLanes == 8 ? 4 + filters.steps() / 4 : 8 + filters.steps() / 2);
  }

  static int chunk_pixels(const Filters& filters) {
    const int pixels = (16 << 10) / (kNibbles * (filters.steps() + 1)) / (2 * R) * (2 * R);
    return pixels < 2 * R ? 2 * R : pixels < kTilePixels ? pixels : kTilePixels / (2 * R) * (2 * R);
  }
  static std::size_t block_bytes(const Filters& filters) {
    return std::size_t{kTileFilters} * kNibbles * filters.steps();
  }
  static std::size_t chunk_bytes(const Filters& filters) {
    return std::size_t{kTilePixels / 2} * kNibbles * sizeof(std::uint16_t) * filters.steps();
  }

  static void lay_out(const Filters& filters, std::ptrdiff_t first, int count, void* to) {
    // First the words, [step][byte of the block], in the second half: a step's nibbles end where
    // the words of the next begin, or before.
    auto* const words = static_cast<std::uint64_t*>(to) + kTileFilters * filters.steps();
    for (int o = 0; o < kTileFilters; ++o) {
      constexpr int half = width / 2;
      const int inside = o % width;
      std::uint64_t* place = words + o / width * width + 2 * (inside % half) + inside / half;
      if (o < count) {
        filters.put_words(first + o, place, kTileFilters);
      } else {
        for (int i = 0; i < filters.steps(); ++i) place[i * kTileFilters] = 0;
      }
    }
    auto* nibbles = static_cast<std::uint8_t*>(to);
    for (int step = 0; step < filters.steps(); ++step) {
      std::uint64_t now[kTileFilters];
      __builtin_memcpy(now, words + step * kTileFilters, sizeof now);
      for (int i = 0; i < kNibbles; ++i, nibbles += kTileFilters) {
        for (int o = 0; o < kTileFilters; ++o) {
          nibbles[o] = static_cast<std::uint8_t>(now[o] >> (4 * i) & 15);
        }
      }
    }
  }

  static void prepare(const Filters&, const Chunk& chunk, void* prepared) {
    auto* to = static_cast<std::uint16_t*>(prepared);
    for (int pixel = 0; pixel < chunk.pixels; pixel += 2) {
      const std::uint64_t* x = chunk.x + pixel * chunk.x_pixel;
      const bool two = pixel + 1 < chunk.pixels;
      for (const Run* run = chunk.runs; run < chunk.runs + chunk.run_count; ++run) {
        for (int i = 0; i < run->n; ++i, to += kNibbles) {
          // 256 stands for a pixel that is not there.
          const EightInts second =
              two ? nibbles(x[chunk.x_pixel + run->x + i]) : 0x01000100u + EightInts{};
          // A nibble is below 16, times 16 and 17 below 2^16: no half reaches the other.
          store_vector(to, nibbles(x[run->x + i]) + second * 17);
        }
      }
    }
  }

  static void tile(const Filters&, const Chunk& chunk, const void* prepared, const void* block, int,
                   std::int32_t* ones) {
    const auto* offsets = static_cast<const std::uint16_t*>(prepared);
    const auto* w = static_cast<const std::uint8_t*>(block);
    std::ptrdiff_t pair_step = 0;
    for (int i = 0; i < chunk.run_count; ++i) pair_step += chunk.runs[i].n * kNibbles;
    const int all = (chunk.pixels + 1) / 2;
    int pair = 0;
    for (; pair + R <= all; pair += R) pairs<R>(chunk, offsets, pair_step, pair, w, ones);
    rest<R - 1>(chunk, offsets, pair_step, pair, w, ones);
  }

 private:
  // 16 * nibble, 16 times uint16.
  XNORKIT_INLINE static EightInts nibbles(std::uint64_t word) {
    const EightInts bytes = widen(word);
    return (bytes << 4 | bytes << 16) & 0x00f000f0u;
  }

  template <int n>
  XNORKIT_INLINE static void rest(const Chunk& chunk, const std::uint16_t* offsets,
                                  std::ptrdiff_t pair_step, int pair, const std::uint8_t* w,
                                  std::int32_t* ones) {
    if constexpr (n > 0) {
      if ((chunk.pixels + 1) / 2 - pair == n) {
        return pairs<n>(chunk, offsets, pair_step, pair, w, ones);
      }
      rest<n - 1>(chunk, offsets, pair_step, pair, w, ones);
    }
  }

  template <int n>
  static void pairs(const Chunk& chunk, const std::uint16_t* offsets, std::ptrdiff_t pair_step,
                    int pair, const std::uint8_t* w, std::int32_t* ones) {
    PairSums<width, n, V, false> sums;
    offsets += pair * pair_step;
    for (const Run* run = chunk.runs; run < chunk.runs + chunk.run_count; ++run) {
      const std::uint8_t* from = w + std::ptrdiff_t{run->w} * kNibbles * kTileFilters;
      int left = run->n;
      for (; left >= kWords; left -= kWords) add<kWords>(sums, offsets, pair_step, from);
      if (left == 2) add<2>(sums, offsets, pair_step, from);
      if (left == 1) add<1>(sums, offsets, pair_step, from);
    }
    for (int p = 0; p < 2 * n && 2 * pair + p < chunk.pixels; ++p) {
      std::int32_t* to = ones + (2 * pair + p) * kTileFilters;
      for (int v = 0; v < V; ++v, to += width) {
        store_counts(to, sums.even(p / 2, p % 2, v));
        store_counts(to + width / 2, sums.odd(p / 2, p % 2, v));
      }
    }
  }

  template <int words, class Some>
  XNORKIT_INLINE static void add(Some& sums, const std::uint16_t*& offsets,
                                 std::ptrdiff_t pair_step, const std::uint8_t*& w) {
    sums.template add<words * kNibbles>(offsets, pair_step, w);
    sums.empty();
    offsets += words * kNibbles;
    w += words * kNibbles * kTileFilters;
  }

  XNORKIT_INLINE static void store_counts(std::int32_t* to, Shorts<width> counts) {
    std::uint16_t lanes[width / 2];
    store_vector(lanes, counts);
    for (int i = 0; i < width / 2; ++i) to[i] = lanes[i];
  }
};
