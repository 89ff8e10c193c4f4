// main COUNT [FILE…]: calls a fuzz target with COUNT inputs, made from its own seeds and the files
// by changes that follow from a constant, so a red run can be repeated. The input that a sanitizer
// dies of is left in ./fuzz-input. For libFuzzer, link the target without this file.

#include "fuzz.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using xnorkit::fuzz::Bytes;

Bytes now;  // what the target is given

void keep_input() {
  std::ofstream("fuzz-input", std::ios::binary)
      .write(now.data(), static_cast<std::streamsize>(now.size()));
}

class Mutator {
 public:
  Mutator(std::vector<Bytes> seeds, std::size_t own) : seeds_(std::move(seeds)), own_(own) {}

  // A seed, half of the time one of the first `own`, with 1 to 4 changes.
  Bytes next() {
    Bytes bytes = seeds_[below(below(2) == 0 ? own_ : seeds_.size())];
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(bytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void change(Bytes& bytes) {
    if (bytes.empty()) return bytes.push_back(static_cast<char>(random_()));
    // Most changes fall where the structure is.
    const std::size_t reach = below(2) == 0 && bytes.size() > 256 ? 256 : bytes.size();
    const std::size_t at = below(reach), length = below(bytes.size() - at + 1);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
        break;
      case 1:
        bytes[at] = static_cast<char>(random_());
        break;
      case 2:
        number(bytes, at);
        break;
      case 3:
        bytes.erase(place, place + static_cast<std::ptrdiff_t>(length % 16));
        break;
      case 4:
        bytes.insert(place, 1 + below(16), static_cast<char>(random_()));
        break;
      case 5:
        bytes.resize(at);
        break;
      default:
        splice(bytes, at, length);
    }
  }

  // A number of 1 to 8 bytes that sizes go wrong with.
  void number(Bytes& bytes, std::size_t at) {
    const std::uint64_t some[] = {0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, ~0ull};
    const std::uint64_t value = some[below(std::size(some))] + below(3) - 1;
    const std::size_t width = std::size_t{1} << below(4), left = bytes.size() - at;
    std::memcpy(bytes.data() + at, &value, width < left ? width : left);
  }

  // A piece of another seed.
  void splice(Bytes& bytes, std::size_t at, std::size_t length) {
    const Bytes& other = seeds_[below(seeds_.size())];
    for (std::size_t i = 0; i < length && at + i < other.size(); ++i) bytes[at + i] = other[at + i];
  }

  std::vector<Bytes> seeds_;
  std::size_t own_;
  std::mt19937_64 random_{20240229};
};

}  // namespace

int main(int count, char** arguments) {
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_input);
  std::vector<Bytes> seeds = xnorkit::fuzz::seeds();
  const std::size_t own = seeds.size();
  for (int i = 2; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  Mutator mutator(seeds, own);
  const long inputs = count > 1 ? std::atol(arguments[1]) : 10000;
  for (long i = 0; i < inputs; ++i) {
    // Seeds as they are come first. A block of exactly this size, so that a sanitizer sees the
    // first byte read beyond it.
    now = static_cast<std::size_t>(i) < seeds.size() ? seeds[static_cast<std::size_t>(i)]
                                                     : mutator.next();
    now.shrink_to_fit();
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(now.data()), now.size());
  }
  std::printf("%ld inputs from %zu seeds; %s\n", inputs, seeds.size(),
              xnorkit::fuzz::summary().c_str());
  return 0;
}
