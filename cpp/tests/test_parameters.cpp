#include <cstring>
#include <string>
#include <vector>

#include "heard_file.hpp"
#include "log_mel_truth.hpp"
#include "testing.hpp"
#include "xnorkit/audio/frontend.hpp"

namespace xnorkit::testing {

inline void expect_refused(const std::string& features, const char* sentence) {
  current() = "features " + features;
  ModelBytes model("[]", features);
  model.add("features.mean", std::vector<float>(4, 0.0f));
  model.add("features.std", std::vector<float>(4, 1.0f));
  const std::vector<char> bytes = model.bytes();
  ModelFile file(bytes.data(), bytes.size());
  Frontend frontend;
  expect(!frontend.load(file, "portable"), "is refused");
  expect(std::strstr(file.error(), sentence) != nullptr, file.error());
}

// Every change of what another implementation would compute otherwise, and of every size.
void parameters() {
  const std::string good = features_text(log_mel_parameters(128, 100, 4));
  expect_refused("{}", "says no features");
  expect_refused("", "another kind");
  expect_refused(good + " ", "another kind");
  for (const char* word : {"hann_periodic", "reflect", "htk", "\"none\"", "10*log10"}) {
    expect_refused(replaced(good, word, "\"other\""), "another kind");
  }
  for (const char* size : {"0", "99999999999999", "-4", "1.5", "", "x", "1e3"}) {
    for (const char* key :
         {"sample_rate", "samples", "n_mels", "n_fft", "win_length", "hop_length"}) {
      expect_refused(with_value(good, key, size), "another kind");
    }
  }
  for (const char* number : {"", "-1", ".", "e5", "1e999", "9000.0", "nan"}) {
    expect_refused(with_value(good, "f_max", number), "another kind");
  }
  expect_refused(with_value(good, "log_floor", "0.0"), "another kind");
  expect_refused(with_value(good, "n_mels", "5"), "features.mean in model.xnor has 4 x F32");
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(parameters)
