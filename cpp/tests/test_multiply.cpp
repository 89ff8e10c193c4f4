#include "testing.hpp"

namespace xnorkit::testing {

inline void check_multiply(Map map, bool whole, const char* isa,
                           Runner<float, float, float> runner) {
  current() = std::string("multiply ") + isa + " " + text(map);
  const auto x = random_values<float>(map.reals(), -999, 999);
  const auto k = random_values<float>(whole ? 1 : map.pixels(), 0, 999);
  std::vector<float> wanted;
  for (int i = 0; i < map.reals(); ++i) wanted.push_back(x[i] * k[whole ? 0 : i / map.c]);
  Arena arena;
  MemoryLoader loader(arena);
  expect_equal(output_of(runner, loader, map.reals(), x, k), wanted, "value");
}

template <class Ops, Map map, bool whole>
void check_multiply() {
  check_multiply(map, whole, Ops::name, load_and_run<typename Ops::template Multiply<map, whole>>);
}

template <class Ops>
void multiply() {
  check_multiply<Ops, Map{1, 1, 1}, true>();
  check_multiply<Ops, Map{3, 5, 7}, true>();
  check_multiply<Ops, Map{3, 5, 7}, false>();
  check_multiply<Ops, Map{2, 2, 33}, false>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(multiply)
