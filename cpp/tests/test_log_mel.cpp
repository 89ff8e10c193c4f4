#include <vector>

#include "log_mel_truth.hpp"
#include "testing.hpp"

namespace xnorkit::testing {

inline void check_log_mel(LogMelKernel& kernel, int neighbours, const LogMelParameters& p,
                          const char* isa) {
  current() = std::string("log_mel ") + isa + " " + text(p);
  const std::size_t mels = static_cast<std::size_t>(p.mels);
  std::vector<float> mean, std;
  for (std::size_t m = 0; m < mels; ++m) {
    mean.push_back(static_cast<float>(random_int(-40, 0)));
    std.push_back(static_cast<float>(random_int(8, 16)));
  }
  Arena arena;
  expect(kernel.tables.make(p, mean.data(), std.data(), neighbours, arena), "memory");
  std::vector<float> frames[kFrames];  // of their very length: the sanitizer sees a read past it
  const float* from[kFrames];
  for (int f = 0; f < kFrames; ++f) {
    frames[f] = random_sound(p.n_fft);
    if (f == 2) frames[f].assign(p.n_fft, 0.0f);  // silence stays at the floor
    from[f] = frames[f].data();
  }
  float* work = arena.take<float>(kernel.work_floats());
  kernel.run(from, work);
  const float* found = kernel.run(from, work);  // a second run must not see the first
  for (std::size_t f = 0; f < kFrames; ++f) {
    const std::vector<double> wanted = true_decibels(p, from[f]);
    for (std::size_t m = 0; m < mels; ++m) {
      expect_near(found[m * kFrames + f], (wanted[m] - mean[m]) / std[m], 2e-5,
                  "frame " + std::to_string(f) + " band " + std::to_string(m));
    }
  }
}

// Where this path's vectors can be filled; Frontend takes another path for the others.
template <class Ops>
void check_log_mel(int n_fft, int window, int mels, double f_min = 20, double f_max = 7600) {
  using LogMel = typename Ops::LogMel;
  const LogMelParameters p = log_mel_parameters(n_fft, window, mels, f_min, f_max);
  if (!LogMelTables::can_split(p, LogMel::kNeighbours)) return;
  LogMel kernel;
  check_log_mel(kernel, LogMel::kNeighbours, p, Ops::name);
}

template <class Ops>
void log_mel() {
  check_log_mel<Ops>(512, 480, 40);
  check_log_mel<Ops>(256, 200, 10, 0, 8000);
  check_log_mel<Ops>(128, 128, 3);
  check_log_mel<Ops>(64, 50, 1);
  check_log_mel<Ops>(32, 32, 2, 400, 7000);
  check_log_mel<Ops>(16, 16, 1);
  check_log_mel<Ops>(400, 400, 17);   // 2 4 5 5
  check_log_mel<Ops>(480, 320, 20);   // 2 4 4 3 5
  check_log_mel<Ops>(336, 300, 12);   // a length that is no multiple of 4; 7
  check_log_mel<Ops>(208, 200, 6);    // 13
  check_log_mel<Ops>(82, 80, 4);      // a prime beside 2
  check_log_mel<Ops>(2, 2, 1, 3000);  // one point
  check_log_mel<Ops>(101, 99, 5);     // odd: single samples
  check_log_mel<Ops>(45, 45, 3);
}

}  // namespace xnorkit::testing

XNORKIT_TEST(log_mel)
