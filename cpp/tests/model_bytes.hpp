// Bytes of a model.xnor that C++ tests need, written as docs/file_format.md has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "xnorkit/loader.hpp"
#include "xnorkit/sha256.hpp"

namespace xnorkit::testing {

class ModelBytes {
 public:
  explicit ModelBytes(std::string labels = "[]", std::string features = "{}")
      : labels_(std::move(labels)), features_(std::move(features)) {}

  // "<op>.<field>" and its values.
  template <class T>
  void add(const std::string& name, const std::vector<T>& values) {
    constexpr const char* types[] = {"U8", "I8", "I32", "F32"};  // in Element's order
    Tensor& tensor = (sizeof(T) == 4 ? wide_ : narrow_)[name];
    tensor.type = types[static_cast<int>(element_of<T>())];
    tensor.count = values.size();
    tensor.bytes.resize(values.size() * sizeof(T));
    std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  }

  std::vector<char> bytes() const {
    std::string data, text = R"({"__metadata__":{"xnor_format":"1","sha256":")" +
                             std::string(Sha256::kDigits, '0') + R"(","program":"{}","labels":")" +
                             escaped(labels_) + R"(","features":")" + escaped(features_) +
                             R"(","sign_rule":"bit 1: x < 0; bit 0: else, so 0, -0.0 and NaN")"
                             R"(,"padding":"of a map: padding_value of each op; of a row of bits: )"
                             R"(0","producer":"{}"})";
    for (const auto* tensors : {&wide_, &narrow_}) {
      for (const auto& [name, tensor] : *tensors) {
        text += ",\"" + name + "\":{\"dtype\":\"" + tensor.type + "\",\"shape\":[" +
                std::to_string(tensor.count) + "],\"data_offsets\":[" +
                std::to_string(data.size()) + "," +
                std::to_string(data.size() + tensor.bytes.size()) + "]}";
        data += tensor.bytes;
      }
    }
    text += "}";
    while ((text.size() + 8) % 64 != 0) text += ' ';
    std::string all(8, '\0');
    for (int i = 0; i < 8; ++i) all[i] = static_cast<char>(text.size() >> (8 * i));
    all += text + data;
    seal(all.data(), all.size());
    return std::vector<char>(all.begin(), all.end());
  }

  // Puts the digest of the other bytes in its place.
  static void seal(char* file, std::size_t size) {
    std::memset(file + kDigest, '0', Sha256::kDigits);
    Sha256 digest;
    digest.update(file, size);
    std::memcpy(file + kDigest, digest.hex().data(), Sha256::kDigits);
  }
  static constexpr std::size_t kDigest = 53;  // where it stands in every file

 private:
  struct Tensor {
    std::string type;
    std::size_t count = 0;
    std::string bytes;
  };

  static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  }

  std::string labels_, features_;
  std::map<std::string, Tensor> wide_, narrow_;  // of 4 bytes an element, of 1
};

}  // namespace xnorkit::testing
