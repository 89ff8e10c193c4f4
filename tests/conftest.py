"""Fixtures that several rooms share."""

import pytest
from runs import write_tones


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    """A folder of three tones in the layout of data=audio_folder."""
    return write_tones(tmp_path_factory.mktemp("recordings") / "tones")


@pytest.fixture(scope="session")
def engine_cache(request):
    """A folder that lasts from one run of the tests to the next: each unit is compiled once."""
    return request.config.cache.mkdir("xnorkit-engines")
