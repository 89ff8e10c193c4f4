// Vectors of one or several elements of kFrames frames: complex numbers, butterflies, the order of
// lanes, samples in pairs, the logarithm.

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
