"""Pictures through a network and back, by bytes alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.codec import BadFileError, PictureCodec
from xnorkit.codec.xnc_file import CompressedPicture
from xnorkit.networks import Compressor
from xnorkit.schemes import Float


def codec(seed=0, planes=6):
    torch.manual_seed(seed)
    return PictureCodec(Compressor(Float(), channels=4, planes=planes))


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)


OURS = codec()


@pytest.fixture(scope="module")
def file():
    return OURS.encode(noise(30, 37))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 70), st.integers(1, 70))
def test_a_picture_of_any_size_comes_back_as_the_network_reconstructs_it(height, width):
    picture = noise(height, width)
    decoded = OURS.decode(OURS.encode(picture))
    assert decoded.shape == picture.shape
    with torch.no_grad():
        truth = OURS.network(torch.from_numpy(picture)[None] / 255)[0]
    assert np.array_equal(decoded, (truth.clamp(0, 1) * 255).round().numpy().astype(np.uint8))


@settings(deadline=None)
@given(st.data())
def test_no_altered_file_gives_a_picture(file, data):
    place = data.draw(st.integers(0, len(file) - 1))
    changed = bytearray(file)
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadFileError):
        OURS.decode(bytes(changed))


def test_another_models_file_is_refused_by_both_names(file):
    other = codec(seed=1)
    with pytest.raises(BadFileError, match=f"by {OURS.model_id.hex()}, not {other.model_id.hex()}"):
        other.decode(file)


def test_a_file_with_another_number_of_planes_is_refused_whatever_it_says_of_itself():
    forged = CompressedPicture(16, 16, OURS.model_id, np.zeros((5, 1, 1), np.uint8))
    with pytest.raises(BadFileError, match="5 planes of a model with 6"):
        OURS.decode(forged.to_bytes())


def test_a_mirrored_view_is_the_picture_that_it_shows():
    mirrored = noise(20, 20)[:, :, ::-1]
    assert OURS.encode(mirrored) == OURS.encode(mirrored.copy())


def test_a_network_in_float64_codes_too():
    ours = PictureCodec(codec().network.double())
    assert ours.decode(ours.encode(noise(20, 20))).shape == (3, 20, 20)


def test_the_id_changes_with_the_smallest_change_of_a_weight_and_with_nothing_else():
    assert codec().model_id == OURS.model_id
    other = codec()
    with torch.no_grad():
        bias = other.network.g_s[-1].bias
        bias[0] = torch.nextafter(bias[0], torch.tensor(9.0))
    assert PictureCodec(other.network).model_id != OURS.model_id
    assert codec(planes=7).model_id != OURS.model_id


def test_a_codec_evaluates_also_what_was_training():
    network = Compressor(Float(), channels=4, planes=6, quantiser="stochastic").train()
    ours = PictureCodec(network)
    assert ours.encode(noise(40, 40)) == ours.encode(noise(40, 40))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((1, 8, 8), np.uint8), np.zeros((3, 8, 8), np.float32), np.zeros((3, 0, 8), np.uint8)],
)
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match="a picture of"):
        OURS.encode(wrong)
