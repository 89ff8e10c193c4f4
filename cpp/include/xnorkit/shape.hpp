// Shapes that are known when the engine is compiled, used as template arguments.
#pragma once

#include <cstddef>
#include <cstdint>

#include "xnorkit/bits.hpp"

namespace xnorkit {

// One sample's map, pixel by pixel, the channels of a pixel side by side. 1-D data has h = 1, a
// vector h = w = 1.
//   real: float[h][w][c]        bits: uint64_t[h][w][words]
struct Map {
  int h, w, c;

  constexpr int words() const { return words_of(c); }
  constexpr int pixels() const { return h * w; }
  constexpr int reals() const { return h * w * c; }
  constexpr int bit_words() const { return h * w * words(); }
};

// Positions begin <= i < end; empty where begin >= end.
struct Span {
  int begin, end;

  constexpr int size() const { return end > begin ? end - begin : 0; }
};

// One axis of a window over `size` inputs: output o's tap k reads input o * stride - pad + k *
// dilation, where that lies in [0, size).
struct Axis {
  int size, kernel, stride, dilation, pad, out;

  constexpr int at(int o) const { return o * stride - pad; }

  // The taps of output o that lie inside the map.
  constexpr Span taps(int o) const {
    const int first = at(o), left = size - first;
    const int begin = first >= 0 ? 0 : (-first + dilation - 1) / dilation;
    const int end = left <= 0 ? 0 : (left + dilation - 1) / dilation;
    return {begin, end < kernel ? end : kernel};
  }

  // The outputs whose taps all lie inside the map.
  constexpr Span inner() const {
    const int reach = (kernel - 1) * dilation;  // from the first tap to the last
    const int begin = (pad + stride - 1) / stride;
    const int last = size - 1 - reach + pad;  // highest o * stride that is inside
    const int end = last < 0 ? 0 : last / stride + 1;
    const Span span{begin < out ? begin : out, end < out ? end : out};
    return {span.begin, span.end > span.begin ? span.end : span.begin};
  }

  // Inputs that the outputs reach over, border included.
  constexpr int reached() const {
    const int needed = (out - 1) * stride + (kernel - 1) * dilation + 1;
    return needed > pad + size ? needed : pad + size;
  }
};

// How a window moves over a map. Padding at the bottom and the right follows from out_h, out_w.
struct Window {
  int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, out_h,
      out_w;

  constexpr Axis rows(Map in) const {
    return {in.h, kernel_h, stride_h, dilation_h, pad_top, out_h};
  }
  constexpr Axis columns(Map in) const {
    return {in.w, kernel_w, stride_w, dilation_w, pad_left, out_w};
  }
  constexpr int taps() const { return kernel_h * kernel_w; }
  constexpr Map output(int channels) const { return {out_h, out_w, channels}; }
};

// The map with its border around it, and the window that then needs no padding.
constexpr Map bordered(Map in, Window window) {
  return {window.rows(in).reached(), window.columns(in).reached(), in.c};
}
constexpr Window unpadded_columns(Window window) {
  window.pad_left = 0;
  return window;
}
constexpr Window unpadded(Window window) {
  window.pad_top = 0;
  return unpadded_columns(window);
}

// Taps of one output pixel that lie inside the map.
struct Taps {
  Span y, x;

  constexpr int count() const { return y.size() * x.size(); }
};

// A binary convolution; in and window as they are before any border is added.
struct BinaryShape {
  Map in;
  int out_c;
  Window window;
  int groups, padding_value;

  constexpr int group_out() const { return out_c / groups; }
  constexpr int length() const { return in.c / groups; }  // of a pixel under one filter
  constexpr int elements() const { return window.taps() * length(); }
  // A filter for each channel.
  constexpr bool depthwise() const { return in.c == groups && out_c == groups; }
  constexpr bool one_pixel() const { return window.out_h == 1 && window.out_w == 1; }
  constexpr std::int64_t weight_bytes() const { return std::int64_t{out_c} * elements() / 8; }

  // Words of a filter, each tap in its own or the taps of a row side by side.
  constexpr int tap_words() const { return window.taps() * words_of(length()); }
  constexpr int joined_words() const {
    return window.kernel_h * words_of(window.kernel_w * length());
  }
  // Whether to put them side by side, see ops/joined_conv2d.inl.hpp. On small maps the columns at
  // the border take more than it saves: 3x3 on 5x5, 32 to 64 6.4 instead of 5.5 us (portable); on
  // 6x6, 16 to 16 1.6 instead of 2.2.
  constexpr bool joins() const {
    return joined_words() < tap_words() && (one_pixel() || window.output(1).pixels() >= 36);
  }
  constexpr int words() const { return joins() ? joined_words() : tap_words(); }
};

// How a path computes a binary convolution, see ops/binary_conv2d.inl.hpp.
enum class BinaryKernel { kWords, kRows, kLut, kCarry, kDepthwise, kJoined };

// Whether counting words is faster than LutConv2d where output channels are few, as that takes as
// long for 16 of them as for 32. price: of a word's ones for 8 channels, in look-ups of a nibble.
constexpr bool words_are_faster(const BinaryShape& shape, int price) {
  const int units = (shape.group_out() + 7) / 8;
  return units <= 2 &&
         shape.words() * units * price < shape.window.taps() * ((shape.length() + 3) / 4);
}

// What LutConv2d holds in registers: pairs of pixels x vectors of `width` output channels.
struct LutBlock {
  int width, vectors, pairs;
};

}  // namespace xnorkit
