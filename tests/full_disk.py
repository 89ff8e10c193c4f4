"""A disk that takes files up to a size only, by the limit that the kernel puts on a process."""

import resource
from contextlib import contextmanager


@contextmanager
def files_up_to(size):
    """Writing beyond so many bytes of a file is an OSError (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
