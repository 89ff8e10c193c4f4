// Frames of samples → standardised log-mel, in the steps that log_mel_tables.hpp counts.

// The steps on vectors of one width.
template <class Vector>
class LogMelSteps {
 public:
  explicit LogMelSteps(const LogMelTables& tables) : t_(tables) {}

  // Steps 1 and 2, from a's arrays or to them; where the spectrum then is.
  Complex<float*> spectrum(const float* const* frames, Complex<float*> a, Complex<float*> b) const {
    t_.real ? load_pairs(frames, a) : load_singles(frames, a);
    for (int i = 0; i < t_.stage_count; ++i) {
      run_stage(t_.stages[i], a, b);
      const Complex<float*> written = b;
      b = a;
      a = written;
    }
    return a;
  }

  // power[k][frame] of the bins of n_fft real samples.
  void power(Complex<float*> z, float* power) const {
    if (t_.real) return power_of_pairs(z, power);
    for (int at = 0; at < t_.bins() * kFrames; at += kLanes) {
      const Complex<Vector> bin = load_pair<Vector>(z.re + at, z.im + at);
      store_vector(power + at, multiply_add(bin.re, bin.re, bin.im * bin.im));
    }
  }

  // Standardised dB of each band.
  void bands(const float* power, float* out) const {
    for (int m = 0; m < t_.mels; ++m) {
      const MelBand& band = t_.bands[m];
      const float* from = power + band.first * kLanes;
      Vector sum{};
      for (int v = 0; v < band.vectors; ++v) {
        sum = multiply_add(load_vector<Vector>(band.weights + v * kLanes),
                           load_vector<Vector>(from + v * kLanes), sum);
      }
      store_vector(out + m * kFrames, folded(sum));
    }
    constexpr float decibels = 4.342944819032518f;  // 10 / ln 10
    const Vector floor = spread<Vector>(t_.floor);
    for (int at = 0; at < t_.mels * kFrames; at += kLanes) {
      const Vector energy = load_vector<Vector>(out + at);
      const Vector level = logarithm(energy > floor ? energy : floor) * decibels;
      const Vector centred = level - load_vector<Vector>(t_.mean + at);
      store_vector(out + at, centred / load_vector<Vector>(t_.std + at));
    }
  }

 private:
  static constexpr int kWidth = kSplit<Vector>, kLanes = kFrames * kWidth;

  void load_pairs(const float* const* frames, Complex<float*> to) const {
    const float* twiddles = t_.split_twiddles;
    for (int v = 0; v * kWidth < t_.length; ++v) {
      const int n = t_.first_of_vector(v);
      Complex<Vector> part[kWidth];
      for (int q = 0; q < kWidth; ++q) {
        part[q] = SamplePairs<Vector>::at(frames, t_.window, 2 * (n + q * t_.length));
      }
      transform(part);
      for (int p = 1; p < kWidth; ++p, twiddles += 2 * kLanes) {
        part[p] = multiply(part[p], load_pair<Vector>(twiddles, twiddles + kLanes));
      }
      Vector re[kWidth], im[kWidth];
      for (int p = 0; p < kWidth; ++p) {
        re[p] = part[p].re;
        im[p] = part[p].im;
      }
      transpose(re);
      transpose(im);
      for (int i = 0; i < kWidth; ++i) {
        store_pair(to.re + (n + i) * kLanes, to.im + (n + i) * kLanes,
                   Complex<Vector>{re[i], im[i]});
      }
    }
  }

  void load_singles(const float* const* frames, Complex<float*> to) const {
    for (int n = 0; n < t_.points; ++n) {
      for (int f = 0; f < kFrames; ++f) {
        to.re[n * kFrames + f] = frames[f][n] * t_.window[n];
        to.im[n * kFrames + f] = 0.0f;
      }
    }
  }

  static void run_stage(const FftStage& stage, Complex<float*> from, Complex<float*> to) {
    const bool last = stage.count == 1;  // all of its twiddles are 1
    if (stage.radix == 4) {
      last ? run_radix<4, false>(stage, from, to) : run_radix<4, true>(stage, from, to);
    } else if (stage.radix == 2) {
      last ? run_radix<2, false>(stage, from, to) : run_radix<2, true>(stage, from, to);
    } else {
      run_any_radix(stage, from, to);
    }
  }

  template <int radix, bool twiddled>
  static void run_radix(const FftStage& stage, Complex<float*> from, Complex<float*> to) {
    const int step = stage.count * stage.stride * kLanes;  // between the elements of a butterfly
    const int next = stage.stride * kLanes;                // between those that it writes
    for (int j = 0; j < stage.count; ++j) {
      Complex<Vector> twiddles[radix];
      for (int u = 1; u < radix && twiddled; ++u) {
        twiddles[u] = spread_pair<Vector>(stage.twiddles + 2 * (j * (radix - 1) + u - 1));
      }
      for (int q = 0; q < stage.stride; ++q) {
        const int at = (q + stage.stride * j) * kLanes;
        const int out = (q + stage.stride * radix * j) * kLanes;
        Complex<Vector> a[radix];
        for (int u = 0; u < radix; ++u) {
          a[u] = load_pair<Vector>(from.re + at + u * step, from.im + at + u * step);
        }
        transform(a);
        for (int u = 0; u < radix; ++u) {
          if (twiddled && u > 0) a[u] = multiply(a[u], twiddles[u]);
          store_pair(to.re + out + u * next, to.im + out + u * next, a[u]);
        }
      }
    }
  }

  static void run_any_radix(const FftStage& stage, Complex<float*> from, Complex<float*> to) {
    const int radix = stage.radix, step = stage.count * stage.stride * kLanes;
    for (int j = 0; j < stage.count; ++j) {
      for (int at = stage.stride * j * kLanes; at < stage.stride * (j + 1) * kLanes; at += kLanes) {
        int out = at + stage.stride * (radix - 1) * j * kLanes;
        for (int u = 0; u < radix; ++u, out += stage.stride * kLanes) {
          Complex<Vector> sum = load_pair<Vector>(from.re + at, from.im + at);
          for (int t = 1, root = u; t < radix; ++t, root += u) {
            root -= root >= radix ? radix : 0;
            const int place = at + t * step;
            sum = add(sum, multiply(load_pair<Vector>(from.re + place, from.im + place),
                                    spread_pair<Vector>(stage.roots + 2 * root)));
          }
          if (u > 0) {
            const float* pair = stage.twiddles + 2 * (j * (radix - 1) + u - 1);
            sum = multiply(sum, spread_pair<Vector>(pair));
          }
          store_pair(to.re + out, to.im + out, sum);
        }
      }
    }
  }

  // With z's spectrum Z and its mirror Y[k] = conj Z[points - k]: even samples have E = Z + Y, odd
  // ones O = -i (Z - Y), twice each, and x has E + w O in bin k and the conjugate of E - w O in bin
  // points - k; w = exp(-2 pi i k / n_fft).
  void power_of_pairs(Complex<float*> z, float* power) const {
    const int end = t_.points * kFrames;  // bin 0 once more
    store_pair(z.re + end, z.im + end, load_pair<Quads>(z.re, z.im));
    const float* twiddles = t_.real_twiddles;
    for (int at = 0; at <= end / 2; at += kLanes, twiddles += 2 * kLanes) {
      const int mirror = end - at - kLanes + kFrames;
      const Complex<Vector> there = load_pair<Vector>(z.re + mirror, z.im + mirror);
      const Complex<Vector> here = load_pair<Vector>(z.re + at, z.im + at);
      const Complex<Vector> other = {reversed(there.re), -reversed(there.im)};
      const Complex<Vector> even = add(here, other);
      const Complex<Vector> odd =
          multiply(turned(subtract(here, other)), load_pair<Vector>(twiddles, twiddles + kLanes));
      const Complex<Vector> low = add(even, odd), high = subtract(even, odd);
      store_vector(power + at, multiply_add(low.re, low.re, low.im * low.im));
      store_vector(power + mirror, reversed(multiply_add(high.re, high.re, high.im * high.im)));
    }
  }

  const LogMelTables& t_;
};

class LogMel final : public LogMelKernel {
 public:
  static constexpr int kNeighbours = kSplit<Floats>;

  const float* run(const float* const* frames, float* work) const override {
    const std::size_t size = element_floats();
    const Complex<float*> a = {work, work + size}, b = {work + 2 * size, work + 3 * size};
    float* power = work + 4 * size;
    float* out = work + 5 * size;
    const LogMelSteps<Floats> steps(tables);
    steps.power(steps.spectrum(frames, a, b), power);
    steps.bands(power, out);
    return out;
  }
};
