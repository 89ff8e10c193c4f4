// The 64-channel keyword network, one sample, one thread, on every ISA path that this CPU has:
//   1x40x101 -> stem 5x5 / 2 (bits out) -> 64x20x51 -> 3 binary 3x3 (bits out) -> 1 (sums out)
//   -> average -> 12
// Prints microseconds of each op and of the whole, minimum and median over rounds in which all
// paths take turns. Weights are random: the time does not depend on them.
//
//   g++ -std=c++20 -O3 -ffp-contract=off -Iinclude bench/bench_network.cpp && ./a.out [rounds]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "xnorkit/isa.hpp"

namespace {

using namespace xnorkit;

// Any tensor that is asked for, with random contents of a sensible size.
class RandomLoader : public Loader {
 public:
  using Loader::Loader;

 private:
  const void* find(const char* op, const char* field, Element type, std::size_t count) override {
    auto& bytes = tensors_[std::string(op) + "." + field];
    bytes.resize(count * sizeof(float));
    for (std::size_t i = 0; i < count; ++i) {
      const int value = static_cast<int>(random_() % 33) - 16;
      const auto real = static_cast<float>(value) / 16.0f;
      const auto byte = static_cast<std::uint8_t>(std::string(field) == "flip" ? value & 1 : value);
      if (type == Element::kFloat32) std::copy_n(&real, 1, reinterpret_cast<float*>(&bytes[0]) + i);
      if (type == Element::kInt32) std::copy_n(&value, 1, reinterpret_cast<int*>(&bytes[0]) + i);
      if (type == Element::kUint8 || type == Element::kInt8) bytes[i] = byte;
    }
    return bytes.data();
  }
  void out_of_memory(const char*, std::size_t) override { std::abort(); }

  std::map<std::string, std::vector<std::uint8_t>> tensors_;
  std::mt19937 random_{1};
};

constexpr Map kInput{40, 101, 1}, kMap{20, 51, 64};
constexpr Window kStem{5, 5, 2, 2, 1, 1, 2, 2, 20, 51}, kThree{3, 3, 1, 1, 1, 1, 1, 1, 20, 51},
    kAll{20, 51, 20, 51, 1, 1, 0, 0, 1, 1}, kOne{1, 1, 1, 1, 1, 1, 0, 0, 1, 1};
constexpr const char* kOps[] = {"stem float", "stem int8", "sign",     "binary 1",
                                "binary 2",   "binary 3",  "binary 4", "average",
                                "head",       "bwn 3x3",   "float 3x3"};
constexpr int kOpCount = sizeof kOps / sizeof kOps[0];
// Timed beside the network, not of it.
constexpr bool kExtra[] = {false, true, true, false, false, false, false, false, false, true, true};

struct Buffers {
  std::vector<float> input = std::vector<float>(kInput.reals(), 0.3f);
  std::vector<float> reals = std::vector<float>(kMap.reals(), 0.1f), more = reals;
  std::vector<float> mean = std::vector<float>(64), logits = std::vector<float>(12);
  std::vector<std::uint64_t> a = std::vector<std::uint64_t>(kMap.bit_words()), b = a;
};

struct AnyNetwork {
  virtual ~AnyNetwork() = default;
  virtual void step(int op, Buffers& v) const = 0;

  const char* isa = "";
  std::vector<std::vector<double>> times = std::vector<std::vector<double>>(kOpCount + 1);
};

template <class Ops>
struct Network : AnyNetwork {
  Network() {
    isa = Ops::name;
    RandomLoader loader(arena, workspace);
    if (!(float_stem.load(loader, "float") && int8_stem.load(loader, "int8") &&
          sign.load(loader, "sign") && first.load(loader, "1") && second.load(loader, "2") &&
          third.load(loader, "3") && fourth.load(loader, "4") && average.load(loader, "average") &&
          head.load(loader, "head") && bwn.load(loader, "bwn") && plain.load(loader, "plain"))) {
      std::abort();
    }
  }

  void step(int op, Buffers& v) const override {
    const Work work = workspace.work();
    switch (op) {
      case 0:
        return run_op(float_stem, work, v.input.data(), v.a.data());
      case 1:
        return run_op(int8_stem, work, v.input.data(), v.a.data());
      case 2:
        return run_op(sign, work, v.reals.data(), v.a.data());
      case 3:
        return run_op(first, work, v.a.data(), v.b.data());
      case 4:
        return run_op(second, work, v.b.data(), v.a.data());
      case 5:
        return run_op(third, work, v.a.data(), v.b.data());
      case 6:
        return run_op(fourth, work, v.b.data(), v.reals.data());
      case 7:
        return run_op(average, work, v.reals.data(), v.mean.data());
      case 8:
        return run_op(head, work, v.mean.data(), v.logits.data());
      case 9:
        return run_op(bwn, work, v.reals.data(), v.more.data());
      default:
        return run_op(plain, work, v.reals.data(), v.more.data());
    }
  }

  Arena arena;
  Workspace workspace;
  typename Ops::template FloatConv2d<kInput, 64, kStem, 1, BitsOut> float_stem;
  typename Ops::template Int8Conv2d<kInput, 64, kStem, 1, BitsOut> int8_stem;
  typename Ops::template Threshold<kMap> sign;
  typename Ops::template BinaryConv2d<kMap, 64, kThree, 1, 0, BitsOut> first, second, third;
  typename Ops::template BinaryConv2d<kMap, 64, kThree, 1, 0, RealOut> fourth;
  typename Ops::template AveragePool<kMap, kAll, true, 0, 0, 0> average;
  typename Ops::template FloatConv2d<Map{1, 1, 64}, 12, kOne, 1, RealOut> head;
  typename Ops::template BwnConv2d<kMap, 64, kThree, 1, RealOut> bwn;
  typename Ops::template FloatConv2d<kMap, 64, kThree, 1, RealOut> plain;
};

using Clock = std::chrono::steady_clock;
double microseconds(Clock::time_point from) {
  return std::chrono::duration<double, std::micro>(Clock::now() - from).count();
}

void time_once(AnyNetwork& network, Buffers& buffers) {
  for (int op = 0; op < kOpCount; ++op) {
    const auto begin = Clock::now();
    network.step(op, buffers);
    network.times[op].push_back(microseconds(begin));
  }
  const auto begin = Clock::now();
  for (int op = 0; op < kOpCount; ++op) {
    if (!kExtra[op]) network.step(op, buffers);
  }
  network.times[kOpCount].push_back(microseconds(begin));
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 200;
  std::vector<std::unique_ptr<AnyNetwork>> networks;
#define XNORKIT_BENCH(isa_) \
  if (isa_::supported()) networks.push_back(std::make_unique<Network<isa_::Ops>>());
  XNORKIT_FOR_EACH_ISA(XNORKIT_BENCH)
  Buffers buffers;
  for (int round = 0; round < rounds; ++round) {
    for (auto& network : networks) time_once(*network, buffers);
  }
  std::printf("%-10s", "us");
  for (auto& network : networks) std::printf(" | %14s min  median", network->isa);
  std::printf("\n");
  for (int op = 0; op <= kOpCount; ++op) {
    std::printf("%-10s", op == kOpCount ? "network" : kOps[op]);
    for (auto& network : networks) {
      auto& times = network->times[op];
      std::sort(times.begin(), times.end());
      std::printf(" | %18.1f %7.1f", times[0], times[times.size() / 2]);
    }
    std::printf("\n");
  }
  return 0;
}
