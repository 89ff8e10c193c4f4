// Samples → probabilities: features and a network with memory of their own, and a stream's state.
// c_audio.h says what each function does.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "xnorkit/arena.hpp"
#include "xnorkit/audio/feature_stream.hpp"
#include "xnorkit/audio/frontend.hpp"
#include "xnorkit/audio/labels.hpp"
#include "xnorkit/c_interface.hpp"
#include "xnorkit/isa.hpp"
#include "xnorkit/model_file.hpp"

namespace xnorkit {

// Logits → probabilities, in place.
inline void softmax(float* values, int count) {
  const float largest = *std::max_element(values, values + count);
  float sum = 0;
  for (int i = 0; i < count; ++i) sum += values[i] = std::exp(values[i] - largest);
  for (int i = 0; i < count; ++i) values[i] /= sum;
}

// Means of the last few decisions' probabilities (Chen, Parada & Heigold 2014, "Small-footprint
// keyword spotting using deep neural networks").
class Smoothing {
 public:
  // over: decisions. False where memory is short.
  bool begin(int over, int classes, Arena& arena) {
    over_ = over;
    classes_ = classes;
    kept_ = arena.take<float>(static_cast<std::size_t>(over) * static_cast<std::size_t>(classes));
    return kept_ != nullptr;
  }

  void apply(float* probabilities) {
    std::copy_n(probabilities, classes_, kept_ + std::ptrdiff_t{next_} * classes_);
    next_ = (next_ + 1) % over_;
    count_ = std::min(count_ + 1, over_);
    for (int c = 0; c < classes_; ++c) {
      float sum = 0;
      for (std::ptrdiff_t i = 0; i < count_; ++i) sum += kept_[i * classes_ + c];
      probabilities[c] = sum / static_cast<float>(count_);
    }
  }

 private:
  int over_ = 1, classes_ = 0, next_ = 0, count_ = 0;
  float* kept_ = nullptr;  // [over_][classes_], a ring
};

class Listener {
 public:
  // inputs, outputs: floats of the engine's sample and of its answer. Null, and a sentence in
  // file.error(), where the file has no features or labels that fit.
  static Listener* make(const Engine& engine, std::size_t inputs, std::size_t outputs,
                        ModelFile& file) {
    std::unique_ptr<Listener> made(new (std::nothrow) Listener());
    if (made == nullptr || !made->fork(engine)) {
      file.fail("no memory for the listener. Close other programs.");
    }
    return file.ok() && made->load(file, inputs, outputs) ? made.release() : nullptr;
  }

  const LogMelParameters& parameters() const { return frontend_.parameters(); }
  int classes() const { return labels_.count(); }
  const char* label(int index) const { return labels_.at(index); }

  template <class Sample>
  void features(const Sample* clip, float* map) {
    load_clip(clip, clip_size());
    frontend_.compute(clip_, map);
  }

  std::size_t windows(std::size_t count) const {
    const std::size_t step = half_clip();
    return count <= clip_size() ? 1 : (count - clip_size() + step - 1) / step + 1;
  }
  std::size_t window_start(std::size_t count, std::size_t window) const {
    return count <= clip_size() ? 0 : std::min(window * half_clip(), count - clip_size());
  }

  template <class Sample>
  int predict(const Sample* samples, std::size_t count, float* probabilities, float* each) {
    std::fill_n(probabilities, classes(), 0.0f);
    const std::size_t some = windows(count);
    for (std::size_t window = 0; window < some; ++window) {
      const std::size_t start = window_start(count, window);
      load_clip(samples + start, std::min(clip_size(), count - start));
      frontend_.compute(clip_, map_);
      answer(map_, answer_);
      for (int c = 0; c < classes(); ++c) probabilities[c] += answer_[c];
      if (each != nullptr) each = std::copy_n(answer_, classes(), each);
    }
    for (int c = 0; c < classes(); ++c) probabilities[c] /= static_cast<float>(some);
    return best(probabilities);
  }

  bool stream(std::size_t hop, int smoothing, char* error, std::size_t error_size) {
    const unsigned long long step = parameters().hop, clip = parameters().samples;
    if (hop == 0 || hop % step != 0 || hop > clip || smoothing < 1) {
      std::snprintf(error, error_size,
                    "hop=%llu, smoothing=%d: a decision is due every multiple of %llu samples, at "
                    "most every %llu, and over 1 or more. Choose such numbers.",
                    static_cast<unsigned long long>(hop), smoothing, step, clip);
      return false;
    }
    std::unique_ptr<Stream> made(new (std::nothrow) Stream(frontend_, hop));
    if (made != nullptr && made->features.ok() &&
        made->smoothing.begin(smoothing, classes(), made->arena)) {
      stream_ = std::move(made);
      return true;
    }
    std::snprintf(error, error_size, "no memory for the stream. Close other programs.");
    return false;
  }

  template <class Sample>
  std::size_t feed(const Sample* samples, std::size_t count, float* probabilities, int* decision) {
    *decision = -1;
    if (stream_ == nullptr) return count;
    bool complete = false;
    const std::size_t taken = stream_->features.take(samples, count, &complete);
    if (complete && probabilities == nullptr) *decision = 0;
    if (complete && probabilities != nullptr) {
      answer(stream_->features.map(), probabilities);
      stream_->smoothing.apply(probabilities);
      *decision = best(probabilities);
    }
    return taken;
  }

 private:
  struct Stream {
    Stream(Frontend& frontend, std::size_t hop) : features(frontend, hop) {}
    Arena arena;
    FeatureStream features;
    Smoothing smoothing;
  };

  Listener() = default;

  bool fork(const Engine& engine) {
    engine_.reset(engine.fork());
    return engine_ != nullptr;
  }

  bool load(ModelFile& file, std::size_t inputs, std::size_t outputs) {
    if (!frontend_.load(file, engine_->isa()) || !labels_.load(file, arena_)) return false;
    const std::size_t map = static_cast<std::size_t>(frontend_.mels()) *  //
                            static_cast<std::size_t>(frontend_.frames());
    if (map != inputs || static_cast<std::size_t>(classes()) != outputs || classes() == 0) {
      return file.fail(
          "model.xnor has features of %zu numbers and %d labels, its network takes %zu and gives "
          "%zu: it takes no recordings. Deploy it again with its features and labels.",
          map, classes(), inputs, outputs);
    }
    const std::size_t margin = static_cast<std::size_t>(frontend_.margin());
    clip_ = arena_.take<float>(clip_size() + 2 * margin);
    map_ = arena_.take<float>(map);
    answer_ = arena_.take<float>(outputs);
    if (arena_.failed()) return file.fail("no memory for the listener. Close other programs.");
    clip_ += margin;
    return true;
  }

  std::size_t clip_size() const { return static_cast<std::size_t>(parameters().samples); }
  std::size_t half_clip() const { return std::max<std::size_t>(clip_size() / 2, 1); }

  // The samples, then silence.
  template <class Sample>
  void load_clip(const Sample* samples, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) clip_[i] = full_scale(samples[i]);
    std::fill(clip_ + count, clip_ + clip_size(), 0.0f);
  }

  void answer(const float* map, float* probabilities) {
    engine_->run(map, 1, probabilities);
    softmax(probabilities, classes());
  }

  int best(const float* probabilities) const {
    return static_cast<int>(std::max_element(probabilities, probabilities + classes()) -
                            probabilities);
  }

  std::unique_ptr<Engine> engine_;
  Arena arena_;
  Frontend frontend_;
  Labels labels_;
  float* clip_ = nullptr;  // one clip between margins
  float* map_ = nullptr;
  float* answer_ = nullptr;
  std::unique_ptr<Stream> stream_;
};

}  // namespace xnorkit
