"""model.xnor → a C++ project: the example of `examples/cpp_only`, with a network of one's own.

<folder>/model.xnor       the numbers                              } generated: each export
         engine.cpp       the unit of its topology                 } writes them anew
         include/         xnorkit's headers                        }
         CMakeLists.txt   library and programs                     } the example's: written where
         predict_wav.cpp  recordings → labels, if the model hears  } they are missing, so that what
         run_floats.c     the network alone, from C                } you change stays
         README.md        how to build it, and what this model is  }

The README's section on the model is renewed as long as it is what the export before has written.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from xnorkit.deploy import xnor_file
from xnorkit.deploy.export.cross import cross_compile, require_target
from xnorkit.deploy.generate import source
from xnorkit.deploy.program import Program, program_of
from xnorkit.deploy.xnor_file import XnorFile
from xnorkit.resources import CPP_DIR, EXAMPLE_DIR, LICENSE

MODEL, UNIT = "model.xnor", "engine.cpp"
README = "README.md"
HEARING = "predict_wav"  # the program that only a model of recordings needs
PROJECT = ("CMakeLists.txt", f"{HEARING}.cpp", "run_floats.c", README)


class ExportError(ValueError):
    """The folder can't be written; the message says why."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: of the project.
        kept: files of the project that were there and have stayed as they were; the README too
            where its section on the model was changed by hand.
        built: libraries and programs for the target; none where none was asked for.
    """

    folder: Path
    kept: tuple[str, ...]
    built: tuple[Path, ...]


def export(
    model: bytes,
    folder: str | os.PathLike[str],
    target: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Exported:
    """Write a project that builds and runs this model without Python.

    Args:
        model: the bytes of a model.xnor.
        folder: is made where it is missing; other files in it stay.
        target: machine to compile for as well, a name in `cross.TARGETS`; into <folder>/<target>.
        cache_dir: where the cross compiler keeps its C++ library; see `compile.build`.

    Raises:
        XnorFileError: the bytes are no model.xnor.
        ExportError: the folder can't be written.
        NoCompilerError, CompileError: it can't be compiled for the target, or there is no such.
    """
    if target is not None:
        require_target(target)
    file = xnor_file.from_bytes(model)
    program = program_of(file, MODEL)
    folder = Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = _write_project(folder, file)
        _write_generated(folder, file, program)
    except OSError as error:
        raise ExportError(
            f"{error.filename or folder} can't be written ({error.strerror}). Export to another "
            "folder."
        ) from error
    built = () if target is None else cross_compile(folder, target, cache_dir)
    return Exported(folder, kept, built)


def _write_project(folder: Path, file: XnorFile) -> tuple[str, ...]:
    kept = []
    for name in PROJECT:
        path = folder / name
        if name == f"{HEARING}.cpp" and not _hears(file):
            continue
        if path.exists():
            if name != README or not _renew_about(path, file):
                kept.append(name)
            continue
        text = (EXAMPLE_DIR / name).read_text(encoding="utf-8")
        path.write_text(_readme(text, file) if name == README else text, encoding="utf-8")
    return tuple(kept)


def _hears(file: XnorFile) -> bool:
    """Whether its features are those of recordings, which have no kind."""
    return bool(file.metadata.features) and "kind" not in file.metadata.features


def _readme(text: str, file: XnorFile) -> str:
    """The example's, without the lines on a program that is not there, and a section on this."""
    if not _hears(file):
        text = "".join(line for line in text.splitlines(keepends=True) if HEARING not in line)
    return text + _about(file)


def _renew_about(readme: Path, file: XnorFile) -> bool:
    """Whether the README had the section on the model before, and now has that on this one."""
    try:
        before = _about(xnor_file.read(readme.with_name(MODEL)))
        text = readme.read_text(encoding="utf-8")
    except ValueError:  # no model.xnor, or no UTF-8: it is not as it was written
        return False
    after = text.replace(before, _about(file))
    if after == text:
        return False
    readme.write_text(after, encoding="utf-8")
    return True


def _write_generated(folder: Path, file: XnorFile, program: Program) -> None:
    headers = (CPP_DIR / "include").rglob("*.h*")
    files = {header.relative_to(CPP_DIR): header.read_bytes() for header in headers}
    files[Path("include/xnorkit/LICENSE")] = LICENSE.read_bytes()
    files[Path(UNIT)] = source(program).encode()
    for name, content in files.items():
        _renew(folder / name, content)
    xnor_file.write(folder / MODEL, file.content)


def _renew(path: Path, content: bytes) -> None:
    """Write what differs only, so that a new training of the same network compiles nothing."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _about(file: XnorFile) -> str:
    """The README's section on this model."""
    said = file.metadata
    shape = " x ".join(map(str, said.program["input_shape"]))
    features = ", ".join(f"{key} {value}" for key, value in said.features.items())
    labels = ", ".join(said.labels).replace("|", "\\|")
    return f"""
## This model
| what | |
| --- | --- |
| `model.xnor` | {len(file.content):,} bytes |
| input | {shape} float32 (channels x rows x columns), in memory channels last |
| labels | {labels or "none"} |
| features | {features or "none: run_floats takes its input as it is"} |
| made by | {", ".join(f"{key} {value}" for key, value in said.producer.items())} |
"""
