// Frames of samples → standardised log-mel, in the steps that log_mel_tables.hpp counts.

typedef float Quads __attribute__((vector_size(4 * kFrames)));  // one element of kFrames frames

// Neighbouring elements in a vector.
template <class Vector>
inline constexpr int kSplit = sizeof(Vector) / sizeof(Quads);

template <class Vector>
struct Complex {
  Vector re, im;
};

template <class Vector>
XNORKIT_INLINE Vector spread(float value) {
  return value - Vector{};
}

template <class Vector>
XNORKIT_INLINE Complex<Vector> add(Complex<Vector> a, Complex<Vector> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class Vector>
XNORKIT_INLINE Complex<Vector> subtract(Complex<Vector> a, Complex<Vector> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class Vector>
XNORKIT_INLINE Complex<Vector> multiply(Complex<Vector> a, Complex<Vector> b) {
  return {multiply_add(-a.im, b.im, a.re * b.re), multiply_add(a.im, b.re, a.re * b.im)};
}
// -i a
template <class Vector>
XNORKIT_INLINE Complex<Vector> turned(Complex<Vector> a) {
  return {a.im, -a.re};
}
template <class Vector>
XNORKIT_INLINE Complex<Vector> load_pair(const float* re, const float* im) {
  return {load_vector<Vector>(re), load_vector<Vector>(im)};
}
template <class Vector>
XNORKIT_INLINE void store_pair(float* re, float* im, Complex<Vector> a) {
  store_vector(re, a.re);
  store_vector(im, a.im);
}
// The same number in all lanes, from [re, im].
template <class Vector>
XNORKIT_INLINE Complex<Vector> spread_pair(const float* pair) {
  return {spread<Vector>(pair[0]), spread<Vector>(pair[1])};
}

// The butterfly of radix 4, in place.
template <class Vector>
XNORKIT_INLINE void transform(Complex<Vector> (&a)[4]) {
  const Complex<Vector> even = add(a[0], a[2]), even_less = subtract(a[0], a[2]);
  const Complex<Vector> odd = add(a[1], a[3]), odd_less = turned(subtract(a[1], a[3]));
  a[0] = add(even, odd);
  a[1] = add(even_less, odd_less);
  a[2] = subtract(even, odd);
  a[3] = subtract(even_less, odd_less);
}
template <class Vector>
XNORKIT_INLINE void transform(Complex<Vector> (&a)[2]) {
  const Complex<Vector> second = subtract(a[0], a[1]);
  a[0] = add(a[0], a[1]);
  a[1] = second;
}
template <class Vector>
XNORKIT_INLINE void transform(Complex<Vector> (&)[1]) {}

// Groups of kFrames lanes of x, then of y, in a given order.
template <int... group>
struct Groups {
  template <class Vector, int... lane>
  static XNORKIT_INLINE Vector of(Vector x, Vector y, std::integer_sequence<int, lane...>) {
    constexpr int order[] = {group...};
    return __builtin_shufflevector(x, y, (order[lane / kFrames] * kFrames + lane % kFrames)...);
  }
  template <class Vector>
  static XNORKIT_INLINE Vector of(Vector x, Vector y) {
    return of(x, y, std::make_integer_sequence<int, kFrames * kSplit<Vector>>());
  }
};

// Group p of row i becomes group i of row p.
template <class Vector>
XNORKIT_INLINE void transpose(Vector (&)[1]) {}
template <class Vector>
XNORKIT_INLINE void transpose(Vector (&row)[2]) {
  const Vector first = Groups<0, 2>::of(row[0], row[1]);
  row[1] = Groups<1, 3>::of(row[0], row[1]);
  row[0] = first;
}
template <class Vector>
XNORKIT_INLINE void transpose(Vector (&row)[4]) {
  const Vector low01 = Groups<0, 1, 4, 5>::of(row[0], row[1]);
  const Vector high01 = Groups<2, 3, 6, 7>::of(row[0], row[1]);
  const Vector low23 = Groups<0, 1, 4, 5>::of(row[2], row[3]);
  const Vector high23 = Groups<2, 3, 6, 7>::of(row[2], row[3]);
  row[0] = Groups<0, 2, 4, 6>::of(low01, low23);
  row[1] = Groups<1, 3, 5, 7>::of(low01, low23);
  row[2] = Groups<0, 2, 4, 6>::of(high01, high23);
  row[3] = Groups<1, 3, 5, 7>::of(high01, high23);
}

XNORKIT_INLINE Quads reversed(Quads x) { return x; }
template <class Vector>
XNORKIT_INLINE Vector reversed(Vector x) {
  if constexpr (kSplit<Vector> == 4) {
    return Groups<3, 2, 1, 0>::of(x, x);
  } else {
    return Groups<1, 0>::of(x, x);
  }
}

// Sum of the groups.
XNORKIT_INLINE Quads folded(Quads x) { return x; }
template <class Vector>
XNORKIT_INLINE Quads folded(Vector x) {
  float lanes[kFrames * kSplit<Vector>];
  store_vector(lanes, x);
  Quads sum = load_vector<Quads>(lanes);
  for (int i = 1; i < kSplit<Vector>; ++i) sum += load_vector<Quads>(lanes + kFrames * i);
  return sum;
}

// Samples in pairs: lane 4 i + f is sample 2 i, and 2 i + 1, of frame f, times the window.
template <class Vector>
struct SamplePairs {
  static constexpr int kSamples = 2 * kSplit<Vector>;  // of a frame in a vector
  typedef float Half __attribute__((vector_size(sizeof(Vector) / 2)));

  static XNORKIT_INLINE Complex<Vector> at(const float* const* frames, const float* window, int n) {
    const Vector factor = joined(window + n, window + n);
    const Vector low = factor * joined(frames[0] + n, frames[1] + n);
    const Vector high = factor * joined(frames[2] + n, frames[3] + n);
    constexpr auto lanes = std::make_integer_sequence<int, kFrames * kSplit<Vector>>();
    return {every_other<0>(low, high, lanes), every_other<1>(low, high, lanes)};
  }

 private:
  static XNORKIT_INLINE Vector joined(const float* first, const float* second) {
    Half halves[2];  // by hand: GCC takes Half as a template argument for a float
    __builtin_memcpy(&halves[0], first, sizeof halves[0]);
    __builtin_memcpy(&halves[1], second, sizeof halves[1]);
    return joined(halves[0], halves[1],
                  std::make_integer_sequence<int, kFrames * kSplit<Vector>>());
  }
  template <int... lane>
  static XNORKIT_INLINE Vector joined(Half first, Half second,
                                      std::integer_sequence<int, lane...>) {
    return __builtin_shufflevector(first, second, lane...);
  }
  template <int odd, int... lane>
  static XNORKIT_INLINE Vector every_other(Vector low, Vector high,
                                           std::integer_sequence<int, lane...>) {
    return __builtin_shufflevector(low, high,
                                   (lane % kFrames * kSamples + 2 * (lane / kFrames) + odd)...);
  }
};

// Natural logarithm of positive, normal numbers, within 1e-7 of its size or absolutely. Source: the
// polynomial of Moshier's Cephes, logf.
template <class Vector>
XNORKIT_INLINE Vector logarithm(Vector x) {
  typedef std::int32_t Bits __attribute__((vector_size(sizeof(Vector))));
  constexpr std::int32_t root_half = 0x3f3504f3;
  Bits bits = reinterpret_cast<Bits>(x);
  const Bits exponent = (bits - root_half) >> 23;  // so that the mantissa lies around 1
  bits -= exponent << 23;
  const Vector m = reinterpret_cast<Vector>(bits) - 1.0f;
  Vector y = spread<Vector>(7.0376836292e-2f);
  for (const float factor :
       {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
        2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f}) {
    y = multiply_add(y, m, spread<Vector>(factor));
  }
  const Vector square = m * m;
  y = multiply_add(y * m, square, square * -0.5f) + m;
  return multiply_add(__builtin_convertvector(exponent, Vector), spread<Vector>(0.69314718056f), y);
}

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
