// What the ops of an engine are loaded from: the tensors of a model.xnor.
#pragma once

#include <cstddef>

#include "xnorkit/arena.hpp"
#include "xnorkit/loader.hpp"
#include "xnorkit/model_file.hpp"

namespace xnorkit {

// The sentence of the first failure is in file.error().
class FileLoader final : public Loader {
 public:
  FileLoader(ModelFile& file, Arena& arena, Workspace& workspace)
      : Loader(arena, workspace), file_(file) {}

 private:
  const void* find(const char* op, const char* field, Element type, std::size_t count) override {
    return file_.tensor(op, field, type, count);
  }

  void out_of_memory(const char* op, std::size_t bytes) override {
    file_.fail("no memory for the %zu bytes of %s. Close other programs.", bytes, op);
  }

  ModelFile& file_;
};

}  // namespace xnorkit
