#include "convolution_cases.hpp"

namespace xnorkit::testing {

// Odd numbers -(2^bits - 1) .. 2^bits - 1; the largest alone where `extreme`.
inline std::vector<int> random_codes(std::size_t count, int bits, bool extreme) {
  std::vector<int> out(count);
  const int levels = (1 << bits) - 1;
  for (int& code : out) code = extreme ? levels : 2 * random_int(0, levels) - levels;
  return out;
}

// The signs of a plane of codes.
inline std::vector<int> plane_of(const std::vector<int>& codes, int bits, int plane) {
  std::vector<int> out;
  for (int code : codes) out.push_back(((code + (1 << bits) - 1) / 2 >> plane & 1) != 0 ? 1 : -1);
  return out;
}

struct BitplaneCase {
  BitplaneCase(Shape shape_, int padding_value, int input_bits_, int weight_bits_, const char* isa,
               bool extreme)
      : shape(shape_),
        input_bits(input_bits_),
        weight_bits(weight_bits_),
        x(random_codes(shape.in.reals(), input_bits, extreme)),
        weight(random_codes(shape.weights(), weight_bits, extreme)),
        sums(shape.convolve(x, weight, padding_value * ((1 << input_bits) - 1))),
        loader(arena) {
    current() = shape.text("bitplane_conv2d", isa) + " padding " + std::to_string(padding_value) +
                " bits " + std::to_string(input_bits) + " " + std::to_string(weight_bits);
    loader.add("weight", packed_weight());
  }

  // Of each group first the lowest plane of all its filters.
  std::vector<std::uint8_t> packed_weight() const {
    std::vector<int> signs;
    const std::size_t group = weight.size() / std::size_t(shape.groups);
    for (auto at = weight.begin(); at != weight.end(); at += std::ptrdiff_t(group)) {
      const std::vector<int> codes(at, at + std::ptrdiff_t(group));
      for (int plane = 0; plane < weight_bits; ++plane) {
        const auto some = plane_of(codes, weight_bits, plane);
        signs.insert(signs.end(), some.begin(), some.end());
      }
    }
    return reference::pack_filters(signs, weight_bits * shape.out_c);
  }

  void check(Runner<float, std::uint64_t> runner) {
    std::vector<std::uint64_t> planes;
    for (int plane = 0; plane < input_bits; ++plane) {
      const auto words = reference::pack_signs(plane_of(x, input_bits, plane), shape.in.c);
      planes.insert(planes.end(), words.begin(), words.end());
    }
    expect_equal(output_of(runner, loader, sums.size(), planes), floats(sums), "sum");
  }

  Shape shape;
  int input_bits, weight_bits;
  std::vector<int> x, weight, sums;
  Arena arena;
  MemoryLoader loader;
};

template <class Ops, Map in, int out_c, Window w, int groups, int padding_value, int input_bits,
          int weight_bits>
void check_planes(bool extreme = false) {
  BitplaneCase made({in, out_c, w, groups}, padding_value, input_bits, weight_bits, Ops::name,
                    extreme);
  made.check(load_and_run<typename Ops::template BitplaneConv2d<in, out_c, w, groups, padding_value,
                                                                input_bits, weight_bits>>);
}

// Bits and border go with the shape, so that each is compiled once.
template <class Ops>
struct BitplaneShapes {
  template <Map in, int out_c, Window w, int groups>
  struct Check {
    static void run() {
      constexpr int input_bits = (out_c + in.c) % 4 + 1, weight_bits = w.kernel_w % 4 + 1;
      check_planes<Ops, in, out_c, w, groups, (out_c + w.kernel_w) % 3 - 1, input_bits,
                   weight_bits>();
    }
  };
};

template <class Ops>
void bitplane_conv2d() {
  each_convolution<BitplaneShapes<Ops>::template Check>();
  // The sizes that matter most; one bit on either side; sums as large as they can be.
  constexpr Map kMap{4, 15, 64};
  constexpr Window kThree = window(kMap, 3, 3, {1, 1, 1, 1});
  check_planes<Ops, kMap, 64, kThree, 1, 0, 2, 2>();
  check_planes<Ops, kMap, 64, kThree, 1, -1, 2, 1>();
  check_planes<Ops, kMap, 9, kThree, 1, 1, 1, 3>();
  constexpr Map kLong{1, 2, 16900};
  check_planes<Ops, kLong, 3, window(kLong, 1, 1), 1, 0, 4, 4>(true);
}

}  // namespace xnorkit::testing

XNORKIT_TEST(bitplane_conv2d)
