// Any bytes are a WAV file's samples or a sentence.

#include <cstring>
#include <memory>

#include "fuzz.hpp"
#include "xnorkit/audio/wav.hpp"

namespace {

int heard = 0, refused = 0;

xnorkit::fuzz::Bytes file(int encoding, int channels, int bits, int head) {
  const auto bytes = [](unsigned value, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
  };
  const unsigned block = static_cast<unsigned>(channels * bits / 8), data = 8 * block;
  std::string out = "RIFF" + bytes(36 + data, 4) + "WAVEfmt " + bytes(unsigned(head), 4);
  std::string format = bytes(head == 40 ? 0xfffe : unsigned(encoding), 2) +
                       bytes(unsigned(channels), 2) + bytes(16000, 4) + bytes(16000 * block, 4) +
                       bytes(block, 2) + bytes(unsigned(bits), 2);
  if (head == 40) format += bytes(22, 2) + bytes(unsigned(bits), 2) + bytes(4, 4);
  if (head == 40) format += bytes(unsigned(encoding), 2) + std::string(14, '\0');
  out += format + "LIST" + bytes(3, 4) + "abc" + '\0' + "data" + bytes(data, 4);
  for (unsigned i = 0; i < data; ++i) out += static_cast<char>(i * 7);
  return {out.begin(), out.end()};
}

}  // namespace

std::vector<xnorkit::fuzz::Bytes> xnorkit::fuzz::seeds() {
  return {file(1, 1, 16, 16), file(1, 2, 8, 16),  file(1, 3, 24, 40),
          file(1, 1, 32, 40), file(3, 2, 32, 16), file(3, 1, 64, 40)};
}

std::string xnorkit::fuzz::summary() {
  return std::to_string(heard) + " heard, " + std::to_string(refused) + " refused";
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using xnorkit::fuzz::require;
  const xnorkit::Wav wav(data, size);
  ++(wav.ok() ? heard : refused);
  const std::size_t length = std::strlen(wav.error());
  require(wav.ok() ? length == 0 && wav.rate() > 0 && wav.channels() > 0 && wav.frames() > 0
                   : length > 20 && wav.error()[length - 1] == '.' && wav.frames() == 0);
  const std::unique_ptr<std::int16_t[]> samples(new std::int16_t[wav.frames() + 3]);
  wav.read(0, wav.frames() + 3, samples.get());
  wav.read(wav.frames() / 2, 3, samples.get());
  return 0;
}
