// Shapes on which every convolution is tested: the smallest at which each thing can go wrong.
#pragma once

#include "reference.hpp"
#include "testing.hpp"

namespace xnorkit::testing {

struct Borders {
  int top, bottom, left, right;
};
struct Steps {
  int stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
};

constexpr Window window(Map in, int kernel_h, int kernel_w, Borders border = {}, Steps s = {}) {
  const int h = in.h + border.top + border.bottom - s.dilation_h * (kernel_h - 1) - 1;
  const int w = in.w + border.left + border.right - s.dilation_w * (kernel_w - 1) - 1;
  return {kernel_h,     kernel_w,   s.stride_h,  s.stride_w,         s.dilation_h,
          s.dilation_w, border.top, border.left, h / s.stride_h + 1, w / s.stride_w + 1};
}

// A shape, for the checks that are compiled once.
struct Shape {
  Map in;
  int out_c;
  Window window;
  int groups;

  std::size_t weights() const { return std::size_t(out_c) * window.taps() * (in.c / groups); }
  std::string text(const char* op, const char* isa) const {
    return std::string(op) + " " + isa + " " + testing::text(in) + " to " + std::to_string(out_c) +
           " " + testing::text(window) + " groups " + std::to_string(groups);
  }
  std::vector<int> convolve(const std::vector<int>& x, const std::vector<int>& w,
                            int padding_value) const {
    return reference::convolve(x, w, in, window, out_c, groups, padding_value);
  }
};

inline std::vector<float> floats(const std::vector<int>& values) {
  return std::vector<float>(values.begin(), values.end());
}

// Check<in, out_c, window, groups>::run() for each shape.
template <template <Map, int, Window, int> class Check>
void each_convolution() {
  constexpr Map kRow{1, 13, 5}, kSmall{3, 3, 9}, kWide{4, 23, 16}, kImage{5, 9, 1},
      kGroups{4, 6, 12}, kMany{3, 9, 70};
  // 1-D, asymmetric border and kernel, blocks of two sizes in a row.
  Check<kRow, 3, window(kRow, 1, 4, {0, 0, 2, 1}), 1>::run();
  // No pixel's window is whole.
  Check<kSmall, 33, window(kSmall, 5, 5, {2, 2, 2, 2}), 1>::run();
  // One input channel, stride, asymmetric kernel, more channels than one block.
  Check<kImage, 70, window(kImage, 3, 5, {1, 1, 2, 2}, {2, 2, 1, 1}), 1>::run();
  // Dilation: the taps of a row are no run.
  Check<kWide, 8, window(kWide, 3, 2, {2, 2, 1, 0}, {1, 1, 2, 3}), 1>::run();
  // Windows wholly in the border; strides larger than the kernel.
  Check<kSmall, 1, window(kSmall, 1, 2, {2, 2, 3, 3}, {3, 2, 1, 1}), 1>::run();
  // Groups whose channels fill no vector; depthwise; depthwise with two filters a channel.
  Check<kGroups, 15, window(kGroups, 3, 3, {1, 1, 1, 1}), 3>::run();
  Check<kGroups, 24, window(kGroups, 2, 2, {0, 1, 0, 1}, {1, 1, 1, 2}), 12>::run();
  // A linear layer: the kernel is the map.
  Check<kMany, 37, window(kMany, 3, 9), 1>::run();
}

}  // namespace xnorkit::testing
