// main [NAME]: runs the tests, or those of one name, on every ISA path that this CPU has.

#include "testing.hpp"

int main(int count, char** arguments) {
  using namespace xnorkit::testing;
  int ran = 0;
  for (const Test& test : tests()) {
    if (count > 1 && std::strcmp(arguments[1], test.name) != 0) continue;
    const char* isa = test.isa == nullptr ? "-" : test.isa;
    if (test.supported != nullptr && !test.supported()) {
      std::printf("skipped %s: this CPU lacks %s\n", test.name, isa);
      continue;
    }
    const int before = failures();
    current() = std::string(test.name) + " " + isa;
    test.run();
    std::printf("%s %s %s\n", failures() == before ? "ok" : "FAILED", test.name, isa);
    ++ran;
  }
  if (ran == 0) std::printf("no test of that name ran\n");
  return ran == 0 || failures() > 0 ? 1 : 0;
}
