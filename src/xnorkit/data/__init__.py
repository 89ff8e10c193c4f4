"""Files on disk → batches of waveforms: find or fetch, split, store once, draw each epoch, batch.

`speech_commands.py` and `audio_folder.py` are what a user names; `datamodule.py` is the way of the
data, step by step: a `FileTree` (a folder or a zip), `splits.py`, `waveform_store.py` (one memory
map per split), `roster.py` (which clips an epoch consists of), `batches.py` (the loader).
"""

from xnorkit.data.audio_folder import AudioFolder
from xnorkit.data.speech_commands import SpeechCommands

__all__ = ["AudioFolder", "SpeechCommands"]
