// Tensors' addresses and shapes → the C functions that xnorkit.ops calls.
//
// XNORKIT_TENSOR_FUNCTIONS, in the global namespace of one unit, defines
//   int xnor_choose_isa(wanted, error, error_size)    see choose_isa in isa.hpp
//   const char* xnor_supported(index)                 name of a path of this CPU, best first
//   xnor_pack_bits, xnor_unpack_bits                  isa: what that gave; threads >= 1
//   int xnor_gemm, xnor_linear, xnor_conv2d           0: memory is short
// None of them throws, none keeps anything between two calls.
#pragma once

#include <cstddef>
#include <cstdint>

#include "xnorkit/isa.hpp"
#include "xnorkit/tensor/bit_values.hpp"
#include "xnorkit/tensor/convolution.hpp"
#include "xnorkit/tensor/gemm.hpp"
#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/tensor/team.hpp"

namespace xnorkit {

#define XNORKIT_TENSOR_ENTRY(isa) &isa::kTensorKernels,
inline constexpr const TensorKernels* kTensorKernels[] = {
    XNORKIT_FOR_EACH_ISA(XNORKIT_TENSOR_ENTRY)};
#undef XNORKIT_TENSOR_ENTRY

// Rows of n bits, counted in words, so that threads can share out a single row.
struct WordsOfRows {
  std::ptrdiff_t rows, n;

  constexpr std::ptrdiff_t words() const { return (n + kWordBits - 1) / kWordBits; }
  constexpr std::ptrdiff_t all() const { return rows * words(); }

  // work(row, first bit, bits) for each run of words of a share that lies in one row.
  template <class Work>
  void each_run(Share share, const Work& work) const {
    for (std::ptrdiff_t at = share.begin; at < share.end;) {
      const std::ptrdiff_t row = at / words(), word = at % words();
      const std::ptrdiff_t left = words() - word, some = share.end - at;
      const std::ptrdiff_t end = (word + (left < some ? left : some)) * kWordBits;
      work(row, word * kWordBits, (end < n ? end : n) - word * kWordBits);
      at += left;
    }
  }
};

inline void pack_rows(int isa, const void* x, std::ptrdiff_t rows, std::ptrdiff_t n, BitRange range,
                      std::uint8_t* y, int threads) {
  const WordsOfRows words{rows, n};
  in_parallel(words.all(), worth(threads, words.all(), kWordsOfAThread), [&](Share share, int) {
    words.each_run(share, [&](std::ptrdiff_t row, std::ptrdiff_t first, std::ptrdiff_t bits) {
      const auto* from = static_cast<const unsigned char*>(x) + (row * n + first) * range.bytes;
      kTensorKernels[isa]->pack_bytes(from, bits, range, y + row * bytes_of(n) + first / 8);
    });
  });
}

inline void unpack_rows(int isa, const std::uint8_t* x, std::ptrdiff_t rows, std::ptrdiff_t n,
                        BitValues values, void* y, int threads) {
  const WordsOfRows words{rows, n};
  in_parallel(words.all(), worth(threads, words.all(), kWordsOfAThread), [&](Share share, int) {
    words.each_run(share, [&](std::ptrdiff_t row, std::ptrdiff_t first, std::ptrdiff_t bits) {
      auto* to = static_cast<unsigned char*>(y) + (row * n + first) * values.bytes;
      kTensorKernels[isa]->unpack_bytes(x + row * bytes_of(n) + first / 8, bits, values, to);
    });
  });
}

}  // namespace xnorkit

#define XNORKIT_EXPORTED extern "C" __attribute__((visibility("default")))
#define XNORKIT_TENSOR_FUNCTIONS                                                                   \
  XNORKIT_EXPORTED int xnor_choose_isa(const char* wanted, char* error,                            \
                                       std::size_t error_size) noexcept {                          \
    return xnorkit::choose_isa(wanted, error, error_size);                                         \
  }                                                                                                \
  XNORKIT_EXPORTED const char* xnor_supported(int index) noexcept {                                \
    return xnorkit::supported_isa(index);                                                          \
  }                                                                                                \
  XNORKIT_EXPORTED void xnor_pack_bits(int isa, const void* x, std::ptrdiff_t rows,                \
                                       std::ptrdiff_t n, const xnorkit::BitRange* range,           \
                                       std::uint8_t* y, int threads) noexcept {                    \
    xnorkit::pack_rows(isa, x, rows, n, *range, y, threads);                                       \
  }                                                                                                \
  XNORKIT_EXPORTED void xnor_unpack_bits(int isa, const std::uint8_t* x, std::ptrdiff_t rows,      \
                                         std::ptrdiff_t n, const xnorkit::BitValues* values,       \
                                         void* y, int threads) noexcept {                          \
    xnorkit::unpack_rows(isa, x, rows, n, *values, y, threads);                                    \
  }                                                                                                \
  XNORKIT_EXPORTED int xnor_gemm(int isa, const std::uint8_t* a, std::ptrdiff_t m,                 \
                                 const std::uint8_t* b, std::ptrdiff_t n, std::ptrdiff_t k,        \
                                 std::int32_t* y, int threads) noexcept {                          \
    return xnorkit::xnor_gemm(*xnorkit::kTensorKernels[isa], a, m, b, n, k, y, threads);           \
  }                                                                                                \
  XNORKIT_EXPORTED int xnor_linear(int isa, const void* x, const xnorkit::BitRange* range,         \
                                   std::ptrdiff_t m, const std::uint8_t* weight, std::ptrdiff_t n, \
                                   std::ptrdiff_t k, const float* scale, const float* bias,        \
                                   float* y, int threads) noexcept {                               \
    return xnorkit::xnor_linear(*xnorkit::kTensorKernels[isa], x, *range, m, weight, n, k, scale,  \
                                bias, y, threads);                                                 \
  }                                                                                                \
  XNORKIT_EXPORTED int xnor_conv2d(int isa, const xnorkit::ConvolutionShape* shape, const void* x, \
                                   const xnorkit::BitRange* range, const std::uint8_t* weight,     \
                                   const float* scale, const float* bias, float* y,                \
                                   int threads) noexcept {                                         \
    return xnorkit::xnor_conv2d(*xnorkit::kTensorKernels[isa], *shape, x, *range, weight, scale,   \
                                bias, y, threads);                                                 \
  }
