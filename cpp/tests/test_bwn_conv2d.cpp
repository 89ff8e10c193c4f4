#include "convolution_cases.hpp"

namespace xnorkit::testing {

inline void check_bwn_conv2d(Shape shape, const char* isa, Runner<float, float> runner) {
  current() = shape.text("bwn_conv2d", isa);
  const auto x = random_values<int>(shape.in.reals(), -99, 99);
  const auto weight = random_signs(shape.weights());
  const auto sums = shape.convolve(x, weight, 0);
  Arena arena;
  MemoryLoader loader(arena);
  loader.add("weight", reference::pack_filters(weight, shape.out_c));
  expect_equal(output_of(runner, loader, sums.size(), floats(x)), floats(sums), "sum");
}

template <class Ops>
struct BwnShapes {
  template <Map in, int out_c, Window w, int groups>
  struct Check {
    static void run() {
      using Op = typename Ops::template BwnConv2d<in, out_c, w, groups>;
      check_bwn_conv2d({in, out_c, w, groups}, Ops::name, load_and_run<Op>);
    }
  };
};

template <class Ops>
void bwn_conv2d() {
  each_convolution<BwnShapes<Ops>::template Check>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(bwn_conv2d)
