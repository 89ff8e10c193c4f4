"""Fixtures that several rooms share."""

import pytest
from runs import write_tones

from xnorkit.ops import kernels


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    """A folder of three tones in the layout of data=audio_folder."""
    return write_tones(tmp_path_factory.mktemp("recordings") / "tones")


@pytest.fixture(scope="session")
def engine_cache(request):
    """A folder that lasts from one run of the tests to the next: each unit is compiled once."""
    return request.config.cache.mkdir("xnorkit-engines")


@pytest.fixture(scope="session", autouse=True)
def _ops_are_compiled_there(engine_cache):
    """The kernels of xnorkit.ops, too, and not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "default_cache_dir", lambda: engine_cache)
        yield
