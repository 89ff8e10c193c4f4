// Samples → the network's input: log-mel of one clip, frame by frame or whole.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "xnorkit/arena.hpp"
#include "xnorkit/audio/log_mel.hpp"
#include "xnorkit/audio/parameters.hpp"
#include "xnorkit/isa.hpp"
#include "xnorkit/model_file.hpp"

namespace xnorkit {

// Full scale becomes ±1.
inline float full_scale(std::int16_t sample) { return static_cast<float>(sample) * 0x1p-15f; }
inline float full_scale(float sample) { return sample; }

// The kernel of an ISA path, or of a later one in the list where n_fft fills no vectors as wide;
// null where memory is short.
inline std::unique_ptr<LogMelKernel> make_log_mel(const LogMelParameters& p, const char* path,
                                                  int* neighbours) {
  bool reached = false;
#define XNORKIT_LOG_MEL(isa)                                                     \
  reached = reached || std::strcmp(path, isa::kName) == 0;                       \
  *neighbours = isa::Ops::LogMel::kNeighbours;                                   \
  if (reached && isa::supported() && LogMelTables::can_split(p, *neighbours)) {  \
    return std::unique_ptr<LogMelKernel>(new (std::nothrow) isa::Ops::LogMel()); \
  }
  XNORKIT_FOR_EACH_ISA(XNORKIT_LOG_MEL)
#undef XNORKIT_LOG_MEL
  return nullptr;
}

// A clip is floats of full scale 1. Frame t is centred on its sample t * hop; one that reaches
// beyond an end sees the clip mirrored there, as torch.stft has it with center=True. On either side
// of a clip margin() floats must be readable and finite: they meet the zeros around the window.
class Frontend {
 public:
  // path: one of kIsas, by name. False, and a sentence in file.error(), where the file has no
  // features that can be computed.
  bool load(ModelFile& file, const char* path) {
    if (!read_parameters(file, arena_, p_)) return false;
    const std::size_t mels = static_cast<std::size_t>(p_.mels);
    const float* mean = file.tensor<float>("features", "mean", mels);
    const float* std = file.tensor<float>("features", "std", mels);
    if (mean == nullptr || std == nullptr) return false;
    int neighbours = 1;
    kernel_ = make_log_mel(p_, path, &neighbours);
    const bool made = kernel_ != nullptr && kernel_->tables.make(p_, mean, std, neighbours, arena_);
    work_ = made ? arena_.take<float>(kernel_->work_floats()) : nullptr;
    mirrored_ = made ? arena_.take<float>(kFrames * p_.n_fft) : nullptr;
    return (work_ != nullptr && mirrored_ != nullptr) ||
           file.fail("no memory for the features. Close other programs.");
  }

  const LogMelParameters& parameters() const { return p_; }
  int frames() const { return static_cast<int>(p_.frames()); }
  int mels() const { return static_cast<int>(p_.mels); }
  // Samples before and after a clip that a frame within it may read.
  std::ptrdiff_t margin() const { return (size(p_.n_fft) - size(p_.window) + 1) / 2; }

  // Whether frame t needs no mirror.
  bool is_interior(int t) const {
    const std::ptrdiff_t window = start_of(t) + (size(p_.n_fft) - size(p_.window)) / 2;
    return 0 <= window && window + size(p_.window) <= size(p_.samples);
  }

  // A frame: of which clip, its number, and where its lowest band goes; each next band goes
  // `stride` floats further.
  struct Frame {
    const float* clip;
    int t;
    float* to;
    int stride;
  };
  // count: 1 … kFrames.
  void compute(const Frame* some, int count) {
    const float* from[kFrames];
    bool neighbours = count == kFrames;
    for (int f = 0; f < kFrames; ++f) {
      from[f] = f < count ? samples_of(some[f], mirrored_ + f * size(p_.n_fft)) : from[0];
      neighbours = neighbours && some[f].to == some[0].to + f;
    }
    const float* bands = kernel_->run(from, work_);
    for (std::ptrdiff_t m = 0; m < mels(); ++m, bands += kFrames) {
      if (neighbours) {  // one vector
        std::memcpy(some[0].to + m * some[0].stride, bands, sizeof(float) * kFrames);
        continue;
      }
      for (int f = 0; f < count; ++f) some[f].to[m * some[f].stride] = bands[f];
    }
  }

  // All frames of a clip that lies between margins: map[mels][frames].
  void compute(const float* clip, float* map) {
    Frame some[kFrames];
    for (int t = 0; t < frames(); t += kFrames) {
      const int count = frames() - t < kFrames ? frames() - t : kFrames;
      for (int f = 0; f < count; ++f) some[f] = {clip, t + f, map + t + f, frames()};
      compute(some, count);
    }
  }

 private:
  static std::ptrdiff_t size(std::uint64_t n) { return static_cast<std::ptrdiff_t>(n); }
  std::ptrdiff_t start_of(int t) const { return t * size(p_.hop) - size(p_.n_fft / 2); }

  // n_fft samples: where they lie, or a copy with the clip mirrored. LogMelParameters::consistent()
  // holds n_fft / 2 < samples, so no mirror image reaches beyond the clip's other end.
  const float* samples_of(const Frame& frame, float* copy) const {
    const std::ptrdiff_t start = start_of(frame.t), end = start + size(p_.n_fft);
    if (is_interior(frame.t)) return frame.clip + start;
    const std::ptrdiff_t last = size(p_.samples) - 1;
    const std::ptrdiff_t first = std::max<std::ptrdiff_t>(start, 0), stop = std::min(end, last + 1);
    float* to = std::reverse_copy(frame.clip + 1, frame.clip + 1 + (first - start), copy);
    to = std::copy(frame.clip + first, frame.clip + stop, to);
    std::reverse_copy(frame.clip + last - (end - stop), frame.clip + last, to);
    return copy;
  }

  LogMelParameters p_;
  Arena arena_;
  std::unique_ptr<LogMelKernel> kernel_;
  float* work_ = nullptr;
  float* mirrored_ = nullptr;  // [kFrames][n_fft]
};

}  // namespace xnorkit
