#include "testing.hpp"

namespace xnorkit::testing {

inline void check_add(Map map, const char* isa, Runner<float, float, float> runner) {
  current() = std::string("add ") + isa + " " + text(map);
  const auto a = random_values<float>(map.reals(), -999, 999);
  const auto b = random_values<float>(map.reals(), -999, 999);
  std::vector<float> wanted;
  for (std::size_t i = 0; i < a.size(); ++i) wanted.push_back(a[i] + b[i]);
  Arena arena;
  MemoryLoader loader(arena);
  expect_equal(output_of(runner, loader, map.reals(), a, b), wanted, "value");
}

template <class Ops, Map map>
void check_add() {
  check_add(map, Ops::name, load_and_run<typename Ops::template Add<map>>);
}

template <class Ops>
void add() {
  check_add<Ops, Map{1, 1, 1}>();
  check_add<Ops, Map{3, 5, 7}>();
  check_add<Ops, Map{2, 2, 64}>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(add)
