#include <cmath>

#include "convolution_cases.hpp"

namespace xnorkit::testing {

inline void check_input_scale(Map in, Window w, const char* isa, Runner<float, float> means,
                              Runner<float, float> whole) {
  current() = std::string("input_scale ") + isa + " " + text(in) + " " + text(w);
  // Multiples of the number of channels: means over them are integers.
  auto x = random_values<float>(in.reals(), -99, 99);
  for (float& value : x) value *= in.c;
  double all = 0;
  std::vector<float> magnitude(in.pixels());
  for (int i = 0; i < in.reals(); ++i) {
    magnitude[i / in.c] += std::fabs(x[i]) / in.c;
    all += std::fabs(x[i]);
  }
  const Map magnitudes{in.h, in.w, 1};
  std::vector<float> wanted;
  for (int row = 0; row < w.out_h; ++row) {
    for (int column = 0; column < w.out_w; ++column) {
      float sum = 0;
      for (float m : reference::under(magnitude, magnitudes, w, row, column, 0)) sum += m;
      wanted.push_back(sum / static_cast<float>(w.taps()));
    }
  }
  Arena arena;
  MemoryLoader loader(arena);
  expect_equal(output_of(means, loader, wanted.size(), x), wanted, "mean");
  expect_equal(output_of(whole, loader, 1, x),
               {static_cast<float>(all) / static_cast<float>(in.reals())}, "mean of all");
}

template <class Ops, Map in, Window w>
void check_input_scale() {
  check_input_scale(in, w, Ops::name, load_and_run<typename Ops::template InputScale<in, w, false>>,
                    load_and_run<typename Ops::template InputScale<in, w, true>>);
}

template <class Ops>
void input_scale() {
  constexpr Map kOne{1, 1, 1}, kRow{1, 7, 5}, kMap{4, 5, 70};
  check_input_scale<Ops, kOne, window(kOne, 1, 1)>();
  check_input_scale<Ops, kRow, window(kRow, 1, 3, {0, 0, 1, 1}, {1, 2, 1, 1})>();
  check_input_scale<Ops, kMap, window(kMap, 3, 2, {2, 1, 1, 0}, {1, 1, 2, 1})>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(input_scale)
