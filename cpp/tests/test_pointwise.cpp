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

template <class Ops>
void pointwise() {
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
