#include "real_convolutions.hpp"

namespace xnorkit::testing {

template <class Ops>
struct FloatCase : RealCase {
  explicit FloatCase(Shape some) : RealCase("float_conv2d", some, Ops::name) {
    const auto inputs = random_values<int>(shape.in.reals(), -9, 9);
    const auto weight = random_values<int>(shape.weights(), -9, 9);
    x = floats(inputs);
    sums = shape.convolve(inputs, weight, 0);
    loader.add("weight", floats(weight));
  }
};

template <class Ops>
void float_conv2d() {
  RealShapes<FloatCase<Ops>, Ops::template FloatConv2d>::run();

  // A missing tensor is refused, with the loader's sentence.
  Arena arena;
  MemoryLoader loader(arena);
  constexpr Window kOne{1, 1, 1, 1, 1, 1, 0, 0, 1, 1};
  typename Ops::template FloatConv2d<Map{1, 1, 2}, 3, kOne, 1, RealOut> op;
  expect(!op.load(loader, "op"), "load without weight");
  expect(loader.sentence().find("op.weight") == 0, "its sentence");
}

}  // namespace xnorkit::testing

XNORKIT_TEST(float_conv2d)
