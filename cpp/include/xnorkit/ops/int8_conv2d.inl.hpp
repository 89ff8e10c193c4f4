// Convolution of a real map, rounded to 8 bits, with int8 weights; sums in int32, so exact. What
// becomes of the sums: real_outputs.inl.hpp; they are floats without rounding while below 2^24.
//   step: float32 [1]      q = clamp(x / step, -127, 127), rounded half to even
//   weight: int8 [out_c][kh][kw][in_c / groups]
//
// The elements under a window, zeros at the border among them, are copied side by side, so that a
// filter of 5x5 is 7 steps of four products a lane and not 5 times 2.
//   staged:  [row][column][channel] of the map and its border
//   patches: [column][group][element, to whole steps] of one row of output
//   w: [group][channel block][start, step][V vectors of Dots::kProducts elements]

// How a lane sums products: Element of a patch, Weight; kProducts of a lane and step; kZero, what
// stands for an element of 0; sum(sums, x, w), the products added.
struct Int16Pairs {
  using Element = std::int16_t;
  using Weight = std::int16_t;
  static constexpr int kProducts = 2, kZero = 0;

  XNORKIT_INLINE static Ints sum(Ints sums, Ints x, Ints w) { return multiply_pairs(x, w, sums); }
};

template <class Dots>
struct Int8Arithmetic {
  using Input = typename Dots::Element;
  using Weight = std::int32_t;
  static constexpr int kLanes = kFloatLanes;
  static constexpr int kMostPixels = kFloatPixels, kMostVectors = kFloatVectors;
  static constexpr int kOnePixelVectors = 4;
  // Elements with an offset of kZero need sums that start at what cancels it, in a step before.
  static constexpr int kStart = Dots::kZero != 0 ? 1 : 0;
  static constexpr int steps(int n) { return kStart + (n + Dots::kProducts - 1) / Dots::kProducts; }
  template <int V>
  static constexpr int kWeights = V * kFloatLanes;

  // Of one run, which is a whole patch.
  template <int P, int V>
  struct Sums {
    XNORKIT_INLINE void add(const Input* x, std::ptrdiff_t pixel_step, const std::int32_t* w,
                            int n) {
      for (int v = 0; v < V; ++v) {
        const Ints start = kStart != 0 ? load_vector<Ints>(w + (v - V) * kFloatLanes) : Ints{};
        for (int p = 0; p < P; ++p) sum[p][v] = start;
      }
      for (int i = 0; i < n; i += Dots::kProducts, w += V * kFloatLanes) {
        if constexpr (kLoadBroadcasts) forget_loads();
        XNORKIT_UNROLL
        for (int p = 0; p < P; ++p) {
          std::int32_t elements;
          __builtin_memcpy(&elements, x + p * pixel_step + i, sizeof elements);
          const Ints some = broadcast(elements);
          XNORKIT_UNROLL
          for (int v = 0; v < V; ++v) {
            sum[p][v] = Dots::sum(sum[p][v], some, load_vector<Ints>(w + v * kFloatLanes));
          }
        }
      }
    }
    XNORKIT_INLINE Floats floats(int p, int v) const {
      return __builtin_convertvector(sum[p][v], Floats);
    }

    Ints sum[P][V];
  };
};

template <class Dots, Map in, int out_c, Window window, int groups, class Out>
class Int8By {
  using Element = typename Dots::Element;
  using Arithmetic = Int8Arithmetic<Dots>;
  static constexpr Map kStaged = bordered(in, window);
  static constexpr int kLength = in.c / groups, kElements = window.taps() * kLength;
  static constexpr int kPatch =
      (kElements + Dots::kProducts - 1) / Dots::kProducts * Dots::kProducts;
  static constexpr int kPixel = groups * kPatch, kRow = window.out_w * kPixel;
  static constexpr Window kOne{1, 1, 1, 1, 1, 1, 0, 0, window.out_h, window.out_w};
  using Loops = Convolution<Layout{Map{window.out_h, window.out_w, kPixel}, kOne, out_c, groups,
                                   kPatch, kPixel, kPatch},
                            Arithmetic>;

 public:
  using Output = typename RealEnd<Loops, Out>::Output;

  bool load(Loader& loader, const char* name) {
    const float* step = loader.tensor<float>(name, "step", 1);
    const Source source{loader.tensor<std::int8_t>(name, "weight", std::size_t{out_c} * kElements)};
    if (step == nullptr || source.weight == nullptr) return false;
    step_ = *step;
    weight_ = loader.take<std::int32_t>(name, Loops::kAllWeights);
    if (weight_ == nullptr || !loader.scratch(name, kRow + kMore, &patches_) ||
        !loader.scratch(name, kStaged.reals() + kMore, &staged_)) {
      return false;
    }
    Loops::lay_out(source, weight_);
    for (int i = 0; i < kStaged.reals(); ++i) staged_.at(loader.work())[i] = Dots::kZero;
    return end_.load(loader, name);
  }

  void run(const float* x, Output* y, Work work) const {
    Element *staged = staged_.at(work), *patches = patches_.at(work);
    stage(x, staged);
    const auto outputs = end_.outputs(y);
    for (int row = 0; row < window.out_h; ++row) {
      gather(staged + row * window.stride_h * kStaged.w * in.c, patches);
      // The loops find row `row` of a map of which there is but this row.
      Loops::run_rows(outputs, patches - std::ptrdiff_t{row} * kRow, weight_, {row, row + 1});
    }
    end_.finish(y);
  }

 private:
  struct Source {
    void put(std::int32_t* step, int lane, WeightPlace at) const {
      if (at.element >= kElements) return;
      const std::int8_t value = weight[std::size_t(at.o) * kElements + at.element];
      const auto element = static_cast<typename Dots::Weight>(value);
      __builtin_memcpy(reinterpret_cast<unsigned char*>(step + lane) +
                           at.element % Dots::kProducts * sizeof element,
                       &element, sizeof element);
      if constexpr (Arithmetic::kStart != 0) {
        constexpr int step_size = Loops::kStepWeights;
        step[lane - (1 + at.element / Dots::kProducts) * step_size] -= Dots::kZero * value;
      }
    }
    const std::int8_t* weight;
  };

  typedef Element Elements __attribute__((vector_size(kFloatLanes * sizeof(Element))));

  // Rounds the map into the inside of the staged one.
  void stage(const float* x, Element* staged) const {
    Element* to = staged + (window.pad_top * kStaged.w + window.pad_left) * in.c;
    for (int row = 0; row < in.h; ++row, x += in.w * in.c, to += kStaged.w * in.c) {
      each_vector<in.w * in.c>(Rounded{x, to, broadcast(step_)});
    }
  }

  struct Rounded {
    // Adding 1.5 * 2^23 leaves no bit below 1, and the rounding of that addition is half to even.
    template <int n>
    XNORKIT_INLINE void at(int i) const {
      const Floats low = broadcast(-127.0f), high = broadcast(127.0f),
                   shift = broadcast(12582912.0f);
      Floats value = load_lanes<n>(x + i) / step;
      value = smaller(high, larger(low, value)) + shift;
      constexpr std::int32_t kShiftBits = 0x4b400000;
      const Ints whole = reinterpret_cast<Ints>(value) - (kShiftBits - Dots::kZero);
      const Elements elements = __builtin_convertvector(whole, Elements);
      __builtin_memcpy(to + i, &elements, n * sizeof(Element));
    }
    const float* x;
    Element* to;
    Floats step;
  };

  // The patches of a row; `from` is the staged row of its first taps.
  XNORKIT_INLINE static void gather(const Element* from, Element* to) {
    constexpr int line = kStaged.w * in.c;
    for (int column = 0; column < window.out_w; ++column, from += window.stride_w * in.c) {
      for (int group = 0; group < groups; ++group, to += kPatch) {
        const Element* first = from + group * kLength;
        for (int ty = 0; ty < window.kernel_h; ++ty) {
          gather_row(first + ty * window.dilation_h * line, to + ty * window.kernel_w * kLength);
        }
      }
    }
  }

  XNORKIT_INLINE static void gather_row(const Element* from, Element* to) {
    if constexpr (window.dilation_w == 1 && groups == 1) {
      copy<window.kernel_w * kLength>(from, to);
    } else {
      for (int tx = 0; tx < window.kernel_w; ++tx) {
        copy<kLength>(from + tx * window.dilation_w * in.c, to + tx * kLength);
      }
    }
  }

  // n elements and what completes their last 8 bytes: the next row, patch or kMore overwrites it,
  // or a weight of 0 meets it.
  static constexpr int kMore = 8;
  template <int n>
  XNORKIT_INLINE static void copy(const Element* from, Element* to) {
    constexpr std::size_t size = (n * sizeof(Element) + 7) / 8 * 8;
    __builtin_memcpy(to, from, size);
  }

  float step_ = 1.0f;
  std::int32_t* weight_ = nullptr;
  Scratch<Element> staged_, patches_;
  RealEnd<Loops, Out> end_;
};

// By quads where the CPU has them.
template <class Quads, Map in, int out_c, Window window, int groups, class Out>
class Int8Asked {
 public:
  using Output = typename Int8By<Int16Pairs, in, out_c, window, groups, Out>::Output;

  bool load(Loader& loader, const char* name) {
    has_quads_ = Quads::supported();
    return has_quads_ ? quads_.load(loader, name) : pairs_.load(loader, name);
  }
  void run(const float* x, Output* y, Work work) const {
    has_quads_ ? quads_.run(x, y, work) : pairs_.run(x, y, work);
  }

 private:
  bool has_quads_ = false;
  Int8By<Quads, in, out_c, window, groups, Out> quads_;
  Int8By<Int16Pairs, in, out_c, window, groups, Out> pairs_;
};

template <Map in, int out_c, Window window, int groups, class Out>
using Int8Conv2d = std::conditional_t<
    kAskForQuads, Int8Asked<Uint8Quads, in, out_c, window, groups, Out>,
    Int8By<std::conditional_t<std::is_void_v<Uint8Quads>, Int16Pairs, Uint8Quads>, in, out_c,
           window, groups, Out>>;
