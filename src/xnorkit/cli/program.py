"""How a program of this Python is called here: commands that are printed can be typed as they are.

`make train` calls the Python of .venv, which need not be in the PATH.
"""

import shlex
import shutil
import sys
from pathlib import Path


def program(name: str) -> str:
    """The name where the PATH leads to this Python's programs, else its path, short and quoted.

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
