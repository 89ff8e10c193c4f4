// Any bytes are a model.xnor that an engine is made of and runs, or a sentence. Each input is read
// as it is, and again with its own digest in place, or all but a few would end there.

#include <cstring>

#include "fuzz.hpp"
#include "small_network.hpp"
#include "xnorkit/c_interface.hpp"

namespace {

using Network = xnorkit::testing::SmallNetwork<xnorkit::portable::Ops>;

int ran = 0, refused = 0;

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
}

}  // namespace

std::vector<xnorkit::fuzz::Bytes> xnorkit::fuzz::seeds() { return {testing::small_model()}; }

std::string xnorkit::fuzz::summary() {
  return std::to_string(ran) + " ran, " + std::to_string(refused) + " refused";
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
