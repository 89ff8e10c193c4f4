"""Waveforms → (N, 1, mels, frames) on the training device. Start at frontend.py."""

from xnorkit.features.augment import Augment
from xnorkit.features.frontend import Frontend
from xnorkit.features.log_mel import LogMel
from xnorkit.features.standardise import Standardise

__all__ = ["Augment", "Frontend", "LogMel", "Standardise"]
