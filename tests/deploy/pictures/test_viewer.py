"""Pictures in files of any size and mode → the probabilities that torch gives in training's way."""

import io
from math import prod

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from xnorkit.data.images.image_file import cover
from xnorkit.data.images.image_folder import ImageFolder
from xnorkit.deploy import pipeline, xnor_file
from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.deploy.pictures.viewer import PictureError, Viewer, takes_pictures
from xnorkit.deploy.predict import Predictor
from xnorkit.features import ImageFrontend

LABELS = ("cat", "dog", "owl")
SHAPE = (3, 6, 8)
GREY = (1, 8, 13)  # heard_model's features: the same topology, so the same library
MEANS, STD = (0.4, 0.5, 0.6), 0.25


class TorchEngine:
    """The network itself where an engine would be: compiling one is not what is tested."""

    labels = LABELS

    def __init__(self, network):
        self.network = network

    def __call__(self, x):
        with torch.no_grad():
            return self.network(x)


def linear(shape):
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), len(LABELS))).eval()


def model(network, shape, labels=LABELS):
    """The bytes of its model.xnor."""
    frontend = ImageFrontend(shape).eval()
    frontend.standardise.set(torch.tensor(MEANS[: shape[0]]), torch.tensor(STD))
    return pipeline.plan(network, torch.zeros(1, *shape), labels, frontend).model()


@pytest.fixture(scope="module")
def network():
    return linear(SHAPE)


@pytest.fixture(scope="module")
def viewer(network):
    file = xnor_file.from_bytes(model(network, SHAPE), "m.xnor")
    assert takes_pictures(file)
    return Viewer(TorchEngine(network), file)


def photograph(height, width, seed=0):
    """uint8 (3, height, width) with structure at all scales."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(9 * x + c) * np.cos(7 * y - c) for c in range(3)]
    noise = np.random.default_rng(seed).uniform(-0.3, 0.3, (3, height, width))
    return np.clip(127 * (1 + np.array(waves) + noise), 0, 255).astype(np.uint8)


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@torch.no_grad()
def wanted(network, pixels):
    """By torch and numpy, from a picture that already has the network's size."""
    means = np.array(MEANS[: len(pixels)]).reshape(-1, 1, 1)
    x = torch.tensor((pixels / 255 - means) / STD, dtype=torch.float32)
    return network(x[None]).softmax(1)[0].numpy()


def test_a_picture_of_the_networks_size_has_torchs_probabilities(viewer, network):
    pixels = photograph(6, 8)
    prediction = viewer(pixels)
    np.testing.assert_allclose(prediction.probabilities, wanted(network, pixels), atol=1e-6)
    assert prediction.label == LABELS[int(prediction.probabilities.argmax())]
    assert prediction.windows == ()


def test_a_file_is_seen_as_in_training_from_a_folder(viewer, network, tmp_path):
    content = saved(Image.fromarray(photograph(90, 61).transpose(1, 2, 0)), "JPEG", quality=90)
    for split in ("train", "val", "test"):
        (tmp_path / split / "cat").mkdir(parents=True)
        (tmp_path / split / "cat" / "a.jpg").write_bytes(content)
    data = ImageFolder(tmp_path, size=SHAPE[1:])
    data.prepare_data()
    data.setup("fit")
    trained_on = data.example_images()["cat"].numpy()
    found = viewer.decoded(content).probabilities
    np.testing.assert_allclose(found, wanted(network, trained_on), atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_becomes_the_networks_colours(viewer, network, mode):
    image = Image.fromarray(photograph(6, 8).transpose(1, 2, 0)).convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 256)
        grey = np.asarray(image) >> 8
    else:
        image = image.convert(mode)
        grey = np.asarray(image.convert("L"))
    content = saved(image, "TIFF" if mode == "CMYK" else "PNG")
    found = viewer.decoded(content).probabilities
    np.testing.assert_allclose(found, wanted(network, np.stack([grey] * 3)), atol=1e-2)


def test_a_grey_model_answers_coloured_files_by_its_engine(tmp_path, engine_cache):
    network = linear(GREY)
    xnor_file.write(tmp_path / "m.xnor", model(network, GREY))
    predictor = Predictor(tmp_path / "m.xnor", cache_dir=engine_cache)
    image = Image.fromarray(photograph(8, 13).transpose(1, 2, 0))
    (tmp_path / "a.png").write_bytes(saved(image))
    grey = np.asarray(image.convert("L"), np.uint8)[None]
    found = predictor.file(tmp_path / "a.png")
    np.testing.assert_allclose(found.probabilities, wanted(network, grey), atol=1e-6)
    np.testing.assert_array_equal(predictor(grey).probabilities, found.probabilities)
    assert found.label == predictor.labels[int(found.probabilities.argmax())]
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"a\.wav: it can't be read as a picture"):
        predictor.file(tmp_path / "a.wav")


def test_a_larger_picture_is_cut_to_its_middle_and_resized(viewer):
    tall = photograph(64, 24)
    middle = np.ascontiguousarray(tall[:, 23:41])  # 18 x 24, of the shape 6 x 8
    assert np.array_equal(viewer(tall).probabilities, viewer(middle).probabilities)
    assert np.array_equal(viewer(cover(tall, 6, 8)).probabilities, viewer(tall).probabilities)


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.zeros((1, 6, 8), np.uint8), r"uint8 \(1, 6, 8\): uint8 \(3, height, width\)"),
        (np.zeros((3, 6, 8), np.float32), r"float32 \(3, 6, 8\)"),
        (np.zeros((3, 0, 8), np.uint8), r"\(3, 0, 8\)"),
    ],
)
def test_pixels_of_another_kind_are_refused(viewer, pixels, sentence):
    with pytest.raises(PictureError, match=sentence):
        viewer(pixels)


def test_what_is_no_picture_is_refused_with_what_is(viewer):
    content = saved(Image.fromarray(photograph(40, 40).transpose(1, 2, 0)))
    for damaged in (b"RIFF....WAVE", b"", content[: len(content) // 2]):
        with pytest.raises(PictureError, match=r"as a picture \(.+\)\. This model takes pictures"):
            viewer.decoded(damaged)


def test_features_of_other_rules_and_models_without_labels_are_refused(network, monkeypatch):
    engine = TorchEngine(network)
    said = {**ImageFrontend(SHAPE).parameters_dict(), "divided_by": 127.5}
    monkeypatch.setattr(ImageFrontend, "parameters_dict", lambda self: said)
    other = xnor_file.from_bytes(model(network, SHAPE), "m.xnor")
    monkeypatch.undo()
    with pytest.raises(EngineError, match="rules of another xnorkit"):
        Viewer(engine, other)
    engine.labels = ()
    with pytest.raises(EngineError, match="names no labels"):
        Viewer(engine, other)
