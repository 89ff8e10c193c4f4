// Vectors of one ISA path and what the compiler's vector extension gives for all of them alike.
// Included by each isa/<name>.hpp inside its region and namespace, after kWordLanes.
//
//   Words   kWordLanes  x uint64     one lane = one output channel
//   Floats  kFloatLanes x float      one lane = one output channel
//   Ints    kFloatLanes x int32      the same lanes as Floats

inline constexpr int kFloatLanes = 2 * kWordLanes;
inline constexpr int kBytes = 8 * kWordLanes;

typedef std::uint64_t Words __attribute__((vector_size(kBytes)));
typedef std::int64_t SignedWords __attribute__((vector_size(kBytes)));
typedef double Doubles __attribute__((vector_size(kBytes)));
typedef float Floats __attribute__((vector_size(kBytes)));
typedef float HalfFloats __attribute__((vector_size(kBytes / 2)));  // as many lanes as Words
typedef std::int32_t Ints __attribute__((vector_size(kBytes)));

// Vectors of `width` bytes whose lanes are narrower than a word.
template <int width>
struct ByteVectors {
  typedef std::uint8_t Bytes __attribute__((vector_size(width)));
  typedef std::uint16_t Shorts __attribute__((vector_size(width)));
};
typedef std::uint32_t EightInts __attribute__((vector_size(32)));
template <int width>
using Bytes = typename ByteVectors<width>::Bytes;
template <int width>
using Shorts = typename ByteVectors<width>::Shorts;

template <class Vector>
XNORKIT_INLINE Vector load_vector(const void* from) {
  Vector vector;
  __builtin_memcpy(&vector, from, sizeof vector);
  return vector;
}

template <class Vector>
XNORKIT_INLINE void store_vector(void* to, Vector vector) {
  __builtin_memcpy(to, &vector, sizeof vector);
}

// The first n elements, 0 <= n < lanes; the others are 0.
XNORKIT_INLINE Floats load_part(const float* from, int n) {
  float lanes[kFloatLanes] = {};
  for (int i = 0; i < n; ++i) lanes[i] = from[i];
  return load_vector<Floats>(lanes);
}

// Writes the first n elements of Floats or HalfFloats.
template <class Vector>
XNORKIT_INLINE void store_part(float* to, Vector vector, int n) {
  float lanes[sizeof vector / sizeof(float)];
  store_vector(lanes, vector);
  for (int i = 0; i < n; ++i) to[i] = lanes[i];
}

XNORKIT_INLINE Words broadcast(std::uint64_t word) { return word + Words{}; }
// Minus, because -0 + 0 would be +0.
XNORKIT_INLINE Floats broadcast(float value) { return value - Floats{}; }
XNORKIT_INLINE Ints broadcast(std::int32_t value) { return value + Ints{}; }

// a > b ? a : b and a < b ? a : b: b where one is NaN or both are 0. x86 has an instruction for
// each, its paths' functions are taken instead.
template <class Vector>
XNORKIT_INLINE Vector larger(Vector a, Vector b) {
  return a > b ? a : b;
}
template <class Vector>
XNORKIT_INLINE Vector smaller(Vector a, Vector b) {
  return a < b ? a : b;
}

// What was loaded is loaded again. Compilers keep a value that a neighbouring sum will need and
// spill another for it (1.2 times the time of a 5x5 stem).
XNORKIT_INLINE void forget_loads() { asm volatile("" ::: "memory"); }

// Row b, lane l: -1 where bit l of b is set, else 1. For up to 8 lanes: 8 KiB at most.
template <int lanes>
struct SignRows {
  constexpr SignRows() : rows() {
    for (int b = 0; b < 1 << lanes; ++b) {
      for (int l = 0; l < lanes; ++l) rows[b][l] = (b >> l & 1) != 0 ? -1.0f : 1.0f;
    }
  }
  alignas(64) float rows[1 << lanes][lanes];
};
