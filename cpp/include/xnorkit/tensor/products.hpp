// Rows of packed signs times packed filters: the loops over tiles, shared out among threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "xnorkit/tensor/kernels.hpp"
#include "xnorkit/tensor/team.hpp"

namespace xnorkit {

// Memory at a multiple of 64; null where there is none.
class Buffer {
 public:
  explicit Buffer(std::size_t size)
      : memory_(static_cast<unsigned char*>(::operator new(size, kAlign, std::nothrow))) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { ::operator delete(memory_, kAlign); }

  unsigned char* get() const { return memory_; }

 private:
  static constexpr std::align_val_t kAlign{64};
  unsigned char* memory_;
};

constexpr std::size_t padded(std::size_t bytes) { return (bytes + 64 + 63) / 64 * 64; }

// Filters of all groups, in blocks of kTileFilters of one group.
struct Blocks {
  std::ptrdiff_t groups, filters;  // of a group

  struct Block {
    std::ptrdiff_t group, first;  // filter, of all
    int count;
  };

  constexpr std::ptrdiff_t of_group() const { return (filters + kTileFilters - 1) / kTileFilters; }
  constexpr std::ptrdiff_t all() const { return groups * of_group(); }
  constexpr Block at(std::ptrdiff_t i) const {
    const std::ptrdiff_t group = i / of_group(), inside = i % of_group() * kTileFilters;
    const std::ptrdiff_t left = filters - inside;
    return {group, group * filters + inside,
            left < kTileFilters ? static_cast<int>(left) : kTileFilters};
  }
};

inline constexpr std::ptrdiff_t kProductsOfAThread = 1 << 20;  // of words, 50 us and more

// target.put(index of chunk, chunk, ones, block) for each chunk of a source and each block.
//   source.chunks()                        how many
//   source.words()                         that chunk() needs as scratch
//   source.chunk(index, group, scratch)    a Chunk
//   source.few()                           whether row_tile shall be taken
// False where memory is short.
template <class Source, class Target>
bool multiply(const TensorKernels& kernels, const Filters& filters, Blocks blocks,
              const Source& source, const Target& target, int threads) {
  const std::ptrdiff_t items = source.chunks() * blocks.all();
  if (items == 0) return true;
  const std::ptrdiff_t tile = std::ptrdiff_t{source.pixels()} * kTileFilters * filters.steps();
  const bool few = source.few();
  const std::size_t block_size = few ? 0 : padded(kernels.block_bytes(filters));
  const std::size_t words_size = padded(source.words() * sizeof(std::uint64_t));
  const std::size_t ones_size = padded(sizeof(std::int32_t) * kTilePixels * kTileFilters);
  const std::size_t own = words_size + ones_size + padded(kernels.chunk_bytes(filters));
  const int parts =
      worth(threads < items ? threads : static_cast<int>(items), items * tile, kProductsOfAThread);
  const Buffer laid_out(block_size * blocks.all()), scratch(own * parts);
  if (laid_out.get() == nullptr || scratch.get() == nullptr) return false;
  if (!few) {
    in_parallel(blocks.all(), parts < blocks.all() ? parts : static_cast<int>(blocks.all()),
                [&](Share share, int) {
                  for (std::ptrdiff_t i = share.begin; i < share.end; ++i) {
                    const Blocks::Block block = blocks.at(i);
                    kernels.lay_out(filters, block.first, block.count,
                                    laid_out.get() + i * block_size);
                  }
                });
  }
  in_parallel(items, parts, [&](Share share, int part) {
    unsigned char* const mine = scratch.get() + part * own;
    auto* const words = reinterpret_cast<std::uint64_t*>(mine);
    auto* const ones = reinterpret_cast<std::int32_t*>(mine + words_size);
    void* const prepared = mine + words_size + ones_size;
    std::memset(ones, 0, ones_size);  // put_reals computes with counts of no pixel, too
    std::ptrdiff_t made = -1, made_group = -1;
    Chunk chunk{};
    for (std::ptrdiff_t i = share.begin; i < share.end; ++i) {
      const std::ptrdiff_t index = i / blocks.all();
      const Blocks::Block block = blocks.at(i % blocks.all());
      if (made != index || made_group != block.group) {
        chunk = source.chunk(index, block.group, words);
        if (!few) kernels.prepare(filters, chunk, prepared);
        made = index, made_group = block.group;
      }
      if (few) {
        kernels.row_tile(filters, chunk, block.first, block.count, ones);
      } else {
        kernels.tile(filters, chunk, prepared, laid_out.get() + i % blocks.all() * block_size,
                     block.count, ones);
      }
      target.put(index, chunk, ones, block);
    }
  });
  return true;
}

}  // namespace xnorkit
