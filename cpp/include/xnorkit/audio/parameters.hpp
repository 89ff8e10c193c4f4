// What model.xnor says of its features: the JSON of LogMel.parameters_dict() in
// src/xnorkit/features/log_mel.py.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "xnorkit/arena.hpp"
#include "xnorkit/json_cursor.hpp"
#include "xnorkit/model_file.hpp"

namespace xnorkit {

// 10 log10(max(power in mel band, floor)) of windowed frames, see docs/file_format.md.
struct LogMelParameters {
  std::uint64_t sample_rate = 0;  // Hz
  std::uint64_t samples = 0;      // of a clip
  std::uint64_t mels = 0;
  std::uint64_t n_fft = 0;
  std::uint64_t window = 0, hop = 0;  // samples
  double f_min = 0, f_max = 0;        // Hz
  double floor = 0;                   // of a band's power
  // As torch.stft counts: it pads n_fft / 2 samples at either end.
  std::uint64_t frames() const { return 1 + (samples - n_fft % 2) / hop; }

  // What LogMel holds too; and sizes whose multiples below fit an int.
  bool consistent() const {
    constexpr std::uint64_t most = 1 << 26;  // samples: an hour at 16 kHz
    return 2 <= sample_rate && sample_rate <= 1u << 30 && 0 < mels && mels <= 1 << 16 &&  //
           0 < hop && hop <= most && 0 < window && window <= n_fft && n_fft <= 1 << 24 &&
           window <= samples && samples <= most && n_fft / 2 < samples && f_min < f_max &&
           f_max <= static_cast<double>(sample_rate) / 2 && 0 < floor;
  }
};

namespace detail {

// A number that Python wrote: without sign, correctly rounded where its digits are below 2^53 and
// its power of ten at most 22, as every configured frequency's are.
inline bool take_number(JsonCursor& cursor, double& number) {
  double digits = 0;
  int exponent = 0, count = 0;
  bool fraction = false;
  for (int digit;; ++count) {
    if (!fraction && cursor.take(".")) fraction = true;
    if (!cursor.take_digit(digit)) break;
    digits = 10 * digits + digit;
    if (fraction) --exponent;
  }
  if (count == 0 || count > 400) return false;
  if (cursor.take("e")) {
    const bool negative = cursor.take("-");
    if (!negative) cursor.take("+");
    int power = 0;
    for (int digit; cursor.take_digit(digit) && power < 1000;) power = 10 * power + digit;
    exponent += negative ? -power : power;
  }
  number = exponent < 0 ? digits / std::pow(10.0, -exponent) : digits * std::pow(10.0, exponent);
  return std::isfinite(number);
}

inline bool take_parameters(JsonCursor& cursor, LogMelParameters& p) {
  return cursor.take("{\"sample_rate\":") && cursor.take_count(p.sample_rate) &&
         cursor.take(",\"samples\":") && cursor.take_count(p.samples) &&
         cursor.take(",\"n_mels\":") && cursor.take_count(p.mels) &&  //
         cursor.take(",\"n_fft\":") && cursor.take_count(p.n_fft) &&
         cursor.take(",\"win_length\":") && cursor.take_count(p.window) &&
         cursor.take(",\"hop_length\":") && cursor.take_count(p.hop) &&
         cursor.take(",\"f_min\":") && take_number(cursor, p.f_min) && cursor.take(",\"f_max\":") &&
         take_number(cursor, p.f_max) &&
         cursor.take(",\"window\":\"hann_periodic\",\"padding\":\"reflect\"") &&
         cursor.take(",\"mel_scale\":\"htk\",\"mel_norm\":\"none\",\"log\":\"10*log10\"") &&
         cursor.take(",\"log_floor\":") && take_number(cursor, p.floor) && cursor.take("}") &&
         cursor.ends_in_spaces(0);
}

}  // namespace detail

// False, and a sentence in file.error(), where the file has no features or those of another kind.
inline bool read_parameters(ModelFile& file, Arena& arena, LogMelParameters& parameters) {
  char* text = arena.take<char>(file.features().size());
  if (text == nullptr) return file.fail("no memory for the features. Close other programs.");
  JsonCursor cursor(text, text + unescape(file.features(), text));
  if (cursor.take("{}")) {
    return file.fail(
        "model.xnor says no features, so it takes no recordings. Deploy a checkpoint of "
        "`python train.py data=speech_commands` or data=audio_folder.");
  }
  return (detail::take_parameters(cursor, parameters) && parameters.consistent()) ||
         file.fail(
             "model.xnor has features of another kind than this library computes. Compute them "
             "yourself and call xnor_run, or upgrade xnorkit.");
}

}  // namespace xnorkit
