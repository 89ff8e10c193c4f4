#include "testing.hpp"

namespace xnorkit::testing {

void arena() {
  Arena arena;
  unsigned char* last = nullptr;
  for (std::size_t size : {1u, 63u, 64u, 65u, 100000u, 1000000u, 3u}) {
    auto* piece = arena.take<unsigned char>(size);
    expect(reinterpret_cast<std::uintptr_t>(piece) % Arena::kAlignment == 0, "aligned");
    for (std::size_t i = 0; i < size + Arena::kSlack; ++i) expect(piece[i] == 0, "zeroed");
    std::memset(piece, 255, size);
    expect(piece != last, "a piece of its own");
    last = piece;
  }
  expect(!arena.failed() && arena.bytes() > 1100000, "grows");
  expect(arena.take<double>(std::size_t{1} << 58) == nullptr, "more than there is gives null");
  expect(arena.failed(), "and is remembered");
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(arena)
