/* What an engine library offers to C, C++ and ctypes. One library computes one topology; its
 * numbers come with the bytes of a model.xnor.
 *
 * An engine is used by one thread at a time; different engines are independent, also those that
 * xnor_fork made. */
#ifndef XNORKIT_C_INTERFACE_H_
#define XNORKIT_C_INTERFACE_H_

#include <stddef.h>

#ifdef __cplusplus
#define XNORKIT_NOEXCEPT noexcept
extern "C" {
#else
#define XNORKIT_NOEXCEPT
#endif
#define XNORKIT_EXPORT __attribute__((visibility("default")))

/* An engine, or NULL and a sentence in `error`.
 *   bytes  a whole model.xnor, at an address divisible by 4; needed during this call only
 *   isa    one of xnor_supported, or NULL: the environment's XNORKIT_ISA, else the best
 *   error  `error_size` bytes, 512 hold every sentence; NULL and 0 where none is wanted */
XNORKIT_EXPORT void* xnor_create(const void* bytes, size_t size, const char* isa, char* error,
                                 size_t error_size) XNORKIT_NOEXCEPT;

/* Another engine for another thread: it shares the weights and has its own memory to run in. NULL
 * where memory is short. Each is destroyed for itself, in any order. */
XNORKIT_EXPORT void* xnor_fork(const void* engine) XNORKIT_NOEXCEPT;

/* input: [samples][inputs], rows and columns before channels; output: [samples][outputs].
 * Allocates nothing. */
XNORKIT_EXPORT void xnor_run(void* engine, const float* input, size_t samples,
                             float* output) XNORKIT_NOEXCEPT;

/* Runs op number `op` alone, on the buffers as they are; nothing where there is no such op. */
XNORKIT_EXPORT void xnor_step(void* engine, int op) XNORKIT_NOEXCEPT;

/* The buffer of a value and its size; NULL and 0 where there is no such value. */
XNORKIT_EXPORT void* xnor_value(void* engine, int value, size_t* bytes) XNORKIT_NOEXCEPT;

/* The path that this engine takes. */
XNORKIT_EXPORT const char* xnor_isa(const void* engine) XNORKIT_NOEXCEPT;

/* The loop that op number `op` takes, where its path has several; else "". */
XNORKIT_EXPORT const char* xnor_kernel(const void* engine, int op) XNORKIT_NOEXCEPT;

/* NULL is allowed. */
XNORKIT_EXPORT void xnor_destroy(void* engine) XNORKIT_NOEXCEPT;

/* Floats of a sample and of its answer, number of ops and of values: the same for every engine. */
XNORKIT_EXPORT void xnor_sizes(size_t* inputs, size_t* outputs, int* ops,
                               int* values) XNORKIT_NOEXCEPT;

/* Name of the index-th path that the library holds and this CPU runs, best first; NULL after them.
 */
XNORKIT_EXPORT const char* xnor_supported(int index) XNORKIT_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* XNORKIT_C_INTERFACE_H_ */
