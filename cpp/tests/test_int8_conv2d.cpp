#include <cmath>

#include "real_convolutions.hpp"

namespace xnorkit::testing {

// Division, then half to even, then the clamp; written with the standard library.
inline int quantised(float x, float step) {
  const float q = std::nearbyint(x / step);
  return q < -127 ? -127 : q > 127 ? 127 : static_cast<int>(q);
}

template <class Ops>
struct Int8Case : RealCase {
  explicit Int8Case(Shape some) : RealCase("int8_conv2d", some, Ops::name) {
    // Multiples of a quarter step: a quarter of the values lie half-way between two integers.
    const float step = 0.375f;
    std::vector<int> rounded;
    for (int quarters : random_values<int>(shape.in.reals(), -600, 600)) {
      x.push_back(static_cast<float>(quarters) * 0.25f * step);
      rounded.push_back(quantised(x.back(), step));
    }
    const auto weight = random_values<std::int8_t>(shape.weights(), -127, 127);
    sums = shape.convolve(rounded, {weight.begin(), weight.end()}, 0);
    loader.add("weight", weight);
    loader.add("step", std::vector<float>{step});
  }
};

template <class Ops>
void int8_conv2d() {
  RealShapes<Int8Case<Ops>, Ops::template Int8Conv2d>::run();
}

#if defined(__x86_64__)
// What AVX-512 does on a CPU without VNNI, which this one may have.
template <Map in, int out_c, Window w, int groups, class Out>
using Avx512Pairs = x86_avx512bw::Int8By<x86_avx512bw::Int16Pairs, in, out_c, w, groups, Out>;
#endif

inline void int8_conv2d_without_vnni() {
#if defined(__x86_64__)
  if (!x86_avx512bw::supported()) return;
  RealShapes<Int8Case<x86_avx512bw::Ops>, Avx512Pairs>::run();
#endif
}

}  // namespace xnorkit::testing

XNORKIT_TEST(int8_conv2d)
XNORKIT_PLAIN_TEST(int8_conv2d_without_vnni)
