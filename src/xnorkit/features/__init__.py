"""Samples → the network's input, on the training device. Start at frontend.py: waveforms → log-mel.

Images → standardised images: image_frontend.py. What both answer: features.py.
"""

from xnorkit.features.augment import Augment
from xnorkit.features.features import Features
from xnorkit.features.frontend import Frontend
from xnorkit.features.image_augment import ImageAugment
from xnorkit.features.image_frontend import ImageFrontend
from xnorkit.features.log_mel import LogMel
from xnorkit.features.standardise import Standardise

__all__ = [
    "Augment",
    "Features",
    "Frontend",
    "ImageAugment",
    "ImageFrontend",
    "LogMel",
    "Standardise",
]
