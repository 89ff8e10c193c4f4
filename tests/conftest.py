"""Fixtures that several rooms share."""

import pytest
import torch
from runs import stores_of, write_tones

from xnorkit.native import compile as native_compile
from xnorkit.ops import kernels


@pytest.fixture(scope="session")
def tones(tmp_path_factory, engine_cache):
    """A folder of three tones in the layout of data=audio_folder; runs share their engines."""
    tones = write_tones(tmp_path_factory.mktemp("recordings") / "tones")
    data_dir = stores_of(tones)
    data_dir.mkdir()
    (data_dir / "engines").symlink_to(engine_cache)
    return tones


@pytest.fixture(scope="session")
def engine_cache(request):
    """A folder that lasts from one run of the tests to the next: each unit is compiled once."""
    return request.config.cache.mkdir("xnorkit-engines")


@pytest.fixture(scope="session", autouse=True)
def _all_is_compiled_there(engine_cache):
    """Where no folder is named, too, and not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (kernels, native_compile):
            patch.setattr(module, "default_cache_dir", lambda: engine_cache)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Small tensors are slower on two, and the other core has compilers to run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # of processes that tests start
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)
