"""The one place that imports torchaudio: `from xnorkit._torchaudio import torchaudio`.

Beside a CPU-only torch the import may fail: torchaudio's compiled extension looks for a CUDA
library and raises OSError. Transforms, functional and datasets are pure Python, so the import
is repeated with a stand-in for the extension.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any


def _fail_if_no_align(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _check_cuda_version() -> None:
    return None


def _stand_in() -> ModuleType:
    """What torchaudio asks of `torchaudio._extension`, answering "not compiled"."""
    module = ModuleType("torchaudio._extension")
    vars(module).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=_fail_if_no_align,
        _check_cuda_version=_check_cuda_version,
    )
    return module


def _forget_torchaudio() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "torchaudio"]:
        del sys.modules[name]


def _import() -> ModuleType:
    try:
        return import_module("torchaudio")
    except OSError:
        _forget_torchaudio()  # what the failed import left half done
        sys.modules["torchaudio._extension"] = _stand_in()
        return import_module("torchaudio")


torchaudio = _import()
