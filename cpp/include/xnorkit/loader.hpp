// What an op asks for while it is loaded: its tensors by name, and memory to lay them out in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "xnorkit/arena.hpp"
#include "xnorkit/work.hpp"

namespace xnorkit {

enum class Element { kUint8, kInt8, kInt32, kFloat32 };

template <class T>
constexpr Element element_of() {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return Element::kUint8;
  } else if constexpr (std::is_same_v<T, std::int8_t>) {
    return Element::kInt8;
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return Element::kInt32;
  } else {
    static_assert(std::is_same_v<T, float>, "model.xnor holds uint8, int8, int32 and float32");
    return Element::kFloat32;
  }
}

// Used at construction only, so a virtual call costs nothing that counts. A loader keeps the
// sentence of its first failure.
class Loader {
 public:
  // weights go into the arena, what a run writes into the workspace.
  Loader(Arena& arena, Workspace& workspace) : arena_(arena), workspace_(workspace) {}
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  virtual ~Loader() = default;

  // The `count` elements of "<op>.<field>", aligned for T; nullptr where the tensor is missing or
  // of another type or size.
  template <class T>
  const T* tensor(const char* op, const char* field, std::size_t count) {
    return static_cast<const T*>(find(op, field, element_of<T>(), count));
  }

  // `count` zeroed elements that no run writes; nullptr where memory is short.
  template <class T>
  T* take(const char* op, std::size_t count) {
    T* memory = arena_.template take<T>(count);
    if (memory == nullptr) out_of_memory(op, count * sizeof(T));
    return memory;
  }

  // `count` elements of every Workspace; false where memory is short.
  template <class T>
  bool scratch(const char* op, std::size_t count, Scratch<T>* piece) {
    const bool had = workspace_.take(count, piece);
    if (!had) out_of_memory(op, count * sizeof(T));
    return had;
  }

  // What every Workspace begins as, to be filled where zeros won't do; moves with the next scratch.
  Work work() const { return workspace_.work(); }

 private:
  virtual const void* find(const char* op, const char* field, Element type, std::size_t count) = 0;
  virtual void out_of_memory(const char* op, std::size_t bytes) = 0;

  Arena& arena_;
  Workspace& workspace_;
};

}  // namespace xnorkit
