"""Where the folders that travel with the code are: the same in a checkout and in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]
_ROOT = _PACKAGE if (_PACKAGE / "conf").is_dir() else _CHECKOUT  # a wheel carries its own

CONF_DIR = _ROOT / "conf"
CPP_DIR = _ROOT / "cpp"
EXAMPLE_DIR = _ROOT / "examples" / "cpp_only"
LICENSE = _ROOT / "LICENSE"


def get_include() -> str:
    """Folder of the C++ headers, for a compiler's -I and for CMake."""
    return str(CPP_DIR / "include")
