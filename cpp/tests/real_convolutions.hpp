// What tests of convolutions of real maps share: sums out, and signs out by thresholds about them.
#pragma once

#include <limits>

#include "convolution_cases.hpp"

namespace xnorkit::testing {

// An op's tensors, its input and its true sums. Integers, so that sums are exact in any order.
struct RealCase {
  RealCase(const char* op, Shape shape_, const char* isa) : shape(shape_) {
    current() = shape.text(op, isa);
  }

  void check_sums(Runner<float, float> runner) {
    expect_equal(output_of(runner, loader, sums.size(), x), floats(sums), "sum");
  }

  // Thresholds that are sums, between sums, and beyond all.
  void check_bits(Runner<std::uint64_t, float> runner) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const auto flip = random_values<std::uint8_t>(shape.out_c, 0, 1);
    std::vector<float> threshold;
    for (int c = 0; c < shape.out_c; ++c) {
      const int some = sums[random_int(0, static_cast<int>(sums.size()) - 1)];
      threshold.push_back(static_cast<float>(some) + (c % 3 == 0 ? 0.5f : 0.0f));
      if (c % 7 == 1) threshold.back() = c % 2 == 0 ? kInfinity : -kInfinity;
    }
    loader.add("threshold", threshold);
    loader.add("flip", flip);
    std::vector<bool> negative;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t c = i % static_cast<std::size_t>(shape.out_c);
      negative.push_back((static_cast<float>(sums[i]) < threshold[c]) != (flip[c] != 0));
    }
    const std::size_t words = shape.window.output(shape.out_c).bit_words();
    expect_equal(output_of(runner, loader, words, x), reference::pack(negative, shape.out_c),
                 "word");
  }

  Shape shape;
  std::vector<float> x;
  std::vector<int> sums;
  Arena arena;
  MemoryLoader loader{arena};
};

// Case: makes a RealCase of a shape. Each shape with sums or with bits, so that it is compiled
// once.
template <class Case, template <Map, int, Window, int, class> class Op>
struct RealShapes {
  template <Map in, int out_c, Window w, int groups>
  struct Check {
    static void run() {
      if constexpr (out_c % 2 == 0) {
        bits<in, out_c, w, groups>();
      } else {
        Case({in, out_c, w, groups}).check_sums(load_and_run<Op<in, out_c, w, groups, RealOut>>);
      }
    }
  };

  template <Map in, int out_c, Window w, int groups>
  static void bits() {
    Case({in, out_c, w, groups}).check_bits(load_and_run<Op<in, out_c, w, groups, BitsOut>>);
  }

  static void run() {
    each_convolution<Check>();
    // More words than one a pixel, the last one whole and not; groups of a block and a piece.
    constexpr Map kPair{2, 9, 3}, kGroups{3, 4, 12};
    constexpr Window kThree = window(kPair, 3, 3, {1, 1, 1, 1});
    bits<kPair, 128, kThree, 1>();
    bits<kPair, 131, kThree, 1>();
    bits<kGroups, 72, window(kGroups, 2, 2, {0, 1, 1, 0}), 3>();
    bits<kGroups, 64, window(kGroups, 1, 3, {0, 0, 1, 1}), 4>();
  }
};

}  // namespace xnorkit::testing
