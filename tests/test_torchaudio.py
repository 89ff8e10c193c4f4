"""xnorkit._torchaudio."""

import subprocess
import sys

import torch

from xnorkit._torchaudio import torchaudio

_BROKEN_EXTENSION = """
import sys
from importlib.abc import MetaPathFinder

class Broken(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torchaudio._extension":
            raise OSError("libcudart.so.13: cannot open shared object file")
        return None

sys.meta_path.insert(0, Broken())
from xnorkit._torchaudio import torchaudio
torchaudio.transforms.MelSpectrogram(n_mels=8)
print(torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE)
"""


def test_transforms_and_functional_work_here():
    mel = torchaudio.transforms.MelSpectrogram(sample_rate=16000, n_mels=10)
    assert mel(torch.zeros(2, 16000)).shape[:2] == (2, 10)
    assert torchaudio.functional.resample(torch.zeros(1, 8000), 8000, 16000).shape == (1, 16000)


def test_an_extension_that_cannot_load_is_replaced():
    run = [sys.executable, "-c", _BROKEN_EXTENSION]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "False\n"
