// Any tensor that an op asks for, the same for every ISA path: small integers, which sum up
// exactly.
#pragma once

#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "xnorkit/loader.hpp"

namespace xnorkit::bench {

class AnyLoader : public Loader {
 public:
  explicit AnyLoader(Arena& arena) : Loader(arena, workspace_) {}

 private:
  const void* find(const char* op, const char* field, Element type, std::size_t count) override {
    auto& bytes = tensors_[std::string(op) + "." + field];
    std::mt19937 random(static_cast<unsigned>(count));
    bytes.resize(count * sizeof(float));
    for (std::size_t i = 0; i < count; ++i) {
      const int value = static_cast<int>(random() % 15) - 7;
      if (type == Element::kFloat32) put(bytes, i, field[0] == 's' ? 0.5f : float(value));
      if (type == Element::kInt32) put(bytes, i, value);
      if (type == Element::kInt8) put(bytes, i, static_cast<std::int8_t>(value));
      if (type == Element::kUint8) put(bytes, i, flag_or_bits(field, value));
    }
    return bytes.data();
  }
  void out_of_memory(const char*, std::size_t) override { std::abort(); }

  static std::uint8_t flag_or_bits(const char* field, int value) {
    const bool bits = std::strcmp(field, "weight") == 0;
    return static_cast<std::uint8_t>(bits ? value * 37 : value & 1);
  }

  template <class T>
  static void put(std::vector<unsigned char>& bytes, std::size_t i, T value) {
    std::memcpy(&bytes[i * sizeof(T)], &value, sizeof value);
  }

  Workspace workspace_;
  std::map<std::string, std::vector<unsigned char>> tensors_;
};

}  // namespace xnorkit::bench
