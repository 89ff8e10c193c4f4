#include <algorithm>
#include <numeric>

#include "convolution_cases.hpp"

namespace xnorkit::testing {

// How torch counts: see AveragePool.
struct Counting {
  bool count_pad;
  int pad_bottom, pad_right, divisor;
};

inline int divisor_of(Map in, Window w, int row, int column, int inside, Counting how) {
  if (how.divisor != 0) return how.divisor;
  if (!how.count_pad) return inside;
  int count = 0;  // positions of the window on the map with its border, one by one
  for (int tap = 0; tap < w.taps(); ++tap) {
    const auto at = reference::tap(w, row, column, tap / w.kernel_w, tap % w.kernel_w);
    count += at.row < in.h + how.pad_bottom && at.column < in.w + how.pad_right;
  }
  return count;
}

// With bias: the pool of max(x + bias, 0).
inline void check_average_pool(Map in, Window w, Counting how, bool bias, const char* isa,
                               Runner<float, float> runner) {
  current() = std::string("average_pool ") + isa + " " + text(in) + " " + text(w);
  const Map out = w.output(in.c);
  const auto input = random_values<float>(in.reals(), -99, 99);
  const auto biases = random_values<float>(in.c, -50, 50);
  auto x = input;
  for (std::size_t i = 0; bias && i < x.size(); ++i) x[i] = std::max(x[i] + biases[i % in.c], 0.0f);
  std::vector<float> wanted;
  for (int i = 0; i < out.reals(); ++i) {
    const int c = i % in.c, column = i / in.c % out.w, row = i / in.c / out.w;
    const auto values = reference::under(x, in, w, row, column, c);
    const int inside = static_cast<int>(values.size());
    // Integers add exactly; one division rounds.
    wanted.push_back(std::accumulate(values.begin(), values.end(), 0.0f) /
                     static_cast<float>(divisor_of(in, w, row, column, inside, how)));
  }
  Arena arena;
  MemoryLoader loader(arena);
  if (bias) loader.add("bias0", biases);
  expect_equal(output_of(runner, loader, out.reals(), input), wanted, "value");
}

template <class Ops, Map in, Window w, bool count_pad, int bottom, int right, int divisor,
          class... Steps>
void check_average_pool() {
  using Op = typename Ops::template AveragePool<in, w, count_pad, bottom, right, divisor, Steps...>;
  check_average_pool(in, w, {count_pad, bottom, right, divisor}, sizeof...(Steps) > 0, Ops::name,
                     load_and_run<Op>);
}

template <class Ops>
void average_pool() {
  constexpr Map kRow{1, 9, 3}, kMap{5, 7, 70}, kWide{4, 6, 9};
  check_average_pool<Ops, kMap, Window{5, 7, 5, 7, 1, 1, 0, 0, 1, 1}, true, 0, 0, 0>();
  constexpr Window kPadded = window(kRow, 1, 3, {0, 0, 1, 1}, {1, 2, 1, 1});
  check_average_pool<Ops, kRow, kPadded, true, 0, 1, 0>();
  check_average_pool<Ops, kRow, kPadded, false, 0, 1, 0>();
  // ceil_mode with a border: the last windows reach beyond it, and are cut there.
  constexpr Window kCeil{3, 4, 3, 3, 1, 1, 1, 1, 2, 3};
  check_average_pool<Ops, kWide, kCeil, true, 1, 1, 0>();
  check_average_pool<Ops, kWide, kCeil, false, 1, 1, 0>();
  check_average_pool<Ops, kWide, kCeil, true, 1, 1, 5>();
  // Steps before the pool, on tails of all vectors.
  constexpr Window kTwo{2, 2, 2, 2, 1, 1, 0, 0, 2, 3};
  check_average_pool<Ops, kWide, kTwo, true, 0, 0, 0, steps::Bias, steps::Relu>();
  check_average_pool<Ops, kMap, kTwo, true, 0, 0, 0, steps::Bias, steps::Relu>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(average_pool)
