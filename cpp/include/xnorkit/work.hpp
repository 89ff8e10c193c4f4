// The memory that a run writes, apart from the weights, which it only reads: one loaded network
// serves as many threads as there are Workspaces.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "xnorkit/arena.hpp"

namespace xnorkit {

// The start of a Workspace's memory.
struct Work {
  unsigned char* base;
};

// Where an op's scratch memory or a value lies, the same in every Workspace of a network.
template <class T>
struct Scratch {
  T* at(Work work) const { return reinterpret_cast<T*>(work.base + offset); }

  std::size_t offset = 0;
};

// Pieces as an Arena's: aligned, zeroed, followed by readable bytes; but in one block that can be
// copied. Grows while a network is loaded, so a piece may move until then.
class Workspace {
 public:
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() { ::operator delete(memory_, kAlign); }

  // False where memory is short.
  template <class T>
  bool take(std::size_t count, Scratch<T>* piece) {
    constexpr std::size_t unit = Arena::kAlignment;
    const std::size_t end = (used_ + count * sizeof(T) + Arena::kSlack + unit - 1) / unit * unit;
    if (end > size_ && !grow(end > 2 * size_ ? end : 2 * size_)) return false;
    piece->offset = used_;
    used_ = end;
    return true;
  }

  // Makes this one, still empty, what `other` is. False where memory is short.
  bool copy(const Workspace& other) {
    if (!grow(other.used_)) return false;
    used_ = other.used_;
    if (used_ > 0) std::memcpy(memory_, other.memory_, used_);
    return true;
  }

  Work work() const { return {memory_}; }

 private:
  static constexpr std::align_val_t kAlign{Arena::kAlignment};

  bool grow(std::size_t size) {
    auto* memory = static_cast<unsigned char*>(::operator new(size, kAlign, std::nothrow));
    if (memory == nullptr) return false;
    if (used_ > 0) std::memcpy(memory, memory_, used_);
    std::memset(memory + used_, 0, size - used_);
    ::operator delete(std::exchange(memory_, memory), kAlign);
    size_ = size;
    return true;
  }

  unsigned char* memory_ = nullptr;
  std::size_t size_ = 0, used_ = 0;
};

// op.run(values..., work), or op.run(values...) where it needs no scratch.
template <class Op, class... Values>
void run_op(const Op& op, Work work, Values*... values) {
  if constexpr (requires { op.run(values..., work); }) {
    op.run(values..., work);
  } else {
    op.run(values...);
  }
}

// The name of the loop that an op is one of several for; else "".
template <class Op>
constexpr const char* kernel_name() {
  if constexpr (requires { Op::kKernel; }) {
    return Op::kKernel;
  } else {
    return "";
  }
}

}  // namespace xnorkit
