// Log-mel of kFrames frames at a time, whatever the ISA path: log_mel.inl.hpp computes it.
#pragma once

#include <cstddef>

#include "xnorkit/audio/log_mel_tables.hpp"

namespace xnorkit {

class LogMelKernel {
 public:
  LogMelKernel() = default;
  LogMelKernel(const LogMelKernel&) = delete;
  LogMelKernel& operator=(const LogMelKernel&) = delete;
  virtual ~LogMelKernel() = default;

  // frames: kFrames times n_fft samples, finite. work: work_floats() at a multiple of 64, zero
  // before the first run. Standardised dB, [mels][kFrames], which lie in `work` until the next run.
  virtual const float* run(const float* const* frames, float* work) const = 0;

  std::size_t work_floats() const { return 5 * element_floats() + whole_vectors(mels() * kFrames); }

  LogMelTables tables;

 protected:
  // Of an array of elements: re and im, twice, and power.
  std::size_t element_floats() const { return whole_vectors(tables.element_floats()); }

 private:
  static constexpr std::size_t whole_vectors(std::size_t floats) { return (floats + 31) / 16 * 16; }
  std::size_t mels() const { return static_cast<std::size_t>(tables.mels); }
};

}  // namespace xnorkit
