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
    const std::ptrdiff_t rows = shape_.samples * shape_.in.h;
    const int parts = worth(threads, rows * shape_.in.w * pitch_, kWordsOfAThread);
    if (shape_.padding_value < 0) fill_border();
    in_parallel(rows, parts, [&](Share share, int) {
      const auto* from = static_cast<const unsigned char*>(x);
      for (std::ptrdiff_t i = share.begin; i < share.end; ++i) {
        row(kernels, from, range, i / shape_.in.h, static_cast<int>(i % shape_.in.h));
      }
    });
  }

 private:
  void fill_border() const {
    const std::ptrdiff_t all = shape_.samples * sample();
    for (std::ptrdiff_t i = 0; i < all; ++i) {
      get()[i] = real_bits(shape_.length(), static_cast<int>(i % words_));
    }
  }

  void row(const TensorKernels& kernels, const unsigned char* x, BitRange range,
           std::ptrdiff_t sample_index, int row) const {
    const Map in = shape_.in;
    const std::ptrdiff_t pixels = std::ptrdiff_t{in.h} * in.w;
    const int top = border_ ? shape_.window.pad_top : 0;
    const int left = border_ ? shape_.window.pad_left : 0;
    std::uint64_t* to =
        get() + sample_index * sample() + (std::ptrdiff_t{row + top} * map_.w + left) * pitch_;
    const int length = shape_.length();
    if (shape_.channels_last) {
      x += (sample_index * pixels + std::ptrdiff_t{row} * in.w) * in.c * range.bytes;
      for (int column = 0; column < in.w; ++column, to += pitch_) {
        for (int group = 0; group < shape_.groups; ++group, x += length * range.bytes) {
          kernels.pack_words(x, length, range, to + group * words_);
        }
      }
      return;
    }
    x += (sample_index * in.c * pixels + std::ptrdiff_t{row} * in.w) * range.bytes;
    for (int group = 0; group < shape_.groups; ++group, x += length * pixels * range.bytes) {
      kernels.pack_planes(x, pixels, length, in.w, range, to + group * words_, pitch_);
    }
  }

  ConvolutionShape shape_;
  bool border_;
  Map map_;
  Window window_;
  int words_;
  std::ptrdiff_t pitch_;
  Buffer buffer_;
};

}  // namespace xnorkit
