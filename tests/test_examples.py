"""Every example runs, and does what it says."""

import runpy
import subprocess
from pathlib import Path

import hearing_model
import pytest
from cpp_programs import CXX, Build, run

from xnorkit.deploy.export.folder import export

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_binop_on_your_module_learns_with_binary_weights(capsys):
    main = runpy.run_path(str(EXAMPLES / "binop_on_your_module.py"))["main"]
    assert main() > 0.9
    printed = capsys.readouterr().out
    assert "network.3: 2304 binary weights\nnetwork.6: 2304 binary weights" in printed


@pytest.fixture(scope="module")
def cpp_only(request):
    """The programs of cpp_only over a model, without a warning; only what changed is compiled."""
    if CXX is None:
        pytest.skip("no C++ compiler")
    folder = request.config.cache.mkdir("xnorkit-cpp-only")
    export(hearing_model.model(), folder / "model")
    strict = "-O1 -Wall -Wextra -Wpedantic -Werror"
    settings = ("CMAKE_BUILD_TYPE=None", f"CMAKE_CXX_FLAGS={strict}", f"CMAKE_C_FLAGS={strict}")
    model = f"MODEL={folder / 'model'}"
    Build(folder / "build", EXAMPLES / "cpp_only", *settings, model).finished()
    return folder


def test_cpp_only_hears_what_torch_hears(cpp_only, tmp_path):
    files = hearing_model.recordings(tmp_path)
    model = cpp_only / "model" / "model.xnor"
    said = run([cpp_only / "build" / "predict_wav", model, *files])
    assert "0.20 s of sound in " in said
    hearing_model.assert_heard_as_torch_hears(said, files)


def test_cpp_only_says_what_it_cant_hear_and_hears_the_rest(cpp_only, tmp_path):
    program, model = cpp_only / "build" / "predict_wav", cpp_only / "model" / "model.xnor"
    good, *_ = hearing_model.recordings(tmp_path)
    other = hearing_model.at_another_rate(tmp_path / "other.wav")
    done = run_failing([program, model, tmp_path / "none.wav", tmp_path, __file__, other, good])
    assert list(hearing_model.heard(done.stdout)) == [str(good)]
    assert done.stderr.splitlines() == [
        f"error: {tmp_path / 'none.wav'}: it can't be read.",
        f"error: {tmp_path}: it can't be read.",
        f"error: {__file__}: this is no WAV file (RIFF/WAVE). Convert it: ffmpeg -i IN -c:a "
        "pcm_s16le OUT.wav, or sox IN -b 16 OUT.wav.",
        f"error: {other}: it has 8000 samples a second, the model hears 16000. Convert it: ffmpeg "
        "-i IN -ar 16000 OUT.wav, or sox IN -r 16000 OUT.wav.",
    ]
    assert "no model.xnor" in run_failing([program, good, good]).stderr
    assert "usage: " in run_failing([program, model]).stderr


def test_cpp_only_runs_the_network_from_c(cpp_only, tmp_path):
    program, model = cpp_only / "build" / "run_floats", cpp_only / "model" / "model.xnor"
    (tmp_path / "x.f32").write_bytes(bytes(2 * 4 * 88))  # two samples of 8 x 11 zeros
    one, two = run([program, model, tmp_path / "x.f32"]).splitlines()
    zeros = run([program, model])
    assert one.split(" in ")[0] == two.split(" in ")[0] == zeros.split(" in ")[0]
    (tmp_path / "half.f32").write_bytes(bytes(4 * 88 + 4))
    said = run_failing([program, model, tmp_path / "half.f32"]).stderr
    assert "has 356 bytes: a sample has 88 float32." in said
    assert "no model.xnor" in run_failing([program, tmp_path / "x.f32"]).stderr
    assert "can't be read" in run_failing([program, tmp_path / "none"]).stderr


def run_failing(command):
    """The process of a command that must end with status 2."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stdout + done.stderr
    return done


def test_every_example_is_run_here():
    text = Path(__file__).read_text()
    for example in EXAMPLES.iterdir():
        assert f'"{example.name}"' in text
