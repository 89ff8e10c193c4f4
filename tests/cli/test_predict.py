"""xnorkit-predict, as typed."""

import json

import numpy as np
import pytest

from xnorkit.cli import predict
from xnorkit.deploy.audio.listener import Prediction, Window


class Fake:
    """Answers without an engine: what the command makes of them is tested here."""

    labels = ("yes", "no", "up", "down")

    def __init__(self, path, isa):
        if "bad" in path:
            raise ValueError(f"{path}: not a model.xnor.")

    def file(self, path):
        if "stop" in path:
            raise KeyboardInterrupt
        if "none" in path:
            raise ValueError(f"{path}: it can't be read (No such file or directory).")
        first = np.array([0.7, 0.1, 0.15, 0.05], np.float32)
        windows = (Window(0.0, 1.0, first), Window(0.5, 1.5, first[::-1]))
        count = {"long.wav": 2, "a.wav": 1, "a.png": 0}[path]
        return Prediction("yes", first, windows[:count])


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(predict, "Predictor", Fake)


def test_a_line_names_the_best_classes(capsys):
    assert predict.main(["m.xnor", "a.wav"]) == 0
    assert capsys.readouterr().out == "a.wav: yes 0.700  (up 0.150, no 0.100)\n"


def test_a_long_file_has_a_line_for_each_window(capsys):
    predict.main(["m.xnor", "long.wav"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].strip().startswith("0.50 … 1.50 s  down 0.700")


def test_json_has_all_probabilities_and_windows(capsys):
    predict.main(["m.xnor", "a.wav", "long.wav", "--json"])
    short, long = json.loads(capsys.readouterr().out)
    assert short["label"] == "yes"
    assert short["probabilities"].keys() == set(Fake.labels)
    assert [w["label"] for w in long["windows"]] == ["yes", "down"]


def test_a_picture_has_a_line_and_no_windows(capsys):
    predict.main(["m.xnor", "a.png"])
    assert capsys.readouterr().out == "a.png: yes 0.700  (up 0.150, no 0.100)\n"
    predict.main(["m.xnor", "a.png", "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert found.keys() == {"file", "label", "probabilities"}


def test_a_file_that_fails_does_not_stop_the_others(capsys):
    assert predict.main(["m.xnor", "none.wav", "a.wav"]) == 2
    shown = capsys.readouterr()
    assert "error: none.wav: it can't be read" in shown.err
    assert "a.wav: yes" in shown.out


def test_a_bad_model_is_a_sentence(capsys):
    assert predict.main(["bad.xnor", "a.wav"]) == 2
    assert capsys.readouterr().err == "error: bad.xnor: not a model.xnor.\n"


def test_ctrl_c_ends_it_without_a_traceback(capsys):
    assert predict.main(["m.xnor", "stop.wav", "a.wav"]) == 130
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "stopped\n")
