import numpy as np
import pytest

from xnorkit.cli.pictures import compress
from xnorkit.cli.pictures.checkpoints import codec_of
from xnorkit.data.images.image_file import decode_image


def test_the_file_holds_what_the_newest_model_makes_of_the_picture(here, photo, runs, capsys):
    out = photo.with_name("photo.xnc")
    assert compress.main([str(photo), str(out)]) == 0
    codec = codec_of(runs[2].best)
    assert out.read_bytes() == codec.encode(decode_image(photo.read_bytes()))
    said = capsys.readouterr().out
    size = out.stat().st_size
    assert said.startswith(f"{out}: {size} bytes, {8 * size / 37 / 50:.3f} bits a pixel of 50x37")
    assert codec.model_id.hex() in said
    assert "newer" in said


def test_a_named_model_writes(here, photo, runs):
    out = photo.with_name("photo.xnc")
    assert compress.main([str(photo), str(out), "--model", str(runs[1].best)]) == 0
    found = codec_of(runs[1].best).decode(out.read_bytes())
    assert found.shape == (3, 37, 50)
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"no picture", "photo.png: not an image that Pillow knows."), (None, "can't be read (No")],
)
def test_what_is_no_picture_is_named_and_nothing_written(here, photo, content, sentence, capsys):
    photo.unlink()
    if content is not None:
        photo.write_bytes(content)
    out = photo.with_name("photo.xnc")
    assert compress.main([str(photo), str(out)]) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


def test_a_model_that_is_none_is_named(here, photo, capsys):
    arguments = [str(photo), str(photo.with_name("x.xnc")), "--model", str(photo)]
    assert compress.main(arguments) == 2
    assert "not a checkpoint that can be read safely" in capsys.readouterr().err
