// A small network, as generated code has it, and a model.xnor for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "heard_file.hpp"
#include "model_bytes.hpp"
#include "reference.hpp"
#include "testing.hpp"
#include "xnorkit/audio/parameters.hpp"
#include "xnorkit/shape.hpp"
#include "xnorkit/tags.hpp"
#include "xnorkit/work.hpp"

namespace xnorkit::testing {

// Of every kind of memory that a run writes: rounded input, packed signs, copies with a border,
// reals.
template <class Ops>
struct SmallNetwork {
  static constexpr Map kIn{6, 5, 3}, kMap{6, 5, 70};
  static constexpr Window kSame{3, 3, 1, 1, 1, 1, 1, 1, 6, 5};
  static constexpr Window kWhole{6, 5, 6, 5, 1, 1, 0, 0, 1, 1};
  static constexpr std::size_t inputs = kIn.reals(), outputs = kMap.c;
  static constexpr int ops = 7, values = 0;

  bool load(Loader& loader) {
    return loader.scratch("input", inputs, &input_) &&
           loader.scratch("stem", kMap.reals(), &reals_) &&
           loader.scratch("signs", kMap.bit_words(), &signs_) &&
           loader.scratch("more", kMap.bit_words(), &more_) &&
           loader.scratch("sums", kMap.reals(), &sums_) &&
           loader.scratch("scale", kMap.pixels(), &scale_) &&
           loader.scratch("scaled", kMap.reals(), &scaled_) &&
           loader.scratch("answer", outputs, &answer_) && stem_.load(loader, "stem") &&
           threshold_.load(loader, "threshold") && first_.load(loader, "first") &&
           second_.load(loader, "second") && mean_.load(loader, "mean") &&
           multiply_.load(loader, "multiply") && pool_.load(loader, "pool");
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
      case 5:
        return run_op(multiply_, work, sums_.at(work), scale_.at(work), scaled_.at(work));
      default:
        return run_op(pool_, work, scaled_.at(work), answer_.at(work));
    }
  }
  static const char* kernel(int) { return ""; }
  unsigned char* value(int, Work, std::size_t*) const { return nullptr; }
  float* input(Work work) const { return input_.at(work); }
  const float* output(Work work) const { return answer_.at(work); }

  typename Ops::template Int8Conv2d<kIn, 70, kSame, 1, RealOut> stem_;
  typename Ops::template Threshold<kMap> threshold_;
  typename Ops::template BinaryConv2d<kMap, 70, kSame, 1, 1, BitsOut> first_;
  typename Ops::template BinaryConv2d<kMap, 70, kSame, 1, 0, RealOut> second_;
  typename Ops::template InputScale<kMap, kSame, false> mean_;
  typename Ops::template Multiply<kMap, false> multiply_;
  typename Ops::template AveragePool<kMap, kWhole, true, 0, 0, 0> pool_;
  Scratch<float> input_, reals_, sums_, scale_, scaled_, answer_;
  Scratch<std::uint64_t> signs_, more_;
};

// Its input is 18 bands of 5 columns.
inline LogMelParameters small_features() {
  LogMelParameters p;
  p.sample_rate = 800;
  p.samples = 64;
  p.mels = 18;
  p.n_fft = 32;
  p.window = 30;
  p.hop = 16;
  p.f_min = 20;
  p.f_max = 390;
  p.floor = 1e-10;
  return p;
}

inline std::vector<char> small_model() {
  std::string labels = "[";
  for (int i = 0; i < 70; ++i) labels += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\"";
  ModelBytes model(labels + "]", features_text(small_features()));
  model.add("features.mean", random_values<float>(18, -40, 0));
  model.add("features.std", random_values<float>(18, 8, 16));
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

}  // namespace xnorkit::testing
