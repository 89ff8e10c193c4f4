// The input of LutConv2d. Two neighbours in an output row read, at each tap, two pixels of the map
// that are a stride apart; a nibble of both chooses a row of kNibbleTables.
//   pixels:  uint16[column][nibble] of a row of the map: 16 * nibble, or 256 where padding is 0
//   offsets: uint16[slot][group][position][nibble] = first pixel + 17 * second, which is where the
//            row of the table begins, in bytes
// A position is the column of a first pixel, a slot a row of the map; as many are kept as a window
// reaches over. A border of +1 or -1 is made of nibbles like any other pixel, its rows are one row
// that is made once.

template <BinaryShape shape>
class PairInput {
 public:
  static constexpr Axis kRows = shape.window.rows(shape.in);
  static constexpr Axis kColumns = shape.window.columns(shape.in);
  static constexpr int kNibbles = (shape.length() + 3) / 4;  // of a pixel and group
  static constexpr int kPairs = (kColumns.out + 1) / 2;
  // Columns between positions: the most that meets the first pixel of each pair at each tap.
  static constexpr int kStep =
      kColumns.kernel == 1 ? 2 * kColumns.stride : std::gcd(2 * kColumns.stride, kColumns.dilation);
  static constexpr int kPairStep = 2 * kColumns.stride / kStep;  // positions between pairs
  static constexpr int kTapStep = kColumns.kernel == 1 ? 1 : kColumns.dilation / kStep;
  static constexpr int kPositions = (kPairs - 1) * kPairStep + (kColumns.kernel - 1) * kTapStep + 1;
  static constexpr bool kBorder = shape.padding_value != 0;

  bool load(Loader& loader, const char* name) {
    if (!loader.scratch(name, kPixelRow, &pixels_)) return false;
    if (!loader.scratch(name, kSlots * shape.groups * kOffsetRow, &offsets_)) return false;
    if constexpr (kBorder) {
      border_ = loader.take<std::uint16_t>(name, kOffsetRow);
      if (border_ == nullptr) return false;
      std::uint16_t* pixels = pixels_.at(loader.work());
      put_outside(pixels, 0, kPixels);
      put_pairs(pixels, border_);
    }
    return true;
  }

  // The rows of a map, made when they are first needed and kept while they are.
  class Rows {
   public:
    XNORKIT_INLINE Rows(const PairInput& input, const std::uint64_t* x, Work work)
        : x_(x),
          pixels_(input.pixels_.at(work)),
          offsets_(input.offsets_.at(work)),
          border_(input.border_) {}

    // Makes the rows under the taps of an output row.
    void reach(int row, Span taps) {
      // From the window's top on, not from its first tap: with dilation the rows between taps are
      // those of the next windows.
      const int first = kRows.at(row) > 0 ? kRows.at(row) : 0;
      const int end = kRows.at(row) + (taps.end - 1) * kRows.dilation + 1;
      if (taps.size() > 0 && made_ < first) made_ = first;
      for (; taps.size() > 0 && made_ < end; ++made_) {
        for (int group = 0; group < shape.groups; ++group) {
          put_row(x_ + std::ptrdiff_t{made_} * shape.in.w * shape.in.words(), group, pixels_);
          put_pairs(pixels_, slot(made_, group));
        }
      }
    }

    // Position 0 of the row under an output row's tap.
    XNORKIT_INLINE const std::uint16_t* at(int row, int tap, int group) const {
      const int from = kRows.at(row) + tap * kRows.dilation;
      if (kBorder && (from < 0 || from >= shape.in.h)) return border_;
      return slot(from, group);
    }

   private:
    XNORKIT_INLINE std::uint16_t* slot(int row, int group) const {
      return offsets_ + (std::ptrdiff_t{row % kSlots} * shape.groups + group) * kOffsetRow;
    }

    const std::uint64_t* x_;
    std::uint16_t* pixels_;
    std::uint16_t* offsets_;
    const std::uint16_t* border_;
    int made_ = 0;  // rows of the map
  };

 private:
  static constexpr int kWords = words_of(shape.length());
  // Columns between those that are first or second pixels.
  static constexpr int kGrain = std::gcd(kStep, kColumns.stride);
  static constexpr int kSecond = kColumns.stride / kGrain;
  static constexpr int kPixels = (kPositions - 1) * kStep / kGrain + kSecond + 1;
  // Vectors are written whole: up to one more than there are nibbles.
  static constexpr int kSlack = kBytes / 2 + 16;
  static constexpr std::ptrdiff_t kPixelRow = kPixels * kNibbles + kSlack;
  static constexpr std::ptrdiff_t kOffsetRow = kPositions * kNibbles + kSlack;
  static constexpr int kReach = (kRows.kernel - 1) * kRows.dilation + 1;
  static constexpr int kSlots = kReach < shape.in.h ? kReach : shape.in.h;

  // 16 * nibble, 16 times uint16.
  XNORKIT_INLINE static EightInts nibbles(std::uint64_t word) {
    const EightInts bytes = widen(word);
    return (bytes << 4 | bytes << 16) & 0x00f000f0u;
  }

  XNORKIT_INLINE static void put_outside(std::uint16_t* pixels, int begin, int end) {
    for (int i = begin; i < end; ++i) {
      for (int word = 0; word < kWords; ++word) {
        const EightInts value =
            kBorder ? nibbles(shape.padding_value < 0 ? real_bits(shape.length(), word) : 0)
                    : 0x01000100u + EightInts{};
        store_vector(pixels + i * kNibbles + word * 16, value);
      }
    }
  }

  // The columns of a row, those outside the map too, from left to right: the filler of one is
  // overwritten by the next.
  static void put_row(const std::uint64_t* x, int group, std::uint16_t* pixels) {
    constexpr int first = (kColumns.pad + kGrain - 1) / kGrain;
    constexpr int last = (kColumns.size - 1 + kColumns.pad) / kGrain;
    constexpr int begin = first < kPixels ? first : kPixels;
    constexpr int end = last < begin ? begin : last < kPixels ? last + 1 : kPixels;
    put_outside(pixels, 0, begin);
    for (int i = begin; i < end; ++i) {
      const std::uint64_t* pixel = x + (i * kGrain - kColumns.pad) * shape.in.words();
      for (int word = 0; word < kWords; ++word) {
        store_vector(pixels + i * kNibbles + word * 16, nibbles(word_of(pixel, group, word)));
      }
    }
    put_outside(pixels, end, kPixels);
  }

  XNORKIT_INLINE static std::uint64_t word_of(const std::uint64_t* pixel, int group, int word) {
    if constexpr (shape.groups == 1 || shape.length() % kWordBits == 0) {
      return pixel[group * kWords + word];
    } else {
      const int done = word * kWordBits, left = shape.length() - done;
      return take_bits(pixel, group * shape.length() + done, left < kWordBits ? left : kWordBits);
    }
  }

  static void put_pairs(const std::uint16_t* pixels, std::uint16_t* offsets) {
    if constexpr (kStep == kGrain) {
      put_some(pixels, kPositions * kNibbles, offsets);
    } else {
      for (int i = 0; i < kPositions; ++i) {
        put_some(pixels + i * (kStep / kGrain) * kNibbles, kNibbles, offsets + i * kNibbles);
      }
    }
  }
  XNORKIT_INLINE static void put_some(const std::uint16_t* pixels, int n, std::uint16_t* offsets) {
    using Row = Shorts<kBytes>;
    for (int i = 0; i < n; i += kBytes / 2) {
      const Row second = load_vector<Row>(pixels + kSecond * kNibbles + i);
      store_vector<Row>(offsets + i, load_vector<Row>(pixels + i) + second * 17);
    }
  }

  Scratch<std::uint16_t> pixels_, offsets_;
  std::uint16_t* border_ = nullptr;
};
