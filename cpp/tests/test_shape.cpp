#include "testing.hpp"

namespace xnorkit::testing {

// Axis::taps and Axis::inner against the definition: a tap is inside or it is not.
void check_axis(Axis axis) {
  for (int o = 0; o < axis.out; ++o) {
    const Span taps = axis.taps(o);
    int inside = 0;
    for (int k = 0; k < axis.kernel; ++k) {
      const int i = o * axis.stride - axis.pad + k * axis.dilation;
      const bool is_inside = i >= 0 && i < axis.size;
      inside += is_inside;
      expect(is_inside == (k >= taps.begin && k < taps.end), "taps");
    }
    expect(taps.size() == inside, "number of taps");
    const Span inner = axis.inner();
    expect((inside == axis.kernel) == (o >= inner.begin && o < inner.end), "inner");
  }
}

void shape() {
  for (int size = 1; size <= 7; ++size)
    for (int kernel = 1; kernel <= 4; ++kernel)
      for (int stride = 1; stride <= 3; ++stride)
        for (int dilation = 1; dilation <= 3; ++dilation)
          for (int pad = 0; pad <= 5; ++pad)
            for (int out = 1; out <= 9; ++out) {
              current() = "shape of axis " + std::to_string(size) + " " + std::to_string(kernel) +
                          " " + std::to_string(stride) + " " + std::to_string(dilation) + " " +
                          std::to_string(pad) + " " + std::to_string(out);
              check_axis({size, kernel, stride, dilation, pad, out});
            }
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(shape)
