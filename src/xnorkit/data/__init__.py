"""Files on disk → batches of waveforms or images: find or fetch, split, store, draw, batch.

`datamodule.py` is what all data sets share, `batches.py` the loader. `speech_commands.py` and
`audio_folder.py` are what a user names; `waveform_datamodule.py` is their way, step by step: a
`FileTree` (a folder or a zip), `splits.py`, `waveform_store.py` (one memory map per split),
`roster.py` (which clips an epoch consists of). Images have a room of their own, `images/`.
"""

from xnorkit.data.audio_folder import AudioFolder
from xnorkit.data.speech_commands import SpeechCommands

__all__ = ["AudioFolder", "SpeechCommands"]
