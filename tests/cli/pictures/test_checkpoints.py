import pytest
import tiny_speech
import torch

from xnorkit.cli.pictures import checkpoints
from xnorkit.cli.pictures.checkpoints import codec_of, command, found, newest, write, writer_of
from xnorkit.cli.run_folder import RunFolder


def test_the_newest_compression_comes_first_wherever_its_run_lies(runs):
    here, older, newer = runs
    paths = found(here / "outputs")
    assert [path.parent.parent.name for path in paths] == ["newer", "older"]
    assert newest(here / "outputs") == newer.best
    assert older.best in paths


def test_a_file_finds_the_model_that_wrote_it(runs):
    here, older, newer = runs
    for run in (older, newer):
        assert writer_of(codec_of(run.best).model_id, here / "outputs") == run.best
    with pytest.raises(ValueError, match="written by model 0000000000000000, and no run"):
        writer_of(bytes(8), here / "outputs")


def test_a_loaded_codec_has_the_checkpoints_weights(runs):
    _, older, _ = runs
    saved = torch.load(older.best, weights_only=True)["state_dict"]
    network = codec_of(older.best).network
    assert not network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, saved[f"network.{name}"])


def test_without_a_compression_the_sentence_says_how_to_get_one(tmp_path):
    with pytest.raises(ValueError, match="train one by python train.py task=compression"):
        newest(tmp_path)


def test_a_classifiers_checkpoint_is_refused_and_not_found(tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "outputs" / "run")
    run.checkpoints.mkdir(parents=True)
    run.best.touch()
    run.config.write_text("task:\n  _target_: xnorkit.tasks.Classification\n")
    assert found(tmp_path / "outputs") == []
    monkeypatch.setattr(checkpoints, "load", lambda path, allow: tiny_speech.task())
    with pytest.raises(ValueError, match="of task Classification, and only a compression"):
        codec_of(run.best)


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ValueError("no.\nmore"), 2, "error: no.\n"),
        (RuntimeError("can't allocate memory"), 2, "error: can't allocate memory\n"),
        (MemoryError(), 2, "error: MemoryError\n"),
        (KeyboardInterrupt(), 130, "stopped; nothing was written\n"),
    ],
)
def test_an_error_is_a_sentence_and_a_code(error, code, sentence, capsys):
    def fail():
        raise error

    assert command(fail) == code
    assert capsys.readouterr().err == sentence


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"x\.xnc: can't be written \(No such file"):
        write(tmp_path / "none" / "x.xnc", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="folder: can't be written"):
        write(tmp_path / "folder", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
