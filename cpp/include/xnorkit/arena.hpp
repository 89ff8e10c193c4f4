// The memory of an engine: taken piece by piece while it is constructed, freed as a whole.
//
// Grows by blocks, so that ops need not say beforehand what they take. Nothing is taken after
// construction: a run allocates nothing.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>

namespace xnorkit {

class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector
  // Readable bytes after each piece, so that a vector load may begin at its last element.
  static constexpr std::size_t kSlack = 64;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    while (blocks_ != nullptr) {
      Block* next = blocks_->next;
      ::operator delete(blocks_, std::align_val_t{kAlignment});
      blocks_ = next;
    }
  }

  // `count` zeroed elements at a multiple of kAlignment; nullptr where memory is short.
  template <class T>
  T* take(std::size_t count) {
    return static_cast<T*>(take_bytes(count * sizeof(T)));
  }

  // Whether any piece could not be had.
  bool failed() const { return failed_; }
  // Bytes of all blocks.
  std::size_t bytes() const { return bytes_; }

 private:
  struct Block {
    Block* next;
    std::size_t size, used;
  };
  static constexpr std::size_t kHead = kAlignment;  // a Block's place, keeps its data aligned
  static_assert(sizeof(Block) <= kHead);
  static constexpr std::size_t kBlock = 1 << 18;  // of small pieces together

  void* take_bytes(std::size_t size) {
    const std::size_t whole = (size + kSlack + kAlignment - 1) / kAlignment * kAlignment;
    if (blocks_ == nullptr || blocks_->size - blocks_->used < whole) {
      if (!grow(whole > kBlock ? whole : kBlock)) return nullptr;
    }
    void* piece = reinterpret_cast<unsigned char*>(blocks_) + kHead + blocks_->used;
    blocks_->used += whole;
    return piece;
  }

  bool grow(std::size_t size) {
    void* memory = ::operator new(kHead + size, std::align_val_t{kAlignment}, std::nothrow);
    if (memory == nullptr) {
      failed_ = true;
      return false;
    }
    std::memset(memory, 0, kHead + size);
    blocks_ = new (memory) Block{blocks_, size, 0};
    bytes_ += kHead + size;
    return true;
  }

  Block* blocks_ = nullptr;
  std::size_t bytes_ = 0;
  bool failed_ = false;
};

}  // namespace xnorkit
