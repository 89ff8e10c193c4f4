"""Which machine this is, for everything that states a time, and how programs are called on it."""

import platform
import shlex
import shutil
import sys
from pathlib import Path


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU as its maker calls it; on x86 with family and model, which virtual machines keep.

    Args:
        cpuinfo: where Linux describes it.
    """
    said = _first_processor(cpuinfo)
    if "model name" not in said:
        return platform.processor() or platform.machine()
    if "model" not in said:
        return said["model name"]
    return f"{said['model name']} (family {said.get('cpu family', '?')}, model {said['model']})"


def _first_processor(cpuinfo: Path) -> dict[str, str]:
    try:
        text = cpuinfo.read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def program(name: str) -> str:
    """How a program of this Python is called here: by its name, or where the PATH lacks it by path.

    `make train` calls the Python of .venv, which need not be in the PATH; what it prints can be
    typed as it is.

    Args:
        name: `python`, or a program that pip has installed beside it.
    """
    own = Path(sys.executable).absolute().parent / name
    found = shutil.which(name)
    if not own.is_file() or (found is not None and Path(found).absolute() == own):
        return name
    here = Path.cwd()
    short = own.is_relative_to(here) and own.parent != here  # a bare name is sought in the PATH
    return shlex.quote(str(own.relative_to(here) if short else own))
