// All that is not a binary convolution, one sample, one thread, on every ISA path that this CPU
// has, in turn: microseconds, minimum and median over the rounds, and the products a second of the
// minimum. Numbers are small integers, so each path must give to the bit what the portable one
// gives, which cpp/tests compare with plain loops.
//
//   g++ -std=c++20 -O3 -ffp-contract=off -Iinclude bench/bench_real_ops.cpp
//   ./a.out [rounds] [part of a name]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include "any_loader.hpp"
#include "xnorkit/isa.hpp"

namespace {

using namespace xnorkit;

constexpr Map kKeyword{40, 101, 1}, kMap{20, 51, 64}, kWide{28, 28, 128}, kDeep{14, 14, 256},
    kSmall{7, 7, 512}, kVector{1, 1, 1024};
constexpr Window same(Map map, int kernel) {
  return {kernel, kernel, 1, 1, 1, 1, kernel / 2, kernel / 2, map.h, map.w};
}
constexpr Window kFive{5, 5, 2, 2, 1, 1, 2, 2, 20, 51}, kSeven{7, 7, 2, 2, 1, 1, 3, 3, 20, 51},
    kHalf{2, 2, 2, 2, 1, 1, 0, 0, 10, 25}, kAll{20, 51, 20, 51, 1, 1, 0, 0, 1, 1},
    kOne{1, 1, 1, 1, 1, 1, 0, 0, 1, 1}, kLine{1, 9, 1, 2, 1, 1, 0, 4, 1, 49};
constexpr Map kSound{1, 98, 40};

class Contender {
 public:
  explicit Contender(const char* isa) : isa_(isa) {}
  virtual ~Contender() = default;
  virtual void run() = 0;
  virtual const std::vector<unsigned char>& output() const = 0;

  void time() {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    run();
    times_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  void print(double products) {
    std::sort(times_.begin(), times_.end());
    const double least = times_[0], median = times_[times_.size() / 2];
    std::printf("  %-14s %9.1f %9.1f", isa_, least, median);
    if (products > 0) std::printf(" %9.1f", products / least / 1e3);
    std::printf("\n");
  }

 private:
  const char* isa_;
  std::vector<double> times_;
};

template <class Op, class In, class Out, int inputs>
class ContenderOf : public Contender {
 public:
  ContenderOf(const char* isa, const std::vector<In>& x, std::size_t outputs)
      : Contender(isa), x_(x), y_(outputs * sizeof(Out) + 64) {
    if (!op_.load(loader_, "op")) std::abort();
    run();
  }
  void run() override {
    Out* y = reinterpret_cast<Out*>(y_.data());
    if constexpr (inputs == 2) {
      run_op(op_, loader_.work(), x_.data(), x_.data(), y);
    } else {
      run_op(op_, loader_.work(), x_.data(), y);
    }
  }
  const std::vector<unsigned char>& output() const override { return y_; }

 private:
  Arena arena_;
  bench::AnyLoader loader_{arena_};
  Op op_;
  const std::vector<In>& x_;
  std::vector<unsigned char> y_;
};

int rounds = 300;
const char* part = "";

// Of<Ops> is the op; products 0: not counted.
template <template <class> class Of, class In, class Out, int inputs = 1>
void bench(const char* name, std::size_t in, std::size_t out, double products = 0) {
  if (std::strstr(name, part) == nullptr) return;
  std::vector<In> x(in + 64);
  std::mt19937 random(1);
  for (In& value : x) value = static_cast<In>(static_cast<int>(random() % 31) - 15);
  std::vector<std::unique_ptr<Contender>> contenders;
#define XNORKIT_BENCH(isa)                                            \
  if (isa::supported()) {                                             \
    using Here = ContenderOf<Of<isa::Ops>, In, Out, inputs>;          \
    contenders.push_back(std::make_unique<Here>(isa::kName, x, out)); \
  }
  XNORKIT_FOR_EACH_ISA(XNORKIT_BENCH)
  for (auto& contender : contenders) {
    if (contender->output() == contenders.back()->output()) continue;
    std::printf("%s: WRONG\n", name);
    std::exit(1);
  }
  for (int round = 0; round < rounds; ++round) {
    // Forwards and backwards: what follows a path without AVX-512 pays a microsecond for waking it.
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      contenders[round % 2 == 0 ? i : contenders.size() - 1 - i]->time();
    }
  }
  std::printf("%s\n", name);
  for (auto& contender : contenders) contender->print(products);
}

template <Map in, int out_c, Window window, class Out, int groups>
struct Float {
  template <class Ops>
  using Of = typename Ops::template FloatConv2d<in, out_c, window, groups, Out>;
};
template <Map in, int out_c, Window window, class Out, int groups>
struct Int8 {
  template <class Ops>
  using Of = typename Ops::template Int8Conv2d<in, out_c, window, groups, Out>;
};
template <Map in, int out_c, Window window, class Out, int groups>
struct Bwn {
  template <class Ops>
  using Of = typename Ops::template BwnConv2d<in, out_c, window, groups, Out>;
};

// A convolution of a real map.
template <template <Map, int, Window, class, int> class Kind, Map in, int out_c, Window window,
          class Out = RealOut, int groups = 1>
void bench_conv(const char* name) {
  constexpr Map out = window.output(out_c);
  constexpr bool bits = std::is_same_v<Out, BitsOut>;
  using Element = std::conditional_t<bits, std::uint64_t, float>;
  bench<Kind<in, out_c, window, Out, groups>::template Of, float, Element>(
      name, in.reals(), bits ? out.bit_words() : out.reals(),
      double(out.reals()) * window.taps() * in.c / groups);
}

template <class Ops>
using Sign = typename Ops::template Threshold<kMap>;
template <class Ops>
using Norm = typename Ops::template Pointwise<kMap, steps::Scale, steps::AffineFused, steps::Relu>;
template <class Ops>
using NormMean = typename Ops::template AveragePool<kMap, kAll, true, 0, 0, 0, steps::Scale,
                                                    steps::AffineFused, steps::Relu>;
template <class Ops>
using Average = typename Ops::template AveragePool<kMap, kHalf, true, 0, 0, 0>;
template <class Ops>
using Max = typename Ops::template MaxPool<kMap, kHalf>;
template <class Ops>
using MaxBits = typename Ops::template MaxPoolBits<kMap, kHalf>;
template <class Ops>
using Sum = typename Ops::template Add<kMap>;
template <class Ops>
using Scale = typename Ops::template InputScale<kMap, same(kMap, 3), false>;
template <class Ops>
using Scaled = typename Ops::template Multiply<kMap, false>;

void convolutions() {
  bench_conv<Float, kKeyword, 64, kFive, BitsOut>("float 5x5 / 2 40x101x1 to 64, signs");
  bench_conv<Float, kKeyword, 128, kSeven, BitsOut>("float 7x7 / 2 40x101x1 to 128, signs");
  bench_conv<Float, kSound, 64, kLine, BitsOut>("float 1-D 9 / 2 98x40 to 64, signs");
  bench_conv<Float, kMap, 64, same(kMap, 3)>("float 3x3 20x51x64 to 64");
  bench_conv<Float, Map{1, 1, 64}, 12, kOne>("float linear 64 to 12");
  bench_conv<Float, kVector, 128, kOne>("float linear 1024 to 128");
  bench_conv<Int8, kKeyword, 64, kFive, BitsOut>("int8 5x5 / 2 40x101x1 to 64, signs");
  bench_conv<Int8, kKeyword, 128, kSeven, BitsOut>("int8 7x7 / 2 40x101x1 to 128, signs");
  bench_conv<Int8, kSound, 64, kLine, BitsOut>("int8 1-D 9 / 2 98x40 to 64, signs");
  bench_conv<Int8, kVector, 128, kOne>("int8 linear 1024 to 128");
  bench_conv<Bwn, kMap, 64, same(kMap, 3)>("bwn 3x3 20x51x64 to 64");
  bench_conv<Bwn, kWide, 128, same(kWide, 3)>("bwn 3x3 28x28x128 to 128");
  bench_conv<Bwn, kDeep, 256, same(kDeep, 3)>("bwn 3x3 14x14x256 to 256");
  bench_conv<Bwn, kSmall, 512, same(kSmall, 3)>("bwn 3x3 7x7x512 to 512");
  bench_conv<Bwn, kMap, 64, same(kMap, 1)>("bwn 1x1 20x51x64 to 64");
  bench_conv<Bwn, kMap, 64, same(kMap, 3), RealOut, 64>("bwn 3x3 20x51x64 depthwise");
  bench_conv<Bwn, kVector, 1024, kOne>("bwn linear 1024 to 1024");
}

void others() {
  const std::size_t reals = kMap.reals(), words = kMap.bit_words();
  bench<Sign, float, std::uint64_t>("threshold 20x51x64", reals, words);
  bench<Norm, float, float>("scale, batch norm, relu 20x51x64", reals, reals);
  bench<NormMean, float, float>("the same and mean", reals, kMap.c);
  bench<Average, float, float>("average 2x2 20x51x64", reals, reals / 4);
  bench<Max, float, float>("max 2x2 20x51x64", reals, reals / 4);
  bench<MaxBits, std::uint64_t, std::uint64_t>("max 2x2 20x51x64, signs", words, words / 4);
  bench<Sum, float, float, 2>("add 20x51x64", reals, reals);
  bench<Scale, float, float>("input scale 3x3 20x51x64", reals, kMap.pixels());
  bench<Scaled, float, float, 2>("multiply 20x51x64", reals, reals);
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) rounds = std::atoi(arguments[1]);
  if (count > 2) part = arguments[2];
  std::printf("%-16s %9s %9s %9s\n", "", "us min", "median", "GMAC/s");
  convolutions();
  others();
  return 0;
}
