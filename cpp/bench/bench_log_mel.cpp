// Log-mel of one second, 40 mels, on every ISA path that this CPU has: all 101 frames of a clip,
// and those of a decision that comes 20 ms after another. Prints the minimum over the rounds in
// microseconds; a decision's features are compared with a clip's first, to the last bit.
//
//   g++ -std=c++20 -O3 -ffp-contract=off -Iinclude bench/bench_log_mel.cpp && ./a.out [rounds]

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "../tests/heard_file.hpp"
#include "../tests/log_mel_truth.hpp"
#include "xnorkit/audio/feature_stream.hpp"

namespace {

using namespace xnorkit;
using namespace xnorkit::testing;

constexpr int kClip = 16000, kHop = 320, kDecisions = 40;

double microseconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - since)
      .count();
}

struct Bench {
  Bench(const HeardFile& heard, const char* path) {
    ModelFile file(heard.bytes.data(), heard.bytes.size());
    if (!clips.load(file, path) || !decisions.load(file, path)) std::abort();
    const std::size_t margin = static_cast<std::size_t>(clips.margin());
    clip.resize(kClip + 2 * margin);
    for (int i = 0; i < kClip; ++i) clip[margin + i] = full_scale(sound[i]);
    map.resize(static_cast<std::size_t>(clips.mels() * clips.frames()));
  }

  double of_a_clip() {
    const auto begin = std::chrono::steady_clock::now();
    clips.compute(clip.data() + clips.margin(), map.data());
    return microseconds(begin);
  }

  double of_a_decision(FeatureStream& stream) {
    bool complete = false;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kDecisions; ++i) stream.take(sound.data() + i * kHop, kHop, &complete);
    return microseconds(begin) / kDecisions;
  }

  bool run(int rounds, const char* path) {
    FeatureStream stream(decisions, kHop);
    bool complete = false;
    stream.take(sound.data(), kClip, &complete);
    of_a_clip();
    if (!complete || !std::equal(map.begin(), map.end(), stream.map())) return false;
    double whole = 1e9, each = 1e9;
    for (int round = 0; round < rounds; ++round) {
      whole = std::min(whole, of_a_clip());
      each = std::min(each, of_a_decision(stream));
    }
    std::printf("%-14s clip %6.1f us, decision %5.2f us: 1/%.1f\n", path, whole, each,
                whole / each);
    return true;
  }

  Frontend clips, decisions;
  const std::vector<std::int16_t> sound = random_values<std::int16_t>(kClip, -9000, 9000);
  std::vector<float> clip, map;
};

}  // namespace

int main(int count, char** arguments) {
  LogMelParameters p = log_mel_parameters(512, 480, 40);
  p.samples = kClip;
  const HeardFile heard(p);
  for (const Isa& isa : kIsas) {
    if (!isa.supported()) continue;
    Bench bench(heard, isa.name);
    if (!bench.run(count > 1 ? std::atoi(arguments[1]) : 1000, isa.name)) {
      std::printf("%s: a stream's features are not the clip's\n", isa.name);
      return 1;
    }
  }
}
