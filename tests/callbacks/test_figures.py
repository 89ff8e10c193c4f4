import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel
from lightning.pytorch.loggers import TensorBoardLogger
from tiny_speech import LABELS, Tones, clips, task, trainer

from xnorkit.callbacks import figures
from xnorkit.callbacks.figures import Figures


@pytest.fixture
def drawn(monkeypatch):
    """What was drawn, as (kind, arguments); the real figures are drawn too."""
    calls = []
    for kind in ("confusion_figure", "spectrogram_figure", "images_figure"):
        real = getattr(figures, kind)

        def note(*arguments, kind=kind, real=real):
            calls.append((kind, arguments))
            return real(*arguments)

        monkeypatch.setattr(figures, kind, note)
    return calls


def confusions(drawn):
    return [arguments for kind, arguments in drawn if kind == "confusion_figure"]


def logged(folder, callback, **arguments):
    return trainer(folder, logger=TensorBoardLogger(folder), callbacks=[callback], **arguments)


def test_confusion_matrix_is_drawn_every_n_validations_and_after_the_last(tmp_path, drawn):
    run = logged(tmp_path, Figures(every_n_validations=2), max_epochs=4, num_sanity_val_steps=2)
    run.fit(task(), datamodule=Tones())
    steps = [title.split(" after ")[1] for _, _, title in confusions(drawn)]
    # Validations end at steps 3, 6, 9 and 12; the first and third are due, the fourth is the last.
    assert steps == ["3 steps", "9 steps", "12 steps"]


def test_the_last_validation_is_not_drawn_twice(tmp_path, drawn):
    logged(tmp_path, Figures(1), max_epochs=2).fit(task(), datamodule=Tones())
    assert len(confusions(drawn)) == 2


def test_confusion_matrix_counts_what_the_network_answers(tmp_path, drawn):
    run, module = logged(tmp_path, Figures()), task()
    run.fit(module, datamodule=Tones())
    drawn.clear()
    run.test(module, datamodule=Tones(), verbose=False)
    expected = [[0] * 3 for _ in LABELS]
    module.eval()
    answers = module.network(module.frontend(clips(12))).argmax(1).tolist()
    for i, answer in enumerate(answers):
        expected[i % 3][answer] += 1
    ((counts, labels, title),) = confusions(drawn)
    assert counts.tolist() == expected
    assert labels == list(LABELS)
    assert title == "Tones (embedded subset), 3 classes: test split"


def test_spectrograms_are_the_features_of_one_clip_a_class(tmp_path, drawn):
    module = task()
    logged(tmp_path, Figures(), limit_val_batches=0).fit(module, datamodule=Tones())
    ((maps, title),) = [arguments for kind, arguments in drawn if kind == "spectrogram_figure"]
    module.eval()
    assert list(maps) == list(LABELS)
    assert torch.equal(torch.tensor(maps["high"]), module.frontend(clips(3))[2, 0])
    assert title.startswith("Tones (embedded subset), 3 classes")


def test_images_are_drawn_where_the_data_have_them(tmp_path, drawn):
    class Pictures(Tones):
        example_waveforms = None

        def example_images(self):
            return {label: torch.full((1, 4, 4), 9 * i) for i, label in enumerate(LABELS)}

    run = logged(tmp_path, Figures(), limit_val_batches=0)
    run.fit(task(), datamodule=Pictures())
    ((images, title),) = [arguments for kind, arguments in drawn if kind == "images_figure"]
    assert [int(image[0, 0, 0]) for image in images.values()] == [0, 9, 18]
    assert title.endswith("one training image a class")


def test_spectrograms_leave_the_frontend_in_training_mode(tmp_path):
    seen = []

    class Watching(Figures):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            seen.append(pl_module.frontend.training)

    logged(tmp_path, Watching(), max_steps=1).fit(task(), datamodule=Tones())
    assert seen == [True]


@pytest.mark.parametrize("arguments", [{"logger": False}, {"fast_dev_run": True}])
def test_without_tensorboard_nothing_is_drawn(tmp_path, drawn, arguments):
    run, module = trainer(tmp_path, callbacks=[Figures()], **arguments), task()
    run.fit(module, datamodule=Tones())
    run.test(module, datamodule=Tones(), verbose=False)
    assert drawn == []


def test_a_module_with_nothing_to_show_trains(tmp_path, drawn):
    run, module = logged(tmp_path, Figures(), max_steps=2), BoringModel()
    run.fit(module)
    run.test(module, verbose=False)
    assert drawn == []


def test_a_count_below_one_is_refused():
    with pytest.raises(ValueError, match="every_n_validations=0"):
        Figures(0)
