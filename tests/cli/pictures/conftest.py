"""Two small compressions below outputs/, as train.py leaves them; hardly trained."""

import os

import pytest
from PIL import Image
from runs import composed
from tiny_pictures import waves

from xnorkit.cli.run_folder import RunFolder
from xnorkit.cli.train import run_job
from xnorkit.data.images.image_file import as_image


def trained(folder, *options):
    small = [
        "task=compression", "network.channels=4", "network.planes=8", "data.crop=32",
        "data.crops=16", "recipe.epochs=1", "test=false", "logger=none", "callbacks=none",
    ]  # fmt: skip
    run_job(composed(folder, *small, *options))
    return RunFolder(folder)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """(folder with outputs/, the older run, the newer run)."""
    here = tmp_path_factory.mktemp("here")
    older = trained(here / "outputs" / "day" / "older", "seed=1")
    newer = trained(here / "outputs" / "day" / "sweep" / "newer", "seed=2")
    stamp = newer.best.stat().st_mtime
    os.utime(older.best, (stamp - 100, stamp - 100))
    return here, older, newer


@pytest.fixture
def here(runs, monkeypatch):
    """The folder, and the one that commands are called in."""
    monkeypatch.chdir(runs[0])
    return runs[0]


@pytest.fixture
def photo(tmp_path):
    """A PNG of 50x37."""
    path = tmp_path / "photo.png"
    as_image(waves(37, 50, 1)).save(path)
    assert Image.open(path).size == (50, 37)
    return path
