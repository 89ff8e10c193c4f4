// A generated network → the C functions of c_interface.h.
//
// XNORKIT_ENGINE(Network), in the global namespace, for a template <class Ops> struct Network with
//   static constexpr std::size_t inputs, outputs;     floats of a sample, of its answer
//   static constexpr int ops, values;
//   bool load(Loader&);                               false: the loader has the sentence
//   void step(int op, Work) const;
//   unsigned char* value(int index, Work, std::size_t* bytes) const;
//   static const char* kernel(int op);                "" where an op has but one loop
//   float* input(Work) const;  const float* output(Work) const;     buffers of one sample
// and, if the file shall be of this very program,
//   static constexpr std::string_view program;        Python's canonical_json(program.to_json())
#pragma once

#include <atomic>
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
#include "xnorkit/work.hpp"

namespace xnorkit {

// A network on one ISA path with memory to run in, as the C functions see it.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  // Another with the same network; nullptr where memory is short.
  virtual Engine* fork() const = 0;
  virtual void run(const float* input, std::size_t samples, float* output) = 0;
  virtual void step(int op) = 0;
  virtual unsigned char* value(int index, std::size_t* bytes) = 0;
  virtual const char* isa() const = 0;
  virtual const char* kernel(int op) const = 0;
};

// What engines of one model share and no run writes; it goes with the last of them. Counted by
// hand, because a shared_ptr takes memory of its own and throws where there is none.
template <class Network>
class Loaded {
 public:
  explicit Loaded(const char* isa) : isa_(isa) {}

  // False, and a sentence in file.error(), if the file does not fit.
  bool load(ModelFile& file) {
    if constexpr (requires { Network::program; }) {
      if (!file.has_program(Network::program)) {
        return file.fail("model.xnor is of another program than this engine. Build its own.");
      }
    }
    FileLoader loader(file, arena_, fresh_);
    if (!network_.load(loader))
      file.fail("the engine could not be constructed from this model.xnor.");
    return file.ok();
  }

  // Every keep() ends with a release(); so does the construction.
  void keep() const { users_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  const Network& network() const { return network_; }
  const Workspace& fresh() const { return fresh_; }
  const char* isa() const { return isa_; }

 private:
  ~Loaded() = default;

  mutable std::atomic<long> users_{1};
  const char* isa_;
  Arena arena_;
  Workspace fresh_;
  Network network_{};
};

template <class Network>
class EngineOf final : public Engine {
 public:
  // nullptr where memory is short.
  static Engine* make(const Loaded<Network>& loaded) {
    std::unique_ptr<EngineOf> engine(new (std::nothrow) EngineOf(loaded));
    return engine != nullptr && engine->own_.copy(loaded.fresh()) ? engine.release() : nullptr;
  }

  ~EngineOf() override { loaded_.release(); }

  Engine* fork() const override { return make(loaded_); }

  void run(const float* input, std::size_t samples, float* output) override {
    const Network& network = loaded_.network();
    const Work work = own_.work();
    for (std::size_t sample = 0; sample < samples; ++sample) {
      std::memcpy(network.input(work), input + sample * Network::inputs,
                  Network::inputs * sizeof(float));
      for (int op = 0; op < Network::ops; ++op) network.step(op, work);
      std::memcpy(output + sample * Network::outputs, network.output(work),
                  Network::outputs * sizeof(float));
    }
  }

  void step(int op) override { loaded_.network().step(op, own_.work()); }

  unsigned char* value(int index, std::size_t* bytes) override {
    return loaded_.network().value(index, own_.work(), bytes);
  }

  const char* isa() const override { return loaded_.isa(); }
  const char* kernel(int op) const override { return Network::kernel(op); }

 private:
  explicit EngineOf(const Loaded<Network>& loaded) : loaded_(loaded) { loaded_.keep(); }

  const Loaded<Network>& loaded_;
  Workspace own_;
};

template <class Network>
Engine* load_engine(const char* isa, ModelFile& file) {
  auto* loaded = new (std::nothrow) Loaded<Network>(isa);
  Engine* engine = nullptr;
  if (loaded != nullptr) {
    if (loaded->load(file)) engine = EngineOf<Network>::make(*loaded);
    loaded->release();
  }
  if (engine == nullptr) file.fail("no memory for the engine. Close other programs.");
  return engine;
}

// The network on the path of kIsas[chosen]; nullptr, and a sentence in file.error(), if the file
// does not fit or memory is short.
template <template <class> class Network>
Engine* load_engine_on(int chosen, ModelFile& file) {
  int at = 0;
#define XNORKIT_LOAD(isa) \
  if (at++ == chosen) return load_engine<Network<isa::Ops>>(isa::kName, file);
  XNORKIT_FOR_EACH_ISA(XNORKIT_LOAD)
#undef XNORKIT_LOAD
  return nullptr;
}

template <template <class> class Network>
Engine* create_engine(const void* bytes, std::size_t size, const char* isa, char* error,
                      std::size_t error_size) {
  if (error_size > 0) error[0] = '\0';
  const int chosen = choose_isa(isa, error, error_size);
  if (chosen < 0) return nullptr;
  ModelFile file(bytes, size);
  Engine* engine = file.ok() ? load_engine_on<Network>(chosen, file) : nullptr;
  if (engine == nullptr) std::snprintf(error, error_size, "%s", file.error());
  return engine;
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
  void* xnor_fork(const void* engine) noexcept {                                                 \
    return static_cast<const xnorkit::Engine*>(engine)->fork();                                  \
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
  const char* xnor_kernel(const void* engine, int op) noexcept {                                 \
    return static_cast<const xnorkit::Engine*>(engine)->kernel(op);                              \
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
