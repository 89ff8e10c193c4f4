#include <cstdlib>

#include "testing.hpp"

namespace xnorkit::testing {

void isa() {
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
    if (!chosen) expect(std::strstr(error, "this CPU lacks") != nullptr, error);
  }
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(isa)
