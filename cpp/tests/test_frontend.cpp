#include <vector>

#include "heard_file.hpp"
#include "log_mel_truth.hpp"
#include "testing.hpp"
#include "xnorkit/audio/frontend.hpp"

namespace xnorkit::testing {

// Sample i of a clip, mirrored as often as it takes.
inline float mirrored(const std::vector<float>& clip, std::ptrdiff_t i) {
  const std::ptrdiff_t last = static_cast<std::ptrdiff_t>(clip.size()) - 1;
  while (i < 0 || i > last) i = i < 0 ? -i : 2 * last - i;
  return clip[static_cast<std::size_t>(i)];
}

inline void check_frontend(const LogMelParameters& p, const char* path) {
  current() = std::string("frontend ") + path + " " + text(p);
  const HeardFile heard(p);
  ModelFile file(heard.bytes.data(), heard.bytes.size());
  Frontend frontend;
  expect(frontend.load(file, path), file.error());
  const std::vector<float> clip = random_sound(p.samples);
  const std::size_t margin = static_cast<std::size_t>(frontend.margin());
  std::vector<float> between(p.samples + 2 * margin, 0.25f);
  std::copy(clip.begin(), clip.end(), between.begin() + frontend.margin());
  Output<float> map(p.mels * p.frames());
  frontend.compute(between.data() + margin, map.data());
  const std::vector<float> found = map.values();

  std::vector<float> frame(p.n_fft);
  for (std::size_t t = 0; t < p.frames(); ++t) {
    for (std::size_t i = 0; i < p.n_fft; ++i) {
      frame[i] = mirrored(clip, static_cast<std::ptrdiff_t>(t * p.hop + i) -
                                    static_cast<std::ptrdiff_t>(p.n_fft / 2));
    }
    const std::vector<double> wanted = true_decibels(p, frame.data());
    for (std::size_t m = 0; m < p.mels; ++m) {
      expect_near(found[m * p.frames() + t], (wanted[m] - heard.mean[m]) / heard.std[m], 2e-5,
                  "frame " + std::to_string(t) + " band " + std::to_string(m));
    }
  }
}

inline LogMelParameters of_clip(LogMelParameters p, int samples, int hop) {
  p.samples = static_cast<std::uint64_t>(samples);
  p.hop = static_cast<std::uint64_t>(hop);
  return p;
}

template <class Ops>
void frontend() {
  check_frontend(of_clip(log_mel_parameters(128, 100, 4), 1000, 80), Ops::name);
  check_frontend(of_clip(log_mel_parameters(128, 40, 4), 640, 33), Ops::name);
  check_frontend(of_clip(log_mel_parameters(64, 64, 2), 64, 64), Ops::name);   // two frames
  check_frontend(of_clip(log_mel_parameters(64, 40, 2), 41, 1), Ops::name);    // all mirrored
  check_frontend(of_clip(log_mel_parameters(80, 41, 2), 41, 7), Ops::name);    // longer than a clip
  check_frontend(of_clip(log_mel_parameters(82, 60, 3), 300, 60), Ops::name);  // portable vectors
  check_frontend(of_clip(log_mel_parameters(63, 50, 2), 120, 20), Ops::name);  // odd
}

}  // namespace xnorkit::testing

XNORKIT_TEST(frontend)
