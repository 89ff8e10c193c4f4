// The list of ISA paths, best first, and the choice among them when an engine is constructed.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "xnorkit/isa/arm_neon.hpp"
#include "xnorkit/isa/portable.hpp"
#include "xnorkit/isa/x86_avx2.hpp"
#include "xnorkit/isa/x86_avx512.hpp"
#include "xnorkit/isa/x86_avx512bw.hpp"

// X(namespace) for every path that this compiler can build, best first. Dispatch, tests and benches
// run over this list: a path that is in it is chosen, tested and timed.
#if defined(__x86_64__)
#define XNORKIT_FOR_EACH_ISA(X) X(x86_avx512) X(x86_avx512bw) X(x86_avx2) X(portable)
#elif defined(__aarch64__)
#define XNORKIT_FOR_EACH_ISA(X) X(arm_neon) X(portable)
#else
#define XNORKIT_FOR_EACH_ISA(X) X(portable)
#endif

namespace xnorkit {

struct Isa {
  const char* name;
  bool (*supported)();
};

#define XNORKIT_ISA_ENTRY(isa) Isa{isa::kName, isa::supported},
inline constexpr Isa kIsas[] = {XNORKIT_FOR_EACH_ISA(XNORKIT_ISA_ENTRY)};
#undef XNORKIT_ISA_ENTRY
inline constexpr int kIsaCount = sizeof kIsas / sizeof kIsas[0];

// Name of the index-th that this CPU runs; null after them.
inline const char* supported_isa(int index) {
  for (const Isa& isa : kIsas) {
    if (isa.supported() && index-- == 0) return isa.name;
  }
  return nullptr;
}

// Whether `name` is that of a path, with or without the family before it: x86_avx2, avx2.
inline bool names(const char* name, const Isa& isa) {
  const char* short_name = std::strchr(isa.name, '_');
  return std::strcmp(name, isa.name) == 0 ||
         (short_name != nullptr && std::strcmp(name, short_name + 1) == 0);
}

// Which entry of kIsas an engine shall use: `wanted`, or where that is null or empty the
// environment's XNORKIT_ISA, or else the first that this CPU has. -1 and a sentence in `error`
// where the name is unknown or the CPU lacks the path, or all.
inline int choose_isa(const char* wanted, char* error, std::size_t error_size) {
  const bool given = wanted != nullptr && wanted[0] != '\0';
  const char* name = given ? wanted : std::getenv("XNORKIT_ISA");
  const bool any = name == nullptr || name[0] == '\0';
  bool known = any;
  char usable[128] = "";
  for (int i = 0; i < kIsaCount; ++i) {
    const bool same = !any && names(name, kIsas[i]);
    known = known || same;
    if (!kIsas[i].supported()) continue;
    if (any || same) return i;
    const std::size_t used = std::strlen(usable);
    std::snprintf(usable + used, sizeof usable - used, "%s%s", used > 0 ? ", " : "", kIsas[i].name);
  }
  if (usable[0] == '\0') {
    std::snprintf(
        error, error_size,
        "this CPU counts no ones (popcnt). Compile for it: CXX=\"c++ -DXNORKIT_BASELINE\".");
    return -1;
  }
  std::snprintf(error, error_size, "%s=%s: %s. This CPU runs %s; leave it unset for the best.",
                given ? "isa" : "XNORKIT_ISA", name,
                known ? "this CPU lacks its instructions" : "no such path", usable);
  return -1;
}

}  // namespace xnorkit
