"""A model that hears clips of a quarter of a second, of random weights, and torch's way to it."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from xnorkit.deploy import pipeline
from xnorkit.features import Frontend, LogMel

RATE, CLIP, MELS = 16000, 4000, 8
HOP_MS = 20  # of the features
LABELS = ("a", "b", "c")


@dataclass(frozen=True)
class Heard:
    """A front end, a network behind it, and the bytes of their model.xnor."""

    frontend: Frontend
    network: nn.Module
    content: bytes

    @torch.no_grad()
    def features(self, samples):
        """(1, mels, frames) of one clip, by torch."""
        return self.frontend(torch.as_tensor(samples)[None])[0].numpy()

    @torch.no_grad()
    def probabilities(self, samples):
        """(classes,) of one clip, by torch."""
        return self.network(self.frontend(torch.as_tensor(samples)[None])).softmax(1)[0].numpy()


@functools.cache
def heard_model(**log_mel):
    """Of other features; with as many bands and frames it is of the same topology."""
    torch.manual_seed(0)
    settings = {"samples": CLIP, "n_mels": MELS, "hop_ms": HOP_MS} | log_mel
    frontend = Frontend(LogMel(**settings)).eval()
    mels = frontend.log_mel.n_mels
    frontend.standardise.set(torch.linspace(-60, -20, mels), torch.linspace(8, 15, mels))
    linear = nn.Linear(frontend.output_shape[1] * frontend.output_shape[2], len(LABELS))
    network = nn.Sequential(nn.Flatten(), linear).eval()
    planned = pipeline.plan(network, torch.zeros(1, *frontend.output_shape), LABELS, frontend)
    return Heard(frontend, network, planned.model())


def sound(samples, seed=0):
    """int16 (samples,): noise whose loudness and pitch wander, so that each clip is another."""
    rng, time = np.random.default_rng(seed), np.arange(samples)
    tone = np.sin(np.cumsum(0.2 + 0.15 * np.sin(time / 1900)))
    loudness = 3000 * (1.1 + np.sin(time / 701))
    return (loudness * (tone + 0.3 * rng.standard_normal(samples))).astype(np.int16)
