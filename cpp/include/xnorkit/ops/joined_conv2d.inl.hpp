// The kernel of narrow layers: a word of 64 signs holds one pixel of 16 channels, or four. The taps
// of a row are put side by side first, bit by bit, so that a filter of 3x3x16 is 3 words, not 9:
//   joined: [row][output column][group][tap of a row][channel]
// A filter's bits already lie so. What is left is a convolution whose windows are a column wide,
// computed by the kernel that is the fastest for it. Where a border of 0 is beside the map a
// joined word would count it: those columns are computed again, tap by tap.

// With the name of what adds the words.
struct JoinedName {
  constexpr explicit JoinedName(const char* sums) {
    for (int i = 7; *sums != 0; ++i) text[i] = *sums++;
  }
  char text[32] = "joined ";
};

template <BinaryShape shape, class Out>
class JoinedConv2d {
  static constexpr Axis kColumns = shape.window.columns(shape.in);
  static constexpr Span kWhole = kColumns.inner();
  static constexpr int kTaps = shape.window.kernel_w, kLength = shape.length();
  static constexpr Map kMap = {shape.in.h, shape.window.out_w, shape.in.c * kTaps};

  static constexpr Window one_column(Window window) {
    window.kernel_w = window.stride_w = window.dilation_w = 1;
    window.pad_left = 0;
    return window;
  }
  using Columns = BinaryConv2d<kMap, shape.out_c, one_column(shape.window), shape.groups,
                               shape.padding_value, Out>;
  static constexpr bool kEdges = shape.padding_value == 0 && kWhole.size() < shape.window.out_w;
  using Edges = WordConv2d<shape, Out>;

  struct NoEdges {};
  static constexpr JoinedName kJoinedName{Columns::kKernel};

 public:
  static constexpr const char* kKernel = kJoinedName.text;
  using Output = std::conditional_t<std::is_same_v<Out, BitsOut>, std::uint64_t, float>;

  bool load(Loader& loader, const char* name) {
    if constexpr (kEdges) {
      if (!edges_.load(loader, name)) return false;
    }
    return columns_.load(loader, name) && loader.scratch(name, kMap.bit_words(), &joined_);
  }

  void run(const std::uint64_t* x, Output* y, Work work) const {
    std::uint64_t* const joined = joined_.at(work);
    for (int row = 0; row < shape.in.h; ++row) {
      join(x + std::ptrdiff_t{row} * shape.in.w * shape.in.words(),
           joined + std::ptrdiff_t{row} * kMap.w * kMap.words());
    }
    run_op(columns_, work, static_cast<const std::uint64_t*>(joined), y);
    if constexpr (kEdges) edges_.run_edges(x, y, work);
  }

 private:
  // A row of the map.
  static void join(const std::uint64_t* __restrict x, std::uint64_t* __restrict to) {
    for (int i = 0; i < kWhole.begin; ++i) put<false>(x, i, to + i * kMap.words());
    for (int i = kWhole.begin; i < kWhole.end; ++i) put<true>(x, i, to + i * kMap.words());
    for (int i = kWhole.end; i < kMap.w; ++i) put<false>(x, i, to + i * kMap.words());
  }

  // The taps of an output column. kInside: whether all of them lie inside the map.
  template <bool kInside>
  XNORKIT_INLINE static void put(const std::uint64_t* x, int column, std::uint64_t* to) {
    std::uint64_t words[kMap.words()] = {};
    // Of 16 groups of 8 channels: 45 instead of 85 us on 28x28, 128 to 128, 3x3.
    XNORKIT_UNROLL
    for (int group = 0; group < shape.groups; ++group) {
      for (int tap = 0; tap < kTaps; ++tap) {
        const int from = kColumns.at(column) + tap * kColumns.dilation;
        for (int done = 0; done < kLength; done += kWordBits) {
          const int n = kLength - done < kWordBits ? kLength - done : kWordBits;
          const int first = (group * kTaps + tap) * kLength + done;
          place(signs<kInside>(x, from, group * kLength + done, n), first, n, words);
        }
      }
    }
    for (int i = 0; i < kMap.words(); ++i) to[i] = words[i];
  }

  // n signs of a pixel of the row, or of the border beside it.
  template <bool kInside>
  XNORKIT_INLINE static std::uint64_t signs(const std::uint64_t* x, int column, int first, int n) {
    if (kInside || (column >= 0 && column < shape.in.w)) {
      return take_bits(x + column * shape.in.words(), first, n);
    }
    return shape.padding_value < 0 ? low_bits(n) : 0;
  }

  XNORKIT_INLINE static void place(std::uint64_t bits, int first, int n, std::uint64_t* words) {
    const int word = first / kWordBits, shift = first % kWordBits;
    words[word] |= bits << shift;
    if (shift + n > kWordBits) words[word + 1] |= bits >> (kWordBits - shift);
  }

  Columns columns_;
  std::conditional_t<kEdges, Edges, NoEdges> edges_;
  Scratch<std::uint64_t> joined_;
};

template <>
struct BinaryKernelOf<BinaryKernel::kJoined> {
  static constexpr const char* name = "joined";
  static constexpr bool fits(const BinaryShape& shape) {
    return shape.joined_words() < shape.tap_words();
  }
  template <BinaryShape shape, class Out>
  using Op = JoinedConv2d<shape, Out>;
};
