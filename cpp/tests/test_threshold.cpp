#include <cmath>
#include <limits>

#include "reference.hpp"
#include "testing.hpp"

namespace xnorkit::testing {

inline void check_threshold(Map map, const char* isa, Runner<std::uint64_t, float> runner) {
  current() = std::string("threshold ") + isa + " " + text(map);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> special{0.0f, -0.0f, kInfinity, -kInfinity, std::nanf("")};
  // Few values, so that many are equal to the threshold.
  auto x = random_values<float>(map.reals(), -2, 2), threshold = random_values<float>(map.c, -2, 2);
  for (float& value : x) {
    if (random_int(0, 2) == 0) value = special[random_int(0, 4)];
  }
  for (float& value : threshold) {
    if (random_int(0, 2) == 0) value = special[random_int(0, 3)];
  }
  const auto flip = random_values<std::uint8_t>(map.c, 0, 1);
  std::vector<bool> negative;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % static_cast<std::size_t>(map.c);
    negative.push_back((x[i] < threshold[c]) != (flip[c] != 0));
  }
  Arena arena;
  MemoryLoader loader(arena);
  loader.add("threshold", threshold);
  loader.add("flip", flip);
  expect_equal(output_of(runner, loader, map.bit_words(), x), reference::pack(negative, map.c),
               "word");
}

template <class Ops, int... channels>
void check_threshold_channels(std::integer_sequence<int, channels...>) {
  (check_threshold({2, 3, channels}, Ops::name,
                   load_and_run<typename Ops::template Threshold<Map{2, 3, channels}>>),
   ...);
}

template <class Ops>
void threshold() {
#ifdef XNORKIT_TEST_ALL_TAILS
  check_threshold_channels<Ops>(all_tails());
#endif
  check_threshold_channels<Ops>(some_tails());
  check_threshold_channels<Ops>(std::integer_sequence<int, 128, 193>());
}

}  // namespace xnorkit::testing

XNORKIT_TEST(threshold)
