#include <algorithm>
#include <vector>

#include "heard_file.hpp"
#include "log_mel_truth.hpp"
#include "testing.hpp"
#include "xnorkit/audio/feature_stream.hpp"

namespace xnorkit::testing {

// The map of a clip that a Frontend makes at once.
inline std::vector<float> one_shot(Frontend& frontend, const std::int16_t* sound) {
  const std::size_t samples = frontend.parameters().samples, margin = frontend.margin();
  std::vector<float> clip(samples + 2 * margin);
  for (std::size_t i = 0; i < samples; ++i) clip[margin + i] = full_scale(sound[i]);
  std::vector<float> map(static_cast<std::size_t>(frontend.mels()) * frontend.frames());
  frontend.compute(clip.data() + margin, map.data());
  return map;
}

// Fed in pieces, each map is what the one-shot front end makes of its clip, to the last bit.
inline void check_stream(const LogMelParameters& p, std::size_t columns, int most_piece) {
  current() = "feature_stream " + text(p) + " hop of " + std::to_string(columns);
  const HeardFile heard(p);
  ModelFile file(heard.bytes.data(), heard.bytes.size());
  Frontend frontend, alone;
  char error[256];
  const char* path = kIsas[choose_isa(nullptr, error, sizeof error)].name;
  expect(frontend.load(file, path) && alone.load(file, path), file.error());
  const std::size_t hop = columns * p.hop, total = 6 * p.samples;
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
    const std::vector<float> wanted = one_shot(alone, sound.data() + start);
    expect_equal(std::vector<float>(stream.map(), stream.map() + wanted.size()), wanted, "map");
  }
  expect(clips == (total - p.samples) / hop + 1, "every clip came");
}

// With other means and deviations from the second clip on: frames that lie within both clips still
// have the first ones, so they were computed once; all others from there on have the second.
inline void check_computed_once(const LogMelParameters& p, int columns) {
  current() = "feature_stream computes once, hop of " + std::to_string(columns);
  const HeardFile heard(p), other(p);
  ModelFile file(heard.bytes.data(), heard.bytes.size());
  ModelFile file_of_stream(heard.bytes.data(), heard.bytes.size());
  ModelFile other_file(other.bytes.data(), other.bytes.size());
  ModelFile other_of_stream(other.bytes.data(), other.bytes.size());
  Frontend frontend, before, after;
  char error[256];
  const char* path = kIsas[choose_isa(nullptr, error, sizeof error)].name;
  expect(frontend.load(file_of_stream, path) && before.load(file, path), file.error());
  const std::size_t hop = columns * p.hop;
  const std::vector<std::int16_t> sound =
      random_values<std::int16_t>(p.samples + hop, -20000, 20000);

  FeatureStream stream(frontend, hop);
  bool complete = false;
  expect(stream.take(sound.data(), p.samples, &complete) == p.samples && complete, "a clip");
  expect(frontend.load(other_of_stream, path) && after.load(other_file, path), other_file.error());
  expect(stream.take(sound.data() + p.samples, hop, &complete) == hop && complete, "the next");

  const std::vector<float> first = one_shot(before, sound.data() + hop);
  const std::vector<float> second = one_shot(after, sound.data() + hop);
  const int frames = frontend.frames();
  int once = 0;
  for (int i = 0; i < frontend.mels() * frames; ++i) {
    const int t = i % frames;
    if (t < frames / 2 && !frontend.is_interior(t)) continue;  // may be computed ahead
    const bool known = frontend.is_interior(t) && frontend.is_interior(t + columns);
    once += known;
    expect(stream.map()[i] == (known ? first : second)[i], "frame " + std::to_string(t));
    expect(first[i] != second[i], "means and deviations that tell the clips apart");
  }
  expect(once > 0, "frames within both clips");
}

void feature_stream() {
  LogMelParameters p = log_mel_parameters(128, 100, 4);
  p.samples = 1000;
  p.hop = 50;
  for (const std::size_t columns : {1, 2, 3, 7, 19, 20}) check_stream(p, columns, 170);
  check_stream(p, 2, 5000);  // more than one clip at once
  check_stream(p, 1, 1);
  for (const int columns : {1, 2, 7}) check_computed_once(p, columns);
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
