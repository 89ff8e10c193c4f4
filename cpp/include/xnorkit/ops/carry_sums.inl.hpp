// What CarryConv2d adds up in registers, and where it goes: P neighbouring pixels of a line and one
// block of channels, a lane a channel.

template <int P>
struct CarrySums {
  // Where the words are an odd number.
  XNORKIT_INLINE void first(const std::uint64_t* x, std::ptrdiff_t x_pixel,
                            const std::uint64_t* w) {
    for (int p = 0; p < P; ++p) {
      parity[p] = broadcast(x[p * x_pixel]) ^ load_vector<Words>(w);
      // Else GCC sinks it below the stores of bytes, which might change x: a scalar load, then a
      // broadcast by a vector port (7.8 instead of 5.5 us on 20x51, 64 to 64, 1x1).
      asm("" : "+v"(parity[p]));
    }
  }

  XNORKIT_INLINE void pair(const std::uint64_t* x1, const std::uint64_t* x2, std::ptrdiff_t x_pixel,
                           const std::uint64_t* w1, const std::uint64_t* w2) {
    const Words filter1 = load_vector<Words>(w1), filter2 = load_vector<Words>(w2);
    for (int p = 0; p < P; ++p) {
      const Words middle = parity3(broadcast(x1[p * x_pixel]), parity[p], filter1);
      const Words last = parity3(broadcast(x2[p * x_pixel]), middle, filter2);
      pairs[p] += count(falls(parity[p], middle, last));
      parity[p] = last;
    }
  }

  XNORKIT_INLINE Words ones(int p) const { return twice_plus(pairs[p], count(parity[p])); }

  Words parity[P] = {};  // of the words so far
  Words pairs[P] = {};   // falls of the parity so far
};

// Where the bits of a block of channels go: bit = ones > limit.
struct CarryBits {
  XNORKIT_INLINE void put(std::uint8_t* to, Words ones) const { store_less(to, limit, ones); }

  Words limit;
};

// Where their sums go, as reals. kPart: whether a block may have less channels than lanes.
template <bool kPart>
struct CarryReals {
  XNORKIT_INLINE void put(float* to, Words ones) const {
    const auto sums = reinterpret_cast<SignedWords>(broadcast(elements) - ones - ones);
    const HalfFloats reals = __builtin_convertvector(sums, HalfFloats);
    if constexpr (kPart) {
      store_first(to, reals, left);
    } else {
      store_vector(to, reals);
    }
  }

  std::uint64_t elements;  // under the window, inside the map
  int left;                // channels of the block
};

// n blocks in a row of a line, with the words that its steps name. A function of its own, or GCC
// runs out of registers (127 instead of 101 us on 28x28, 128 to 128, 3x3).
template <int P, class Outputs, class To>
__attribute__((noinline)) void carry_blocks(int n, const CarryLine& line,
                                            const std::uint64_t* __restrict x,
                                            const std::uint64_t* w, const Outputs& outputs,
                                            To* __restrict to) {
  const std::ptrdiff_t x_pixel = line.x_pixel, y_pixel = line.y_pixel;
  const CarryStep* const end = line.steps + line.step_count;
  const Outputs out = outputs;
  for (; n > 0; --n, x += P * x_pixel) {
    CarrySums<P> sums;
    const CarryStep* step = line.steps;
    if (line.step_count % 2 != 0) {
      sums.first(x + step->x, x_pixel, w + step->w);
      ++step;
    }
    for (; step < end; step += 2) {
      sums.pair(x + step[0].x, x + step[1].x, x_pixel, w + step[0].w, w + step[1].w);
    }
    for (int p = 0; p < P; ++p, to += y_pixel) out.put(to, sums.ones(p));
  }
}

// All pairs of words from word `step` of a window on.
template <class Regions, int step, class Sums>
XNORKIT_INLINE void carry_pairs(Sums& sums, const std::uint64_t* x, std::ptrdiff_t x_pixel,
                                const std::uint64_t* w) {
  if constexpr (step < Regions::kSteps) {
    sums.pair(x + Regions::word(step), x + Regions::word(step + 1), x_pixel, w + step * kWordLanes,
              w + (step + 1) * kWordLanes);
    carry_pairs<Regions, step + 2>(sums, x, x_pixel, w);
  }
}

// The same for windows that lie wholly inside the map, unrolled.
template <class Regions, int P, class Outputs, class To>
__attribute__((noinline)) void carry_whole_blocks(int n, const CarryLine& line,
                                                  const std::uint64_t* __restrict x,
                                                  const std::uint64_t* w, const Outputs& outputs,
                                                  To* __restrict to) {
  constexpr int steps = Regions::kSteps;
  const std::ptrdiff_t x_pixel = line.x_pixel, y_pixel = line.y_pixel;
  const Outputs out = outputs;
  for (; n > 0; --n, x += P * x_pixel) {
    CarrySums<P> sums;
    if constexpr (steps % 2 != 0) sums.first(x, x_pixel, w);
    carry_pairs<Regions, steps % 2>(sums, x, x_pixel, w);
    for (int p = 0; p < P; ++p, to += y_pixel) {
      out.put(to, steps == 1 ? count(sums.parity[p]) : sums.ones(p));
    }
  }
}
