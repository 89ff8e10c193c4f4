// y[n][o][p] = (elements under the window - 2 * popcount(x ^ w)) * scale[o] + bias[o]
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/tensor/lines.hpp"
#include "xnorkit/tensor/packed_map.hpp"
#include "xnorkit/tensor/products.hpp"

namespace xnorkit {

class LineSource {
 public:
  LineSource(const PackedMap& map, const Lines& lines, std::ptrdiff_t samples, int most_pixels)
      : map_(map), lines_(lines), samples_(samples), most_(most_pixels) {}

  std::ptrdiff_t chunks() const { return samples_ * of_sample(); }
  std::size_t words() const { return 0; }
  int pixels() const { return most_; }
  bool few() const { return false; }

  Chunk chunk(std::ptrdiff_t index, std::ptrdiff_t group, std::uint64_t*) const {
    const LineChunk& line = at(index);
    const std::uint64_t* x = map_.get() + sample(index) * map_.sample() + group * map_.words();
    return {x + line.x,        line.x_pixel,   line.pixels,
            lines_.runs(line), line.run_count, line.elements};
  }

  const LineChunk& at(std::ptrdiff_t index) const { return lines_.chunks()[index % of_sample()]; }
  std::ptrdiff_t sample(std::ptrdiff_t index) const { return index / of_sample(); }

 private:
  std::ptrdiff_t of_sample() const { return static_cast<std::ptrdiff_t>(lines_.chunks().size()); }

  const PackedMap& map_;
  const Lines& lines_;
  std::ptrdiff_t samples_;
  int most_;
};

struct RealMaps {
  const TensorKernels& kernels;
  const LineSource& source;
  const ConvolutionShape& shape;
  const float *scale, *bias;  // of each filter, or null
  float* y;

  void put(std::ptrdiff_t index, const Chunk& chunk, const std::int32_t* ones,
           Blocks::Block block) const {
    const LineChunk& line = source.at(index);
    const std::ptrdiff_t o = block.first, pixels = shape.out_pixels();
    RealTarget to{y + source.sample(index) * pixels * shape.out_c, line.y_pixel, pixels,
                  scale == nullptr ? nullptr : scale + o, bias == nullptr ? nullptr : bias + o};
    if (shape.channels_last) {
      to.y += line.y * shape.out_c + o;
      to.y_pixel *= shape.out_c;
      to.y_filter = 1;
    } else {
      to.y += o * pixels + line.y;
    }
    kernels.put_reals(ones, chunk, block.count, to);
  }
};

// weight: of each filter, from a new byte, the bits of [tap][channel of the group]. False where
// memory is short.
inline bool xnor_conv2d(const TensorKernels& kernels, const ConvolutionShape& shape, const void* x,
                        BitRange range, const std::uint8_t* weight, const float* scale,
                        const float* bias, float* y, int threads) noexcept try {
  const int taps = shape.window.taps();
  const Filters filters{weight, bytes_of(std::ptrdiff_t{taps} * shape.length()), taps,
                        shape.length()};
  const PackedMap map(shape);
  if (map.get() == nullptr) return false;
  map.fill(kernels, x, range, threads);
  const int most = kernels.chunk_pixels(filters);
  const Lines lines(map, shape.length(), most);
  const LineSource source(map, lines, shape.samples, most);
  return multiply(kernels, filters, shape.blocks(), source,
                  RealMaps{kernels, source, shape, scale, bias, y}, threads);
} catch (const std::bad_alloc&) {  // of Lines
  return false;
}

}  // namespace xnorkit
