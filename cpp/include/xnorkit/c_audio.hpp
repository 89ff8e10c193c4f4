// The functions of c_audio.h, for the unit that has XNORKIT_ENGINE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "xnorkit/audio/listener.hpp"
#include "xnorkit/c_audio.h"
#include "xnorkit/c_interface.h"
#include "xnorkit/c_interface.hpp"
#include "xnorkit/model_file.hpp"

// Of which each unit that includes this has one, and a program one in all.
#define XNORKIT_AUDIO inline __attribute__((used))

XNORKIT_AUDIO void* xnor_listener_create(const void* engine, const void* bytes, std::size_t size,
                                         char* error, std::size_t error_size) noexcept {
  if (error_size > 0) error[0] = '\0';
  if (engine == nullptr) {
    std::snprintf(error, error_size, "engine=NULL: give one that xnor_create has made.");
    return nullptr;
  }
  std::size_t inputs = 0, outputs = 0;
  int ops = 0, values = 0;
  xnor_sizes(&inputs, &outputs, &ops, &values);
  xnorkit::ModelFile file(bytes, size);
  const auto& network = *static_cast<const xnorkit::Engine*>(engine);
  void* made = xnorkit::Listener::make(network, inputs, outputs, file);
  if (made == nullptr) std::snprintf(error, error_size, "%s", file.error());
  return made;
}

XNORKIT_AUDIO void xnor_listener_destroy(void* listener) noexcept {
  delete static_cast<xnorkit::Listener*>(listener);
}

XNORKIT_AUDIO void xnor_listener_sizes(const void* listener, int* rate, std::size_t* clip,
                                       std::size_t* hop, int* classes) noexcept {
  const auto& p = static_cast<const xnorkit::Listener*>(listener)->parameters();
  *rate = static_cast<int>(p.sample_rate);
  *clip = static_cast<std::size_t>(p.samples);
  *hop = static_cast<std::size_t>(p.hop);
  *classes = static_cast<const xnorkit::Listener*>(listener)->classes();
}

XNORKIT_AUDIO const char* xnor_label(const void* listener, int index) noexcept {
  return static_cast<const xnorkit::Listener*>(listener)->label(index);
}

XNORKIT_AUDIO std::size_t xnor_windows(const void* listener, std::size_t count) noexcept {
  return static_cast<const xnorkit::Listener*>(listener)->windows(count);
}

XNORKIT_AUDIO std::size_t xnor_window_start(const void* listener, std::size_t count,
                                            std::size_t window) noexcept {
  return static_cast<const xnorkit::Listener*>(listener)->window_start(count, window);
}

XNORKIT_AUDIO int xnor_stream(void* listener, std::size_t hop, int smoothing, char* error,
                              std::size_t error_size) noexcept {
  if (error_size > 0) error[0] = '\0';
  return static_cast<xnorkit::Listener*>(listener)->stream(hop, smoothing, error, error_size);
}

// Those that take samples, of either kind.
#define XNORKIT_AUDIO_OF(suffix, Sample)                                                           \
  XNORKIT_AUDIO void xnor_features##suffix(void* listener, const Sample* clip,                     \
                                           float* features) noexcept {                             \
    static_cast<xnorkit::Listener*>(listener)->features(clip, features);                           \
  }                                                                                                \
  XNORKIT_AUDIO int xnor_predict##suffix(void* listener, const Sample* samples, std::size_t count, \
                                         float* probabilities, float* windows) noexcept {          \
    return static_cast<xnorkit::Listener*>(listener)->predict(samples, count, probabilities,       \
                                                              windows);                            \
  }                                                                                                \
  XNORKIT_AUDIO std::size_t xnor_feed##suffix(void* listener, const Sample* samples,               \
                                              std::size_t count, float* probabilities,             \
                                              int* decision) noexcept {                            \
    return static_cast<xnorkit::Listener*>(listener)->feed(samples, count, probabilities,          \
                                                           decision);                              \
  }
XNORKIT_AUDIO_OF(, std::int16_t)
XNORKIT_AUDIO_OF(_float, float)
#undef XNORKIT_AUDIO_OF
#undef XNORKIT_AUDIO
