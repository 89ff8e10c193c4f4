"""Fixtures of deploy/: where compiled engines are kept between test runs."""

import pytest


@pytest.fixture(scope="session")
def engine_cache(request):
    """A folder that lasts from one run of the tests to the next: each unit is compiled once."""
    return request.config.cache.mkdir("xnorkit-engines")
