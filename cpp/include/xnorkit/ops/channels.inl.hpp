// What ops that work channel by channel share: vectors with a tail, and constants of each channel.

// n of kFloatLanes lanes, n known to the compiler; the others are 0.
template <int n>
XNORKIT_INLINE Floats load_lanes(const float* from) {
  if constexpr (n == kFloatLanes) {
    return load_vector<Floats>(from);
  } else {
    return load_part(from, n);
  }
}

template <int n>
XNORKIT_INLINE void store_lanes(float* to, Floats vector) {
  if constexpr (n == kFloatLanes) {
    store_vector(to, vector);
  } else {
    store_part(to, vector, n);
  }
}

// body.at<n>(i) for i = 0, kFloatLanes, ... below count; n = kFloatLanes, and what is left at the
// end.
template <int count, class Body>
XNORKIT_INLINE void each_vector(const Body& body) {
  int i = 0;
  for (; i + kFloatLanes <= count; i += kFloatLanes) body.template at<kFloatLanes>(i);
  if constexpr (count % kFloatLanes != 0) body.template at<count % kFloatLanes>(i);
}

// Maps whose channels fill a vector a whole number of times are read as one long row.
constexpr bool repeats(int channels) { return kFloatLanes % channels == 0; }

// One float a channel, over and over up to whole vectors; null = failed, the loader says why.
inline float* channel_values(Loader& loader, const char* name, const char* field, int channels) {
  const float* values = loader.tensor<float>(name, field, channels);
  const int padded = (channels + kFloatLanes - 1) / kFloatLanes * kFloatLanes;
  float* out = values == nullptr ? nullptr : loader.take<float>(name, padded);
  for (int i = 0; out != nullptr && i < padded; ++i) out[i] = values[i % channels];
  return out;
}

// Flags (0, 1) of the channels as the bits of a pixel; null = failed, the loader says why.
inline std::uint64_t* channel_flags(Loader& loader, const char* name, const char* field,
                                    int channels) {
  const std::uint8_t* flags = loader.tensor<std::uint8_t>(name, field, channels);
  auto* words = flags == nullptr ? nullptr : loader.take<std::uint64_t>(name, words_of(channels));
  for (int i = 0; words != nullptr && i < channels; ++i) {
    words[i / kWordBits] |= std::uint64_t{flags[i] != 0} << (i % kWordBits);
  }
  return words;
}

// An unsigned number of a bit a lane.
template <int lanes>
using LaneBits = std::conditional_t<
    lanes <= 8, std::uint8_t,
    std::conditional_t<lanes <= 16, std::uint16_t,
                       std::conditional_t<lanes <= 32, std::uint32_t, std::uint64_t>>>;
