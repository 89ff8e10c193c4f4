#include <algorithm>
#include <cmath>
#include <limits>

#include "reference.hpp"
#include "testing.hpp"

namespace xnorkit::testing {

// What of a code is counted: thresholds rise with the level, or fall where the channel is flipped.
struct QuantiseCase {
  QuantiseCase(Map map_, int bits_) : map(map_), bits(bits_), levels((1 << bits_) - 1) {
    flip = random_values<std::uint8_t>(map.c, 0, 1);
    threshold.resize(std::size_t(levels) * map.c);
    for (int c = 0; c < map.c; ++c) {
      std::vector<float> some = random_values<float>(levels, -9, 9);  // some of them equal
      if (random_int(0, 3) == 0) some[0] = -kInfinity;
      if (random_int(0, 3) == 0) some.back() = kInfinity;
      std::sort(some.begin(), some.end());
      if (flip[c] != 0) std::reverse(some.begin(), some.end());
      for (int level = 0; level < levels; ++level) {
        threshold[std::size_t(level) * map.c + c] = some[level];
      }
    }
    x = random_values<float>(map.reals(), -9, 9);
    for (float& value : x) {
      if (random_int(0, 9) == 0) value = special[random_int(0, 3)];
    }
  }

  // u of element i.
  int code(std::size_t i) const {
    const std::size_t c = i % std::size_t(map.c);
    int reached = 0;
    for (int level = 0; level < levels; ++level) {
      const bool below = x[i] < threshold[std::size_t(level) * map.c + c];
      reached += below != (flip[c] != 0) ? 0 : 1;
    }
    return reached;
  }

  std::vector<std::uint64_t> planes() const {
    std::vector<std::uint64_t> out;
    for (int plane = 0; plane < bits; ++plane) {
      std::vector<bool> negative;
      for (std::size_t i = 0; i < x.size(); ++i) negative.push_back((code(i) >> plane & 1) == 0);
      const auto words = reference::pack(negative, map.c);
      out.insert(out.end(), words.begin(), words.end());
    }
    return out;
  }

  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> special{-0.0f, 1e30f, -1e30f, std::nextafter(3.0f, 2.0f)};
  Map map;
  int bits, levels;
  std::vector<std::uint8_t> flip;
  std::vector<float> threshold, x;
};

inline void check_quantise(Map map, int bits, const char* isa,
                           Runner<std::uint64_t, float> runner) {
  current() = std::string("quantise ") + isa + " " + text(map) + " bits " + std::to_string(bits);
  const QuantiseCase made(map, bits);
  Arena arena;
  MemoryLoader loader(arena);
  loader.add("threshold", made.threshold);
  loader.add("flip", made.flip);
  expect_equal(output_of(runner, loader, std::size_t(bits) * map.bit_words(), made.x),
               made.planes(), "word");
}

template <class Ops, int... channels>
void check_quantise_channels(std::integer_sequence<int, channels...>) {
  (check_quantise(
       {2, 3, channels}, channels % 4 + 1, Ops::name,
       load_and_run<typename Ops::template Quantise<Map{2, 3, channels}, channels % 4 + 1>>),
   ...);
}

template <class Ops>
void quantise() {
#ifdef XNORKIT_TEST_ALL_TAILS
  check_quantise_channels<Ops>(all_tails());
#endif
  check_quantise_channels<Ops>(some_tails());
  check_quantise_channels<Ops>(std::integer_sequence<int, 129, 131, 194>());
}

}  // namespace xnorkit::testing

XNORKIT_TEST(quantise)
