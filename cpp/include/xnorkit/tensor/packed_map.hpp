// A batch of real maps as words, each group's channels in words of their own, the border stored
// around them where it is not 0.
//   words: [sample][row][column][group][word]
#pragma once

#include <cstddef>
#include <cstdint>

#include "xnorkit/bits.hpp"
#include "xnorkit/shape.hpp"
#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/tensor/products.hpp"
#include "xnorkit/tensor/team.hpp"

namespace xnorkit {

// A convolution of a batch; in and window as they are before any border is added.
struct ConvolutionShape {
  std::ptrdiff_t samples;
  Map in;
  int out_c;
  Window window;
  int groups, padding_value;
  bool channels_last;  // both maps: [row][column][channel] instead of [channel][row][column]

  constexpr int length() const { return in.c / groups; }
  constexpr Blocks blocks() const { return {groups, out_c / groups}; }
  constexpr std::ptrdiff_t out_pixels() const {
    return std::ptrdiff_t{window.out_h} * window.out_w;
  }
};

class PackedMap {
 public:
  explicit PackedMap(const ConvolutionShape& shape)
      : shape_(shape),
        border_(shape.padding_value != 0),
        map_(border_ ? bordered(shape.in, shape.window) : shape.in),
        window_(border_ ? unpadded(shape.window) : shape.window),
        words_(words_of(shape.length())),
        pitch_(std::ptrdiff_t{shape.groups} * words_),
        buffer_(padded(sizeof(std::uint64_t) * shape.samples * sample())) {}

  Map map() const { return map_; }
  Window window() const { return window_; }
  int words() const { return words_; }             // of a pixel and group
  std::ptrdiff_t pitch() const { return pitch_; }  // of a pixel
  std::ptrdiff_t sample() const { return std::ptrdiff_t{map_.h} * map_.w * pitch_; }
  std::uint64_t* get() const { return reinterpret_cast<std::uint64_t*>(buffer_.get()); }

  void fill(const TensorKernels& kernels, const void* x, BitRange range, int threads) const {
    const std::ptrdiff_t lines = shape_.samples * lines_of_sample();
    const int parts = worth(threads, lines * line_pixels() * pitch_, kWordsOfAThread);
    if (border_) fill_border();
    in_parallel(lines, parts, [&](Share share, int) {
      const auto* from = static_cast<const unsigned char*>(x);
      for (std::ptrdiff_t i = share.begin; i < share.end; ++i) {
        line(kernels, from, range, i / lines_of_sample(), i % lines_of_sample());
      }
    });
  }

 private:
  // The inside, too, which is overwritten.
  void fill_border() const {
    const std::ptrdiff_t all = shape_.samples * sample();
    for (std::ptrdiff_t i = 0; i < all; ++i) {
      const int word = static_cast<int>(i % words_);
      get()[i] = shape_.padding_value < 0 ? real_bits(shape_.length(), word) : 0;
    }
  }

  // Pixels that lie side by side here and there: of a row, or without a border of many.
  int line_pixels() const { return border_ ? shape_.in.w : kLine; }
  int lines_of_sample() const {
    return border_ ? shape_.in.h : (shape_.in.pixels() + kLine - 1) / kLine;
  }

  void line(const TensorKernels& kernels, const unsigned char* x, BitRange range,
            std::ptrdiff_t sample_index, std::ptrdiff_t index) const {
    const Map in = shape_.in;
    const std::ptrdiff_t first = index * line_pixels(), left = in.pixels() - first;
    const int pixels = left < line_pixels() ? static_cast<int>(left) : line_pixels();
    const std::ptrdiff_t place =
        border_ ? (index + shape_.window.pad_top) * map_.w + shape_.window.pad_left : first;
    std::uint64_t* to = get() + sample_index * sample() + place * pitch_;
    const int length = shape_.length();
    if (shape_.channels_last) {
      x += (sample_index * in.pixels() + first) * in.c * range.bytes;
      for (int i = 0; i < pixels * shape_.groups; ++i, to += words_, x += length * range.bytes) {
        kernels.pack_words(x, length, range, to);
      }
      return;
    }
    const std::ptrdiff_t plane = in.pixels();
    x += (sample_index * in.c * plane + first) * range.bytes;
    for (int group = 0; group < shape_.groups; ++group, x += length * plane * range.bytes) {
      kernels.pack_planes(x, plane, length, pixels, range, to + group * words_, pitch_);
    }
  }

  static constexpr int kLine = 1024;

  ConvolutionShape shape_;
  bool border_;
  Map map_;
  Window window_;
  int words_;
  std::ptrdiff_t pitch_;
  Buffer buffer_;
};

}  // namespace xnorkit
