import numpy as np
import pytest
import torch
from tiny_pictures import Waves

from xnorkit.data.images.pictures import CropSplit


def numbered(height, width, start):
    """A picture whose every pixel says where it is."""
    plane = start + np.arange(height * width, dtype=np.int64).reshape(height, width)
    return np.stack([plane % 251, plane // 251 % 251, plane // 63001]).astype(np.uint8)


def places_of(crop, picture):
    """Where a crop, or its mirror image, lies in a picture."""
    side = crop.shape[1]
    rows, columns = picture.shape[1] - side + 1, picture.shape[2] - side + 1
    return [
        (top, left, mirrored)
        for mirrored in (False, True)
        for top in range(rows)
        for left in range(columns)
        if np.array_equal(
            crop[:, :, ::-1] if mirrored else crop,
            picture[:, top : top + side, left : left + side],
        )
    ]


def test_a_crop_is_a_square_of_one_of_the_pictures_and_half_are_mirrored():
    pictures = [numbered(9, 12, 0), numbered(5, 5, 7000)]
    crops = CropSplit(pictures, 5, 400).epoch(1, 0).inputs(np.arange(400))["image"].numpy()
    assert crops.shape == (400, 3, 5, 5)
    found = []
    for crop in crops:
        [(which, place)] = [(i, p) for i in range(2) for p in places_of(crop, pictures[i])]
        found.append((which, *place))
    which, tops, lefts, mirrored = map(np.array, zip(*found, strict=True))
    assert abs(which.mean() - 0.5) < 0.1
    assert abs(mirrored.mean() - 0.5) < 0.1
    assert set(tops[which == 0]) == set(range(5))
    assert set(lefts[which == 0]) == set(range(8))


def test_seed_and_epoch_draw_the_crops_whatever_the_batches():
    split = CropSplit([numbered(40, 40, 0)], 8, 16)
    whole = split.epoch(1, 3).inputs(np.arange(16))["image"]
    halves = [split.epoch(1, 3).inputs(part)["image"] for part in np.split(np.arange(16), 2)]
    assert torch.equal(whole, torch.cat(halves))
    for other in (split.epoch(2, 3), split.epoch(1, 4)):
        assert not torch.equal(whole, other.inputs(np.arange(16))["image"])


def test_training_gives_crops_and_evaluation_whole_pictures():
    data = Waves()
    data.prepare_data()
    data.setup("fit")
    shapes = [tuple(batch["image"].shape) for batch in data.train_dataloader()]
    assert shapes == [(8, 3, 32, 32)] * 4
    assert [tuple(b["image"].shape) for b in data.test_dataloader()] == [
        (1, 3, 33, 47),
        (1, 3, 180, 200),
    ]
    assert data.counts == {"train": 32, "validation": 1, "test": 2}
    assert data.names["test"] == ("small", "large")


def test_sizes_and_features_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match=r"data\.crop=51: train0 is 50x70"):
        Waves(crop=51).prepare_data()
    with pytest.raises(ValueError, match="both must be at least 1"):
        Waves(crops=0)

    class Featured(Waves):
        def __init__(self):
            super(Waves, self).__init__(8, 8, torch.nn.Identity())

    with pytest.raises(ValueError, match="Leave it out"):
        Featured()
