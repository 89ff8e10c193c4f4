"""Programs without Python that count what they take from the heap, by a malloc of their own."""

import platform
import subprocess

import pytest
from cpp_programs import CXX

from xnorkit.resources import get_include

COUNTER = r"""
#include <cstdio>
#include <cstdlib>
#include <vector>

extern "C" void* __libc_malloc(size_t);
extern "C" void* __libc_memalign(size_t, size_t);
static long taken = 0;
extern "C" void* malloc(size_t size) { return ++taken, __libc_malloc(size); }
extern "C" void* aligned_alloc(size_t alignment, size_t size) {
  return ++taken, __libc_memalign(alignment, size);
}

int main(int, char** arguments) {
  static char bytes[1 << 20];
  FILE* file = std::fopen(arguments[1], "rb");
  const size_t size = std::fread(bytes, 1, sizeof bytes, file);
  char error[512];
  for (int index = 0; const char* isa = xnor_supported(index); ++index) {
    void* engine = xnor_create(bytes, size, isa, error, sizeof error);
    if (engine == nullptr) return std::puts(error), 1;
"""


def heap_counts(folder, unit, body, model, *flags):
    """Words of each line that the program prints, a line a path.

    Args:
        folder: takes its files.
        unit: an engine's, in front of it.
        body: of a loop over the paths, where `engine`, `isa`, `bytes`, `size` and `error` are, and
            `taken` is what malloc was called so far.
        model: the bytes of model.xnor.
        flags: of the compiler, beside the standard's.
    """
    if CXX is None or platform.libc_ver()[0] != "glibc":
        pytest.skip("needs a compiler and glibc, whose malloc can be replaced")
    (folder / "main.cpp").write_text(unit + COUNTER + body + "  }\n}\n")
    (folder / "model.xnor").write_bytes(model)
    command = [*CXX.split(), "-std=c++20", *flags, f"-I{get_include()}", "main.cpp", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    said = subprocess.run(
        ["./main", "model.xnor"], cwd=folder, check=True, capture_output=True, text=True
    )
    lines = [line.split() for line in said.stdout.splitlines()]
    assert lines[-1][0] == "portable"
    return lines
