// Log-mel by its definition, in float64: a plain DFT, triangles bin by bin.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "testing.hpp"
#include "xnorkit/audio/parameters.hpp"

namespace xnorkit::testing {

inline LogMelParameters log_mel_parameters(int n_fft, int window, int mels, double f_min = 20,
                                           double f_max = 7600) {
  LogMelParameters p;
  p.sample_rate = 16000;
  p.samples = 4000;
  p.mels = static_cast<std::uint64_t>(mels);
  p.n_fft = static_cast<std::uint64_t>(n_fft);
  p.window = static_cast<std::uint64_t>(window);
  p.hop = 160;
  p.f_min = f_min;
  p.f_max = f_max;
  p.floor = 1e-10;
  return p;
}

inline std::string text(const LogMelParameters& p) {
  return "n_fft " + std::to_string(p.n_fft) + " window " + std::to_string(p.window) + " mels " +
         std::to_string(p.mels);
}

// Noise and a tone of full scale 1: no band lies so far below another that float32 loses it.
inline std::vector<float> random_sound(std::size_t count) {
  std::vector<float> out;
  for (std::size_t i = 0; i < count; ++i) {
    const double noise = random_int(-10000, 10000) / 1e5;
    out.push_back(static_cast<float>(noise + 0.3 * std::sin(0.37 * static_cast<double>(i))));
  }
  return out;
}

inline double power_of_bin(const std::vector<double>& x, std::size_t bin) {
  double re = 0, im = 0;
  for (std::size_t n = 0; n < x.size(); ++n) {
    const double turn = static_cast<double>(n * bin % x.size()) / static_cast<double>(x.size());
    re += x[n] * std::cos(2 * M_PI * turn);
    im += x[n] * std::sin(2 * M_PI * turn);
  }
  return re * re + im * im;
}

// dB of each band of one frame of n_fft samples.
inline std::vector<double> true_decibels(const LogMelParameters& p, const float* frame) {
  std::vector<double> x(p.n_fft), power;
  for (std::size_t n = 0; n < p.window; ++n) {
    const std::size_t at = (p.n_fft - p.window) / 2 + n;
    const double turn = static_cast<double>(n) / static_cast<double>(p.window);
    x[at] = frame[at] * (0.5 - 0.5 * std::cos(2 * M_PI * turn));
  }
  for (std::size_t bin = 0; bin <= p.n_fft / 2; ++bin) power.push_back(power_of_bin(x, bin));

  std::vector<double> edges, out;
  const double low = 2595 * std::log10(1 + p.f_min / 700);
  const double high = 2595 * std::log10(1 + p.f_max / 700);
  const double last = static_cast<double>(p.mels + 1);
  for (std::size_t i = 0; i < p.mels + 2; ++i) {
    const double mel = low + (high - low) * static_cast<double>(i) / last;
    edges.push_back(700 * (std::pow(10, mel / 2595) - 1));
  }
  for (std::size_t m = 0; m < p.mels; ++m) {
    double energy = 0;
    for (std::size_t bin = 0; bin < power.size(); ++bin) {
      const double f = static_cast<double>(bin) * 16000 / static_cast<double>(p.n_fft);
      const double up = (f - edges[m]) / (edges[m + 1] - edges[m]);
      const double down = (edges[m + 2] - f) / (edges[m + 2] - edges[m + 1]);
      energy += power[bin] * std::fmax(0, std::fmin(up, down));
    }
    out.push_back(10 * std::log10(std::fmax(energy, p.floor)));
  }
  return out;
}

inline void expect_near(double got, double wanted, double tolerance, const std::string& what) {
  expect(std::fabs(got - wanted) <= tolerance,
         what + " is " + std::to_string(got) + ", not " + std::to_string(wanted));
}

}  // namespace xnorkit::testing
