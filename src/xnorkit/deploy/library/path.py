"""Whether an engine could be built here and take a path, asked before there is one."""

import ctypes
import os

from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.native.compile import build
from xnorkit.native.toolchain import find_toolchain

# The rule and its sentence are C++'s, which asks the CPU.
_UNIT = """\
#include <xnorkit/isa.hpp>
extern "C" __attribute__((visibility("default"))) int choose_isa(
    const char* wanted, char* error, std::size_t error_size) {
  return xnorkit::choose_isa(wanted, error, error_size);
}
"""
_ERROR_BYTES = 512


def refuse_impossible(
    isa: str | None = None, cache_dir: str | os.PathLike[str] | None = None
) -> None:
    """Raise what building an engine, or choosing its path, would raise.

    A path is looked up by a small library, which is compiled (seconds) or found; nothing is where
    neither `isa` nor XNORKIT_ISA names one.

    Args:
        isa: path by name; None: XNORKIT_ISA, else the best.
        cache_dir: see `compile.build`.

    Raises:
        NoCompilerError: there is no compiler.
        EngineError: no such path, or this CPU lacks it.
    """
    find_toolchain()
    if not (isa or os.environ.get("XNORKIT_ISA")):
        return
    choose = ctypes.CDLL(str(build(_UNIT, cache_dir).path)).choose_isa
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    if choose(isa.encode() if isa else None, error, ctypes.c_size_t(_ERROR_BYTES)) < 0:
        raise EngineError(error.value.decode(errors="replace"))
