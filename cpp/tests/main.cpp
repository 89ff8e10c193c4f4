// main [NAME [ISA]]: runs the tests, or those of one name or path, on the paths that this CPU has.
// Exit status 0: all passed; 77: none could run, because the CPU or this build lacks the path.

#include <cstdlib>
#include <new>

#include "testing.hpp"

// A sanitizer has an operator new of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define XNORKIT_COUNTS_MEMORY true
namespace {
void* counted(std::size_t size, std::size_t alignment) {
  ++xnorkit::testing::allocations();
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void* or_thrown(void* memory) { return memory != nullptr ? memory : throw std::bad_alloc(); }
}  // namespace

constexpr std::size_t kPlain = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
void* operator new(std::size_t size) { return or_thrown(counted(size, kPlain)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size, kPlain);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return or_thrown(counted(size, static_cast<std::size_t>(alignment)));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#else
#define XNORKIT_COUNTS_MEMORY false
#endif

namespace xnorkit::testing {

constexpr int kSkipped = 77;  // as ctest is told

inline void run(const Test& test) {
  const char* isa = test.isa == nullptr ? "-" : test.isa;
  const int before = failures();
  current() = std::string(test.name) + " " + isa;
  test.run();
  std::printf("%s %s %s\n", failures() == before ? "ok" : "FAILED", test.name, isa);
}

}  // namespace xnorkit::testing

int main(int count, char** arguments) {
  using namespace xnorkit::testing;
  int known = 0, ran = 0;
  for (const Test& test : tests()) {
    if (count > 1 && std::strcmp(arguments[1], test.name) != 0) continue;
    ++known;
    if (count > 2 && (test.isa == nullptr || std::strcmp(arguments[2], test.isa) != 0)) continue;
    if (test.supported != nullptr && !test.supported()) {
      std::printf("skipped %s: this CPU lacks %s\n", test.name, test.isa);
      continue;
    }
    run(test);
    ++ran;
  }
  expect(!XNORKIT_COUNTS_MEMORY || allocations() > 0, "operator new is not counted");
  if (known == 0) std::printf("there is no test of that name\n");
  if (known > 0 && ran == 0) std::printf("skipped: this CPU or build lacks the path\n");
  return known == 0 || failures() > 0 ? 1 : (ran == 0 ? kSkipped : 0);
}
