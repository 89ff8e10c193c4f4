"""The C functions from samples to a label, in a program without Python."""

import platform
import subprocess

import pytest
from cpp_programs import CXX
from heard_model import CLIP, LABELS, RATE, heard_model

from xnorkit.deploy.generate import source
from xnorkit.deploy.program import program_of
from xnorkit.deploy.xnor_file import from_bytes
from xnorkit.resources import get_include

# Hears once, then counts what a hundred recordings and a stream take from the heap.
COUNTING_MAIN = r"""
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
    void* listener = xnor_listener_create(engine, bytes, size, error, sizeof error);
    if (listener == nullptr) return std::puts(error), 1;
    xnor_destroy(engine);
    size_t clip, hop;
    int rate, classes, decisions = 0;
    xnor_listener_sizes(listener, &rate, &clip, &hop, &classes);
    if (xnor_stream(listener, hop, 3, error, sizeof error) == 0) return std::puts(error), 1;
    std::vector<int16_t> samples(4 * clip, 1000);
    std::vector<float> answer(classes), each(classes * xnor_windows(listener, samples.size()));
    const long before = taken;
    for (int i = 0; i < 100; ++i) {
      xnor_predict(listener, samples.data(), samples.size() - i, answer.data(), each.data());
    }
    for (size_t done = 0; done < samples.size();) {
      int decision;
      done += xnor_feed(listener, samples.data() + done, samples.size() - done, answer.data(),
                        &decision);
      decisions += decision >= 0;
    }
    std::printf("%s %d %zu %d %d %ld %d\n", isa, rate, clip, classes, decisions, taken - before,
                before > 2);
    xnor_listener_destroy(listener);
  }
}
"""


def test_recordings_and_streams_are_heard_without_allocating(tmp_path):
    """Counted by a malloc of its own."""
    if CXX is None or platform.libc_ver()[0] != "glibc":
        pytest.skip("needs a compiler and glibc, whose malloc can be replaced")
    heard = heard_model()
    unit = source(program_of(from_bytes(heard.content), "heard"))
    (tmp_path / "main.cpp").write_text(unit + COUNTING_MAIN)
    (tmp_path / "model.xnor").write_bytes(heard.content)
    command = [*CXX.split(), "-std=c++20", "-Og", f"-I{get_include()}", "main.cpp", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    said = subprocess.run(
        ["./main", "model.xnor"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    lines = [line.split() for line in said.stdout.splitlines()]
    assert lines[-1][0] == "portable"
    hop = heard.frontend.log_mel.hop_length
    for _, rate, clip, classes, decisions, taken, counted in lines:
        assert (int(rate), int(clip), int(classes)) == (RATE, CLIP, len(LABELS))
        assert int(decisions) == (3 * CLIP) // hop + 1
        assert taken == "0"
        assert counted == "1"  # the construction was seen
