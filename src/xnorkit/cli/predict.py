"""xnorkit-predict MODEL.xnor FILE…: the label and probabilities of recordings or pictures."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from xnorkit.deploy.audio.listener import Prediction
from xnorkit.deploy.predict import Predictor

_SHOWN = 3  # classes of a file that a line names


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 2 if a file fails, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return predict(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def predict(options: argparse.Namespace) -> int:
    """Print what the options ask for; returns the exit code."""
    try:
        predictor = Predictor(options.model, options.isa)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    code, found = 0, []
    for path in options.files:
        try:
            prediction = predictor.file(path)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            code = 2
            continue
        if options.json:
            found.append(as_json(path, prediction, predictor.labels))
        else:
            print("\n".join(lines(path, prediction, predictor.labels)))
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    return code


def lines(path: str, prediction: Prediction, labels: Sequence[str]) -> list[str]:
    """The file and its label; for more than one window a line for each."""
    head = f"{path}: {_answer(prediction.probabilities, labels)}"
    if len(prediction.windows) <= 1:
        return [head]
    return [
        head,
        *(
            f"  {window.start:7.2f} … {window.end:.2f} s  {_answer(window.probabilities, labels)}"
            for window in prediction.windows
        ),
    ]


def as_json(path: str, prediction: Prediction, labels: Sequence[str]) -> dict[str, Any]:
    """Plain data; a picture has no windows."""
    windows = [
        {
            "start_s": window.start,
            "end_s": window.end,
            "label": labels[int(window.probabilities.argmax())],
            "probabilities": _named(window.probabilities, labels),
        }
        for window in prediction.windows
    ]
    return {
        "file": path,
        "label": prediction.label,
        "probabilities": _named(prediction.probabilities, labels),
        **({"windows": windows} if windows else {}),
    }


def _named(probabilities: Any, labels: Sequence[str]) -> dict[str, float]:
    return {label: float(p) for label, p in zip(labels, probabilities, strict=True)}


def _answer(probabilities: Any, labels: Sequence[str]) -> str:
    best = probabilities.argsort()[::-1][:_SHOWN]
    first, *others = (f"{labels[int(i)]} {probabilities[int(i)]:.3f}" for i in best)
    return f"{first}  ({', '.join(others)})" if others else first


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xnorkit-predict", description=__doc__)
    parser.add_argument("model", metavar="MODEL.xnor", help="a run's deploy/model.xnor")
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="WAV, FLAC, Opus of any rate; PNG, JPEG of any size",
    )
    parser.add_argument("--json", action="store_true", help="a JSON list, with all windows")
    parser.add_argument("--isa", help="path to run, as in XNORKIT_ISA: portable, x86_avx2, …")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
