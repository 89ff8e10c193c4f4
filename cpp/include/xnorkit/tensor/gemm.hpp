// y[m][n] = K - 2 * popcount(x[m] ^ w[n]): rows times filters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/tensor/products.hpp"

namespace xnorkit {

// Rows of n bits, each from a new byte.
struct PackedRows {
  const std::uint8_t* x;
  std::ptrdiff_t n;

  void words(const TensorKernels&, std::ptrdiff_t row, std::uint64_t* to) const {
    const Filters as_filters{x, bytes_of(n), 1, static_cast<int>(n)};
    as_filters.put_words(row, to, 1);
  }
};

// Rows of n elements, whose signs are packed on the way.
struct RealRows {
  const void* x;
  std::ptrdiff_t n;
  BitRange range;

  void words(const TensorKernels& kernels, std::ptrdiff_t row, std::uint64_t* to) const {
    kernels.pack_words(static_cast<const unsigned char*>(x) + row * n * range.bytes, n, range, to);
  }
};

template <class Rows>
class RowSource {
 public:
  RowSource(const TensorKernels& kernels, const Filters& filters, const Rows& rows,
            std::ptrdiff_t count)
      : kernels_(kernels),
        rows_(rows),
        count_(count),
        run_{0, 0, filters.steps()},
        elements_(filters.elements()),
        few_(kernels.few(filters, count)) {
    const int most = few_ ? kTilePixels : kernels.chunk_pixels(filters);
    pixels_ = count < most ? static_cast<int>(count) : most;
    if (pixels_ < 1) pixels_ = 1;
  }

  std::ptrdiff_t chunks() const { return (count_ + pixels_ - 1) / pixels_; }
  std::size_t words() const { return std::size_t(pixels_) * run_.n; }
  int pixels() const { return pixels_; }
  bool few() const { return few_; }

  Chunk chunk(std::ptrdiff_t index, std::ptrdiff_t, std::uint64_t* scratch) const {
    const std::ptrdiff_t first = index * pixels_, left = count_ - first;
    const int some = left < pixels_ ? static_cast<int>(left) : pixels_;
    for (int i = 0; i < some; ++i) rows_.words(kernels_, first + i, scratch + i * run_.n);
    return {scratch, run_.n, some, &run_, 1, elements_};
  }

 private:
  const TensorKernels& kernels_;
  Rows rows_;
  std::ptrdiff_t count_;
  Run run_;
  std::int64_t elements_;
  bool few_;
  int pixels_;
};

struct IntegerRows {
  const TensorKernels& kernels;
  std::int32_t* y;
  std::ptrdiff_t n;
  int pixels;

  void put(std::ptrdiff_t index, const Chunk& chunk, const std::int32_t* ones,
           Blocks::Block block) const {
    kernels.put_integers(ones, chunk, block.count, y + index * pixels * n + block.first, n);
  }
};

struct RealMatrix {
  const TensorKernels& kernels;
  float* y;
  std::ptrdiff_t n;
  int pixels;
  const float *scale, *bias;  // of each filter, or null

  void put(std::ptrdiff_t index, const Chunk& chunk, const std::int32_t* ones,
           Blocks::Block block) const {
    const std::ptrdiff_t o = block.first;
    kernels.put_reals(ones, chunk, block.count,
                      {y + index * pixels * n + o, n, 1, scale == nullptr ? nullptr : scale + o,
                       bias == nullptr ? nullptr : bias + o});
  }
};

// a: m rows of k bits, b: n rows. False where memory is short.
inline bool xnor_gemm(const TensorKernels& kernels, const std::uint8_t* a, std::ptrdiff_t m,
                      const std::uint8_t* b, std::ptrdiff_t n, std::ptrdiff_t k, std::int32_t* y,
                      int threads) {
  const Filters filters{b, bytes_of(k), 1, static_cast<int>(k)};
  const RowSource source(kernels, filters, PackedRows{a, k}, m);
  return multiply(kernels, filters, {1, n}, source, IntegerRows{kernels, y, n, source.pixels()},
                  threads);
}

// x: m rows of k elements. y = product * scale + bias.
inline bool xnor_linear(const TensorKernels& kernels, const void* x, BitRange range,
                        std::ptrdiff_t m, const std::uint8_t* weight, std::ptrdiff_t n,
                        std::ptrdiff_t k, const float* scale, const float* bias, float* y,
                        int threads) {
  const Filters filters{weight, bytes_of(k), 1, static_cast<int>(k)};
  const RowSource source(kernels, filters, RealRows{x, k, range}, m);
  return multiply(kernels, filters, {1, n}, source,
                  RealMatrix{kernels, y, n, source.pixels(), scale, bias}, threads);
}

}  // namespace xnorkit
