"""xnorkit.data.images.published: what all data sets with published parts refuse."""

import pytest

from xnorkit.data.images.mnist import MNIST
from xnorkit.features import ImageFrontend


def test_more_validation_than_training_images_is_refused(tmp_path, write_idx):
    module = MNIST(tmp_path, root=write_idx(tmp_path / "copy"), validation=40)
    with pytest.raises(ValueError, match="data.validation=40: there are 40 training images"):
        module.prepare_data()


@pytest.mark.parametrize("validation", [0, -1])
def test_no_validation_is_refused(validation, tmp_path):
    with pytest.raises(ValueError, match=f"data.validation={validation}"):
        MNIST(tmp_path, validation=validation)


def test_a_root_that_is_not_there_is_refused_at_once(tmp_path):
    with pytest.raises(ValueError, match="there is no such folder"):
        MNIST(tmp_path, root=tmp_path / "missing")


def test_a_data_dir_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PermissionError, match=r"data_dir=.*deeper: it can't be written"):
        MNIST(tmp_path / "file" / "deeper").prepare_data()


def test_features_of_another_size_are_refused(tmp_path):
    with pytest.raises(ValueError, match="data.features.shape"):
        MNIST(tmp_path, features=ImageFrontend((1, 32, 32)))
