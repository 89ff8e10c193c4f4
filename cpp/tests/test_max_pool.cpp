#include <algorithm>

#include "convolution_cases.hpp"

namespace xnorkit::testing {

inline void check_max_pool(Map in, Window w, const char* isa, Runner<float, float> reals,
                           Runner<std::uint64_t, std::uint64_t> bits) {
  current() = std::string("max_pool ") + isa + " " + text(in) + " " + text(w);
  const Map out = w.output(in.c);
  const auto signs = random_signs(in.reals());
  const auto x = random_values<float>(in.reals(), -99, 99);
  const auto any = random_values<std::uint8_t>(in.c, 0, 1);
  std::vector<float> largest;
  std::vector<bool> negative;
  for (int i = 0; i < out.reals(); ++i) {
    const int c = i % in.c, column = i / in.c % out.w, row = i / in.c / out.w;
    const auto values = reference::under(x, in, w, row, column, c);
    largest.push_back(*std::max_element(values.begin(), values.end()));
    // Bits stand for signs: the pool is of them, the smallest one where `any`.
    const auto some = reference::under(signs, in, w, row, column, c);
    negative.push_back((any[c] != 0 ? *std::min_element(some.begin(), some.end())
                                    : *std::max_element(some.begin(), some.end())) < 0);
  }
  Arena arena;
  MemoryLoader loader(arena);
  loader.add("any", any);
  expect_equal(output_of(reals, loader, out.reals(), x), largest, "value");
  expect_equal(output_of(bits, loader, out.bit_words(), reference::pack_signs(signs, in.c)),
               reference::pack(negative, in.c), "word");
}

template <class Ops, Map in, Window w>
void check_max_pool() {
  check_max_pool(in, w, Ops::name, load_and_run<typename Ops::template MaxPool<in, w>>,
                 load_and_run<typename Ops::template MaxPoolBits<in, w>>);
}

// NaN under a window is its largest value; of two zeros the first one.
template <class Ops>
void check_special_values() {
  current() = std::string("max_pool of special values ") + Ops::name;
  constexpr Map kIn{1, 6, 1};
  const float nan = __builtin_nanf("");
  Arena arena;
  MemoryLoader loader(arena);
  using Op = typename Ops::template MaxPool<kIn, window(kIn, 1, 2, {}, {1, 2, 1, 1})>;
  const auto y =
      output_of<float, float>(load_and_run<Op>, loader, 3, {nan, 1, 2, nan, -0.0f, 0.0f});
  expect(y[0] != y[0] && y[1] != y[1], "NaN wins from either side");
  expect(y[2] == 0.0f && __builtin_signbit(y[2]), "the first zero stays");
}

template <class Ops>
void max_pool() {
  check_special_values<Ops>();
  constexpr Map kOne{1, 1, 1}, kRow{1, 9, 5}, kMap{5, 6, 70}, kHalf{6, 7, 33};
  check_max_pool<Ops, kOne, window(kOne, 1, 1)>();
  check_max_pool<Ops, kRow, window(kRow, 1, 3, {0, 0, 1, 1}, {1, 2, 1, 1})>();
  check_max_pool<Ops, kMap, window(kMap, 2, 2, {}, {2, 2, 1, 1})>();
  check_max_pool<Ops, kHalf, window(kHalf, 3, 2, {1, 1, 1, 0}, {2, 1, 1, 2})>();
  // ceil_mode: the last window reaches over the map's end.
  check_max_pool<Ops, kMap, Window{2, 3, 2, 3, 1, 1, 0, 0, 3, 2}>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(max_pool)
