"""Learned compression against JPEG: quality over the bits per pixel of whole files.

    python benchmarks/compression_rates.py            trains what outputs/compression_rates lacks
    python benchmarks/compression_rates.py --jobs 4   … side by side, a thread each
    python benchmarks/compression_rates.py RUN …      shows these runs of task=compression

Four trainings of experiment=compression_small, first on small crops, many in a minute, then on
large ones, more like whole pictures: they differ in the bits alone, take some seven minutes of
one core each, and one that was stopped is resumed. --full trains the default network instead, which
takes a GPU. Then the test pictures of the first run's data go through .xnc files and through
Pillow's JPEG of the same size or less. Prints a table in Markdown, writes rates.png and
pictures.png beside the runs, or into --out.
"""

import argparse
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from omegaconf import OmegaConf
from PIL import Image

from xnorkit.checkpoint import build, load
from xnorkit.codec import PictureCodec
from xnorkit.codec.xnc_file import CompressedPicture
from xnorkit.data.images.image_file import Pixels, as_image, as_pixels
from xnorkit.machine import cpu_name
from xnorkit.picture_plots import ShownPicture, pictures_figure, rate_figure
from xnorkit.tasks.compression import Compression, PictureResult, similarity_of

PLANES = (32, 64, 128, 192)
QUALITIES = (1, 2, 3, 4, 5, 7, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80)  # Pillow's
QUIET = ("callbacks.progress=null",)  # bars of several runs would overwrite each other
LARGE_CROPS = ("data.crop=128", "data.crops=960", "recipe.epochs=2", "recipe.lr=1e-3")
RUNS = Path("outputs") / "compression_rates"


@dataclass(frozen=True)
class Coded:
    """A picture that was written and read again."""

    nbytes: int
    decoded: Pixels
    setting: int = 0


def psnr(a: Pixels, b: Pixels) -> float:
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error))


def result(picture: Pixels, coded: Coded) -> PictureResult:
    height, width = picture.shape[1:]
    similarity = similarity_of(picture, coded.decoded)
    return PictureResult(height, width, psnr(picture, coded.decoded), similarity, coded.nbytes, 0)


def jpeg(picture: Pixels, quality: int) -> Coded:
    file = io.BytesIO()
    as_image(picture).save(file, "JPEG", quality=quality, optimize=True)
    return Coded(len(file.getvalue()), as_pixels(Image.open(file)), quality)


def jpeg_of_size(ladder: list[Coded], nbytes: int) -> Coded | None:
    """The best of a picture's JPEGs that is no larger; None where the smallest is."""
    fitting = [coded for coded in ladder if coded.nbytes <= nbytes]
    return fitting[-1] if fitting else None


def jpeg_curve(
    pictures: dict[str, Pixels], ladders: dict[str, list[Coded]]
) -> list[tuple[float, float]]:
    """Mean bits per pixel and PSNR of each quality."""
    points = []
    for step in zip(*(ladders[name] for name in pictures), strict=True):
        pairs = list(zip(pictures.values(), step, strict=True))
        rate = fmean(8 * c.nbytes / (p.shape[1] * p.shape[2]) for p, c in pairs)
        points.append((rate, fmean(psnr(p, c.decoded) for p, c in pairs)))
    return points


def train(full: bool, jobs: int) -> list[Path]:
    """Runs that have ended, `jobs` at a time."""
    folder = RUNS / "full" if full else RUNS
    runs = [folder / f"planes{planes}" for planes in PLANES]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(train_one, runs, PLANES, [full] * len(runs), [jobs > 1] * len(runs)))
    return runs


def train_one(run: Path, planes: int, full: bool, quiet: bool) -> None:
    """In one go, or on small crops, many in a minute, and then on large ones, mostly inside."""
    own = (f"network.planes={planes}", *QUIET * quiet)
    if full:
        fit(run, "task=compression", *own)
        return
    fit(run / "small_crops", "experiment=compression_small", *own, "test=false")
    start = f"init_from={run / 'small_crops' / 'checkpoints' / 'last.ckpt'}"
    fit(run, "experiment=compression_small", *own, start, *LARGE_CROPS)


def fit(run: Path, *options: str) -> None:
    """Train, or resume, or leave alone what has ended."""
    if (run / "result.json").is_file():
        return
    begun = (run / "checkpoints" / "last.ckpt").is_file()
    script = Path(__file__).resolve().parents[1] / "train.py"
    said = (f"resume={run}",) if begun else (*options, f"hydra.run.dir={run}")
    subprocess.run([sys.executable, str(script), *said], check=True)


def test_pictures(run: Path) -> dict[str, Pixels]:
    data = build(OmegaConf.to_container(OmegaConf.load(run / "config.yaml").data))
    data.prepare_data()
    data.setup("test")
    pictures = [batch["image"][0].numpy() for batch in data.test_dataloader()]
    return dict(zip(data.names["test"], pictures, strict=True))


def mean(results: list[PictureResult]) -> tuple[float, float, float]:
    similar = [r.ms_ssim for r in results if r.ms_ssim is not None]
    return fmean(r.bpp for r in results), fmean(r.psnr for r in results), fmean(similar)


def row(planes: int, ours: list[PictureResult], beside: list[PictureResult | None]) -> str:
    rate, quality, similarity = mean(ours)
    cells = [str(planes), f"{planes / 256:.3f}", f"{rate:.3f}", f"{quality:.2f}"]
    cells.append(f"{similarity:.4f}")
    if None in beside:
        cells += ["JPEG has no file so small", "", ""]
    else:
        cells += [f"{rate:.3f}" for rate in mean(beside)[:1]]
        cells += [f"{mean(beside)[1]:.2f}", f"{mean(beside)[2]:.4f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="*", type=Path)
    parser.add_argument("--full", action="store_true", help="train the default network")
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side")
    parser.add_argument("--out", type=Path, help="folder of the figures")
    options = parser.parse_args()
    runs = options.runs or train(options.full, options.jobs)
    out = options.out or runs[0].parent
    pictures = test_pictures(runs[0])
    ladders = {name: [jpeg(p, q) for q in QUALITIES] for name, p in pictures.items()}
    print(f"{cpu_name()}, {os.cpu_count()} cores; test pictures: {', '.join(pictures)}\n")
    print("| M | M/256 | bits a pixel | PSNR dB | MS-SSIM | JPEG: bits a pixel | dB | MS-SSIM |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    curve, shown = [], []
    for run in runs:
        task = load(run / "checkpoints" / "best.ckpt")
        assert isinstance(task, Compression)
        codec = PictureCodec(task.network)
        files = {name: codec.encode(picture) for name, picture in pictures.items()}
        coded = {name: Coded(len(file), codec.decode(file)) for name, file in files.items()}
        ours = [result(pictures[name], c) for name, c in coded.items()]
        fitting = {name: jpeg_of_size(ladders[name], c.nbytes) for name, c in coded.items()}
        beside = [c and result(pictures[name], c) for name, c in fitting.items()]
        print(row(task.network.planes, ours, beside), flush=True)
        curve.append(mean(ours)[:2])
        name, one = next(zip(pictures, ours, strict=True))
        bits = CompressedPicture.from_bytes(files[name]).bits
        label = f"M = {len(bits)}: {one.psnr:.2f} dB, {one.bpp:.3f} bits a pixel"
        shown.append(ShownPicture(pictures[name], coded[name].decoded, bits, name, label))
    curves = {"xnorkit": curve, "JPEG (Pillow)": jpeg_curve(pictures, ladders)}
    title = f"mean of {len(pictures)} test photographs"
    rate_figure(curves, "PSNR, dB", title).savefig(out / "rates.png", dpi=100)
    pictures_figure(shown, "original, decoded, bit planes").savefig(out / "pictures.png", dpi=70)


if __name__ == "__main__":
    main()
