// The reader of WAV files, as tests/cpp/test_wav.py calls it.
#include <cstdio>

#include "xnorkit/audio/wav.hpp"

// Number of samples, at most `most` of them in `out`; 0 and a sentence in `error` where there are
// none.
extern "C" std::size_t read_wav(const void* bytes, std::size_t size, std::int16_t* out,
                                std::size_t most, char* error, std::size_t error_size) {
  const xnorkit::Wav wav(bytes, size);
  wav.read(0, most, out);
  std::snprintf(error, error_size, "%s", wav.error());
  return wav.frames();
}
