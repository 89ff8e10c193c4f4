// The kernel without popcount, for paths that can shuffle bytes: a nibble of two pixels chooses a
// table of 16 bytes, the weights' nibbles look up the ones of both pixels in it, one byte an output
// channel. No xor, no broadcast of pixels, and 512 bit products an instruction.
//   w: [group][channel block][tap row][tap][nibble][V vectors][channel], one nibble a byte, which
//      is twice the packed size
// Where sums are short, byte b of a vector is channel b; where they are long, channel b / 2, of its
// second half where b is odd, so that sums of even bytes are of one half of the channels, those of
// odd bytes of the other.

template <BinaryShape shape, class Out>
class LutConv2d {
  using Input = PairInput<shape>;
  static constexpr bool kBits = std::is_same_v<Out, BitsOut>;
  static constexpr LutBlock kBlock = lut_block(shape.group_out());
  static constexpr int kWidth = kBlock.width, kVectors = kBlock.vectors;

  static constexpr Window kWindow = shape.window;
  static constexpr int kGroupOut = shape.group_out(), kBlockChannels = kVectors * kWidth;
  static constexpr int kBlocks = (kGroupOut + kBlockChannels - 1) / kBlockChannels;
  static constexpr std::size_t kFilterBytes = (shape.elements() + 7) / 8;

  // A run of nibbles that lie side by side: the taps of a row, or one tap.
  static constexpr bool kJoined = Input::kTapStep == 1;
  static constexpr int kRun = (kJoined ? kWindow.kernel_w : 1) * Input::kNibbles;
  static constexpr int kRuns = kWindow.kernel_w * Input::kNibbles / kRun;  // of a tap row
  static constexpr std::ptrdiff_t kBlockWeights =
      std::ptrdiff_t{kWindow.taps()} * Input::kNibbles * kBlockChannels;

  static constexpr bool kShort = kWindow.taps() * Input::kNibbles <= kShortNibbles;
  using Outputs = PairOutputs<shape, Out, kWidth, kVectors, kShort>;

 public:
  static constexpr const char* kKernel = "lut-pair";
  using Output = typename Outputs::Output;

  bool load(Loader& loader, const char* name) {
    const auto* weight = loader.tensor<std::uint8_t>(name, "weight", shape.out_c * kFilterBytes);
    if (weight == nullptr || !input_.load(loader, name)) return false;
    weight_ = loader.take<std::uint8_t>(name, shape.groups * kBlocks * kBlockWeights);
    if (weight_ == nullptr || !outputs_.load(loader, name)) return false;
    std::uint8_t* to = weight_;
    for (int block = 0; block < shape.groups * kBlocks; ++block, to += kBlockWeights) {
      for (int channel = 0; channel < kBlockChannels; ++channel) {
        const int inside = block % kBlocks * kBlockChannels + channel;
        if (inside >= kGroupOut) break;  // filler
        lay_out(weight + (block / kBlocks * kGroupOut + inside) * kFilterBytes, channel, to);
      }
    }
    return true;
  }

  void run(const std::uint64_t* x, Output* y, Work work) const {
    typename Input::Rows rows(input_, x, work);
    for (int row = 0; row < kWindow.out_h; ++row) {
      const Span inside = Input::kRows.taps(row);
      rows.reach(row, inside);
      outputs_.begin(y, row);
      const std::uint8_t* w = weight_;
      for (int group = 0; group < shape.groups; ++group) {
        for (int block = 0; block < kBlocks; ++block, w += kBlockWeights) {
          const Place place{row, group, block, Input::kBorder ? Span{0, kWindow.kernel_h} : inside};
          pairs(rows, w, place, y);
        }
      }
    }
  }

 private:
  struct Place {
    int row, group, block;
    Span taps;  // tap rows that are added
  };

  // Puts a filter's nibbles where a channel of a block has them.
  static void lay_out(const std::uint8_t* filter, int channel, std::uint8_t* to) {
    const int inside = channel % kWidth, half = kWidth / 2;
    const int byte = kShort ? inside : 2 * (inside % half) + inside / half;
    to += channel / kWidth * kWidth + byte;
    for (int tap = 0; tap < kWindow.taps(); ++tap) {
      for (int nibble = 0; nibble < Input::kNibbles; ++nibble, to += kBlockChannels) {
        for (int bit = 0; bit < 4 && 4 * nibble + bit < shape.length(); ++bit) {
          *to |= packed_bit(filter, std::size_t(tap) * shape.length() + 4 * nibble + bit) << bit;
        }
      }
    }
  }

  // The pairs of a row, in as few blocks as there can be, of sizes that differ by at most 1.
  XNORKIT_INLINE void pairs(const typename Input::Rows& rows, const std::uint8_t* w,
                            const Place& place, Output* y) const {
    constexpr int count = (Input::kPairs + kBlock.pairs - 1) / kBlock.pairs;
    constexpr int small = Input::kPairs / count, large = Input::kPairs % count;
    int pair = 0;
    if constexpr (large > 0) {
      for (int i = 0; i < large; ++i, pair += small + 1) {
        block<small + 1>(rows, w, place, pair, y);
      }
    }
    for (int i = large; i < count; ++i, pair += small) block<small>(rows, w, place, pair, y);
  }

  template <int R>
  void block(const typename Input::Rows& rows, const std::uint8_t* w, const Place& place, int pair,
             Output* y) const {
    constexpr std::ptrdiff_t pair_step = Input::kPairStep * Input::kNibbles;
    PairSums<kWidth, R, kVectors, kShort> sums;
    int room = sums.kMost;
    for (int tap = place.taps.begin; tap < place.taps.end; ++tap) {
      const std::uint16_t* offsets = rows.at(place.row, tap, place.group) + pair * pair_step;
      const std::uint8_t* tap_w = w + std::ptrdiff_t{tap} * kRuns * kRun * kBlockChannels;
      for (int i = 0; i < kRuns; ++i, tap_w += kRun * kBlockChannels) {
        add_run(sums, room, offsets + i * Input::kTapStep * Input::kNibbles, pair_step, tap_w);
      }
    }
    if constexpr (!kShort) sums.empty();
    outputs_.template put<R>(sums, place.row, place.group, place.block, pair, y);
  }

  // Adds a run, in parts that fit the sums' bytes.
  template <class Sums>
  XNORKIT_INLINE static void add_run(Sums& sums, int& room, const std::uint16_t* offsets,
                                     std::ptrdiff_t pair_step, const std::uint8_t* w) {
    constexpr int part = kRun <= Sums::kMost ? kRun : Sums::kMost / 12 * 12;
    constexpr int parts = kRun / part, rest = kRun % part;
    for (int i = 0; i < parts; ++i, offsets += part, w += part * kBlockChannels) {
      make_room<part>(sums, room);
      sums.template add<part>(offsets, pair_step, w);
    }
    if constexpr (rest > 0) {
      make_room<rest>(sums, room);
      sums.template add<rest>(offsets, pair_step, w);
    }
  }

  template <int n, class Sums>
  XNORKIT_INLINE static void make_room([[maybe_unused]] Sums& sums, [[maybe_unused]] int& room) {
    if constexpr (!kShort) {
      if (room < n) {
        sums.empty();
        room = Sums::kMost;
      }
      room -= n;
    }
  }

  Input input_;
  Outputs outputs_;
  std::uint8_t* weight_ = nullptr;
};

template <>
struct BinaryKernelOf<BinaryKernel::kLut> {
  static constexpr const char* name = "lut";
  // Twice a sum fits 16 bits.
  static constexpr bool fits(const BinaryShape& shape) { return shape.elements() <= 32767; }
  template <BinaryShape shape, class Out>
  using Op = LutConv2d<shape, Out>;
};
