// BwnConv2d where a vector of floats can be permuted: four inputs have sixteen sums of +-x, and
// four bits of a filter choose one of them, so four products cost one permutation and one addition.
//   tables: [group][pixel][four inputs] -> Floats, the sums; made once for all taps and filters
//   w: [...][eight times four inputs][V vectors] of 32 bits a filter
// Of 16 lanes, lane n has -x[i] where bit i of n is set; of 8 lanes x[3] is never negative.
// A path's SumChoice: from bits of each lane's filter; code(n), the bits that choose the sum of n;
// added(sums, table), sums + each lane's choice.

struct SumTable {
  alignas(Floats) float sums[kFloatLanes];
};

template <class Choice>
struct BwnSumsArithmetic {
  using Input = SumTable;
  using Weight = std::uint32_t;
  static constexpr int kLanes = kFloatLanes;
  static constexpr int kMostPixels = Choice::kPixels, kMostVectors = Choice::kVectors;
  static constexpr int kOnePixelVectors = 4;
  static constexpr int kTablesAStep = 8;  // of 4 bits each
  static constexpr int steps(int n) { return (n + kTablesAStep - 1) / kTablesAStep; }
  template <int V>
  static constexpr int kWeights = V * kFloatLanes;

  template <int P, int V>
  struct Sums {
    XNORKIT_INLINE void add(const SumTable* x, std::ptrdiff_t pixel_step, const std::uint32_t* w,
                            int n) {
      for (; n > 0; n -= kTablesAStep, w += V * kFloatLanes, x += kTablesAStep) {
        Ints bits[V];
        for (int v = 0; v < V; ++v) bits[v] = load_vector<Ints>(w + v * kFloatLanes);
        const int some = n < kTablesAStep ? n : kTablesAStep;
        for (int i = 0; i < some; ++i) {
          Choice choice[V];
          for (int v = 0; v < V; ++v) choice[v] = Choice(bits[v]);
          for (int p = 0; p < P; ++p) {
            const Floats table = load_vector<Floats>(x[p * pixel_step + i].sums);
            for (int v = 0; v < V; ++v) sum[p][v] = choice[v].added(sum[p][v], table);
          }
          for (int v = 0; v < V; ++v) bits[v] >>= 4;
        }
      }
    }
    XNORKIT_INLINE Floats floats(int p, int v) const { return sum[p][v]; }

    Floats sum[P][V] = {};
  };
};

template <class Choice, Map in, int out_c, Window window, int groups, class Out>
class BwnSums {
  using Arithmetic = BwnSumsArithmetic<Choice>;
  static constexpr int kLength = in.c / groups, kTables = (kLength + 3) / 4;
  static constexpr std::size_t kFilterBytes = (std::size_t{window.taps()} * kLength + 7) / 8;
  static constexpr Map kMap{in.h, window.columns(in).reached(), in.c};
  static constexpr int kRowTables = kMap.w * groups * kTables;
  using Loops = Convolution<Layout{kMap, unpadded_columns(window), out_c, groups, kTables,
                                   groups * kTables, kTables},
                            Arithmetic>;

  // Output rows whose tables are in the cache together.
  static constexpr int kCached = 1 << 19;  // bytes: half of the second cache where it is small
  static constexpr int kReach = (window.kernel_h - 1) * window.dilation_h + 1;
  static constexpr int kMore =
      (kCached / int{sizeof(SumTable)} / kRowTables - kReach) / window.stride_h;
  static constexpr int kBand = kMore < 1 ? 1 : kMore < window.out_h ? kMore + 1 : window.out_h;
  static constexpr int kBandRows = (kBand - 1) * window.stride_h + kReach;

 public:
  using Output = typename RealEnd<Loops, Out>::Output;

  bool load(Loader& loader, const char* name) {
    const Source source{loader.tensor<std::uint8_t>(name, "weight", out_c * kFilterBytes)};
    weight_ =
        source.weight == nullptr ? nullptr : loader.take<std::uint32_t>(name, Loops::kAllWeights);
    if (weight_ == nullptr) return false;
    Loops::lay_out(source, weight_);
    return loader.scratch(name, std::size_t{kBandRows} * kRowTables, &tables_) &&
           end_.load(loader, name);
  }

  void run(const float* x, Output* y, Work work) const {
    SumTable* tables = tables_.at(work);
    const auto outputs = end_.outputs(y);
    for (int row = 0; row < window.out_h; row += kBand) {
      const Span band{row, row + kBand < window.out_h ? row + kBand : window.out_h};
      const Span rows = inputs(band);
      for (int i = rows.begin; i < rows.end; ++i) {
        make_tables(x + std::ptrdiff_t{i} * in.w * in.c,
                    tables + (i - rows.begin) * std::ptrdiff_t{kRowTables});
      }
      Loops::run_rows(outputs, tables - rows.begin * std::ptrdiff_t{kRowTables}, weight_, band);
    }
    end_.finish(y);
  }

 private:
  struct Source {
    void put(std::uint32_t* step, int lane, WeightPlace at) const {
      const std::uint8_t* filter = weight + at.o * kFilterBytes;
      unsigned negative = 0;
      for (int i = 0; i < 4 && at.element * 4 + i < kLength; ++i) {
        const std::size_t bit = std::size_t(at.tap) * kLength + at.element * 4 + i;
        negative |= static_cast<unsigned>(packed_bit(filter, bit)) << i;
      }
      step[lane] |= std::uint32_t{Choice::code(negative)}
                    << (at.in_run % Arithmetic::kTablesAStep * 4);
    }
    const std::uint8_t* weight;
  };

  // The rows of the map that rows of the output read.
  static constexpr Span inputs(Span band) {
    const int begin = Loops::kRows.at(band.begin);
    const int end = Loops::kRows.at(band.end - 1) + kReach;
    return {begin < 0 ? 0 : begin, end < in.h ? end : in.h};
  }

  XNORKIT_INLINE static void make_tables(const float* x, SumTable* row) {
    row += window.pad_left * groups * kTables;
    for (int i = 0; i < in.w * groups; ++i, x += kLength, row += kTables) {
      for (int t = 0; t < kLength / 4; ++t) make_table<4>(x + 4 * t, row + t);
      if constexpr (kLength % 4 != 0)
        make_table<kLength % 4>(x + kLength / 4 * 4, row + kTables - 1);
    }
  }

  // Of n inputs, those missing 0.
  template <int n>
  XNORKIT_INLINE static void make_table(const float* x, SumTable* to) {
    constexpr std::uint32_t kNegative[] = {0xaaaa, 0xcccc, 0xf0f0, 0xff00};
    Floats sums = broadcast(x[0]) * unit_signs(kNegative[0]);
    for (int i = 1; i < n; ++i) {
      sums = multiply_add(broadcast(x[i]), unit_signs(kNegative[i]), sums);
    }
    store_vector(to->sums, sums);
  }

  Scratch<SumTable> tables_;
  std::uint32_t* weight_ = nullptr;
  RealEnd<Loops, Out> end_;
};
