#include <string>
#include <vector>

#include "model_bytes.hpp"
#include "testing.hpp"
#include "xnorkit/audio/labels.hpp"

namespace xnorkit::testing {

inline bool load_labels(const std::string& json, std::vector<std::string>* names) {
  const std::vector<char> bytes = ModelBytes(json).bytes();
  ModelFile file(bytes.data(), bytes.size());
  Arena arena;
  Labels labels;
  const bool loaded = labels.load(file, arena);
  expect(loaded == file.ok(), "a failure has its sentence");
  for (int i = 0; i < labels.count() && loaded; ++i) names->push_back(labels.at(i));
  expect(labels.at(-1) == nullptr && labels.at(labels.count()) == nullptr, "none beside them");
  return loaded;
}

void labels() {
  current() = "labels";
  std::vector<std::string> names;
  expect(load_labels(R"(["yes","","a \"b\" \\ \/\t\n\r\b\f\u0001\u001f","été 犬"])", &names),
         "read");
  const std::vector<std::string> wanted = {"yes", "", "a \"b\" \\ /\t\n\r\b\f\x01\x1f", "été 犬"};
  expect(names == wanted, "as they were written");
  names.clear();
  expect(load_labels("[]", &names) && names.empty(), "no labels");
  for (const char* wrong :
       {"", "[", "]", "{}", "[1]", "[\"a\"", "[\"a\",]", "[\"a\"]x", "[\"a", "[\"a\\",
        "[\"\\u0000\"]", "[\"\\u00\"]", "[\"\\u1234\"]", "[\"\\x\"]"}) {
    current() = std::string("labels ") + wrong;
    expect(!load_labels(wrong, &names), "is refused");
  }
}

}  // namespace xnorkit::testing

XNORKIT_PLAIN_TEST(labels)
