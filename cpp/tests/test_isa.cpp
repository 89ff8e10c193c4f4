#include <cstdlib>

#include <fstream>
#include <sstream>

#include "testing.hpp"

namespace xnorkit::testing {

// What the kernel says that the CPU has; empty where it does not say.
inline std::string cpu_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("flags", 0) == 0) return line + " ";
  }
  return "";
}

// True where the flags hold every one of the words.
inline bool has_all(const std::string& flags, const std::string& words) {
  std::istringstream stream(words);
  for (std::string word; stream >> word;) {
    if (flags.find(" " + word + " ") == std::string::npos) return false;
  }
  return true;
}

#if defined(__x86_64__)
inline void check_cpu() {
  const std::string flags = cpu_flags();
  if (flags.empty()) return;
  expect(x86_avx2::supported() == has_all(flags, "avx2 fma"), "AVX2 as the kernel says");
  expect(x86_avx512bw::supported() == has_all(flags, "avx2 fma avx512f avx512bw avx512dq avx512vl"),
         "AVX-512 as the kernel says");
  expect(x86_avx512::supported() ==
             has_all(flags,
                     "avx2 fma avx512f avx512bw avx512dq avx512vl avx512_vpopcntdq avx512_vnni "
                     "avx512ifma"),
         "VPOPCNTDQ as the kernel says");
}
#else
inline void check_cpu() {}
#endif

void isa() {
  check_cpu();
  char error[256] = "";
  unsetenv("XNORKIT_ISA");
  const int best = choose_isa(nullptr, error, sizeof error);
  expect(best >= 0 && kIsas[best].supported(), "the best path is one that this CPU has");
  for (int i = 0; i < best; ++i) expect(!kIsas[i].supported(), "and no better one is left");

  const int portable = choose_isa("portable", error, sizeof error);
  expect(portable == kIsaCount - 1, "portable is the last of the list");
  setenv("XNORKIT_ISA", "portable", 1);
  expect(choose_isa(nullptr, error, sizeof error) == portable, "the environment forces a path");
  expect(choose_isa(kIsas[best].name, error, sizeof error) == best, "an argument wins over it");

  setenv("XNORKIT_ISA", "abacus", 1);
  expect(choose_isa("", error, sizeof error) == -1, "an unknown name is refused");
  expect(std::strstr(error, "abacus: no such path") != nullptr, error);
  expect(std::strstr(error, "portable") != nullptr, "with what there is");
  unsetenv("XNORKIT_ISA");
  for (const Isa& other : kIsas) {
    const bool chosen = choose_isa(other.name, error, sizeof error) >= 0;
    expect(chosen == other.supported(), std::string(other.name) + " where it is supported");
    const char* end = std::strchr(other.name, '_');
    const int same = choose_isa(end == nullptr ? other.name : end + 1, error, sizeof error);
    expect(same == choose_isa(other.name, error, sizeof error), "its family may be left out");
    if (!chosen) expect(std::strstr(error, "this CPU lacks") != nullptr, error);
  }
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(isa)
