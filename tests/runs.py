"""Tiny trainings for tests: three tones instead of words, a network of a few channels."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import soundfile
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch import Callback
from omegaconf import open_dict

from xnorkit.resources import CONF_DIR

ROOT = Path(__file__).resolve().parents[1]
TONES = {"low": 300, "middle": 900, "high": 2700}  # Hz
RATE, SAMPLES = 16000, 4000


def write_tones(folder, clips=24, names=TONES):
    """`<folder>/<tone>/<speaker>_nohash_0.wav`, a quarter of a second each, lists included."""
    rng = np.random.default_rng(7)
    for name in names:
        (folder / name).mkdir(parents=True)
        for index in range(clips):
            time = np.arange(SAMPLES) / RATE
            tone = 0.3 * np.sin(2 * np.pi * TONES[name] * (time + rng.uniform()))
            noisy = tone + 0.05 * rng.standard_normal(SAMPLES)
            soundfile.write(folder / name / f"speaker{index}_nohash_0.wav", noisy, RATE)
    for file, first, last in (("validation_list.txt", 0, 4), ("testing_list.txt", 4, 8)):
        lines = [f"{n}/speaker{i}_nohash_0.wav" for n in names for i in range(first, last)]
        (folder / file).write_text("\n".join(lines) + "\n")
    return folder


def stores_of(tones):
    """The `data_dir` of runs on these tones."""
    return tones.parent / "stores"


def tiny(tones, *overrides):
    """Overrides of a run of two epochs of three steps each, in a second or two."""
    return [
        "data=audio_folder",
        f"data.root={tones}",
        f"data_dir={stores_of(tones)}",
        f"data.samples={SAMPLES}",
        "data.features.log_mel.n_mels=8",
        "data.features.log_mel.hop_ms=20",
        "data.features.augment=null",
        "recipe.batch_size=16",
        "recipe.epochs=2",
        "recipe.float_stage.share=0",
        "deploy=none",
        "network.stem_channels=8",
        "network.widths=[8,8]",
        "network.pools=[1,1]",
        *overrides,
    ]


def composed(run_dir, *overrides):
    """The config as `python train.py` composes it, with `run_dir` as its run folder."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose("train", [*overrides, f"run_dir={run_dir}"], return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    cfg.title = str(cfg.title)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg


def command(*arguments):
    """The command line of `python train.py` in this Python."""
    return [sys.executable, str(ROOT / "train.py"), *arguments]


class SignalAt(Callback):
    """Sends this process a signal in the training step `step`, as a user does; `times` over."""

    def __init__(self, step, signum, seconds_apart=0.0, times=1):
        self.step, self.signum, self.seconds_apart, self.times = step, signum, seconds_apart, times

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if trainer.global_step == self.step:
            for _ in range(self.times):
                os.kill(os.getpid(), self.signum)
                time.sleep(self.seconds_apart)
