// Eight threads, one loaded network: each gets the answers that one alone gives.

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>

#include "model_bytes.hpp"
#include "reference.hpp"
#include "testing.hpp"
#include "xnorkit/c_interface.hpp"

namespace xnorkit::testing {

constexpr int kThreads = 8, kClips = 6, kRounds = 4;

// Every kind of memory that a run writes: rounded input, packed signs, copies with a border, reals.
template <class Ops>
struct ThreadedNetwork {
  static constexpr Map kIn{6, 5, 3}, kMap{6, 5, 70};
  static constexpr Window kSame{3, 3, 1, 1, 1, 1, 1, 1, 6, 5};
  static constexpr std::size_t inputs = kIn.reals(), outputs = kMap.reals();
  static constexpr int ops = 6, values = 0;

  bool load(Loader& loader) {
    return loader.scratch("input", inputs, &input_) && loader.scratch("stem", outputs, &reals_) &&
           loader.scratch("signs", kMap.bit_words(), &signs_) &&
           loader.scratch("more", kMap.bit_words(), &more_) &&
           loader.scratch("sums", outputs, &sums_) && loader.scratch("scale", 30, &scale_) &&
           loader.scratch("scaled", outputs, &scaled_) && stem_.load(loader, "stem") &&
           threshold_.load(loader, "threshold") && first_.load(loader, "first") &&
           second_.load(loader, "second") && mean_.load(loader, "mean") &&
           multiply_.load(loader, "multiply");
  }
  void step(int op, Work work) const {
    switch (op) {
      case 0:
        return run_op(stem_, work, input_.at(work), reals_.at(work));
      case 1:
        return run_op(threshold_, work, reals_.at(work), signs_.at(work));
      case 2:
        return run_op(first_, work, signs_.at(work), more_.at(work));
      case 3:
        return run_op(second_, work, more_.at(work), sums_.at(work));
      case 4:
        return run_op(mean_, work, reals_.at(work), scale_.at(work));
      default:
        return run_op(multiply_, work, sums_.at(work), scale_.at(work), scaled_.at(work));
    }
  }
  unsigned char* value(int, Work, std::size_t*) const { return nullptr; }
  float* input(Work work) const { return input_.at(work); }
  const float* output(Work work) const { return scaled_.at(work); }

  typename Ops::template Int8Conv2d<kIn, 70, kSame, 1> stem_;
  typename Ops::template Threshold<kMap> threshold_;
  typename Ops::template BinaryConv2d<kMap, 70, kSame, 1, 1, BitsOut> first_;
  typename Ops::template BinaryConv2d<kMap, 70, kSame, 1, 0, RealOut> second_;
  typename Ops::template InputScale<kMap, kSame, false> mean_;
  typename Ops::template Multiply<kMap, false> multiply_;
  Scratch<float> input_, reals_, sums_, scale_, scaled_;
  Scratch<std::uint64_t> signs_, more_;
};

inline std::vector<char> threaded_model() {
  ModelBytes model;
  model.add("stem.step", std::vector<float>{0.5f});
  model.add("stem.weight", random_values<std::int8_t>(70 * 9 * 3, -9, 9));
  model.add("threshold.threshold", random_values<float>(70, -40, 40));
  model.add("threshold.flip", random_values<std::uint8_t>(70, 0, 1));
  for (const std::string op : {"first", "second"}) {
    model.add(op + ".weight", reference::pack_filters(random_signs(70 * 9 * 70), 70));
    model.add(op + ".threshold", random_values<std::int32_t>(70, -30, 30));
    model.add(op + ".flip", random_values<std::uint8_t>(70, 0, 1));
  }
  return model.bytes();
}

// Answers of all clips, by one engine, one after the other.
inline std::vector<float> answers(Engine& engine, const std::vector<float>& clips,
                                  std::size_t outputs) {
  std::vector<float> out(kClips * outputs);
  for (int round = 0; round < kRounds; ++round) engine.run(clips.data(), kClips, out.data());
  return out;
}

inline void check_threads(Engine& engine, std::size_t inputs, std::size_t outputs) {
  const auto clips = random_values<float>(kClips * inputs, -50, 50);
  const auto wanted = answers(engine, clips, outputs);
  expect(std::adjacent_find(wanted.begin(), wanted.end(), std::not_equal_to<>()) != wanted.end(),
         "answers differ among themselves");
  std::vector<float> found[kThreads];
  std::vector<std::thread> threads;
  for (auto& answer : found) {
    threads.emplace_back([&engine, &clips, &answer, outputs] {
      const std::unique_ptr<Engine> own(engine.fork());  // forks themselves run side by side
      answer = answers(*own, clips, outputs);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& answer : found) expect_equal(answer, wanted, "answer");
}

template <class Ops>
void threads() {
  using Network = ThreadedNetwork<Ops>;
  const auto bytes = threaded_model();
  ModelFile file(bytes.data(), bytes.size());
  const std::unique_ptr<Engine> engine(load_engine<Network>(Ops::name, file));
  expect(engine != nullptr, file.error());
  if (engine != nullptr) check_threads(*engine, Network::inputs, Network::outputs);
}

}  // namespace xnorkit::testing

XNORKIT_TEST(threads)
