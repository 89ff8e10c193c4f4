#include <cmath>

#include "convolution_cases.hpp"

namespace xnorkit::testing {

// Division, then half to even, then the clamp; written with the standard library.
inline int quantised(float x, float step) {
  const float q = std::nearbyint(x / step);
  return q < -127 ? -127 : q > 127 ? 127 : static_cast<int>(q);
}

inline void check_int8_conv2d(Shape shape, const char* isa, Runner<float, float> runner) {
  current() = shape.text("int8_conv2d", isa);
  // Multiples of a quarter step: a quarter of the values lie half-way between two integers.
  const float step = 0.375f;
  std::vector<float> x;
  std::vector<int> rounded;
  for (int quarters : random_values<int>(shape.in.reals(), -600, 600)) {
    x.push_back(static_cast<float>(quarters) * 0.25f * step);
    rounded.push_back(quantised(x.back(), step));
  }
  const auto weight = random_values<std::int8_t>(shape.weights(), -127, 127);
  const auto sums = shape.convolve(rounded, {weight.begin(), weight.end()}, 0);
  Arena arena;
  MemoryLoader loader(arena);
  loader.add("weight", weight);
  loader.add("step", std::vector<float>{step});
  expect_equal(output_of(runner, loader, sums.size(), x), floats(sums), "sum");
}

template <class Ops>
struct Int8Shapes {
  template <Map in, int out_c, Window w, int groups>
  struct Check {
    static void run() {
      using Op = typename Ops::template Int8Conv2d<in, out_c, w, groups>;
      check_int8_conv2d({in, out_c, w, groups}, Ops::name, load_and_run<Op>);
    }
  };
};

template <class Ops>
void int8_conv2d() {
  each_convolution<Int8Shapes<Ops>::template Check>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(int8_conv2d)
