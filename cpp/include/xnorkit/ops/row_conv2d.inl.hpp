// The kernel for one output pixel: linear layers, and any window that stands in one place only.
//
// A word of a filter meets one word of the input and is not used again, so that what counts is how
// fast the weights come out of memory: they are read once, several units at a time, each in order
// and asked for ahead. A run goes through the units in the direction opposite to that of the run
// before: what that read last is still in the cache, of which the weights may be twice the size.

template <BinaryShape shape, class Out>
class RowConv2d {
  using Signs = SignsInput<shape.in, shape.window, shape.groups, shape.padding_value>;
  static constexpr Layout kLayout = Signs::layout(shape.out_c);
  static constexpr Axis kRows = kLayout.window.rows(kLayout.in);
  static constexpr Axis kColumns = kLayout.window.columns(kLayout.in);
  static constexpr Taps kTaps = {kRows.taps(0), kColumns.taps(0)};

  static constexpr bool kBits = std::is_same_v<Out, BitsOut>;
  using Filters = UnitFilters<shape, kTaps, kBits>;
  static constexpr int kUnits = Filters::kUnits, kVectors = kUnit / kWordLanes;  // of a unit
  static constexpr int kTogether = kUnits / kRowStreams;

 public:
  static constexpr const char* kKernel = "carry-save rows";
  using Output = std::conditional_t<kBits, std::uint64_t, float>;

  bool load(Loader& loader, const char* name) {
    return filters_.load(loader, name) && signs_.load(loader, name) &&
           loader.scratch(name, Filters::kWords, &row_) && loader.scratch(name, 1, &backward_);
  }

  void run(const std::uint64_t* x, Output* y, Work work) const {
    x = signs_.prepared(x, work);
    std::uint64_t* const row = row_.at(work);
    const bool backward = *backward_.at(work) != 0;
    *backward_.at(work) = !backward;
    if constexpr (kBits) y[words_of(shape.out_c) - 1] = 0;  // its filler
    for (int group = 0; group < shape.groups; ++group, x += kLayout.group_pitch) {
      gather(x, row);
      for (int i = 0; i < kTogether; ++i) {
        units<kRowStreams>(row, group, backward ? kTogether - 1 - i : i, y);
      }
      for (int i = kTogether * kRowStreams; i < kUnits; ++i) units<1>(row, group, i, y);
    }
  }

 private:
  // The words under the window, in the order of a filter's.
  static void gather(const std::uint64_t* x, std::uint64_t* row) {
    for (int ty = kTaps.y.begin; ty < kTaps.y.end; ++ty) {
      for (int tx = kTaps.x.begin; tx < kTaps.x.end; ++tx, row += kLayout.length) {
        const std::ptrdiff_t line = kRows.at(0) + ty * kLayout.window.dilation_h;
        const std::ptrdiff_t column = kColumns.at(0) + tx * kLayout.window.dilation_w;
        __builtin_memcpy(row, x + (line * kLayout.in.w + column) * kLayout.pitch,
                         sizeof(std::uint64_t) * kLayout.length);
      }
    }
  }

  // S units, kTogether apart: as many streams.
  template <int S>
  void units(const std::uint64_t* row, int group, int first, Output* y) const {
    const int unit = group * kUnits + first;
    const std::uint64_t* w[S];
    for (int s = 0; s < S; ++s) {
      w[s] = filters_.weight + (unit + s * std::ptrdiff_t{kTogether}) * Filters::kUnitWords;
    }
    Words ones[S][kVectors];
    for (int v = 0; v < kVectors; ++v) {
      RowSums<S> sums;
      sums.add(row, w, Filters::kWords, v == 0);
      for (int s = 0; s < S; ++s) {
        ones[s][v] = sums.ones(s);
        w[s] += kWordLanes;
      }
    }
    for (int s = 0; s < S; ++s) put(ones[s], group, first + s * kTogether, y);
  }

  XNORKIT_INLINE void put(const Words (&ones)[kVectors], int group, int unit, Output* y) const {
    constexpr int missing = (shape.window.taps() - kTaps.count()) * shape.length();
    const int channel = group * shape.group_out() + unit * kUnit;
    if constexpr (kBits) {
      const std::uint64_t* limits = filters_.limits + (group * kUnits + unit) * kUnit;
      unsigned bits = 0;
      for (int v = 0; v < kVectors; ++v) {
        const Words limit =
            load_vector<Words>(limits + v * kWordLanes) - broadcast(std::uint64_t{missing});
        bits |= less(limit, ones[v] + ones[v]) << (v * kWordLanes);
      }
      reinterpret_cast<std::uint8_t*>(y)[channel / 8] = static_cast<std::uint8_t>(bits);
    } else {
      const int left = shape.group_out() - unit * kUnit;
      for (int v = 0; v < kVectors; ++v) {
        const HalfFloats reals = real_sums(shape.elements() - missing, ones[v]);
        store_sums(y + channel + v * kWordLanes, reals, left - v * kWordLanes);
      }
    }
  }

  XNORKIT_INLINE static void store_sums(float* to, HalfFloats reals, int left) {
    if (left >= kWordLanes) {
      store_vector(to, reals);
    } else if (left > 0) {
      store_part(to, reals, left);
    }
  }

  Signs signs_;
  Filters filters_;
  Scratch<std::uint64_t> row_;      // the words under the window
  Scratch<std::uint8_t> backward_;  // the direction of the next run
};

template <>
struct BinaryKernelOf<BinaryKernel::kRows> {
  static constexpr const char* name = "rows";
  static constexpr bool fits(const BinaryShape& shape) {
    return shape.window.output(1).pixels() == 1 &&
           (shape.groups == 1 || shape.group_out() % kUnit == 0);
  }
  template <BinaryShape shape, class Out>
  using Op = RowConv2d<shape, Out>;
};
