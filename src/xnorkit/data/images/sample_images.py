"""Photographs that scikit-image and scikit-learn ship: real pictures without a network."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from torch import nn

from xnorkit.data.images.image_file import decode_image
from xnorkit.data.images.pictures import Named, PictureDataModule

# Only what lies in the wheels (scikit-image downloads others); no scans of pages, no drawings.
_SKIMAGE, _SKLEARN = ("skimage", "data"), ("sklearn", "datasets/images")
_Files = Mapping[tuple[str, str], tuple[str, ...]]  # (package, folder in it) → names
_FILES: Mapping[str, _Files] = {
    "train": {
        _SKIMAGE: (
            "brick.png", "camera.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
            "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png",
            "motorcycle_right.png", "retina.jpg",
        ),
        _SKLEARN: ("china.jpg",),
    },
    "validation": {_SKIMAGE: ("chelsea.png",)},
    "test": {_SKIMAGE: ("astronaut.png", "rocket.jpg"), _SKLEARN: ("flower.jpg",)},
}  # fmt: skip


class SampleImages(PictureDataModule):
    """13 photographs for training, one for validation, three for test; no scene is in two splits.

    Args:
        crop: see `PictureDataModule`, as all that follows; up to 303 pixels.
        crops: see there.
        features: see there.
        batch_size: see there.
        seed: see there.

    Raises:
        ValueError: in `prepare_data`: scikit-image or scikit-learn is not installed.
    """

    def __init__(
        self,
        crop: int = 128,
        crops: int = 1024,
        features: nn.Module | None = None,
        batch_size: int = 8,
        seed: int = 1,
    ) -> None:
        super().__init__(crop, crops, features, batch_size, seed)
        self.title = "Sample photographs"
        self.source_note = "17 photographs that scikit-image and scikit-learn ship"

    def _pictures(self, fetch: bool) -> Mapping[str, Named]:
        return {
            split: {
                Path(name).stem: decode_image((_folder(*place) / name).read_bytes())
                for place, names in files.items()
                for name in names
            }
            for split, files in _FILES.items()
        }


def _folder(package: str, inside: str) -> Path:
    """A folder of an installed package, which need not be imported for it."""
    found = find_spec(package)
    if found is None or found.origin is None:
        name = {"skimage": "scikit-image", "sklearn": "scikit-learn"}[package]
        raise ValueError(f'data=sample_images needs {name}: pip install "xnorkit[vision]".')
    return Path(found.origin).parent / inside
