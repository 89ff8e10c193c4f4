// Samples in pieces of any size → the feature map of a clip that moves on by a hop each time.
//
//   frames 0 … first - 1    see their clip mirrored at its start; computed ahead where lanes idle
//   first … last            lie within the clip and are the same in each clip: computed once
//   the others              see it mirrored at its end: computed for each clip
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "xnorkit/arena.hpp"
#include "xnorkit/audio/frontend.hpp"

namespace xnorkit {

class FeatureStream {
 public:
  // hop: samples, a multiple of the features' hop, at most a clip. The frontend must outlive it.
  FeatureStream(Frontend& frontend, std::size_t hop)
      : frontend_(frontend),
        hop_(static_cast<std::ptrdiff_t>(hop)),
        clip_(static_cast<std::ptrdiff_t>(frontend.parameters().samples)),
        frames_(frontend.frames()),
        mels_(frontend.mels()) {
    while (first_ < frames_ && !frontend.is_interior(first_)) ++first_;
    last_ = first_ - 1;
    while (last_ + 1 < frames_ && frontend.is_interior(last_ + 1)) ++last_;
    done_ = first_;
    const std::size_t margins = 2 * static_cast<std::size_t>(frontend.margin());
    history_ = arena_.take<float>(2 * static_cast<std::size_t>(clip_) + margins);
    map_ = arena_.take<float>(static_cast<std::size_t>(mels_) * static_cast<std::size_t>(frames_));
    starts_ = arena_.take<float>(static_cast<std::size_t>(mels_) *
                                 static_cast<std::size_t>(starts_kept()));
    if (history_ != nullptr) history_ += frontend.margin();
  }

  // Whether there was memory.
  bool ok() const { return !arena_.failed(); }

  // Takes samples up to the end of the next clip; *complete: whether it came, so that map() is its
  // features until the next call. How many it took.
  template <class Sample>
  std::size_t take(const Sample* samples, std::size_t count, bool* complete) {
    if (complete_) move_on();
    const std::size_t missing = static_cast<std::size_t>(clip_ - (received_ - start_));
    const std::size_t taken = std::min(count, missing);
    make_room(static_cast<std::ptrdiff_t>(taken));
    float* to = history_ + received_;
    for (std::size_t i = 0; i < taken; ++i) to[i] = full_scale(samples[i]);
    received_ += static_cast<std::ptrdiff_t>(taken);
    complete_ = taken == missing;
    if (complete_) complete_map();
    *complete = complete_;
    return taken;
  }

  // [mels][frames]
  const float* map() const { return map_; }

 private:
  int starts_kept() const { return first_ + kFrames; }

  // Moves what is still needed to the front when the end is reached.
  void make_room(std::ptrdiff_t count) {
    if (received_ + count <= 2 * clip_) return;
    std::memmove(history_, history_ + start_,
                 static_cast<std::size_t>(received_ - start_) * sizeof(float));
    received_ -= start_;
    start_ = 0;
  }

  void complete_map() {
    for (int t = done_; t < frames_; ++t) add({history_ + start_, t, map_ + t, frames_});
    while (starts_done_ < first_) add_start();
    while (waiting_ > 0 && next_start_is_known()) add_start();  // in lanes that would idle
    compute();
    for (int t = 0; t < first_; ++t) {
      const float* from = starts_ + (starts_at_ + t) % starts_kept();
      for (std::ptrdiff_t m = 0; m < mels_; ++m) map_[m * frames_ + t] = from[m * starts_kept()];
    }
  }

  // The next mirrored start: a frame of this clip, or of one to come.
  void add_start() {
    const int ahead = first_ > 0 ? starts_done_ / first_ : 0;
    add({history_ + start_ + ahead * hop_, starts_done_ % first_,
         starts_ + (starts_at_ + starts_done_) % starts_kept(), starts_kept()});
    ++starts_done_;
  }

  // Whether all samples of the next mirrored start have come, and its place is free.
  bool next_start_is_known() const {
    if (first_ == 0 || starts_done_ == starts_kept()) return false;
    const auto& p = frontend_.parameters();
    const std::ptrdiff_t seen = static_cast<std::ptrdiff_t>(p.hop) * first_ +  //
                                static_cast<std::ptrdiff_t>(p.n_fft);
    const std::ptrdiff_t begin = start_ + starts_done_ / first_ * hop_;
    return begin + std::min(seen, clip_) <= received_;
  }

  void add(const Frontend::Frame& frame) {
    some_[waiting_++] = frame;
    if (waiting_ == kFrames) compute();
  }

  void compute() {
    if (waiting_ > 0) frontend_.compute(some_, waiting_);
    waiting_ = 0;
  }

  // To the next clip: its interior frames that are known move to their places.
  void move_on() {
    const int columns =
        static_cast<int>(hop_ / static_cast<std::ptrdiff_t>(frontend_.parameters().hop));
    const int kept = std::max(0, last_ + 1 - first_ - columns);
    done_ = first_ + kept;
    if (kept > 0) {  // all rows at once: what slips into another row's end is computed anew
      std::memmove(
          map_, map_ + columns,
          sizeof(float) * (static_cast<std::size_t>(mels_) * static_cast<std::size_t>(frames_) -
                           static_cast<std::size_t>(columns)));
    }
    start_ += hop_;
    starts_at_ = (starts_at_ + first_) % starts_kept();
    starts_done_ -= first_;
    complete_ = false;
  }

  Frontend& frontend_;
  Arena arena_;
  std::ptrdiff_t hop_, clip_;
  int frames_, mels_;
  int first_ = 0, last_ = -1;                // interior frames
  float* history_ = nullptr;                 // [2 * clip_], between margins
  std::ptrdiff_t start_ = 0, received_ = 0;  // where the clip begins, and the samples end
  bool complete_ = false;
  float* map_ = nullptr;
  int done_ = 0;             // frames first_ … done_ - 1 of map_ are known
  float* starts_ = nullptr;  // [mels][starts_kept()], a ring of mirrored starts
  int starts_at_ = 0;        // the place of this clip's frame 0
  int starts_done_ = 0;      // how many are known from there on
  Frontend::Frame some_[kFrames];
  int waiting_ = 0;
};

}  // namespace xnorkit
