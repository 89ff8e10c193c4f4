// predict_wav MODEL.xnor FILE.wav…: label, probabilities and time of each recording.

#include <xnorkit/c_audio.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <vector>
#include <xnorkit/audio/wav.hpp>

namespace {

// All of a file; false where it can't be read.
bool read_file(const char* path, std::vector<char>& bytes) {
  constexpr std::size_t piece = 1 << 16;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return false;
  while (file) {
    const std::size_t size = bytes.size();
    bytes.resize(size + piece);
    file.read(bytes.data() + size, piece);
    bytes.resize(size + static_cast<std::size_t>(file.gcount()));
  }
  return !file.bad();
}

// An engine and what hears with it, or a sentence in `error`.
class Recogniser {
 public:
  explicit Recogniser(const char* path) {
    std::vector<char> model;
    if (!read_file(path, model)) {
      std::snprintf(error, sizeof error, "it can't be read. Give the path of a model.xnor.");
      return;
    }
    engine = xnor_create(model.data(), model.size(), nullptr, error, sizeof error);
    if (engine == nullptr) return;
    listener = xnor_listener_create(engine, model.data(), model.size(), error, sizeof error);
    if (listener != nullptr) xnor_listener_sizes(listener, &rate, &clip, &hop, &classes);
  }
  Recogniser(const Recogniser&) = delete;
  Recogniser& operator=(const Recogniser&) = delete;
  ~Recogniser() {
    xnor_listener_destroy(listener);
    xnor_destroy(engine);
  }

  void* engine = nullptr;
  void* listener = nullptr;
  int rate = 0, classes = 0;
  std::size_t clip = 0, hop = 0;
  char error[512] = "";
};

// The answer to a recording, likeliest class first.
void predict(const Recogniser& recogniser, const char* path,
             const std::vector<std::int16_t>& samples) {
  using Clock = std::chrono::steady_clock;
  std::vector<float> probabilities(static_cast<std::size_t>(recogniser.classes));
  double microseconds = 0;
  for (int run = 0; run < 2; ++run) {  // the first finds cold caches
    const auto begin = Clock::now();
    xnor_predict(recogniser.listener, samples.data(), samples.size(), probabilities.data(),
                 nullptr);
    microseconds = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  }
  std::vector<int> order(probabilities.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&probabilities](int a, int b) {
    return probabilities[static_cast<std::size_t>(a)] > probabilities[static_cast<std::size_t>(b)];
  });
  std::printf("%s: %s\n", path, xnor_label(recogniser.listener, order[0]));
  for (const int label : order) {
    std::printf("  %.3f  %s\n", static_cast<double>(probabilities[static_cast<std::size_t>(label)]),
                xnor_label(recogniser.listener, label));
  }
  std::printf("  %.2f s of sound in %.0f us (%s)\n",
              static_cast<double>(samples.size()) / recogniser.rate, microseconds,
              xnor_isa(recogniser.engine));
}

// False, with a sentence printed, where the file is no recording for this model.
bool predict_file(const Recogniser& recogniser, const char* path) {
  std::vector<char> bytes;
  if (!read_file(path, bytes)) {
    std::fprintf(stderr, "error: %s: it can't be read.\n", path);
    return false;
  }
  const xnorkit::Wav wav(bytes.data(), bytes.size());
  if (!wav.ok()) {
    std::fprintf(stderr, "error: %s: %s\n", path, wav.error());
    return false;
  }
  if (wav.rate() != static_cast<unsigned>(recogniser.rate)) {
    std::fprintf(stderr,
                 "error: %s: it has %u samples a second, the model hears %d. Convert it: ffmpeg -i "
                 "IN -ar %d OUT.wav, or sox IN -r %d OUT.wav.\n",
                 path, wav.rate(), recogniser.rate, recogniser.rate, recogniser.rate);
    return false;
  }
  std::vector<std::int16_t> samples(wav.frames());
  wav.read(0, samples.size(), samples.data());
  predict(recogniser, path, samples);
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s MODEL.xnor FILE.wav...\n", arguments[0]);
    return 2;
  }
  const Recogniser recogniser(arguments[1]);
  if (recogniser.listener == nullptr) {
    std::fprintf(stderr, "error: %s: %s\n", arguments[1], recogniser.error);
    return 2;
  }
  bool all = true;
  for (int i = 2; i < count; ++i) all = predict_file(recogniser, arguments[i]) && all;
  return all ? 0 : 2;
}
