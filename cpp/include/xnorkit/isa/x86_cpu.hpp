// Which instructions this x86-64 CPU has and the system keeps the registers of.
//
// Asked of the CPU itself: __builtin_cpu_supports says no to everything where the compiler is Zig's
// clang, whose run-time library does not fill in what it reads.
#pragma once

#if defined(__x86_64__)

#include <cpuid.h>

#include <cstdint>

namespace xnorkit {

struct X86Cpu {
  bool popcnt = false;
  bool avx2 = false;       // with FMA
  bool avx512 = false;     // F, BW, DQ and VL
  bool vpopcntdq = false;  // and IFMA
  bool vnni = false;
};

// Bits of "Intel 64 and IA-32 Architectures Software Developer's Manual", vol. 2, CPUID and XGETBV.
inline X86Cpu x86_cpu() {
  constexpr unsigned kFma = 1u << 12, kPopcnt = 1u << 23;                  // leaf 1, ecx
  constexpr unsigned kOsxsave = 1u << 27;                                  // leaf 1, ecx
  constexpr unsigned kAvx2 = 1u << 5;                                      // leaf 7, ebx
  constexpr unsigned kAvx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
  constexpr unsigned kIfma = 1u << 21;                                     // leaf 7, ebx
  constexpr unsigned kVnni = 1u << 11, kVpopcntdq = 1u << 14;              // leaf 7, ecx
  constexpr unsigned kYmm = 0x06, kZmm = 0xe6;                             // XCR0

  X86Cpu cpu;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return cpu;
  cpu.popcnt = (ecx & kPopcnt) != 0;
  if ((ecx & kOsxsave) == 0) return cpu;
  const bool fma = (ecx & kFma) != 0;
  unsigned kept = 0, high = 0;
  asm volatile("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return cpu;
  cpu.avx2 = fma && (ebx & kAvx2) != 0 && (kept & kYmm) == kYmm;
  cpu.avx512 = cpu.avx2 && (ebx & kAvx512) == kAvx512 && (kept & kZmm) == kZmm;
  cpu.vpopcntdq = cpu.avx512 && (ebx & kIfma) != 0 && (ecx & kVpopcntdq) != 0;
  cpu.vnni = cpu.avx512 && (ecx & kVnni) != 0;
  return cpu;
}

}  // namespace xnorkit

#endif  // __x86_64__
