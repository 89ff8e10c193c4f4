#include <algorithm>
#include <vector>

#include "heard_file.hpp"
#include "log_mel_truth.hpp"
#include "testing.hpp"
#include "xnorkit/audio/feature_stream.hpp"

namespace xnorkit::testing {

// Fed in pieces, each map is what the one-shot front end makes of its clip, to the last bit.
inline void check_stream(const LogMelParameters& p, std::size_t columns, int most_piece) {
  current() = "feature_stream " + text(p) + " hop of " + std::to_string(columns);
  const HeardFile heard(p);
  ModelFile file(heard.bytes.data(), heard.bytes.size());
  Frontend frontend, alone;
  char error[256];
  const char* path = kIsas[choose_isa(nullptr, error, sizeof error)].name;
  expect(frontend.load(file, path) && alone.load(file, path), file.error());
  const std::size_t hop = columns * p.hop, total = 6 * p.samples, margin = alone.margin();
  const std::vector<std::int16_t> sound = random_values<std::int16_t>(total, -20000, 20000);

  FeatureStream stream(frontend, hop);
  expect(stream.ok(), "memory");
  std::size_t clips = 0;
  for (std::size_t fed = 0; fed < total;) {
    const std::size_t piece = std::min<std::size_t>(random_int(0, most_piece), total - fed);
    bool complete = false;
    fed += stream.take(sound.data() + fed, piece, &complete);
    if (!complete) continue;
    const std::size_t start = clips++ * hop;
    expect(fed == start + p.samples, "a clip ends where it shall");
    std::vector<float> clip(p.samples + 2 * margin);
    for (std::size_t i = 0; i < p.samples; ++i) clip[margin + i] = full_scale(sound[start + i]);
    std::vector<float> wanted(p.mels * p.frames());
    alone.compute(clip.data() + margin, wanted.data());
    expect_equal(std::vector<float>(stream.map(), stream.map() + wanted.size()), wanted, "map");
  }
  expect(clips == (total - p.samples) / hop + 1, "every clip came");
}

void feature_stream() {
  LogMelParameters p = log_mel_parameters(128, 100, 4);
  p.samples = 1000;
  p.hop = 50;
  for (const std::size_t columns : {1, 2, 3, 7, 19, 20}) check_stream(p, columns, 170);
  check_stream(p, 2, 5000);  // more than one clip at once
  check_stream(p, 1, 1);
  p.samples = 997;  // ends between two frames
  check_stream(p, 3, 400);
  p.window = 20;  // zeros around it: fewer frames are mirrored
  check_stream(p, 2, 400);
  p.n_fft = 1024;  // mirrored twice, but for the zeros
  check_stream(p, 2, 400);
  p.window = 900;  // no frame lies within a clip
  check_stream(p, 2, 400);
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(feature_stream)
