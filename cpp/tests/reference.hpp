// The truth: plain loops on ints, shapes at run time, nothing shared with the library but Map and
// Window. Slow, and meant to be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "xnorkit/shape.hpp"

namespace xnorkit::reference {

// Element of an [h][w][c] map, `outside` where the pixel is not in it.
template <class T>
T at(const std::vector<T>& x, Map map, int row, int column, int c, T outside) {
  if (row < 0 || row >= map.h || column < 0 || column >= map.w) return outside;
  return x[(static_cast<std::size_t>(row) * map.w + column) * map.c + c];
}

// The input pixel of an output pixel's tap.
struct Tap {
  int row, column;
};
inline Tap tap(Window window, int out_row, int out_column, int tap_y, int tap_x) {
  return {out_row * window.stride_h - window.pad_top + tap_y * window.dilation_h,
          out_column * window.stride_w - window.pad_left + tap_x * window.dilation_w};
}

// x: [h][w][c]; w: [out_c][kernel_h][kernel_w][c / groups]; → [out_h][out_w][out_c].
inline std::vector<int> convolve(const std::vector<int>& x, const std::vector<int>& w, Map in,
                                 Window window, int out_c, int groups, int padding_value) {
  std::vector<int> out;
  const int in_group = in.c / groups, out_group = out_c / groups;
  for (int row = 0; row < window.out_h; ++row) {
    for (int column = 0; column < window.out_w; ++column) {
      for (int o = 0; o < out_c; ++o) {
        int sum = 0;
        std::size_t weight = static_cast<std::size_t>(o) * window.taps() * in_group;
        for (int ty = 0; ty < window.kernel_h; ++ty) {
          for (int tx = 0; tx < window.kernel_w; ++tx) {
            const Tap from = tap(window, row, column, ty, tx);
            for (int i = 0; i < in_group; ++i) {
              const int c = o / out_group * in_group + i;
              sum += at(x, in, from.row, from.column, c, padding_value) * w[weight++];
            }
          }
        }
        out.push_back(sum);
      }
    }
  }
  return out;
}

// The values of channel c under a window, the border left out.
template <class T>
std::vector<T> under(const std::vector<T>& x, Map in, Window window, int row, int column, int c) {
  std::vector<T> out;
  for (int ty = 0; ty < window.kernel_h; ++ty) {
    for (int tx = 0; tx < window.kernel_w; ++tx) {
      const Tap from = tap(window, row, column, ty, tx);
      const bool inside =
          from.row >= 0 && from.row < in.h && from.column >= 0 && from.column < in.w;
      if (inside) out.push_back(at(x, in, from.row, from.column, c, T{}));
    }
  }
  return out;
}

// negative[pixel][channel] → words, bit 1 = negative.
inline std::vector<std::uint64_t> pack(const std::vector<bool>& negative, int channels) {
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < negative.size(); ++i) {
    const std::size_t c = i % static_cast<std::size_t>(channels);
    if (c % 64 == 0) out.push_back(0);
    if (negative[i]) out.back() |= std::uint64_t{1} << (c % 64);
  }
  return out;
}
inline std::vector<std::uint64_t> pack_signs(const std::vector<int>& signs, int channels) {
  std::vector<bool> negative;
  for (int sign : signs) negative.push_back(sign < 0);
  return pack(negative, channels);
}

// Weights of +1 and -1 as model.xnor holds them: bit i % 8 of byte i / 8, a filter from a new byte.
inline std::vector<std::uint8_t> pack_filters(const std::vector<int>& w, int out_c) {
  const std::size_t bits = w.size() / static_cast<std::size_t>(out_c), bytes = (bits + 7) / 8;
  std::vector<std::uint8_t> out(bytes * static_cast<std::size_t>(out_c));
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t bit = i % bits;
    if (w[i] < 0) {
      out[i / bits * bytes + bit / 8] |= static_cast<std::uint8_t>(1 << (bit % 8));
    }
  }
  return out;
}

}  // namespace xnorkit::reference
