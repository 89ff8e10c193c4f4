#include <bit>

#include "reference.hpp"
#include "testing.hpp"

namespace xnorkit::testing {

void bits() {
  for (int channels = 1; channels <= 130; ++channels) {
    const std::vector<int> a = random_signs(channels), b = random_signs(channels);
    const auto x = reference::pack_signs(a, channels), y = reference::pack_signs(b, channels);
    int dot = 0, different = 0;
    for (int i = 0; i < channels; ++i) dot += a[i] * b[i];
    for (int word = 0; word < words_of(channels); ++word) {
      different += std::popcount(x[word] ^ y[word]);
      expect((x[word] & ~real_bits(channels, word)) == 0, "filler is 0");
    }
    expect(dot == channels - 2 * different, "dot of " + std::to_string(channels));
    for (int first = 0; first < channels; ++first) {
      const int n = channels - first < 64 ? channels - first : 64;
      const std::vector<int> part(a.begin() + first, a.begin() + first + n);
      expect(take_bits(x.data(), first, n) == reference::pack_signs(part, n)[0], "take_bits");
    }
  }
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(bits)
