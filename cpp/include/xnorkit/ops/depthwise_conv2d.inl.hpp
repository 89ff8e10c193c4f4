// The kernel where each channel has a filter of its own: a tap of 64 channels is one word, its ones
// are counted in bit planes, of which plane k holds bit k of each channel's count.
//
//   total = 2 * ones + m       m: taps outside the map, each of which counts as half a one
//   bit = (total >= taps + 1 - threshold) != flip
//   w: [tap][column][word], limits: [plane][column][word]; the same in each column, so that vectors
//      of words run on from pixel to pixel

template <BinaryShape shape, class Out>
class DepthwiseConv2d {
  // Of words of 64 channels, not of groups.
  using Signs = SignsInput<shape.in, shape.window, 1, shape.padding_value>;
  static constexpr Layout kLayout = Signs::layout(shape.out_c);
  static constexpr Window kWindow = kLayout.window;
  static constexpr Axis kRows = kWindow.rows(kLayout.in), kColumns = kWindow.columns(kLayout.in);

  static constexpr bool kBits = std::is_same_v<Out, BitsOut>;
  static constexpr int kWords = words_of(shape.out_c), kTaps = shape.window.taps();
  static constexpr std::ptrdiff_t kRowWords = std::ptrdiff_t{kWindow.out_w} * kWords;
  static constexpr std::size_t kFilterBytes = (kTaps + 7) / 8;
  static constexpr int kPlanes = std::bit_width(static_cast<unsigned>(kTaps));  // of ones

 public:
  static constexpr const char* kKernel = "bit planes";
  using Output = std::conditional_t<kBits, std::uint64_t, float>;

  bool load(Loader& loader, const char* name) {
    const auto* packed = loader.tensor<std::uint8_t>(name, "weight", shape.out_c * kFilterBytes);
    if (packed == nullptr || !signs_.load(loader, name)) return false;
    weight_ = loader.take<std::uint64_t>(name, kTaps * kRowWords);
    for (int o = 0; weight_ != nullptr && o < shape.out_c; ++o) {
      for (int tap = 0; tap < kTaps; ++tap) {
        put(weight_ + tap * kRowWords, o, packed_bit(packed + o * kFilterBytes, tap));
      }
    }
    return weight_ != nullptr && (!kBits || load_limits(loader, name));
  }

  void run(const std::uint64_t* x, Output* y, Work work) const {
    constexpr Span inner = kColumns.inner();
    x = signs_.prepared(x, work);
    for (int row = 0; row < kWindow.out_h; ++row, y += kWindow.out_w * (kBits ? kWords : kOutC)) {
      const Span rows = kRows.taps(row);
      columns(x, y, row, rows, {0, inner.begin});
      if constexpr (kWindow.stride_w == 1 && inner.size() * kWords >= kWordLanes) {
        vectors(x, y, row, rows);
      } else {
        columns(x, y, row, rows, inner);
      }
      columns(x, y, row, rows, {inner.end, kWindow.out_w});
    }
  }

 private:
  static constexpr int kOutC = shape.out_c;

  // A channel's bit, in every column of a row.
  static void put(std::uint64_t* row, int channel, std::uint64_t bit) {
    for (int column = 0; column < kWindow.out_w; ++column) {
      row[column * kWords + channel / kWordBits] |= bit << (channel % kWordBits);
    }
  }

  bool load_limits(Loader& loader, const char* name) {
    const auto* threshold = loader.tensor<std::int32_t>(name, "threshold", kOutC);
    const auto* flip = loader.tensor<std::uint8_t>(name, "flip", kOutC);
    if (threshold == nullptr || flip == nullptr) return false;
    limits_ = loader.take<std::uint64_t>(name, (kPlanes + 1) * kRowWords);
    flips_ = loader.take<std::uint64_t>(name, kRowWords);
    if (limits_ == nullptr || flips_ == nullptr) return false;
    constexpr std::int64_t never = 2 * kTaps + 1;  // above every total; so is filler's
    for (int o = 0; o < kWords * kWordBits; ++o) {
      const std::int64_t reached = o < kOutC ? std::int64_t{kTaps} + 1 - threshold[o] : never;
      const std::int64_t limit = reached < 0 ? 0 : reached < never ? reached : never;
      for (int plane = 0; plane <= kPlanes; ++plane) {
        put(limits_ + plane * kRowWords, o, limit >> plane & 1);
      }
      if (o < kOutC) put(flips_, o, flip[o]);
    }
    return true;
  }

  // Word by word.
  void columns(const std::uint64_t* x, Output* y, int row, Span rows, Span some) const {
    for (int column = some.begin; column < some.end; ++column) {
      const Taps taps{rows, kColumns.taps(column)};
      const std::ptrdiff_t first =
          (std::ptrdiff_t{kRows.at(row)} * kLayout.in.w + kColumns.at(column)) * kWords;
      for (int word = 0; word < kWords; ++word) {
        words<std::uint64_t>(x, first + word, taps, column * kWords + word, y);
      }
    }
  }

  // Columns whose windows lie inside the map; the last vector may overlap with the one before.
  void vectors(const std::uint64_t* x, Output* y, int row, Span rows) const {
    constexpr std::ptrdiff_t begin = std::ptrdiff_t{kColumns.inner().begin} * kWords;
    constexpr std::ptrdiff_t last = std::ptrdiff_t{kColumns.inner().end} * kWords - kWordLanes;
    const Taps taps{rows, {0, kWindow.kernel_w}};
    const std::ptrdiff_t first =
        (std::ptrdiff_t{kRows.at(row)} * kLayout.in.w - kWindow.pad_left) * kWords;
    for (std::ptrdiff_t i = begin; i < last; i += kWordLanes)
      words<Words>(x, first + i, taps, i, y);
    words<Words>(x, first + last, taps, last, y);
  }

  // One word or a vector of them: word i of a row of y, whose tap (0, 0) is word `first` of x,
  // inside the map or not.
  template <class Vector>
  XNORKIT_INLINE void words(const std::uint64_t* x, std::ptrdiff_t first, Taps taps,
                            std::ptrdiff_t i, Output* y) const {
    const int missing = kTaps - taps.count();
    Vector ones[kPlanes];
    for (int k = 0; k < kPlanes; ++k) ones[k] = all<Vector>(missing >> (k + 1) & 1);
    for (int ty = taps.y.begin; ty < taps.y.end; ++ty) {
      for (int tx = taps.x.begin; tx < taps.x.end; ++tx) {
        const std::ptrdiff_t pixel =
            ty * kWindow.dilation_h * kLayout.in.w + tx * kWindow.dilation_w;
        const std::uint64_t* w = weight_ + (ty * kWindow.kernel_w + tx) * kRowWords + i;
        add(load_vector<Vector>(x + (first + pixel * kWords)) ^ load_vector<Vector>(w), ones);
      }
    }
    if constexpr (kBits) {
      store_vector(y + i, bits(ones, all<Vector>(missing & 1), i));
    } else {
      std::uint64_t stored[kPlanes][sizeof(Vector) / sizeof *x];
      __builtin_memcpy(stored, ones, sizeof stored);
      const int base = taps.count() + missing / 2 * 2 - ((1 << kPlanes) - 1);
      for (std::size_t l = 0; l < sizeof(Vector) / sizeof *x; ++l) {
        reals(stored, l, base, static_cast<int>((i + l) % kWords) * kWordBits,
              y + (i + l) / kWords * kOutC);
      }
    }
  }

  template <class Vector>
  XNORKIT_INLINE static Vector all(int bit) {
    return bit != 0 ? ~Vector{} : Vector{};
  }

  template <class Vector>
  XNORKIT_INLINE static void add(Vector carry, Vector (&ones)[kPlanes]) {
    XNORKIT_UNROLL
    for (int k = 0; k < kPlanes; ++k) {
      const Vector out = ones[k] & carry;
      ones[k] ^= carry;
      carry = out;
    }
  }

  // total >= limit: no borrow is left when the limit is subtracted plane by plane.
  template <class Vector>
  XNORKIT_INLINE Vector bits(const Vector (&ones)[kPlanes], Vector odd, std::ptrdiff_t i) const {
    Vector borrow = ~odd & load_vector<Vector>(limits_ + i);
    XNORKIT_UNROLL
    for (int k = 0; k < kPlanes; ++k) {
      const Vector limit = load_vector<Vector>(limits_ + (k + 1) * kRowWords + i);
      borrow = (~ones[k] & (limit | borrow)) | (limit & borrow);
    }
    return ~borrow ^ load_vector<Vector>(flips_ + i);
  }

  // sum = taps inside - 2 * ones = base + sum over planes of 2^plane * (bit ? -1 : 1)
  template <std::size_t lanes>
  XNORKIT_INLINE static void reals(const std::uint64_t (&ones)[kPlanes][lanes], std::size_t lane,
                                   int base, int channel, float* pixel) {
    const int count = kOutC - channel < kWordBits ? kOutC - channel : kWordBits;
    for (int c = 0; c < count; c += kFloatLanes) {
      Floats sum = broadcast(static_cast<float>(base));
      for (int k = 0; k < kPlanes; ++k) {
        const auto some = static_cast<std::uint32_t>(ones[k][lane] >> c);
        sum = multiply_add(unit_signs(some), broadcast(static_cast<float>(1 << k)), sum);
      }
      if (count - c >= kFloatLanes) {
        store_vector(pixel + channel + c, sum);
      } else {
        store_part(pixel + channel + c, sum, count - c);
      }
    }
  }

  Signs signs_;
  std::uint64_t* weight_ = nullptr;
  std::uint64_t* limits_ = nullptr;
  std::uint64_t* flips_ = nullptr;  // [column][word]
};

template <>
struct BinaryKernelOf<BinaryKernel::kDepthwise> {
  static constexpr const char* name = "planes";
  static constexpr bool fits(const BinaryShape& shape) { return shape.depthwise(); }
  template <BinaryShape shape, class Out>
  using Op = DepthwiseConv2d<shape, Out>;
};
