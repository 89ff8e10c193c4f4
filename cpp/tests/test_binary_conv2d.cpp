#include <climits>

#include "convolution_cases.hpp"

namespace xnorkit::testing {

// Thresholds about the sums, some never and some always reached.
inline std::vector<std::int32_t> random_thresholds(int channels, int reach) {
  auto out = random_values<std::int32_t>(channels, -reach, reach);
  for (int i = 0; i < channels; i += 7) out[i] = i % 2 == 0 ? INT_MIN : INT_MAX;
  return out;
}

struct BinaryCase {
  BinaryCase(Shape shape_, int padding_value, const char* isa)
      : shape(shape_),
        x(random_signs(shape.in.reals())),
        weight(random_signs(shape.weights())),
        sums(shape.convolve(x, weight, padding_value)),
        loader(arena) {
    current() = shape.text("binary_conv2d", isa) + " padding " + std::to_string(padding_value);
    loader.add("weight", reference::pack_filters(weight, shape.out_c));
  }

  void check_sums(Runner<float, std::uint64_t> runner) {
    const auto packed = reference::pack_signs(x, shape.in.c);
    expect_equal(output_of(runner, loader, sums.size(), packed), floats(sums), "sum");
  }

  void check_bits(Runner<std::uint64_t, std::uint64_t> runner) {
    const int reach = shape.window.taps() * (shape.in.c / shape.groups) / 4 + 1;
    const auto threshold = random_thresholds(shape.out_c, reach);
    const auto flip = random_values<std::uint8_t>(shape.out_c, 0, 1);
    loader.add("threshold", threshold);
    loader.add("flip", flip);
    std::vector<bool> negative;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t c = i % static_cast<std::size_t>(shape.out_c);
      negative.push_back((sums[i] < threshold[c]) != (flip[c] != 0));
    }
    const auto packed = reference::pack_signs(x, shape.in.c);
    const std::size_t words = shape.window.output(shape.out_c).bit_words();
    expect_equal(output_of(runner, loader, words, packed), reference::pack(negative, shape.out_c),
                 "word");
  }

  Shape shape;
  std::vector<int> x, weight, sums;
  Arena arena;
  MemoryLoader loader;
};

template <class Ops, Map in, int out_c, Window w, int groups, int padding_value>
void check_bits() {
  using Op = typename Ops::template BinaryConv2d<in, out_c, w, groups, padding_value, BitsOut>;
  BinaryCase({in, out_c, w, groups}, padding_value, Ops::name).check_bits(load_and_run<Op>);
}
template <class Ops, Map in, int out_c, Window w, int groups, int padding_value>
void check_sums() {
  using Op = typename Ops::template BinaryConv2d<in, out_c, w, groups, padding_value, RealOut>;
  BinaryCase({in, out_c, w, groups}, padding_value, Ops::name).check_sums(load_and_run<Op>);
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
void binary_conv2d() {
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
  // Groups of whole words, and of words and a bit.
  constexpr Map kGroups{2, 3, 128}, kOdd{2, 3, 130};
  check_bits<Ops, kGroups, 6, window(kGroups, 2, 2, {1, 0, 1, 0}), 2, 0>();
  check_bits<Ops, kOdd, 140, window(kOdd, 1, 2, {1, 0, 1, 0}), 2, -1>();
  // 64 words a sum: more than bytes can count at once.
  constexpr Map kLong{8, 4, 128};
  check_sums<Ops, kLong, 5, window(kLong, 8, 4), 1, 0>();
  constexpr Map kWide{1, 5, 2100};  // a run of 66 words
  check_bits<Ops, kWide, 70, window(kWide, 1, 2), 1, 0>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(binary_conv2d)
