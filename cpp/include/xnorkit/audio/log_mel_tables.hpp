// The constants of log-mel features, computed in float64 from their parameters and rounded once.
//
// A frame's transform runs on kFrames frames at a time, [element][frame]. So that vectors of more
// lanes are full, `split` = s neighbouring elements share one: lane 4 i + f is element i of frame
// f.
//
//   z[n] = x[2n] + i x[2n + 1], n < points = n_fft / 2     (odd n_fft: z[n] = x[n], points = n_fft)
//   1. one butterfly of radix s over z[n], z[n + length], …, times exp(-2 pi i n p / points)
//   2. s transforms of `length` = points / s elements, side by side: lane 4 p + f belongs to bin
//      s k + p; by Stockham's algorithm, radix 4 and what remains, in the order of `stages`
//   3. the spectrum of the real x from that of z, its power, mel bands, dB, standardised
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "xnorkit/arena.hpp"
#include "xnorkit/audio/parameters.hpp"

namespace xnorkit {

inline constexpr int kFrames = 4;  // that are computed at a time

// Elements q + stride (j + count t), t < radix, j < count, q < stride, become q + stride (radix j +
// u), times exp(-2 pi i j u / (radix count)).
struct FftStage {
  int radix = 1, count = 1, stride = 1;
  const float* twiddles = nullptr;  // [count][radix - 1][re, im], of u = 1, 2, …
  const float* roots = nullptr;     // [radix][re, im]: exp(-2 pi i u / radix)
};

// A band's weights of the bins from split * first on, those of `vectors` vectors.
struct MelBand {
  int first = 0, vectors = 0;
  const float* weights = nullptr;  // [vectors][split][kFrames], the same for each frame
};

class LogMelTables {
 public:
  // Whether vectors of s neighbours can be had: in step 1 each is of one of the s parts.
  static bool can_split(const LogMelParameters& p, int s) {
    const std::uint64_t neighbours = static_cast<std::uint64_t>(s);
    return s == 1 || (p.n_fft % (2 * neighbours) == 0 && p.n_fft / 2 >= neighbours * neighbours);
  }

  // mean, std: [mels]; s: of the kernel that will run. False where memory is short.
  bool make(const LogMelParameters& p, const float* mean, const float* std, int s, Arena& arena) {
    arena_ = &arena;
    real = p.n_fft % 2 == 0;
    n_fft = static_cast<int>(p.n_fft);
    points = real ? n_fft / 2 : n_fft;
    split = s;
    length = points / split;
    mels = static_cast<int>(p.mels);
    floor = static_cast<float>(p.floor);
    make_window(p);
    make_split_twiddles();
    make_stages();
    make_real_twiddles();
    make_bands(p);
    make_statistics(mean, std);
    return !arena.failed();
  }

  bool real = false;  // pairs of real samples are transformed, not single ones
  int n_fft = 0, points = 0, split = 1, length = 0, mels = 0;
  float floor = 0;
  const float* window = nullptr;          // [n_fft], half of Hann's where real
  const float* split_twiddles = nullptr;  // [vectors][split - 1][re, im][split][kFrames]
  static constexpr int kMostStages = 24;
  FftStage stages[kMostStages];
  int stage_count = 0;
  const float* real_twiddles = nullptr;  // [vectors][re, im][split][kFrames]: exp(-2 pi i k/n_fft)
  const MelBand* bands = nullptr;        // [mels]
  const float* mean = nullptr;           // [mels][kFrames]
  const float* std = nullptr;            // the same

  int bins() const { return n_fft / 2 + 1; }
  // Floats of an array of elements, with room for whole vectors at its end.
  std::size_t element_floats() const {
    return static_cast<std::size_t>(kFrames) * static_cast<std::size_t>(points + 1 + split);
  }

 private:
  static constexpr double kTurn = -2 * 3.14159265358979323846;

  // Null where memory is short; make() asks at its end.
  template <class T>
  T* take(std::size_t count) {
    return arena_->template take<T>(count);
  }

  // exp(-2 pi i k / n), for each frame.
  static void write_root(std::int64_t k, std::int64_t n, float* re, float* im, int copies) {
    const double angle = kTurn * static_cast<double>(k % n) / static_cast<double>(n);
    for (int i = 0; i < copies; ++i) {
      re[i] = static_cast<float>(std::cos(angle));
      im[i] = static_cast<float>(std::sin(angle));
    }
  }

  void make_window(const LogMelParameters& p) {
    float* to = take<float>(p.n_fft);
    if (to == nullptr) return;
    // The spectrum of pairs comes out doubled; the power of two is exact.
    const double scale = real ? 0.5 : 1.0;
    const std::uint64_t first = (p.n_fft - p.window) / 2;
    for (std::uint64_t i = 0; i < p.window; ++i) {
      const double turn = static_cast<double>(i) / static_cast<double>(p.window);
      const double height = p.window == 1 ? 1.0 : 0.5 - 0.5 * std::cos(kTurn * turn);
      to[first + i] = static_cast<float>(scale * height);
    }
    window = to;
  }

  void make_split_twiddles() {
    const int vectors = (length + split - 1) / split, lanes = split * kFrames;
    const int row = 2 * (split - 1) * lanes;
    float* to = take<float>(static_cast<std::size_t>(vectors) * static_cast<std::size_t>(row));
    split_twiddles = to;
    for (int v = 0; to != nullptr && v < vectors; ++v) {
      for (int p = 1; p < split; ++p, to += 2 * lanes) {
        for (int i = 0; i < split; ++i) {
          const int n = first_of_vector(v) + i;
          write_root(std::int64_t{n} * p, points, to + i * kFrames, to + lanes + i * kFrames,
                     kFrames);
        }
      }
    }
  }

  void make_stages() {
    int left = length, stride = 1;
    while (left > 1 && stage_count < kMostStages) {
      int radix = left % 4 == 0 ? 4 : 2;
      while (left % radix != 0) ++radix;
      stages[stage_count++] = make_stage(radix, left / radix, stride);
      left /= radix;
      stride *= radix;
    }
  }

  FftStage make_stage(int radix, int count, int stride) {
    FftStage stage{radix, count, stride, nullptr, nullptr};
    const int size = radix * count;
    float* roots = take<float>(2 * static_cast<std::size_t>(radix));
    float* twiddles = take<float>(2 * static_cast<std::size_t>(size - count));
    if (roots == nullptr || twiddles == nullptr) return stage;
    stage.roots = roots;
    stage.twiddles = twiddles;
    for (int u = 0; u < radix; ++u, roots += 2) write_root(u, radix, roots, roots + 1, 1);
    for (int j = 0; j < count; ++j) {
      for (int u = 1; u < radix; ++u, twiddles += 2) {
        write_root(std::int64_t{j} * u, size, twiddles, twiddles + 1, 1);
      }
    }
    return stage;
  }

  void make_real_twiddles() {
    const int vectors = points / 2 / split + 1, lanes = split * kFrames;
    float* to =
        take<float>(2 * static_cast<std::size_t>(vectors) * static_cast<std::size_t>(lanes));
    real_twiddles = to;
    for (int v = 0; to != nullptr && v < vectors; ++v, to += 2 * lanes) {
      for (int i = 0; i < split; ++i) {
        write_root(v * split + i, n_fft, to + i * kFrames, to + lanes + i * kFrames, kFrames);
      }
    }
  }

  // Triangles of height 1 between neighbours of mels + 2 points that are equally far apart on the
  // scale 2595 log10(1 + f / 700).
  void make_bands(const LogMelParameters& p) {
    MelBand* to = take<MelBand>(p.mels);
    const double low = mel_of(p.f_min), high = mel_of(p.f_max);
    const double step = static_cast<double>(p.sample_rate) / n_fft;
    double edge[3] = {p.f_min, p.f_min, p.f_min};
    for (int i = 0; to != nullptr && i < mels + 2; ++i) {
      edge[0] = edge[1];
      edge[1] = edge[2];
      const double mel = low + (high - low) * i / (mels + 1);
      edge[2] = 700 * (std::pow(10.0, mel / 2595) - 1);
      if (i > 1) to[i - 2] = make_band(edge, step);
    }
    bands = to;
  }

  static double mel_of(double frequency) { return 2595 * std::log10(1 + frequency / 700); }

  static double triangle(const double edge[3], double f) {
    const double up = (f - edge[0]) / (edge[1] - edge[0]);
    const double down = (edge[2] - f) / (edge[2] - edge[1]);
    return up < down ? up : down;
  }

  MelBand make_band(const double edge[3], double step) {
    int first = static_cast<int>(edge[0] / step);
    int last = static_cast<int>(edge[2] / step);
    if (last > bins() - 1) last = bins() - 1;
    while (first <= last && !(triangle(edge, first * step) > 0)) ++first;
    while (first <= last && !(triangle(edge, last * step) > 0)) --last;
    MelBand band;
    if (first > last) return band;
    band.first = first / split;
    band.vectors = last / split - band.first + 1;
    const int elements = band.vectors * split;
    float* to = take<float>(static_cast<std::size_t>(elements) * kFrames);
    band.weights = to;
    for (int i = 0; to != nullptr && i < elements; ++i) {
      const double height = triangle(edge, (band.first * split + i) * step);
      for (int f = 0; f < kFrames; ++f) {
        to[i * kFrames + f] = height > 0 ? static_cast<float>(height) : 0.0f;
      }
    }
    return band;
  }

  void make_statistics(const float* means, const float* deviations) {
    const std::size_t count = static_cast<std::size_t>(mels) * kFrames;
    const std::size_t whole = count + static_cast<std::size_t>(split) * kFrames;
    float* mean_to = take<float>(whole);
    float* std_to = take<float>(whole);
    for (std::size_t i = 0; mean_to != nullptr && std_to != nullptr && i < whole; ++i) {
      mean_to[i] = i < count ? means[i / kFrames] : 0.0f;
      std_to[i] = i < count ? deviations[i / kFrames] : 1.0f;
    }
    mean = mean_to;
    std = std_to;
  }

 public:
  // The first element of the v-th vector of a part; the last one may begin within that before it.
  int first_of_vector(int v) const {
    return (v + 1) * split <= length ? v * split : length - split;
  }

 private:
  Arena* arena_ = nullptr;
};

}  // namespace xnorkit
