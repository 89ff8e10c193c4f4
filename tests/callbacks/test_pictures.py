import json

import pytest
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_pictures import Waves, task, trainer

from xnorkit.callbacks import pictures
from xnorkit.callbacks.pictures import Pictures


@pytest.fixture
def drawn(monkeypatch):
    """(rows, title) of every figure; the real ones are drawn too."""
    calls = []

    def note(rows, title, real=pictures.pictures_figure):
        calls.append((rows, title))
        return real(rows, title)

    monkeypatch.setattr(pictures, "pictures_figure", note)
    return calls


def logged(folder, callback, **options):
    return trainer(folder, logger=TensorBoardLogger(folder), callbacks=[callback], **options)


def test_the_first_validation_picture_is_drawn_every_n_validations(tmp_path, drawn):
    run = logged(tmp_path, Pictures(every_n_validations=2), max_epochs=3, num_sanity_val_steps=2)
    run.fit(task(), datamodule=Waves())
    titles = [title for _, title in drawn]
    assert titles == [f"Waves: validation split after {steps} steps" for steps in (4, 12)]
    [row] = drawn[0][0]
    assert row.original.shape == row.decoded.shape == (3, 40, 50)
    assert row.bits.shape == (16, 3, 4)


def test_the_test_writes_figure_and_tables_of_its_pictures(tmp_path, drawn):
    report = tmp_path / "report"
    run, module = logged(tmp_path, Pictures(report)), task()
    run.test(module, datamodule=Waves(), verbose=False)
    [(rows, title)] = drawn
    assert title == "Waves: test split"
    assert [row.name for row in rows] == ["small", "large"]
    result = module.test_pictures[1]
    assert rows[1].cost == f"{result.psnr:.2f} dB, {result.bpp:.3f} bits a pixel"
    assert {path.name for path in report.iterdir()} == {"report.md", "report.json", "pictures.png"}
    found = json.loads((report / "report.json").read_text())
    assert [p["nbytes"] for p in found["pictures"]] == [p.nbytes for p in module.test_pictures]
    assert found["source"] == "computed"


def test_tensorboard_has_both_images(tmp_path):
    run, module = logged(tmp_path, Pictures()), task()
    run.fit(module, datamodule=Waves())
    run.test(module, datamodule=Waves(), verbose=False)
    events = EventAccumulator(run.logger.log_dir).Reload()
    assert set(events.Tags()["images"]) == {"pictures/val", "pictures/test"}


def test_without_tensorboard_the_report_is_written_all_the_same(tmp_path):
    run = trainer(tmp_path, callbacks=[Pictures(tmp_path / "report")])
    run.test(task(), datamodule=Waves(), verbose=False)
    assert (tmp_path / "report" / "pictures.png").is_file()


def test_another_module_trains_with_it(tmp_path, drawn):
    run = logged(tmp_path, Pictures(tmp_path / "report"), limit_train_batches=2)
    run.fit(BoringModel())
    run.test(BoringModel(), verbose=False)
    assert not drawn
    assert not (tmp_path / "report").exists()


def test_a_number_of_validations_below_one_is_refused():
    with pytest.raises(ValueError, match=r"pictures\.every_n_validations=0"):
        Pictures(every_n_validations=0)
