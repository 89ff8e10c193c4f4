#include "xnorkit/audio/wav.hpp"

#include <limits>

#include "testing.hpp"

namespace xnorkit::testing {

using Bytes = std::vector<unsigned char>;

inline void put(Bytes& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<unsigned char>(value >> (8 * i)));
}
inline void put(Bytes& to, const char* text) {
  for (; *text != 0; ++text) to.push_back(static_cast<unsigned char>(*text));
}

inline Bytes chunk(const char* name, const Bytes& content) {
  Bytes out;
  put(out, name);
  put(out, content.size(), 4);
  out.insert(out.end(), content.begin(), content.end());
  if (content.size() % 2 != 0) out.push_back(0);
  return out;
}

struct Format {
  unsigned encoding, channels, bits;
  unsigned rate = 16000, block = 0;  // 0: as it should be

  Bytes bytes() const {
    Bytes out;
    put(out, encoding, 2);
    put(out, channels, 2);
    put(out, rate, 4);
    put(out, rate * channels * bits / 8, 4);
    put(out, block != 0 ? block : channels * bits / 8, 2);
    put(out, bits, 2);
    return out;
  }
};

// The chunks behind one another in a file.
inline Bytes riff(std::initializer_list<Bytes> chunks) {
  Bytes out;
  put(out, "RIFF");
  put(out, 0, 4);
  put(out, "WAVE");
  for (const Bytes& chunk : chunks) out.insert(out.end(), chunk.begin(), chunk.end());
  return out;
}
inline Bytes file_of(Format format, const Bytes& data) {
  return riff({chunk("fmt ", format.bytes()), chunk("data", data)});
}

template <class T>
Bytes data_of(std::initializer_list<T> values, int bytes = sizeof(T)) {
  Bytes out;
  for (T value : values) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    put(out, bits, bytes);
  }
  return out;
}

inline std::vector<std::int16_t> samples_of(const Bytes& file, std::size_t count) {
  const Wav wav(file.data(), file.size());
  expect(wav.ok(), wav.error());
  expect(wav.rate() == 16000, "the rate");
  std::vector<std::int16_t> out(count, 99);
  wav.read(0, count, out.data());
  return out;
}

inline void refused(const Bytes& file, const char* because) {
  const Wav wav(file.data(), file.size());
  current() = std::string("wav: ") + because;
  expect(std::strstr(wav.error(), because) != nullptr, wav.error());
  expect(wav.error()[0] != '\0' && wav.error()[std::strlen(wav.error()) - 1] == '.', "a sentence");
  std::int16_t sample = 7;
  wav.read(0, 1, &sample);
  expect(!wav.ok() && wav.frames() == 0 && sample == 0, "and it holds nothing");
}

inline void check_samples() {
  using Samples = std::vector<std::int16_t>;
  const Bytes shorts = data_of<std::int16_t>({-32768, 32767, -1, 5});
  expect_equal(samples_of(file_of({1, 1, 16}, shorts), 5), Samples{-32768, 32767, -1, 5, 0}, "16");
  // Means exactly between two integers become the even one.
  const Bytes pairs = data_of<std::int16_t>({-32768, 32767, 2, 3, 4, 3});
  expect_equal(samples_of(file_of({1, 2, 16}, pairs), 3), Samples{0, 2, 4}, "stereo");
  expect_equal(samples_of(file_of({1, 1, 8}, {0, 128, 255}), 3), Samples{-32768, 0, 32512}, "8");
  const Bytes ints = data_of<std::int32_t>({-1, 0x7fffff, -0x800000, 0x1ff}, 3);
  expect_equal(samples_of(file_of({1, 1, 24}, ints), 4), Samples{-1, 32767, -32768, 1}, "24");
  const Bytes longs = data_of<std::int32_t>({-1, 0x7fffffff, 0x10000});
  expect_equal(samples_of(file_of({1, 1, 32}, longs), 3), Samples{-1, 32767, 1}, "32");
  const Bytes floats = data_of<float>({0.5f, -2.0f, 1.0f, 1.5f / 32768});
  expect_equal(samples_of(file_of({3, 1, 32}, floats), 4), Samples{16384, -32768, 32767, 2},
               "float");
  expect_equal(samples_of(file_of({3, 1, 64}, data_of<double>({-0.25})), 1), Samples{-8192},
               "double");
}

inline void check_chunks() {
  using Samples = std::vector<std::int16_t>;
  const Bytes data = data_of<std::int16_t>({3, 4});
  const Bytes format = chunk("fmt ", Format{1, 1, 16}.bytes());
  Bytes extended = Format{0xfffe, 1, 16}.bytes();
  put(extended, 22, 2);
  put(extended, 16, 2);
  put(extended, 4, 4);
  put(extended, 1, 2);
  extended.resize(40);
  const auto found = riff({chunk("LIST", {1, 2, 3}), chunk("fmt ", extended), chunk("data", data)});
  expect_equal(samples_of(found, 2), Samples{3, 4}, "extensible, behind a chunk of odd length");

  Bytes streamed = riff({format, chunk("data", data)});
  for (std::size_t i = 0; i < 4; ++i) streamed[streamed.size() - data.size() - 4 + i] = 0xff;
  expect_equal(samples_of(streamed, 3), Samples{3, 4, 0}, "the length of a pipe");

  Bytes half = data;
  half.push_back(9);
  expect_equal(samples_of(riff({format, chunk("data", half)}), 3), Samples{3, 4, 0},
               "half a sample");
  const Bytes file = riff({format, chunk("data", data)});
  const Wav wav(file.data(), file.size());
  std::int16_t some[2] = {};
  wav.read(1, 2, some);
  expect(some[0] == 4 && some[1] == 0, "from the second on");
}

inline void check_refusals() {
  const Bytes data = data_of<std::int16_t>({3, 4});
  const Bytes format = chunk("fmt ", Format{1, 1, 16}.bytes());
  refused({}, "no WAV file");
  refused(Bytes(100, 'R'), "no WAV file");
  refused(riff({}), "ends before its samples");
  refused(riff({format}), "ends before its samples");
  refused(riff({chunk("data", data)}), "does not say what its samples are");
  refused(riff({chunk("fmt ", {1, 0}), chunk("data", data)}), "does not say what");
  refused(riff({format, chunk("data", {})}), "holds no sample");
  refused(file_of({7, 1, 8}, data), "encoding 7 with 8 bits");
  refused(file_of({1, 1, 12}, data), "encoding 1 with 12 bits");
  refused(file_of({3, 1, 16}, data), "encoding 3 with 16 bits");
  refused(file_of({0xfffe, 1, 16}, data), "encoding 65534");
  refused(file_of({1, 0, 16}, data), "contradicts itself: 0 channels");
  refused(file_of({1, 1, 16, 0}, data), "contradicts itself");
  refused(file_of({1, 2, 16, 16000, 3}, data), "contradicts itself");
  const float infinite = std::numeric_limits<float>::infinity();
  refused(file_of({3, 1, 32}, data_of<float>({0.0f, infinite})), "no number, frame 1");
  Bytes cut = riff({format, chunk("data", data)});
  cut.pop_back();
  refused(cut, "promises 4 bytes of samples, 3 are there");
}

void wav() {
  check_samples();
  check_chunks();
  check_refusals();
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(wav)
