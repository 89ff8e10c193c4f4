#include <algorithm>

#include "reference.hpp"
#include "testing.hpp"
#include "xnorkit/tensor/functions.hpp"

namespace xnorkit::testing {

constexpr BitRange kFloat32{4, 0x80000001u, 0xff800000u}, kInt8{1, 0x80, 0xff};

inline int path_of(const char* name) {
  for (int i = 0; i < kIsaCount; ++i) {
    if (std::strcmp(kIsas[i].name, name) == 0) return i;
  }
  return -1;
}

template <class T>
std::vector<T> as(const std::vector<int>& values) {
  return {values.begin(), values.end()};
}

// Rows of bits, 1 = negative, each from a new byte; filler 1, which nobody may look at.
inline std::vector<std::uint8_t> packed(const std::vector<int>& signs, int length) {
  std::vector<std::uint8_t> out;
  for (std::size_t row = 0; row < signs.size(); row += length) {
    std::vector<std::uint8_t> bytes(bytes_of(length), 0xff);
    for (int i = 0; i < length; ++i) {
      if (signs[row + i] > 0) bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] ^ 1u << i % 8);
    }
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

template <class T>
void check_signs(int path, int rows, int n, BitRange range, BitValues values, int threads) {
  const std::vector<int> signs = random_signs(std::size_t(rows) * n);
  const std::vector<T> x = as<T>(signs);
  Output<std::uint8_t> bits(rows * bytes_of(n));
  pack_rows(path, x.data(), rows, n, range, bits.data(), threads);
  std::vector<std::uint8_t> wanted = packed(signs, n);
  for (int row = 0; n % 8 != 0 && row < rows; ++row) {
    wanted[(row + 1) * bytes_of(n) - 1] &= static_cast<std::uint8_t>(low_bits(n % 8));
  }
  expect_equal(bits.values(), wanted, "bits");
  Output<T> back(x.size());
  const std::vector<std::uint8_t> filled = packed(signs, n);
  unpack_rows(path, filled.data(), rows, n, values, back.data(), threads);
  expect_equal(back.values(), x, "signs");
}

template <class Ops>
void tensor_signs() {
  const int path = path_of(Ops::name);
  for (int n : {1, 7, 8, 15, 17, 63, 64, 65, 130, 1000}) {
    current() = std::string("tensor_signs ") + Ops::name + " " + std::to_string(n);
    check_signs<float>(path, 3, n, kFloat32, {4, 0x3f800000u, 0xbf800000u}, 1);
    check_signs<std::int8_t>(path, 3, n, kInt8, {1, 1, 0xff}, 2);
  }
}

inline void check_product(int path, int m, int n, int k, int threads) {
  const std::vector<int> a = random_signs(std::size_t(m) * k), b = random_signs(std::size_t(n) * k);
  const Window window{1, 1, 1, 1, 1, 1, 0, 0, m, 1};
  const auto wanted = as<std::int32_t>(reference::convolve(a, b, {m, 1, k}, window, n, 1, 0));
  const auto x = packed(a, k), w = packed(b, k);
  Output<std::int32_t> y(wanted.size());
  const TensorKernels& kernels = *kTensorKernels[path];
  expect(xnor_gemm(kernels, x.data(), m, w.data(), n, k, y.data(), threads), "memory");
  expect_equal(y.values(), wanted, "product");
  const std::vector<float> scale = as<float>(random_values<int>(n, -9, 9));
  std::vector<float> scaled = as<float>(wanted);
  for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] = scaled[i] * scale[i % n] + 0.5f;
  const std::vector<float> reals = as<float>(a), bias(n, 0.5f);
  Output<float> z(wanted.size());
  expect(xnor_linear(kernels, reals.data(), kFloat32, m, w.data(), n, k, scale.data(), bias.data(),
                     z.data(), threads),
         "memory");
  expect_equal(z.values(), scaled, "scaled product");
}

template <class Ops>
void tensor_products() {
  struct Case {
    int m, n, k;
  };
  for (Case c : {Case{1, 1, 1}, Case{1, 70, 64}, Case{3, 5, 63}, Case{4, 64, 65}, Case{2, 3, 1030},
                 Case{13, 130, 129}, Case{50, 64, 192}, Case{12, 33, 512}, Case{17, 9, 3001}}) {
    current() = std::string("tensor_products ") + Ops::name + " " + std::to_string(c.m) + "x" +
                std::to_string(c.n) + "x" + std::to_string(c.k);
    for (int threads : {1, 3}) check_product(path_of(Ops::name), c.m, c.n, c.k, threads);
  }
}

// [row][column][channel] to [channel][row][column], of every sample.
inline std::vector<float> channels_first(const std::vector<float>& x, Map map) {
  std::vector<float> out(x.size());
  const std::size_t reals = map.reals(), plane = map.pixels();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t inside = i % reals;
    out[i / reals * reals + inside % map.c * plane + inside / map.c] = x[i];
  }
  return out;
}

inline void check_maps(int path, Map in, int out_c, Window window, int groups, int padding_value) {
  constexpr int samples = 2;
  const std::vector<int> w = random_signs(std::size_t(out_c) * window.taps() * in.c / groups);
  std::vector<int> x;
  std::vector<float> wanted;
  for (int i = 0; i < samples; ++i) {
    const std::vector<int> one = random_signs(in.reals());
    const auto sums = reference::convolve(one, w, in, window, out_c, groups, padding_value);
    x.insert(x.end(), one.begin(), one.end());
    wanted.insert(wanted.end(), sums.begin(), sums.end());
  }
  const auto weight = packed(w, window.taps() * in.c / groups);
  for (bool last : {true, false}) {
    const std::vector<float> reals = last ? as<float>(x) : channels_first(as<float>(x), in);
    const ConvolutionShape shape{samples, in, out_c, window, groups, padding_value, last};
    Output<float> y(wanted.size());
    expect(xnor_conv2d(*kTensorKernels[path], shape, reals.data(), kFloat32, weight.data(), nullptr,
                       nullptr, y.data(), 2),
           "memory");
    expect_equal(y.values(), last ? wanted : channels_first(wanted, window.output(out_c)), "maps");
  }
}

template <class Ops>
void tensor_maps() {
  for (int i = 0; i < 60; ++i) {
    const int groups = random_int(0, 2) == 0 ? random_int(2, 3) : 1;
    const int lengths[] = {1, 3, 33, 64, 65, 130}, outs[] = {1, 9, 64, 70};
    Window window{random_int(1, 3),
                  random_int(1, 3),
                  random_int(1, 2),
                  random_int(1, 2),
                  random_int(1, 2),
                  random_int(1, 2),
                  random_int(0, 3),
                  random_int(0, 3),
                  0,
                  0};
    const int reach_h = (window.kernel_h - 1) * window.dilation_h;
    const int reach_w = (window.kernel_w - 1) * window.dilation_w;
    const Map in{random_int(1, 8) + reach_h, random_int(1, 40) + reach_w,
                 groups * lengths[random_int(0, 5)]};
    window.out_h = (in.h + 2 * window.pad_top - reach_h - 1) / window.stride_h + 1;
    window.out_w = (in.w + 2 * window.pad_left - reach_w - 1) / window.stride_w + 1;
    current() = std::string("tensor_maps ") + Ops::name + " " + text(in) + " " + text(window);
    check_maps(path_of(Ops::name), in, groups * outs[random_int(0, 3)], window, groups,
               random_int(-1, 1));
  }
}

inline std::vector<std::uint8_t> random_bytes(std::size_t count) {
  return random_values<std::uint8_t>(count, 0, 255);
}

// What four threads make of m rows and n filters is what one makes of them.
inline void check_shared_product(int path, int m, int n, int k) {
  expect(worth(4, std::ptrdiff_t{m} * n * words_of(k), kProductsOfAThread) > 1, "several threads");
  const auto x = random_bytes(m * bytes_of(k)), w = random_bytes(n * bytes_of(k));
  std::vector<std::int32_t> y[2] = {std::vector<std::int32_t>(m * n),
                                    std::vector<std::int32_t>(m * n)};
  for (int i = 0; i < 2; ++i) {
    expect(xnor_gemm(*kTensorKernels[path], x.data(), m, w.data(), n, k, y[i].data(), i * 3 + 1),
           "memory");
  }
  expect_equal(y[1], y[0], "shared product");
}

inline void check_shared_maps(int path, bool last) {
  const Map in{40, 40, 64};
  const Window window{3, 3, 1, 1, 1, 1, 1, 1, in.h, in.w};
  const ConvolutionShape shape{6, in, 128, window, 1, -1, last};
  const auto x = random_values<float>(shape.samples * in.reals(), -9, 9);
  const auto w = random_bytes(128 * bytes_of(window.taps() * in.c));
  std::vector<float> y[2];
  for (int i = 0; i < 2; ++i) {
    y[i].resize(shape.samples * shape.out_pixels() * shape.out_c);
    expect(xnor_conv2d(*kTensorKernels[path], shape, x.data(), kFloat32, w.data(), nullptr, nullptr,
                       y[i].data(), i * 3 + 1),
           "memory");
  }
  expect_equal(y[1], y[0], "shared maps");
}

template <class Ops>
void tensor_threads() {
  const int path = path_of(Ops::name);
  current() = std::string("tensor_threads ") + Ops::name;
  check_shared_product(path, 300, 300, 3000);
  check_shared_product(path, 4, 12000, 3000);  // few rows
  for (bool last : {true, false}) check_shared_maps(path, last);
  check_signs<float>(path, 3, 300000, kFloat32, {4, 0x3f800000u, 0xbf800000u}, 4);
}

template <class Ops>
void tensor_functions() {
  tensor_signs<Ops>();
  tensor_products<Ops>();
  tensor_maps<Ops>();
  tensor_threads<Ops>();
}

inline void team() {
  for (int items : {0, 1, 5, 17}) {
    for (int threads : {1, 2, 7, 20}) {
      std::vector<int> done(items);
      in_parallel(items, threads, [&](Share share, int) {
        for (auto i = share.begin; i < share.end; ++i) ++done[i];
      });
      expect(std::count(done.begin(), done.end(), 1) == items, "each item once");
    }
  }
  expect(worth(8, 100, 1000) == 1 && worth(8, 3000, 1000) == 3 && worth(2, 9000, 1000) == 2,
         "threads by work");
}

}  // namespace xnorkit::testing

XNORKIT_TEST(tensor_functions)
XNORKIT_PLAIN_TEST(team)
