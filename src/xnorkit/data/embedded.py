"""The subset that ships with xnorkit: 4,382 clips of the 12-class task, for want of a network.

Speech Commands v0.02 by Pete Warden, CC BY 4.0; its `LICENSE.txt` is inside `embedded.zip`. The
clips come from the official 12-class *test* set, split anew by speaker, so a model that was trained
on them must not be measured on that set.
"""

import textwrap
from pathlib import Path

from xnorkit.data.file_tree import ZipTree

EMBEDDED_ZIP = Path(__file__).with_name("embedded.zip")
VERSION = "v0.02"
_WIDTH = 76
_MEANING = (
    "Its numbers can't be compared with published ones, and a model that was trained on it must "
    "not be measured on the official test set."
)


def embedded_tree() -> ZipTree:
    """The embedded subset, in the official layout with its two lists."""
    return ZipTree(EMBEDDED_ZIP)


def embedded_warning(reason: str) -> str:
    """A framed warning of several lines.

    Args:
        reason: why the full data set is not used, a sentence.
    """
    lines = [
        "EMBEDDED SUBSET of Speech Commands: 4,382 clips instead of 105,829",
        "",
        *_wrapped(reason),
        *_wrapped(_MEANING),
        "For the full data set: data.root=FOLDER, or a network to download it.",
    ]
    frame = "#" * _WIDTH
    return "\n".join(["", frame, *(f"#  {line:<{_WIDTH - 6}}  #" for line in lines), frame])


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - 6)
