"""An engine library written by hand, whose every answer is known."""

# Three inputs, two outputs: (a + b + c, a * the first byte of the model). Value 0 is the input,
# value 1 the output; op 0 computes. Bytes that begin with 'x' are refused, engines of 'm' can't be
# forked, those of 's' wait until four of them run at once, then say so.
UNIT = r"""
#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>
#include "xnorkit/c_interface.h"

namespace {
struct Engine {
  float x[3], y[2];
  unsigned char first;
  char isa[16];
};
std::atomic<int> alive = 0, inside = 0;

// Whether the other three of these four came within ten seconds.
float meet() {
  const timespec pause{0, 1000000};
  const int all = (inside++ / 4 + 1) * 4;
  for (int i = 0; i < 10000 && inside < all; ++i) nanosleep(&pause, nullptr);
  return inside < all ? 0 : 1;
}
}  // namespace

void* xnor_create(const void* bytes, size_t size, const char* isa, char* error,
                  size_t error_size) noexcept {
  const unsigned char first = size > 0 ? *static_cast<const unsigned char*>(bytes) : 'x';
  if (first == 'x') {
    std::snprintf(error, error_size, "%zu bytes are no model \xc3\xa9\xc3.", size);
    return nullptr;
  }
  Engine* engine = new Engine{{}, {}, first, ""};
  std::snprintf(engine->isa, sizeof engine->isa, "%s", isa == nullptr ? "best" : isa);
  ++alive;
  return engine;
}
void* xnor_fork(const void* engine) noexcept {
  const Engine& e = *static_cast<const Engine*>(engine);
  return e.first == 'm' ? nullptr : (++alive, new Engine(e));
}
void xnor_step(void* engine, int op) noexcept {
  Engine& e = *static_cast<Engine*>(engine);
  if (op != 0) return;
  e.y[0] = e.x[0] + e.x[1] + e.x[2];
  e.y[1] = e.x[0] * static_cast<float>(e.first);
}
void xnor_run(void* engine, const float* input, size_t samples, float* output) noexcept {
  Engine& e = *static_cast<Engine*>(engine);
  for (size_t i = 0; i < samples; ++i) {
    std::memcpy(e.x, input + 3 * i, sizeof e.x);
    if (e.first == 's') e.x[2] = meet();
    xnor_step(engine, 0);
    std::memcpy(output + 2 * i, e.y, sizeof e.y);
  }
}
void* xnor_value(void* engine, int value, size_t* bytes) noexcept {
  Engine& e = *static_cast<Engine*>(engine);
  *bytes = value == 0 ? sizeof e.x : sizeof e.y;
  return value == 0 ? e.x : e.y;
}
const char* xnor_isa(const void* engine) noexcept {
  return static_cast<const Engine*>(engine)->isa;
}
const char* xnor_kernel(const void* engine, int op) noexcept {
  const Engine& e = *static_cast<const Engine*>(engine);
  return op == 0 && e.first == 7 ? "sevens" : "";
}
void xnor_destroy(void* engine) noexcept {
  delete static_cast<Engine*>(engine);
  --alive;
}
void xnor_sizes(size_t* inputs, size_t* outputs, int* ops, int* values) noexcept {
  *inputs = 3, *outputs = 2, *ops = 1, *values = 2;
}
const char* xnor_supported(int index) noexcept {
  const char* names[] = {"best", "portable", nullptr};
  return names[index < 2 ? index : 2];
}
extern "C" XNORKIT_EXPORT int engines_alive() { return alive; }
"""
MODEL = bytes([7, 1, 2, 3])
