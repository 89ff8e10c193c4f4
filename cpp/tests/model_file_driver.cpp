// The reader of model.xnor, as tests/cpp/test_model_file.py calls it: from a shared object, or as a
// program that reads files from stdin, each after its length (uint64), and prints a line for each.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "xnorkit/file_loader.hpp"
#include "xnorkit/model_file.hpp"

namespace {

void say(char* to, std::size_t size, const char* text) { std::snprintf(to, size, "%s", text); }

template <class T>
int copy(xnorkit::Loader& loader, const char* op, const char* field, std::size_t count, void* out) {
  const T* found = loader.tensor<T>(op, field, count);
  if (found != nullptr) std::memcpy(out, found, count * sizeof(T));
  return found != nullptr;
}

}  // namespace

extern "C" {

void sha256(const void* bytes, std::size_t size, std::size_t first, char* digits) {
  xnorkit::Sha256 digest;
  digest.update(bytes, first);
  digest.update(static_cast<const char*>(bytes) + first, size - first);
  std::memcpy(digits, digest.hex().data(), xnorkit::Sha256::kDigits);
}

int check(const void* bytes, std::size_t size, char* error, std::size_t error_size) {
  const xnorkit::ModelFile file(bytes, size);
  say(error, error_size, file.error());
  return file.ok();
}

// What an op gets that needs more memory than there is.
int take_too_much(const void* bytes, std::size_t size, char* error, std::size_t error_size) {
  xnorkit::ModelFile file(bytes, size);
  xnorkit::Arena arena;
  xnorkit::Workspace workspace;
  xnorkit::FileLoader loader(file, arena, workspace);
  const bool taken = loader.take<char>("layers.0", std::size_t{1} << 62) != nullptr;
  say(error, error_size, file.error());
  return taken;
}

int has_program(const void* bytes, std::size_t size, const char* text, std::size_t length) {
  return xnorkit::ModelFile(bytes, size).has_program({text, length});
}

// type: f, i, b (int8) or u (uint8).
int tensor(const void* bytes, std::size_t size, const char* op, const char* field, char type,
           std::size_t count, void* out, char* error, std::size_t error_size) {
  xnorkit::ModelFile file(bytes, size);
  xnorkit::Arena arena;
  xnorkit::Workspace workspace;
  xnorkit::FileLoader loader(file, arena, workspace);
  const int found = type == 'f'   ? copy<float>(loader, op, field, count, out)
                    : type == 'i' ? copy<std::int32_t>(loader, op, field, count, out)
                    : type == 'b' ? copy<std::int8_t>(loader, op, field, count, out)
                                  : copy<std::uint8_t>(loader, op, field, count, out);
  say(error, error_size, file.error());
  return found;
}

}  // extern "C"

int main() {
  std::uint64_t size = 0;
  while (std::fread(&size, sizeof size, 1, stdin) == 1) {
    // A block of exactly this size, so that a sanitizer sees the first byte read beyond it.
    char* bytes = static_cast<char*>(std::malloc(size));
    if (std::fread(bytes, 1, size, stdin) != size) return 1;
    char error[512];
    check(bytes, size, error, sizeof error);
    std::puts(error[0] == '\0' ? "ok" : error);
    std::free(bytes);
  }
  return 0;
}
