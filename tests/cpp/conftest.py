"""The tests of cpp/tests are compiled beside those in Python, which leave a core idle."""

import contextlib

import pytest
from cpp_programs import CPP, CXX, Build

_BUILD = pytest.StashKey()


def pytest_collection_finish(session):
    """Begin where they are wanted."""
    config = session.config
    wanted = any("cases" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and CXX is not None and not config.option.collectonly:
        with contextlib.suppress(pytest.skip.Exception):  # which `cases` will raise again
            config.stash[_BUILD] = _ctest(config)


def pytest_unconfigure(config):
    """Leave no compiler behind."""
    if _BUILD in config.stash:
        config.stash[_BUILD].stop()


@pytest.fixture(scope="session")
def cases(request):
    """What ctest says; -Og finds what -O1 finds in three quarters of the time."""
    config = request.config
    build = config.stash[_BUILD] if _BUILD in config.stash else _ctest(config)
    return build.finished().ctest("-j2")


def _ctest(config):
    folder = config.cache.mkdir("xnorkit-ctest")
    settings = ("CMAKE_BUILD_TYPE=None", "CMAKE_CXX_FLAGS=-Og", f"CMAKE_CXX_COMPILER={CXX}")
    return Build(folder / "build", CPP, *settings, target="xnorkit_tests")
