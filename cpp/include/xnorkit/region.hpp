// A target region: the functions between begin and end may use the instructions named, whatever
// the flags of the unit. Templates keep the region of the place where they are written.
//
// System headers come before any region (their inline functions must stay baseline), and a region
// opens outside namespaces. No lambdas inside: GCC gives a lambda in a template the target of the
// place of instantiation.
#pragma once

#define XNORKIT_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define XNORKIT_TARGET_BEGIN(names) \
  XNORKIT_PRAGMA(clang attribute push(__attribute__((target(names))), apply_to = function))
#define XNORKIT_TARGET_END() XNORKIT_PRAGMA(clang attribute pop)
#else
#define XNORKIT_TARGET_BEGIN(names) \
  XNORKIT_PRAGMA(GCC push_options) XNORKIT_PRAGMA(GCC target(names))
#define XNORKIT_TARGET_END() XNORKIT_PRAGMA(GCC pop_options)
#endif

#define XNORKIT_INLINE inline __attribute__((always_inline))

// Before a loop of constant length whose body needs registers of its own for each round.
#if defined(__clang__)
#define XNORKIT_UNROLL XNORKIT_PRAGMA(clang loop unroll(full))
#else
#define XNORKIT_UNROLL XNORKIT_PRAGMA(GCC unroll 64)
#endif
