import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from xnorkit.cli.pictures import compress, decompress
from xnorkit.cli.pictures.checkpoints import codec_of
from xnorkit.data.images.image_file import decode_image


@pytest.fixture
def file(here, photo, runs):
    """Written by the older model."""
    out = photo.with_name("photo.xnc")
    assert compress.main([str(photo), str(out), "--model", str(runs[1].best)]) == 0
    return out


@pytest.mark.parametrize("ending", [".png", ".PPM", ".jpg"])
def test_the_model_that_wrote_it_is_found_and_the_picture_has_its_size(file, runs, ending, capsys):
    image = file.with_suffix(ending)
    assert decompress.main([str(file), str(image)]) == 0
    pixels = codec_of(runs[1].best).decode(file.read_bytes())
    assert Image.open(image).size == (50, 37)
    if ending != ".jpg":
        assert np.array_equal(decode_image(image.read_bytes()), pixels)
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{image}: 50x37, by model ")


def test_the_wrong_model_is_refused_by_name(file, runs, capsys):
    image = file.with_name("again.png")
    assert decompress.main([str(file), str(image), "--model", str(runs[2].best)]) == 2
    assert f"error: {file}: another model's: written by" in capsys.readouterr().err
    assert not image.exists()


def test_without_its_model_the_sentence_asks_for_it(file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert decompress.main([str(file), str(file.with_name("again.png"))]) == 2
    assert "Name its checkpoint by --model." in capsys.readouterr().err


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_altered_missing_or_added_byte_is_a_sentence_and_no_picture(file, data, capsys):
    whole = file.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["altered", "missing", "added"]))
    byte = bytes([data.draw(st.integers(0, 255))])
    middle = {"altered": bytes([whole[place] ^ (byte[0] or 1)]), "missing": b""}.get(
        kind, byte + whole[place : place + 1]
    )
    changed, image = file.with_name("changed.xnc"), file.with_name("again.png")
    changed.write_bytes(whole[:place] + middle + whole[place + 1 :])
    capsys.readouterr()
    assert decompress.main([str(changed), str(image)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {changed}: ")
    assert len(error.splitlines()) == 1
    assert not image.exists()


def test_an_ending_that_is_no_image_is_refused_before_work(file, capsys):
    assert decompress.main([str(file), str(file.with_suffix(".xyz"))]) == 2
    assert "no kind of image that can be written. End it in .png." in capsys.readouterr().err


def test_a_picture_of_the_wrong_kind_is_no_file_of_ours(here, photo, capsys):
    assert decompress.main([str(photo), str(photo.with_name("x.png"))]) == 2
    assert "does not begin as one" in capsys.readouterr().err
    assert Image.open(io.BytesIO(photo.read_bytes())).size == (50, 37)
