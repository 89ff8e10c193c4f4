"""xnorkit-compress IMAGE OUT.xnc: a picture as bits, by a trained compressor."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from xnorkit.cli.pictures.checkpoints import codec_of, command, newest, read, write
from xnorkit.data.images.image_file import UnreadableImageError, decode_image


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    return command(lambda: compress(options.image, options.out, options.model, options.allow))


def compress(image: Path, out: Path, model: Path | None = None, allow: Sequence[str] = ()) -> str:
    """Write `out`; returns what to say of it.

    Raises:
        ValueError: the picture can't be read, or the model is no compressor.
    """
    try:
        pixels = decode_image(read(image))
    except UnreadableImageError as error:
        raise ValueError(f"{image}: {error}.") from error
    checkpoint = newest() if model is None else model
    codec = codec_of(checkpoint, allow)
    data = codec.encode(pixels)
    write(out, data)
    _, height, width = pixels.shape
    return (
        f"{out}: {len(data):,} bytes, {8 * len(data) / (height * width):.3f} bits a pixel of "
        f"{width}x{height}, 1/{pixels.size / len(data):.0f} of its bytes; "
        f"model {codec.model_id.hex()} ({checkpoint})"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xnorkit-compress", description=__doc__)
    parser.add_argument("image", metavar="IMAGE", type=Path, help="PNG, JPEG, …; in RGB")
    parser.add_argument("out", metavar="OUT.xnc", type=Path, help="what is written")
    parser.add_argument(
        "--model", metavar="CKPT", type=Path, help="default: the newest below outputs/"
    )
    parser.add_argument("--allow", action="append", default=[], help="package of your own classes")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
