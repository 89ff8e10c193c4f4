// A model.xnor that says its features.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "model_bytes.hpp"
#include "testing.hpp"
#include "xnorkit/audio/parameters.hpp"

namespace xnorkit::testing {

// As Python's canonical_json writes it.
inline std::string features_text(const LogMelParameters& p) {
  char text[512];
  std::snprintf(text, sizeof text,
                R"({"sample_rate":%d,"samples":%d,"n_mels":%d,"n_fft":%d,"win_length":%d,)"
                R"("hop_length":%d,"f_min":%.1f,"f_max":%.1f,"window":"hann_periodic",)"
                R"("padding":"reflect","mel_scale":"htk","mel_norm":"none","log":"10*log10",)"
                R"("log_floor":1e-10})",
                static_cast<int>(p.sample_rate), static_cast<int>(p.samples),
                static_cast<int>(p.mels), static_cast<int>(p.n_fft), static_cast<int>(p.window),
                static_cast<int>(p.hop), p.f_min, p.f_max);
  return text;
}

inline std::string replaced(std::string text, const std::string& word, const std::string& other) {
  return text.replace(text.find(word), word.size(), other);
}

inline std::string with_value(const std::string& text, const std::string& key,
                              const std::string& value) {
  const std::size_t begin = text.find("\"" + key + "\":") + key.size() + 3;
  const std::size_t end = text.find_first_of(",}", begin);
  return text.substr(0, begin) + value + text.substr(end);
}

struct HeardFile {
  explicit HeardFile(const LogMelParameters& p, const std::string& labels = "[]") {
    for (std::size_t m = 0; m < p.mels; ++m) {
      mean.push_back(static_cast<float>(random_int(-40, 0)));
      std.push_back(static_cast<float>(random_int(8, 16)));
    }
    ModelBytes model(labels, features_text(p));
    model.add("features.mean", mean);
    model.add("features.std", std);
    bytes = model.bytes();
  }

  std::vector<float> mean, std;
  std::vector<char> bytes;
};

}  // namespace xnorkit::testing
