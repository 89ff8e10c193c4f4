// Binary convolutions, one sample, one thread: every kernel of every ISA path that this CPU has, in
// turn, on shapes that networks have. Prints microseconds, minimum and median over the rounds, and
// the products a second of the minimum; * marks the kernel that the path chooses. Each output is
// compared with plain loops first.
//
//   g++ -std=c++20 -O3 -ffp-contract=off -Iinclude bench/bench_binary_conv2d.cpp
//   ./a.out [rounds] [part of a shape's name]

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "../tests/convolution_cases.hpp"
#include "xnorkit/isa.hpp"

namespace {

using namespace xnorkit;
using xnorkit::testing::Steps;
using xnorkit::testing::window;

struct Named {
  const char* name;
  BinaryShape shape;
};

constexpr BinaryShape same(Map in, int out_c, int kernel, Steps steps = {}, int groups = 1) {
  const int h = steps.dilation_h * (kernel - 1) / 2, w = steps.dilation_w * (kernel - 1) / 2;
  return {in, out_c, window(in, kernel, kernel, {h, h, w, w}, steps), groups, 0};
}

constexpr Named kShapes[] = {
    {"3x3 20x51x64", same({20, 51, 64}, 64, 3)},
    {"3x3 28x28x128", same({28, 28, 128}, 128, 3)},
    {"3x3 14x14x256", same({14, 14, 256}, 256, 3)},
    {"3x3 7x7x512", same({7, 7, 512}, 512, 3)},
    {"3x3 40x101x32", same({40, 101, 32}, 32, 3)},
    {"3x3 20x51x16", same({20, 51, 16}, 16, 3)},
    {"3x3 20x51x8", same({20, 51, 8}, 8, 3)},
    {"3x3 20x51x48", same({20, 51, 48}, 48, 3)},
    {"3x3 20x51x96", same({20, 51, 96}, 96, 3)},
    {"3x3 20x51x100", same({20, 51, 100}, 100, 3)},
    {"3x3 20x51x70", same({20, 51, 70}, 70, 3)},
    {"3x3 / 2 56x56x64 to 128", same({56, 56, 64}, 128, 3, {2, 2, 1, 1})},
    {"3x3 d2 28x28x128", same({28, 28, 128}, 128, 3, {1, 1, 2, 2})},
    {"5x5 20x51x64", same({20, 51, 64}, 64, 5)},
    {"1x1 20x51x64", same({20, 51, 64}, 64, 1)},
    {"1x1 28x28x128 to 256", same({28, 28, 128}, 256, 1)},
    {"1x1 / 2 28x28x128 to 256", same({28, 28, 128}, 256, 1, {2, 2, 1, 1})},
    {"1x1 14x14x512", same({14, 14, 512}, 512, 1)},
    {"1-D 9 98x64", {{1, 98, 64}, 64, window({1, 98, 64}, 1, 9, {0, 0, 4, 4}), 1, 0}},
    {"3x3 28x28x128 groups 2", same({28, 28, 128}, 128, 3, {}, 2)},
    {"3x3 28x28x128 groups 4", same({28, 28, 128}, 128, 3, {}, 4)},
    {"3x3 28x28x128 groups 16", same({28, 28, 128}, 128, 3, {}, 16)},
    {"3x3 28x28x128 depthwise", same({28, 28, 128}, 128, 3, {}, 128)},
    {"3x3 20x51x64 to few", same({20, 51, 64}, 16, 3)},
    {"3x3 20x51x16 to few", same({20, 51, 16}, 8, 3)},
    {"3x3 6x6x16", same({6, 6, 16}, 16, 3)},
    {"3x3 5x5x32", same({5, 5, 32}, 64, 3)},
    {"3x3 2x2x256", same({2, 2, 256}, 256, 3)},
    {"3x3 4x3x128", same({4, 3, 128}, 128, 3)},
    {"3x3 1x1x512", same({1, 1, 512}, 512, 3)},
    {"linear 1024 to 1024", {{1, 1, 1024}, 1024, {1, 1, 1, 1, 1, 1, 0, 0, 1, 1}, 1, 0}},
    {"linear 7x7x16", {{7, 7, 16}, 128, {7, 7, 1, 1, 1, 1, 0, 0, 1, 1}, 1, 0}},
    {"linear 7x7x8", {{7, 7, 8}, 10, {7, 7, 1, 1, 1, 1, 0, 0, 1, 1}, 1, 0}},
    {"linear 7x7x70", {{7, 7, 70}, 64, {7, 7, 1, 1, 1, 1, 0, 0, 1, 1}, 1, 0}},
    {"linear 7x7x64 to 128", {{7, 7, 64}, 128, {7, 7, 1, 1, 1, 1, 0, 0, 1, 1}, 1, 0}},
};
constexpr std::size_t kShapeCount = sizeof kShapes / sizeof kShapes[0];

constexpr double products(const BinaryShape& s) {
  return double(s.window.out_h) * s.window.out_w * s.out_c * s.elements();
}

// A shape with random signs, and what any kernel must make of them.
struct Problem {
  explicit Problem(const BinaryShape& shape_)
      : shape(shape_),
        x(testing::random_signs(shape.in.reals())),
        weight(testing::random_signs(std::size_t(shape.out_c) * shape.elements())),
        threshold(testing::random_values<std::int32_t>(shape.out_c, -20, 20)),
        flip(testing::random_values<std::uint8_t>(shape.out_c, 0, 1)),
        packed(reference::pack_signs(x, shape.in.c)) {}

  int sum(int row, int column, int o) const {
    const Window& w = shape.window;
    const int length = shape.length(), first = o / shape.group_out() * length;
    const int* filter = &weight[std::size_t(o) * shape.elements()];
    int out = 0;
    for (int tap = 0; tap < w.taps(); ++tap) {
      const reference::Tap at = reference::tap(w, row, column, tap / w.kernel_w, tap % w.kernel_w);
      for (int i = 0; i < length; ++i) {
        out += reference::at(x, shape.in, at.row, at.column, first + i, 0) * *filter++;
      }
    }
    return out;
  }

  // Whether outputs taken at random are right.
  bool agrees(const std::uint64_t* y) const {
    const Map out = shape.window.output(shape.out_c);
    for (int i = 0; i < 3000; ++i) {
      const int row = testing::random_int(0, out.h - 1), o = testing::random_int(0, out.c - 1);
      const int column = testing::random_int(0, out.w - 1);
      const bool wanted = (sum(row, column, o) < threshold[o]) != (flip[o] != 0);
      const std::uint64_t word = y[(row * out.w + column) * out.words() + o / kWordBits];
      if (wanted != (word >> (o % kWordBits) & 1)) return false;
    }
    return true;
  }

  BinaryShape shape;
  std::vector<int> x, weight;
  std::vector<std::int32_t> threshold;
  std::vector<std::uint8_t> flip;
  std::vector<std::uint64_t> packed;
};

using Clock = std::chrono::steady_clock;

class Contender {
 public:
  Contender(const char* isa, const char* kernel, bool chosen)
      : isa_(isa), kernel_(kernel), chosen_(chosen) {}
  virtual ~Contender() = default;
  virtual void run() = 0;

  void time() {
    const auto begin = Clock::now();
    run();
    times_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  void print(double products) {
    std::sort(times_.begin(), times_.end());
    std::printf("  %-14s %-6s%s %9.1f %9.1f %9.0f\n", isa_, kernel_, chosen_ ? "*" : " ", times_[0],
                times_[times_.size() / 2], products / times_[0] / 1e3);
  }

 private:
  const char* isa_;
  const char* kernel_;
  bool chosen_;
  std::vector<double> times_;
};

template <class Op>
class ContenderOf : public Contender {
 public:
  ContenderOf(const Problem& problem, const char* isa, const char* kernel, bool chosen)
      : Contender(isa, kernel, chosen), packed_(problem.packed) {
    loader_.add("weight", reference::pack_filters(problem.weight, problem.shape.out_c));
    loader_.add("threshold", problem.threshold);
    loader_.add("flip", problem.flip);
    const Map out = problem.shape.window.output(problem.shape.out_c);
    y_.resize(out.bit_words());
    if (!op_.load(loader_, "op")) std::abort();
    run();
    if (!problem.agrees(y_.data())) {
      std::printf("%s %s: WRONG\n", isa, kernel);
      std::exit(1);
    }
  }
  void run() override { run_op(op_, loader_.work(), packed_.data(), y_.data()); }

 private:
  Arena arena_;
  testing::MemoryLoader loader_{arena_};
  Op op_;
  const std::vector<std::uint64_t>& packed_;
  std::vector<std::uint64_t> y_;
};

using Contenders = std::vector<std::unique_ptr<Contender>>;

template <class Ops, BinaryShape shape, std::size_t i = 0>
void add_kernels(Contenders& to, const Problem& problem) {
  if constexpr (i < std::size(Ops::binary_kernels)) {
    constexpr BinaryKernel kernel = Ops::binary_kernels[i];
    using Kernel = typename Ops::template BinaryKernelOf<kernel>;
    if constexpr (Kernel::fits(shape)) {
      using Op = typename Kernel::template Op<shape, BitsOut>;
      using Chosen = typename Ops::template BinaryConv2d<shape.in, shape.out_c, shape.window,
                                                         shape.groups, 0, BitsOut>;
      to.push_back(std::make_unique<ContenderOf<Op>>(problem, Ops::name, Kernel::name,
                                                     std::is_same_v<Op, Chosen>));
    }
    add_kernels<Ops, shape, i + 1>(to, problem);
  }
}

template <std::size_t i>
void bench(int rounds, const char* part) {
  constexpr Named named = kShapes[i];
  if (std::strstr(named.name, part) == nullptr) return;
  const Problem problem(named.shape);
  Contenders contenders;
#define XNORKIT_BENCH(isa) \
  if (isa::supported()) add_kernels<isa::Ops, named.shape>(contenders, problem);
  XNORKIT_FOR_EACH_ISA(XNORKIT_BENCH)
  for (int round = 0; round < rounds; ++round) {
    for (auto& contender : contenders) contender->time();
  }
  std::printf("%s to %d\n", named.name, named.shape.out_c);
  for (auto& contender : contenders) contender->print(products(named.shape));
}

template <std::size_t... i>
void bench_all(int rounds, const char* part, std::index_sequence<i...>) {
  (bench<i>(rounds, part), ...);
}

}  // namespace

int main(int count, char** arguments) {
  std::printf("%-24s %9s %9s %9s\n", "binary_conv2d", "us min", "median", "GMAC/s");
  bench_all(count > 1 ? std::atoi(arguments[1]) : 300, count > 2 ? arguments[2] : "",
            std::make_index_sequence<kShapeCount>());
  return 0;
}
