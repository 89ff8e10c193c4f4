// Eight threads, one loaded network: each gets the answers that one alone gives.

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>

#include "small_network.hpp"
#include "testing.hpp"
#include "xnorkit/c_interface.hpp"

namespace xnorkit::testing {

constexpr int kThreads = 8, kClips = 6, kRounds = 4;

// Answers of all clips, by one engine, one after the other.
inline std::vector<float> answers(Engine& engine, const std::vector<float>& clips,
                                  std::size_t outputs) {
  std::vector<float> out(kClips * outputs);
  for (int round = 0; round < kRounds; ++round) engine.run(clips.data(), kClips, out.data());
  return out;
}

inline void check_threads(Engine& engine, std::size_t inputs, std::size_t outputs) {
  const auto clips = random_values<float>(kClips * inputs, -50, 50);
  const auto wanted = answers(engine, clips, outputs);
  expect(std::adjacent_find(wanted.begin(), wanted.end(), std::not_equal_to<>()) != wanted.end(),
         "answers differ among themselves");
  std::vector<float> found[kThreads];
  std::vector<std::thread> threads;
  for (auto& answer : found) {
    threads.emplace_back([&engine, &clips, &answer, outputs] {
      const std::unique_ptr<Engine> own(engine.fork());  // forks themselves run side by side
      answer = answers(*own, clips, outputs);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& answer : found) expect_equal(answer, wanted, "answer");
}

template <class Ops>
void threads() {
  using Network = SmallNetwork<Ops>;
  const auto bytes = small_model();
  ModelFile file(bytes.data(), bytes.size());
  const std::unique_ptr<Engine> engine(load_engine<Network>(Ops::name, file));
  expect(engine != nullptr, file.error());
  if (engine != nullptr) check_threads(*engine, Network::inputs, Network::outputs);
}

}  // namespace xnorkit::testing

XNORKIT_TEST(threads)
