// Any bytes are a model.xnor that an engine is made of and runs, or a sentence. Each input is read
// as it is, and again with its own digest in place, or all but a few would end there.

#include <cstring>
#include <iterator>

#include "fuzz.hpp"
#include "small_network.hpp"
#include "xnorkit/audio/listener.hpp"
#include "xnorkit/c_interface.hpp"

namespace {

using Network = xnorkit::testing::SmallNetwork<xnorkit::portable::Ops>;

int ran = 0, heard = 0, refused = 0;

// What the file says of features and labels is a listener that hears, or a sentence.
void listen(const xnorkit::Engine& engine, xnorkit::ModelFile& file) {
  using xnorkit::fuzz::require;
  const std::unique_ptr<xnorkit::Listener> listener(
      xnorkit::Listener::make(engine, Network::inputs, Network::outputs, file));
  const std::size_t length = std::strlen(file.error());
  require(listener != nullptr ? file.ok() : length > 20 && file.error()[length - 1] == '.');
  if (listener == nullptr) return;
  ++heard;
  require(listener->classes() == Network::outputs && listener->label(0) != nullptr);
  const std::int16_t samples[100] = {1, -32768, 32767};
  float probabilities[Network::outputs];
  listener->predict(samples, std::size(samples), probabilities, nullptr);
}

void read(const xnorkit::fuzz::Bytes& bytes) {
  using xnorkit::fuzz::require;
  xnorkit::ModelFile file(bytes.data(), bytes.size());
  file.has_program("{}");
  const std::unique_ptr<xnorkit::Engine> engine(
      file.ok() ? xnorkit::load_engine<Network>("portable", file) : nullptr);
  const std::size_t length = std::strlen(file.error());
  require(engine != nullptr ? file.ok() : length > 20 && file.error()[length - 1] == '.');
  ++(engine != nullptr ? ran : refused);
  if (engine == nullptr) return;
  std::vector<float> input(Network::inputs, 0.5f), output(Network::outputs);
  engine->run(input.data(), 1, output.data());
  listen(*engine, file);
}

}  // namespace

std::vector<xnorkit::fuzz::Bytes> xnorkit::fuzz::seeds() { return {testing::small_model()}; }

std::string xnorkit::fuzz::summary() {
  return std::to_string(ran) + " ran, " + std::to_string(heard) + " heard, " +
         std::to_string(refused) + " refused";
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using xnorkit::testing::ModelBytes;
  xnorkit::fuzz::Bytes bytes(data, data + size);
  read(bytes);
  if (size < ModelBytes::kDigest + xnorkit::Sha256::kDigits) return 0;
  ModelBytes::seal(bytes.data(), size);
  read(bytes);
  return 0;
}
