"""Files that are written whole or not at all, so that a full disk never costs the one before."""

import os
from pathlib import Path


def replace_file(path: Path, content: str | bytes) -> None:
    """Write beside the file, then rename; text as UTF-8.

    Raises:
        OSError: with the file's name; what was there is there still.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
