#include "real_convolutions.hpp"

namespace xnorkit::testing {

template <class Ops>
struct BwnCase : RealCase {
  explicit BwnCase(Shape some) : RealCase("bwn_conv2d", some, Ops::name) {
    const auto inputs = random_values<int>(shape.in.reals(), -99, 99);
    const auto weight = random_signs(shape.weights());
    x = floats(inputs);
    sums = shape.convolve(inputs, weight, 0);
    loader.add("weight", reference::pack_filters(weight, shape.out_c));
  }
};

template <class Ops>
void bwn_conv2d() {
  using Shapes = RealShapes<BwnCase<Ops>, Ops::template BwnConv2d>;
  Shapes::run();
  // 37 times four inputs a tap, 8 of which are a step; a map that is worked off in several bands.
  constexpr Map kMany{2, 3, 146}, kTall{90, 23, 48};
  Shapes::template bits<kMany, 10, window(kMany, 2, 2), 1>();
  Shapes::template bits<kTall, 2, window(kTall, 3, 3, {1, 1, 1, 1}, {2, 1, 1, 1}), 1>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(bwn_conv2d)
