"""Runs cpp/fuzz under the sanitizers: no bytes lead the readers of model.xnor and WAV astray."""

import io

import numpy as np
import pytest
import soundfile
from cpp_programs import CPP, CXX, Build, run
from xnor_files import FORGED, VALID

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CXX is None, reason="no C++ compiler")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A build folder with the targets."""
    folder = tmp_path_factory.mktemp("fuzz")
    sanitize = "XNORKIT_SANITIZE=address,undefined"
    settings = ("CMAKE_BUILD_TYPE=None", "CMAKE_CXX_FLAGS=-O1", sanitize)
    return Build(folder, CPP, *settings, target="fuzz").finished().folder


def written(folder, contents):
    """Files of these bytes."""
    for index, content in enumerate(contents):
        (folder / f"seed{index}").write_bytes(content)
    return sorted(folder.glob("seed*"))


def counts(said):
    """The numbers of the last line: inputs, seeds, answered, refused."""
    return [int(word) for word in said.splitlines()[-1].split() if word.isdigit()]


def test_the_reader_of_model_xnor_withstands_ten_thousand_inputs(folder, tmp_path):
    files = written(tmp_path, [VALID, *FORGED.values()])
    said = run([folder / "fuzz/fuzz_model_file", 10000, *files], cwd=tmp_path)
    inputs, seeds, ran, heard, refused = counts(said)
    assert (inputs, seeds) == (10000, len(files) + 1)
    assert min(ran, heard, refused) > 100


def test_the_reader_of_wav_files_withstands_ten_thousand_inputs(folder, tmp_path):
    contents = []
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"):
        file = io.BytesIO()
        soundfile.write(file, np.linspace(-1, 1, 100), 16000, subtype, format="WAV")
        contents.append(file.getvalue())
    said = run([folder / "fuzz/fuzz_wav", 10000, *written(tmp_path, contents)], cwd=tmp_path)
    inputs, seeds, heard, refused = counts(said)
    assert (inputs, seeds) == (10000, 6 + len(contents))
    assert min(heard, refused) > 500
