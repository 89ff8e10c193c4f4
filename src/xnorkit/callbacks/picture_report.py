"""Test pictures of a compression → report.md and report.json: quality, bytes, ratios."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from xnorkit.tasks.compression import PictureResult

_FLOAT_BITS = 32  # of an unquantised element
_COLOUR_BITS = 8  # of an element of the picture
Results = Mapping[str, PictureResult]


def write(folder: Path, title: str, source: str, results: Results) -> None:
    """Write both files.

    Args:
        folder: is made.
        title: of the data.
        source: where the pictures come from.
        results: picture's name → what became of it; at least one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(
        json.dumps(as_json(title, source, results), indent=1) + "\n", encoding="utf-8"
    )
    (folder / "report.md").write_text(markdown(title, source, results), encoding="utf-8")


def as_json(title: str, source: str, results: Results) -> dict[str, Any]:
    """Plain data: every picture, and the means."""
    pictures = [
        {"name": name, **asdict(result), "bpp": result.bpp} for name, result in results.items()
    ]
    return {"title": title, "source": source, "mean": means(results), "pictures": pictures}


def means(results: Results) -> dict[str, float | None]:
    """Over pictures, each of the same weight; of MS-SSIM over those that are large enough."""
    found = list(results.values())
    similar = [result.ms_ssim for result in found if result.ms_ssim is not None]
    return {
        "psnr": fmean(result.psnr for result in found),
        "ms_ssim": fmean(similar) if similar else None,
        "bpp": fmean(result.bpp for result in found),
    }


def markdown(title: str, source: str, results: Results) -> str:
    """The page."""
    rows = [_row(name, result) for name, result in results.items()]
    mean = means(results)
    rows.append(
        ["mean", "", f"{mean['psnr']:.2f}", _similarity(mean["ms_ssim"]), "", f"{mean['bpp']:.4f}"]
        + [""] * 4
    )
    headings = [
        "picture", "size", "PSNR dB", "MS-SSIM", "file bytes", "bits a pixel", "elements",
        "bits of float32", "bits of 8-bit colours", "file of 8-bit colours",
    ]  # fmt: skip
    return "\n".join(
        [
            f"# Compression: {title}",
            "",
            f"Test split, {source}. Decoded from the bits, rounded to 8 bits a colour.",
            "",
            _line(headings),
            _line(["---"] * len(headings)),
            *(_line(row) for row in rows),
            "",
            "Ratios, compressed to original: *elements* counts the bottleneck's elements against "
            "the picture's (width · height · 3). An element of the bottleneck is one bit, so *in "
            "bits* it is 1/32 of that where the picture's elements are float32, 1/8 where they "
            "are bytes. *File* is what lies on disk, header and zstandard included, against the "
            "picture's bytes.",
            "",
        ]
    )


def _row(name: str, result: PictureResult) -> list[str]:
    raw = 3 * result.height * result.width
    return [
        name,
        f"{result.width}x{result.height}",
        f"{result.psnr:.2f}",
        _similarity(result.ms_ssim),
        f"{result.nbytes:,}",
        f"{result.bpp:.4f}",
        f"{result.element_ratio:.5f}",
        f"{result.element_ratio / _FLOAT_BITS:.6f}",
        f"{result.element_ratio / _COLOUR_BITS:.5f}",
        f"{result.nbytes / raw:.5f}",
    ]


def _similarity(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
