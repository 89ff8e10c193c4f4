// Work shared out among threads that live as long as it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>

namespace xnorkit {

inline constexpr int kMostThreads = 256;
inline constexpr std::ptrdiff_t kWordsOfAThread = 4096;  // packed in about 30 us

// Items [begin, end) of a part.
struct Share {
  std::ptrdiff_t begin, end;
};

// The part-th of `parts` shares of n items, which differ by at most one item.
constexpr Share share_of(std::ptrdiff_t n, int part, int parts) {
  return {n / parts * part + (n % parts < part ? n % parts : part),
          n / parts * (part + 1) + (n % parts < part + 1 ? n % parts : part + 1)};
}

// As many threads as are worth starting, which takes some ten microseconds each: `grain` items take
// longer.
constexpr int worth(int threads, std::ptrdiff_t items, std::ptrdiff_t grain) {
  const std::ptrdiff_t most = items / (grain > 0 ? grain : 1);
  const std::ptrdiff_t wanted = threads < kMostThreads ? threads : kMostThreads;
  return static_cast<int>(most < 1 ? 1 : most < wanted ? most : wanted);
}

// work(share, part) for every share of n items, the first by the caller's own thread. Those whose
// thread can't be started are done by the caller, too.
template <class Work>
void in_parallel(std::ptrdiff_t n, int threads, const Work& work) {
  std::thread others[kMostThreads];
  int started = 1;
  for (; started < threads; ++started) {
    const Share share = share_of(n, started, threads);
    try {
      others[started] = std::thread([&work, share, started] { work(share, started); });
    } catch (const std::exception&) {  // system_error or bad_alloc
      break;
    }
  }
  work(share_of(n, 0, threads), 0);
  for (int i = started; i < threads; ++i) work(share_of(n, i, threads), i);
  for (int i = 1; i < started; ++i) others[i].join();
}

}  // namespace xnorkit
