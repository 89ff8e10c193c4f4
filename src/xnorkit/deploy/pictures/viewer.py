"""Pictures of any size → probabilities, by an engine whose model.xnor says how it sees."""

from typing import cast

import torch

from xnorkit.data.images.image_file import Pixels, UnreadableImageError, cover, decode_image
from xnorkit.deploy.audio.listener import Prediction, Probabilities
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.deploy.program import FEATURES
from xnorkit.deploy.xnor_file import XnorFile
from xnorkit.features import ImageFrontend


class PictureError(ValueError):
    """A picture that a model does not take; the message says which it does."""


def takes_pictures(file: XnorFile) -> bool:
    """Whether a model's features are those of images."""
    return file.metadata.features.get("kind") == "image"


class Viewer:
    """A network that sees: the pixels' way to it is that of training.

    Args:
        engine: of the model.
        file: the model.

    Attributes:
        shape: (C, H, W) that the network sees; C is 1, grey, or 3, RGB.

    Raises:
        EngineError: the model names no labels, or its features are made by other rules.
    """

    def __init__(self, engine: Engine, file: XnorFile) -> None:
        if not engine.labels:
            raise EngineError("it names no labels. Deploy a checkpoint of `python train.py`.")
        self._engine, self.labels = engine, engine.labels
        said = file.metadata.features
        self._frontend = ImageFrontend([int(said[k]) for k in ("channels", "height", "width")])
        if said != self._frontend.parameters_dict():
            raise EngineError("its features are made by rules of another xnorkit. Upgrade xnorkit.")
        mean, std = (torch.tensor(file.tensors[FEATURES + name]) for name in ("mean", "std"))
        self._frontend.standardise.set(mean, std)
        self._frontend.eval()
        self.shape = self._frontend.shape

    def decoded(self, content: bytes) -> Prediction:
        """The answer to an image file of any size, shape and mode that Pillow reads.

        Raises:
            PictureError: it is none.
        """
        try:
            return self(decode_image(content, self.shape[0]))
        except UnreadableImageError as error:
            raise PictureError(
                f"it can't be read as a picture ({error}). This model takes pictures: PNG, JPEG "
                "or another that Pillow reads."
            ) from error

    def __call__(self, pixels: Pixels) -> Prediction:
        """The answer to a picture, cut to its middle and resized as `data=image_folder` does it.

        Args:
            pixels: uint8 (C, h, w), any size.

        Raises:
            PictureError: another type, or other channels.
        """
        channels, height, width = self.shape
        if (
            pixels.dtype != "uint8"
            or pixels.ndim != 3
            or len(pixels) != channels
            or not pixels.size
        ):
            raise PictureError(
                f"a picture of {pixels.dtype} {pixels.shape}: uint8 ({channels}, height, width) "
                "is taken. Convert it."
            )
        image = torch.from_numpy(cover(pixels, height, width).copy())[None]
        logits = self._engine(self._frontend(image))
        mean = cast(Probabilities, logits.softmax(1)[0].numpy())
        return Prediction(self.labels[int(mean.argmax())], mean, ())
