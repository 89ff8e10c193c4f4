#include <algorithm>
#include <climits>

#include "convolution_cases.hpp"

namespace xnorkit::testing {

// Thresholds about the sums, some never and some always reached.
inline std::vector<std::int32_t> random_thresholds(int channels, int reach) {
  auto out = random_values<std::int32_t>(channels, -reach, reach);
  for (int i = 0; i < channels; i += 7) out[i] = i % 2 == 0 ? INT_MIN : INT_MAX;
  return out;
}

// Signs of which half are as far from zero as sums can be: the input all -1, each other filter too.
struct Signs {
  explicit Signs(const Shape& shape, bool extreme)
      : x(random_signs(shape.in.reals())), weight(random_signs(shape.weights())) {
    const std::size_t filter = weight.size() / static_cast<std::size_t>(shape.out_c);
    if (extreme) std::fill(x.begin(), x.end(), -1);
    for (std::size_t i = 0; extreme && i < weight.size(); ++i) {
      weight[i] = i / filter % 2 == 0 ? 1 : -1;
    }
  }
  std::vector<int> x, weight;
};

struct BinaryCase : Signs {
  BinaryCase(Shape shape_, int padding_value, const char* isa, bool extreme = false)
      : Signs(shape_, extreme),
        shape(shape_),
        sums(shape.convolve(x, weight, padding_value)),
        loader(arena) {
    current() = shape.text("binary_conv2d", isa) + " padding " + std::to_string(padding_value);
    loader.add("weight", reference::pack_filters(weight, shape.out_c));
  }

  void check_sums(Runner<float, std::uint64_t> runner, const char* kernel) {
    const auto packed = reference::pack_signs(x, shape.in.c);
    expect_equal(output_of(runner, loader, sums.size(), packed), floats(sums),
                 (std::string(kernel) + " sum").c_str());
  }

  void add_thresholds() {
    const int reach = shape.window.taps() * (shape.in.c / shape.groups) / 4 + 1;
    const auto threshold = random_thresholds(shape.out_c, reach);
    const auto flip = random_values<std::uint8_t>(shape.out_c, 0, 1);
    loader.add("threshold", threshold);
    loader.add("flip", flip);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t c = i % static_cast<std::size_t>(shape.out_c);
      negative.push_back((sums[i] < threshold[c]) != (flip[c] != 0));
    }
  }

  void check_bits(Runner<std::uint64_t, std::uint64_t> runner, const char* kernel) {
    const auto packed = reference::pack_signs(x, shape.in.c);
    const std::size_t words = shape.window.output(shape.out_c).bit_words();
    expect_equal(output_of(runner, loader, words, packed), reference::pack(negative, shape.out_c),
                 (std::string(kernel) + " word").c_str());
  }

  Shape shape;
  std::vector<int> sums;
  std::vector<bool> negative;  // after add_thresholds()
  Arena arena;
  MemoryLoader loader;
};

// Calls check(runner, kernel's name) for each kernel of a path that can compute the shape.
template <class Ops, BinaryShape shape, class Out, class Check, std::size_t i = 0>
void each_kernel(const Check& check) {
  if constexpr (i < std::size(Ops::binary_kernels)) {
    using Kernel = typename Ops::template BinaryKernelOf<Ops::binary_kernels[i]>;
    if constexpr (Kernel::fits(shape)) {
      using Op = typename Kernel::template Op<shape, Out>;
      check(load_and_run<Op>, Kernel::name);
      // RowConv2d's first run goes the other way.
      if constexpr (shape.window.output(1).pixels() == 1) check(load_and_run<Op, 1>, Kernel::name);
    }
    each_kernel<Ops, shape, Out, Check, i + 1>(check);
  }
}

template <class Ops, Map in, int out_c, Window w, int groups, int padding_value>
void check_bits() {
  BinaryCase made({in, out_c, w, groups}, padding_value, Ops::name);
  made.add_thresholds();
  each_kernel<Ops, BinaryShape{in, out_c, w, groups, padding_value}, BitsOut>(
      [&](Runner<std::uint64_t, std::uint64_t> runner, const char* kernel) {
        made.check_bits(runner, kernel);
      });
}
template <class Ops, Map in, int out_c, Window w, int groups, int padding_value>
void check_sums(bool extreme = false) {
  BinaryCase made({in, out_c, w, groups}, padding_value, Ops::name, extreme);
  each_kernel<Ops, BinaryShape{in, out_c, w, groups, padding_value}, RealOut>(
      [&](Runner<float, std::uint64_t> runner, const char* kernel) {
        made.check_sums(runner, kernel);
      });
}

// Half of the shapes with bits out, half with sums; the border's value too goes with the shape, so
// that each is compiled once.
template <class Ops>
struct BinaryShapes {
  template <Map in, int out_c, Window w, int groups>
  struct Check {
    static void run() {
      check_bits<Ops, in, out_c, w, groups, (out_c + w.kernel_w) % 3 - 1>();
      if constexpr (out_c % 2 == 0) check_sums<Ops, in, out_c, w, groups, 0>();
    }
  };
};

template <class Ops, int... channels>
void check_tails(std::integer_sequence<int, channels...>) {
  constexpr Window kOne{1, 1, 1, 1, 1, 1, 0, 0, 1, 2};
  (check_bits<Ops, Map{1, 2, channels}, 66 - channels, kOne, 1, 0>(), ...);
}

template <class Ops>
void check_choice() {
  constexpr Map kMap{7, 7, 16};
  using Linear = typename Ops::template BinaryConv2d<kMap, 128, window(kMap, 7, 7), 1, 0, BitsOut>;
  expect(std::string(Linear::kKernel).rfind("joined ", 0) == 0, "4 pixels fit a word");
}

template <class Ops>
void binary_conv2d() {
  check_choice<Ops>();
  each_convolution<BinaryShapes<Ops>::template Check>();
#ifdef XNORKIT_TEST_ALL_TAILS
  check_tails<Ops>(all_tails());
#endif
  check_tails<Ops>(some_tails());

  // The sizes that matter most, with each border.
  constexpr Map kMap{4, 15, 64};
  constexpr Window kThree = window(kMap, 3, 3, {1, 1, 1, 1});
  check_bits<Ops, kMap, 64, kThree, 1, 0>();
  check_bits<Ops, kMap, 64, kThree, 1, -1>();
  check_sums<Ops, kMap, 64, kThree, 1, 1>();
  // Several taps in a word.
  constexpr Map kNarrow{4, 15, 16};
  check_bits<Ops, kNarrow, 16, window(kNarrow, 3, 3, {1, 1, 1, 1}), 1, 0>();
  // Groups of whole words, and of words and a bit.
  constexpr Map kGroups{2, 3, 128}, kOdd{2, 3, 130};
  check_bits<Ops, kGroups, 6, window(kGroups, 2, 2, {1, 0, 1, 0}), 2, 0>();
  check_bits<Ops, kOdd, 140, window(kOdd, 1, 2, {1, 0, 1, 0}), 2, -1>();
  // Runs of more elements than bytes can count at once; sums as large as they can be.
  constexpr Map kLong{8, 4, 128};
  check_sums<Ops, kLong, 5, window(kLong, 8, 4), 1, 0>();
  check_sums<Ops, kMap, 64, kThree, 1, 0>(true);
  constexpr Map kWide{1, 5, 2100};
  check_sums<Ops, kWide, 70, window(kWide, 1, 2), 1, 0>(true);
  constexpr Map kMost{1, 2, 32767}, kMore{1, 2, 32768};  // LutConv2d's limit
  check_bits<Ops, kMost, 3, window(kMost, 1, 1), 1, 0>();
  check_sums<Ops, kMost, 3, window(kMost, 1, 1), 1, 0>(true);
  check_sums<Ops, kMore, 2, window(kMore, 1, 1), 1, 0>(true);
  // Pairs of pixels: blocks of 4 and 3, pixels between them that no tap meets, a border between.
  constexpr Map kOddRow{2, 13, 64}, kSkipped{3, 11, 20}, kApart{5, 12, 70};
  check_bits<Ops, kOddRow, 40, window(kOddRow, 3, 3, {1, 1, 1, 1}), 1, 0>();
  check_bits<Ops, kSkipped, 20, window(kSkipped, 1, 1, {}, {1, 2, 1, 1}), 1, 0>();
  check_bits<Ops, kApart, 33, window(kApart, 3, 3, {1, 1, 1, 1}, {2, 2, 2, 2}), 1, -1>();
  // Windows of one border whose inner rows are those between the taps of the one before.
  constexpr Map kBetween{6, 9, 50};
  check_bits<Ops, kBetween, 36, window(kBetween, 2, 3, {1, 0, 0, 0}, {1, 2, 2, 2}), 2, 0>();
  check_sums<Ops, kBetween, 7, window(kBetween, 3, 1, {2, 2, 0, 0}, {1, 1, 3, 1}), 1, 1>();
  // Windows that meet the map in the same taps, in lines along rows and columns, in blocks of 1 to
  // 6; of odd and even numbers of words, in few (unrolled) and many; bits that are whole bytes.
  constexpr Map kTall{13, 4, 64}, kTwoWords{4, 9, 128}, kHalf{7, 14, 100}, kBytes{3, 10, 48};
  check_bits<Ops, kTall, 72, window(kTall, 3, 3, {1, 1, 1, 1}), 1, 0>();
  check_sums<Ops, kTall, 12, window(kTall, 5, 5, {2, 2, 2, 2}, {1, 2, 1, 1}), 1, 0>();
  check_bits<Ops, kTwoWords, 24, window(kTwoWords, 3, 3, {1, 2, 0, 3}), 1, 0>();
  check_sums<Ops, kTwoWords, 8, window(kTwoWords, 2, 3, {1, 0, 1, 1}), 1, 0>();
  check_bits<Ops, kHalf, 16, window(kHalf, 3, 3, {2, 2, 2, 2}, {2, 1, 2, 2}), 2, 0>();
  check_bits<Ops, kBytes, 48, window(kBytes, 3, 3, {1, 1, 1, 1}), 3, 1>();
  // A filter for each channel: vectors of words over pixels and single words, taps outside the map
  // in odd and even numbers, steps, a border that is stored, counts of many bits, one channel.
  constexpr Map kPlanes{5, 21, 70}, kRow{1, 40, 64}, kFew{7, 6, 129}, kOne{4, 30, 1};
  check_bits<Ops, kPlanes, 70, window(kPlanes, 3, 3, {1, 1, 1, 1}), 70, 0>();
  check_sums<Ops, kPlanes, 70, window(kPlanes, 3, 4, {1, 1, 2, 2}, {1, 1, 2, 1}), 70, 0>();
  check_bits<Ops, kPlanes, 70, window(kPlanes, 3, 3, {1, 1, 1, 1}, {2, 2, 1, 1}), 70, -1>();
  check_bits<Ops, kRow, 64, window(kRow, 1, 9, {0, 0, 4, 4}, {1, 1, 1, 2}), 64, 0>();
  check_sums<Ops, kFew, 129, window(kFew, 5, 5, {2, 2, 2, 2}), 129, 1>(true);
  check_sums<Ops, kFew, 129, window(kFew, 7, 6), 129, 0>(true);
  check_bits<Ops, kOne, 1, window(kOne, 2, 1, {1, 0, 0, 0}), 1, 0>();
  // One output pixel: taps outside the map, units of 8 channels that are no multiple of the
  // streams, groups, more words than bytes can count sixteens of.
  constexpr Map kSquare{2, 2, 100}, kPair{1, 2, 70}, kFlat{1, 1, 32768};
  check_bits<Ops, kSquare, 100, window(kSquare, 3, 3, {1, 1, 1, 1}, {3, 3, 1, 1}), 1, 0>();
  check_sums<Ops, kPair, 80, window(kPair, 1, 2), 2, 0>();
  check_sums<Ops, kFlat, 9, window(kFlat, 1, 1), 1, 0>(true);
}

}  // namespace xnorkit::testing

XNORKIT_TEST(binary_conv2d)
