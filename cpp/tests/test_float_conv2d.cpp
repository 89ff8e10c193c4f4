#include "convolution_cases.hpp"

namespace xnorkit::testing {

// Small integers: sums of them are exact in any order, so any difference is an error.
inline void check_float_conv2d(Shape shape, const char* isa, Runner<float, float> runner) {
  current() = shape.text("float_conv2d", isa);
  const auto x = random_values<int>(shape.in.reals(), -9, 9);
  const auto weight = random_values<int>(shape.weights(), -9, 9);
  const auto sums = shape.convolve(x, weight, 0);
  Arena arena;
  MemoryLoader loader(arena);
  loader.add("weight", floats(weight));
  expect_equal(output_of(runner, loader, sums.size(), floats(x)), floats(sums), "sum");
}

template <class Ops>
struct FloatShapes {
  template <Map in, int out_c, Window w, int groups>
  struct Check {
    static void run() {
      using Op = typename Ops::template FloatConv2d<in, out_c, w, groups>;
      check_float_conv2d({in, out_c, w, groups}, Ops::name, load_and_run<Op>);
    }
  };
};

template <class Ops>
void float_conv2d() {
  each_convolution<FloatShapes<Ops>::template Check>();

  // A missing tensor is refused, with the loader's sentence.
  Arena arena;
  MemoryLoader loader(arena);
  typename Ops::template FloatConv2d<Map{1, 1, 2}, 3, Window{1, 1, 1, 1, 1, 1, 0, 0, 1, 1}, 1> op;
  expect(!op.load(loader, "op"), "load without weight");
  expect(loader.sentence().find("op.weight") == 0, "its sentence");
}

}  // namespace xnorkit::testing

XNORKIT_TEST(float_conv2d)
