#include "testing.hpp"
#include "xnorkit/work.hpp"

namespace xnorkit::testing {

void work() {
  Workspace first;
  Scratch<unsigned char> pieces[6];
  const std::size_t sizes[6] = {1, 63, 64, 65, 100000, 3};
  for (int i = 0; i < 6; ++i) {
    expect(first.take(sizes[i], &pieces[i]), "taken");
    unsigned char* piece = pieces[i].at(first.work());
    expect(reinterpret_cast<std::uintptr_t>(piece) % Arena::kAlignment == 0, "aligned");
    for (std::size_t j = 0; j < sizes[i] + Arena::kSlack; ++j) expect(piece[j] == 0, "zeroed");
    std::memset(piece, i + 1, sizes[i]);
  }
  Workspace second;
  expect(second.copy(first), "copied");
  std::memset(pieces[0].at(first.work()), 99, 1);
  for (int i = 0; i < 6; ++i) {
    const unsigned char* piece = pieces[i].at(second.work());
    expect(reinterpret_cast<std::uintptr_t>(piece) % Arena::kAlignment == 0, "a copy is aligned");
    for (std::size_t j = 0; j < sizes[i]; ++j) expect(piece[j] == i + 1, "has what was there");
  }
  Workspace empty, of_empty;
  expect(of_empty.copy(empty), "nothing is copied as nothing");
  Scratch<double> much;
  expect(!second.take(std::size_t{1} << 58, &much), "more than there is, is refused");
  expect(pieces[5].at(second.work())[2] == 6, "and costs nothing");
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(work)
