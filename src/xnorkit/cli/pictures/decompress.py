"""xnorkit-decompress IN.xnc IMAGE: the picture that xnorkit-compress wrote as bits."""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from xnorkit.cli.pictures.checkpoints import codec_of, command, read, write, writer_of
from xnorkit.codec import BadFileError
from xnorkit.codec.xnc_file import CompressedPicture
from xnorkit.data.images.image_file import as_image


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    return command(lambda: decompress(options.file, options.image, options.model, options.allow))


def decompress(
    file: Path, image: Path, model: Path | None = None, allow: Sequence[str] = ()
) -> str:
    """Write `image`; returns what to say of it.

    Raises:
        ValueError: the file is damaged or another model's, or the image's ending is not known.
    """
    form = _format_of(image)
    data = read(file)
    try:
        written_by = CompressedPicture.from_bytes(data).model_id
        codec = codec_of(writer_of(written_by) if model is None else model, allow)
        pixels = codec.decode(data)
    except BadFileError as error:
        raise ValueError(f"{file}: {error}.") from error
    encoded = io.BytesIO()
    as_image(pixels).save(encoded, form)
    write(image, encoded.getvalue())
    _, height, width = pixels.shape
    return f"{image}: {width}x{height}, by model {codec.model_id.hex()}"


def _format_of(image: Path) -> str:
    """Pillow's name of it."""
    known = Image.registered_extensions()
    form = known.get(image.suffix.lower())
    if form not in Image.SAVE:
        raise ValueError(f"{image}: no kind of image that can be written. End it in .png.")
    return str(form)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xnorkit-decompress", description=__doc__)
    parser.add_argument("file", metavar="IN.xnc", type=Path, help="of xnorkit-compress")
    parser.add_argument(
        "image", metavar="IMAGE", type=Path, help="what is written; .png loses nothing more"
    )
    parser.add_argument(
        "--model", metavar="CKPT", type=Path, help="default: the one below outputs/ that wrote it"
    )
    parser.add_argument("--allow", action="append", default=[], help="package of your own classes")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
