// The bytes of a WAV file → mono int16 samples, equal to those that Python's reader gives.
//
//   PCM of 8, 16, 24 and 32 bits, float of 32 and 64 bits, any number of channels, also behind the
//   header of WAVE_FORMAT_EXTENSIBLE. 8 bits are unsigned; of 24 and 32 bits the upper 16 count, as
//   libsndfile has it; floats are times 2^15, rounded half to even and clipped. Channels are
//   averaged. Source: Microsoft, "Multiple channel audio data and WAVE files", 2007.
#pragma once

#include <bit>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace xnorkit {

class Wav {
 public:
  // bytes: all of the file, at any address; they must stay as long as this object. Allocates
  // nothing.
  Wav(const void* bytes, std::size_t size)
      : bytes_(static_cast<const unsigned char*>(bytes)), size_(size) {
    if (!(find_chunks() && check_format() && check_samples())) frames_ = 0;
  }

  bool ok() const { return error_[0] == '\0'; }

  // A sentence with the way out; empty if nothing is wrong.
  const char* error() const { return error_; }

  unsigned rate() const { return rate_; }  // in Hz
  unsigned channels() const { return channels_; }
  std::size_t frames() const { return frames_; }  // samples of a channel; at least 1 if ok()

  // Writes the samples [first, first + count), zeros where the file has ended.
  void read(std::size_t first, std::size_t count, std::int16_t* to) const {
    for (std::size_t i = 0; i < count; ++i) {
      to[i] = first + i < frames_ ? sample(first + i) : std::int16_t{0};
    }
  }

 private:
  enum Encoding : unsigned { kPcm = 1, kFloat = 3, kExtensible = 0xfffe };

  static constexpr std::size_t kChunkHead = 8;
  static constexpr std::size_t kFormat = 16, kExtendedFormat = 40;  // bytes of a "fmt " chunk
  static constexpr std::size_t kSubformat = 24;                     // where it stands therein
  static constexpr std::size_t kStreamed = 0x7ffff000;  // from here on a writer knew no length
  static constexpr unsigned kMostChannels = 1024;       // as libsndfile
  static constexpr const char* kConvert =
      "Convert it: ffmpeg -i IN -c:a pcm_s16le OUT.wav, or sox IN -b 16 OUT.wav.";

  std::uint64_t number(std::size_t at, int bytes) const {
    std::uint64_t value = 0;
    for (int i = bytes; i-- > 0;) value = value << 8 | bytes_[at + static_cast<std::size_t>(i)];
    return value;
  }
  bool says(std::size_t at, const char* four) const {
    return std::memcmp(bytes_ + at, four, 4) == 0;
  }

  // Finds "fmt " and then "data"; what else there is, is passed over.
  bool find_chunks() {
    if (size_ < 12 || !says(0, "RIFF") || !says(8, "WAVE")) {
      return fail("this is no WAV file (RIFF/WAVE). %s", kConvert);
    }
    for (std::size_t at = 12; size_ - at >= kChunkHead;) {
      const std::size_t head = at, length = static_cast<std::size_t>(number(at + 4, 4));
      const std::size_t left = size_ - at - kChunkHead;
      at += kChunkHead;
      if (says(head, "data")) return take_data(at, length, left);
      if (length > left) break;
      if (says(head, "fmt ")) {
        format_ = at;
        format_size_ = length;
      }
      at += length;
      if (length % 2 != 0 && at < size_) ++at;  // chunks begin at even places
    }
    return fail("this WAV file ends before its samples begin: it is cut short. %s", kConvert);
  }

  bool take_data(std::size_t at, std::size_t length, std::size_t left) {
    if (length > left && length < kStreamed) {
      return fail(
          "this WAV file is cut short: it promises %llu bytes of samples, %llu are there. "
          "Copy it again.",
          wide(length), wide(left));
    }
    data_ = at;
    data_size_ = length < left ? length : left;
    return true;
  }

  bool check_format() {
    if (format_ == 0 || format_size_ < kFormat) {
      return fail("this WAV file does not say what its samples are (no fmt chunk of 16 bytes). %s",
                  kConvert);
    }
    encoding_ = static_cast<unsigned>(number(format_, 2));
    channels_ = static_cast<unsigned>(number(format_ + 2, 2));
    rate_ = static_cast<unsigned>(number(format_ + 4, 4));
    const unsigned block = static_cast<unsigned>(number(format_ + 12, 2));
    bits_ = static_cast<unsigned>(number(format_ + 14, 2));
    if (encoding_ == kExtensible && format_size_ >= kExtendedFormat) {
      encoding_ = static_cast<unsigned>(number(format_ + kSubformat, 2));
    }
    if (!known_samples()) {
      return fail(
          "this WAV file has samples of encoding %u with %u bits; PCM of 8, 16, 24 or 32 "
          "bits and float of 32 or 64 bits are read. %s",
          encoding_, bits_, kConvert);
    }
    if (channels_ == 0 || channels_ > kMostChannels || rate_ == 0 ||
        block != channels_ * (bits_ / 8)) {
      return fail(
          "this WAV file contradicts itself: %u channels of %u bits, %u bytes a frame, "
          "%u Hz. %s",
          channels_, bits_, block, rate_, kConvert);
    }
    return true;
  }

  bool known_samples() const {
    if (encoding_ == kFloat) return bits_ == 32 || bits_ == 64;
    return encoding_ == kPcm && bits_ % 8 == 0 && 8 <= bits_ && bits_ <= 32;
  }

  bool check_samples() {
    frames_ = data_size_ / (std::size_t{channels_} * (bits_ / 8));
    if (frames_ == 0) return fail("this WAV file holds no sample. Record it again.");
    for (std::size_t i = 0; encoding_ == kFloat && i < frames_ * channels_; ++i) {
      if (!std::isfinite(value(i))) {
        return fail("this WAV file holds a sample that is no number, frame %llu. Record it again.",
                    wide(i / channels_));
      }
    }
    return true;
  }

  // Sample i of all channels' samples: int16, or a float of about ±1.
  double value(std::size_t i) const {
    const int bytes = static_cast<int>(bits_ / 8);
    const std::size_t at = data_ + i * static_cast<std::size_t>(bytes);
    if (encoding_ == kFloat) {
      return bytes == 4 ? std::bit_cast<float>(static_cast<std::uint32_t>(number(at, 4)))
                        : static_cast<float>(std::bit_cast<double>(number(at, 8)));
    }
    if (bytes == 1) return (bytes_[at] - 128) * 256;
    return static_cast<std::int16_t>(number(at + static_cast<std::size_t>(bytes) - 2, 2));
  }

  std::int16_t sample(std::size_t frame) const {
    double sum = 0.0;
    for (unsigned c = 0; c < channels_; ++c) sum += value(frame * channels_ + c);
    const double scale = encoding_ == kFloat ? 32768.0 : 1.0;
    const float rounded = std::rint(static_cast<float>(sum / channels_ * scale));
    return static_cast<std::int16_t>(std::fmin(std::fmax(rounded, -32768.0f), 32767.0f));
  }

  static unsigned long long wide(std::size_t value) { return value; }

#if defined(__GNUC__)
  __attribute__((format(printf, 2, 3)))
#endif
  bool fail(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(error_, sizeof error_, format, arguments);
    va_end(arguments);
    return false;
  }

  const unsigned char* bytes_;
  std::size_t size_;
  std::size_t format_ = 0, format_size_ = 0;  // where "fmt " begins; 0: there is none
  std::size_t data_ = 0, data_size_ = 0;
  unsigned encoding_ = 0, channels_ = 0, rate_ = 0, bits_ = 0;
  std::size_t frames_ = 0;
  char error_[320] = "";
};

}  // namespace xnorkit
