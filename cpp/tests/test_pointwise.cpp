#include <cmath>

#include "testing.hpp"

namespace xnorkit::testing {

inline std::vector<float> random_reals(std::size_t count) {
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(random_int(-100000, 100000)) / 33333.0f;
  return out;
}

// Each operation rounded by a store: no compiler may join two of them.
inline float rounded(float value) {
  volatile float stored = value;
  return stored;
}

inline void check_pointwise(Map map, const char* isa, Runner<float, float> runner,
                            Runner<float, float> in_place) {
  current() = std::string("pointwise ") + isa + " " + text(map);
  const auto x = random_reals(map.reals());
  const auto scale = random_reals(map.c), bias = random_reals(map.c), a = random_reals(map.c),
             b = random_reals(map.c), c = random_reals(map.c), d = random_reals(map.c);
  Arena arena;
  MemoryLoader loader(arena);
  loader.add("scale0", scale);
  loader.add("bias1", bias);
  loader.add("scale2", a);
  loader.add("bias2", b);
  loader.add("scale3", c);
  loader.add("bias3", d);
  loader.add("low4", std::vector<float>{-1.5f});
  loader.add("high4", std::vector<float>{2.5f});
  std::vector<float> wanted;
  for (int i = 0; i < map.reals(); ++i) {
    const int o = i % map.c;
    float y = rounded(rounded(x[i] * scale[o]) + bias[o]);
    y = rounded(rounded(y * a[o]) + b[o]);
    y = std::fma(y, c[o], d[o]);
    y = y < -1.5f ? -1.5f : y > 2.5f ? 2.5f : y;
    wanted.push_back(y > 0 ? y : 0);
  }
  expect_equal(output_of(runner, loader, map.reals(), x), wanted, "value");
  expect_equal(output_of(in_place, loader, map.reals(), x), wanted, "in place");
}

template <class Op, int reals>
bool load_and_run_in_place(Loader& loader, float* out, const float* in) {
  Op op;
  if (!op.load(loader, "op")) return false;
  std::memcpy(out, in, reals * sizeof(float));
  op.run(out, out);
  return true;
}

template <class Ops, Map map>
void check_pointwise() {
  using namespace steps;
  using Op = typename Ops::template Pointwise<map, Scale, Bias, Affine, AffineFused, Clamp, Relu>;
  check_pointwise(map, Ops::name, load_and_run<Op>, load_and_run_in_place<Op, map.reals()>);
}

// Floats of any exponent, inf and NaN among them; many small ones, whose sums cancel.
inline std::vector<float> any_floats(std::size_t count) {
  std::vector<float> out;
  while (out.size() < count) {
    const auto bits = static_cast<std::uint32_t>(random_bits()());
    float value;
    std::memcpy(&value, &bits, sizeof value);
    out.push_back(random_int(0, 2) != 0 ? value : static_cast<float>(random_int(-9, 9)) / 8.0f);
  }
  return out;
}

// All NaNs alike.
inline std::vector<float> plain(std::vector<float> values) {
  for (float& value : values) value = std::isnan(value) ? std::nanf("") : value;
  return values;
}

// One rounding for any numbers; activations keep -0 and NaN.
template <class Ops>
void check_any_floats() {
  using namespace steps;
  constexpr Map kMap{50, 40, 23};
  const auto x = any_floats(kMap.reals()), scale = any_floats(kMap.c), bias = any_floats(kMap.c);
  std::vector<float> fused, relu, clamped;
  for (int i = 0; i < kMap.reals(); ++i) {
    fused.push_back(std::fma(x[i], scale[i % kMap.c], bias[i % kMap.c]));
    relu.push_back(x[i] < 0 ? 0.0f : x[i]);
    clamped.push_back(x[i] < -1 ? -1.0f : x[i] > 0 ? 0.0f : x[i]);
  }
  Arena arena;
  MemoryLoader loader(arena);
  loader.add("scale0", scale);
  loader.add("bias0", bias);
  loader.add("low0", std::vector<float>{-1});
  loader.add("high0", std::vector<float>{0});
  current() = std::string("pointwise any ") + Ops::name;
  using Fused = typename Ops::template Pointwise<kMap, AffineFused>;
  using Activation = typename Ops::template Pointwise<kMap, Relu>;
  using Limits = typename Ops::template Pointwise<kMap, Clamp>;
  const auto run = [&](Runner<float, float> op) {
    return plain(output_of(op, loader, kMap.reals(), x));
  };
  expect_equal(run(load_and_run<Fused>), plain(fused), "fused");
  expect_equal(run(load_and_run<Activation>), plain(relu), "relu");
  expect_equal(run(load_and_run<Limits>), plain(clamped), "clamp");
}

template <class Ops>
void pointwise() {
  check_any_floats<Ops>();
  check_pointwise<Ops, Map{1, 1, 1}>();
  check_pointwise<Ops, Map{5, 7, 1}>();
  check_pointwise<Ops, Map{3, 3, 2}>();
  check_pointwise<Ops, Map{2, 3, 8}>();
  check_pointwise<Ops, Map{2, 3, 19}>();
  check_pointwise<Ops, Map{1, 2, 64}>();
  check_pointwise<Ops, Map{1, 2, 65}>();
}

}  // namespace xnorkit::testing

XNORKIT_TEST(pointwise)
