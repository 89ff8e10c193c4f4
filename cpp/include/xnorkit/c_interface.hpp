// A generated network → the C functions of c_interface.h.
//
// XNORKIT_ENGINE(Network), in the global namespace, for a template <class Ops> struct Network with
//   static constexpr std::size_t inputs, outputs;     floats of a sample, of its answer
//   static constexpr int ops, values;
//   bool load(Loader&);                               false: the loader has the sentence
//   void step(int op);
//   unsigned char* value(int index, std::size_t* bytes);
//   float* input();  const float* output();           buffers of one sample
// and, if the file shall be of this very program,
//   static constexpr std::string_view program;        Python's canonical_json(program.to_json())
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

#include "xnorkit/arena.hpp"
#include "xnorkit/c_interface.h"
#include "xnorkit/file_loader.hpp"
#include "xnorkit/isa.hpp"
#include "xnorkit/model_file.hpp"

namespace xnorkit {

// A network on one ISA path, as the C functions see it.
class Engine {
 public:
  explicit Engine(const char* isa) : isa_(isa) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  virtual bool load(ModelFile& file) = 0;
  virtual void run(const float* input, std::size_t samples, float* output) = 0;
  virtual void step(int op) = 0;
  virtual unsigned char* value(int index, std::size_t* bytes) = 0;
  const char* isa() const { return isa_; }

 private:
  const char* isa_;
};

template <class Network>
class EngineOf final : public Engine {
 public:
  using Engine::Engine;

  // False, and a sentence in file.error(), if the file does not fit.
  bool load(ModelFile& file) override {
    if constexpr (requires { Network::program; }) {
      if (!file.has_program(Network::program)) {
        return file.fail("model.xnor is of another program than this engine. Build its own.");
      }
    }
    FileLoader loader(file, arena_);
    const bool loaded = network_.load(loader);
    if (arena_.failed()) file.fail("no memory for the engine's buffers. Close other programs.");
    if (!loaded) file.fail("the engine could not be constructed from this model.xnor.");
    return file.ok();
  }

  void run(const float* input, std::size_t samples, float* output) override {
    for (std::size_t sample = 0; sample < samples; ++sample) {
      std::memcpy(network_.input(), input + sample * Network::inputs,
                  Network::inputs * sizeof(float));
      for (int op = 0; op < Network::ops; ++op) network_.step(op);
      std::memcpy(output + sample * Network::outputs, network_.output(),
                  Network::outputs * sizeof(float));
    }
  }

  void step(int op) override { network_.step(op); }

  unsigned char* value(int index, std::size_t* bytes) override {
    return network_.value(index, bytes);
  }

 private:
  Arena arena_;
  Network network_{};
};

// The network on the path of kIsas[chosen]; nullptr where memory is short.
template <template <class> class Network>
Engine* make_engine(int chosen) {
  int at = 0;
#define XNORKIT_MAKE(isa) \
  if (at++ == chosen) return new (std::nothrow) EngineOf<Network<isa::Ops>>(isa::kName);
  XNORKIT_FOR_EACH_ISA(XNORKIT_MAKE)
#undef XNORKIT_MAKE
  return nullptr;
}

template <template <class> class Network>
Engine* create_engine(const void* bytes, std::size_t size, const char* isa, char* error,
                      std::size_t error_size) {
  if (error_size > 0) error[0] = '\0';
  const int chosen = choose_isa(isa, error, error_size);
  if (chosen < 0) return nullptr;
  ModelFile file(bytes, size);
  std::unique_ptr<Engine> engine;
  if (file.ok()) {
    engine.reset(make_engine<Network>(chosen));
    if (engine == nullptr) file.fail("no memory for the engine. Close other programs.");
  }
  if (file.ok() && engine->load(file)) return engine.release();
  std::snprintf(error, error_size, "%s", file.error());
  return nullptr;
}

inline const char* supported_isa(int index) {
  for (const Isa& isa : kIsas) {
    if (isa.supported() && index-- == 0) return isa.name;
  }
  return nullptr;
}

}  // namespace xnorkit

#define XNORKIT_ENGINE(Network)                                                                  \
  void* xnor_create(const void* bytes, std::size_t size, const char* isa, char* error,           \
                    std::size_t error_size) noexcept {                                           \
    return xnorkit::create_engine<Network>(bytes, size, isa, error, error_size);                 \
  }                                                                                              \
  void xnor_run(void* engine, const float* input, std::size_t samples, float* output) noexcept { \
    static_cast<xnorkit::Engine*>(engine)->run(input, samples, output);                          \
  }                                                                                              \
  void xnor_step(void* engine, int op) noexcept {                                                \
    static_cast<xnorkit::Engine*>(engine)->step(op);                                             \
  }                                                                                              \
  void* xnor_value(void* engine, int value, std::size_t* bytes) noexcept {                       \
    return static_cast<xnorkit::Engine*>(engine)->value(value, bytes);                           \
  }                                                                                              \
  const char* xnor_isa(const void* engine) noexcept {                                            \
    return static_cast<const xnorkit::Engine*>(engine)->isa();                                   \
  }                                                                                              \
  void xnor_destroy(void* engine) noexcept { delete static_cast<xnorkit::Engine*>(engine); }     \
  void xnor_sizes(std::size_t* inputs, std::size_t* outputs, int* ops, int* values) noexcept {   \
    using Any = Network<xnorkit::portable::Ops>;                                                 \
    *inputs = Any::inputs;                                                                       \
    *outputs = Any::outputs;                                                                     \
    *ops = Any::ops;                                                                             \
    *values = Any::values;                                                                       \
  }                                                                                              \
  const char* xnor_supported(int index) noexcept { return xnorkit::supported_isa(index); }
