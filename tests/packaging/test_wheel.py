"""The wheel and the sdist hold what an installed xnorkit needs."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_the_wheel_carries_configs_recordings_and_licences(built):
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    yamls = {str(p.relative_to(ROOT)) for p in (ROOT / "conf").rglob("*.yaml")}
    assert {f"xnorkit/{name}" for name in yamls} <= set(names)
    headers = {str(p.relative_to(ROOT)) for p in (ROOT / "cpp").rglob("*.h*")}
    shipped = {
        f"xnorkit/{n}" for n in headers if not n.startswith(("cpp/tests", "cpp/bench", "cpp/fuzz"))
    }
    assert shipped <= set(names)
    example = {str(p.relative_to(ROOT)) for p in (ROOT / "examples/cpp_only").iterdir()}
    assert {f"xnorkit/{name}" for name in example} | {"xnorkit/LICENSE"} <= set(names)
    assert "xnorkit/data/embedded.zip" in names
    assert "xnorkit/py.typed" in names
    assert any(name.endswith("licenses/NOTICE") for name in names)


def test_the_sdist_builds_and_tests_the_same(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    needed = {"conf/train.yaml", "train.py", "Makefile", "NOTICE", "src/xnorkit/data/embedded.zip"}
    assert needed | {"tests/test_layout.py", "pyproject.toml"} <= names


def test_an_installed_xnorkit_composes_its_own_configs_from_any_folder(built, tmp_path):
    site = tmp_path / "site packages"
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    command = [sys.executable, "-m", "xnorkit.cli.train", "--cfg", "job", "model=bwn"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert "xnorkit.schemes.BWN" in done.stdout
    where = "from xnorkit.resources import CONF_DIR; print(CONF_DIR)"
    shown = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(shown.stdout.strip()) == site / "xnorkit" / "conf"
