"""Speech Commands v0.01 and v0.02: where the recordings come from, and how they are split.

Source: Warden 2018, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition".
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from xnorkit.data import embedded
from xnorkit.data.audio_file import Samples
from xnorkit.data.download import Archive, UnreachableError, fetch_archive
from xnorkit.data.file_tree import FileTree, FolderTree, audio_names
from xnorkit.data.roster import Roster
from xnorkit.data.speech_task import Task, labels_of, require_every_class, rosters_of
from xnorkit.data.splits import check_speakers, lists_of, split_by_hash, split_by_lists
from xnorkit.data.waveform_datamodule import WaveformDataModule

_SITE = "http://download.tensorflow.org/data/"
# Sizes and checksums as torchaudio and TensorFlow Datasets have them.
ARCHIVES = {
    "v0.01": Archive(
        _SITE + "speech_commands_v0.01.tar.gz",
        size=1_489_096_277,
        sha256="743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
        unpacked_size=2_300_000_000,  # 64,727 files, the last block of each half empty
    ),
    "v0.02": Archive(
        _SITE + "speech_commands_v0.02.tar.gz",
        size=2_428_923_189,
        sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        unpacked_size=3_800_000_000,  # 105,829 files
    ),
}
TEST_ARCHIVE = Archive(
    _SITE + "speech_commands_test_set_v0.02.tar.gz",
    size=112_563_277,
    sha256="cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
    unpacked_size=180_000_000,  # 4,890 files
)
SOURCES = ("auto", "root", "download", "embedded")

_log = logging.getLogger(__name__)


class SpeechCommands(WaveformDataModule):
    """One-second recordings of spoken words, 16 kHz.

    Train, validation and test follow the official lists (or the hash rule they were made by, where
    a root has none). `_unknown_` and `_silence_` are a tenth of the task's words each: drawn anew
    in every epoch of training, the same in every validation and test.

    Args:
        data_dir: see `WaveformDataModule`, as for all that follows `test_root`.
        features: see there.
        version: "v0.01" or "v0.02".
        task: 12, 20, 35 or a list of words, see `labels_of`.
        source: "auto": `root` if given, else the download, else, without a network, the embedded
            subset; "root", "download" or "embedded" to have just that one.
        root: a folder in the official layout, `<word>/<clip>.wav` (or .flac, .opus).
        test_root: a folder with the unpacked 12-class test archive of v0.02, for use with `root`;
            with the download it comes by itself for task 12.
        batch_size: see there.
        eval_batch_size: see there.
        seed: see there.
        max_bad_fraction: see there.
    """

    def __init__(
        self,
        data_dir: str | Path,
        features: nn.Module | None = None,
        version: str = "v0.02",
        task: Task = 12,
        source: str = "auto",
        root: str | Path | None = None,
        test_root: str | Path | None = None,
        batch_size: int = 32,
        eval_batch_size: int = 256,
        seed: int = 1,
        max_bad_fraction: float = 0.01,
    ) -> None:
        labels = labels_of(task, version)
        super().__init__(
            labels, data_dir, features, batch_size, eval_batch_size, seed, max_bad_fraction
        )
        if source not in SOURCES:
            raise ValueError(f"data.source={source}: it can be {', '.join(SOURCES)}.")
        if source == "root" and root is None:
            raise ValueError("data.source=root needs data.root=FOLDER.")
        if test_root is not None and (root is None or labels != labels_of(12, "v0.02")):
            raise ValueError(
                f"data.test_root={test_root}: the 12-class test archive goes with data.task=12 and "
                "a data.root. (The embedded subset is a part of it: they must not be mixed.)"
            )
        self.version, self.source = version, source
        self.root, self.test_root = root, test_root
        self._words: tuple[str, ...] = ()  # all that the source has, in the task or not
        self._name(f"Speech Commands {version}", "")

    def _name(self, data_set: str, source_note: str) -> None:
        self.title = f"{data_set}, {len(self.labels)} classes"
        self.source_note = source_note

    def setup(self, stage: str | None = None) -> None:
        """Open the store; a test needs no training clips."""
        super().setup(stage)
        if stage != "test":
            require_every_class(self._ready["train"], self.labels, self._words, self.source_note)

    def _rosters(self, fetch: bool) -> tuple[dict[str, Roster], Samples]:
        tree = self._tree(fetch)
        names = audio_names(tree)
        if not names:
            raise ValueError(
                f"data.root={tree.place}: no audio in it. Expected the official layout, "
                "<root>/<word>/ with .wav, .flac or .opus files."
            )
        store = self._store(tree, _split(tree, names), self._store_name(tree), speak=fetch)
        rosters = rosters_of(store, self.labels)
        test_tree = self._test_tree(fetch)
        if test_tree is not None:
            split_of = dict.fromkeys(audio_names(test_tree), "test")
            test_store = self._store(test_tree, split_of, test_tree.place, speak=fetch)
            rosters |= rosters_of(test_store, self.labels)
        self._words = tuple(store.words)
        return rosters, store.noise

    def _store_name(self, tree: FileTree) -> str:
        # The embedded subset is the same from wherever xnorkit was imported.
        return "embedded" if self._is_embedded else tree.place

    @property
    def _is_embedded(self) -> bool:
        return self.source_note == "embedded subset"

    def _tree(self, fetch: bool) -> FileTree:
        """The recordings, by the order of `source`; names them."""
        folder = self._downloaded(ARCHIVES[self.version])
        if self.root is not None and self.source in ("auto", "root"):
            root = FolderTree(Path(self.root))
            self._name(f"Speech Commands {self.version}", f"folder {root.place}")
            return root
        if self.source == "embedded":
            return self._embedded(fetch, "data.source=embedded asks for it.")
        if not folder.is_dir() and fetch:
            try:
                fetch_archive(ARCHIVES[self.version], folder)
            except UnreachableError as error:
                if self.source == "download":
                    raise UnreachableError(f"{error}. {_OFFLINE}") from error
                return self._embedded(fetch, f"The full one can't be had: {error}.")
        if not folder.is_dir():
            return self._embedded(fetch, "")
        self._name(f"Speech Commands {self.version}", f"download {self.version}")
        return FolderTree(folder)

    def _downloaded(self, archive: Archive) -> Path:
        return self.data_dir / archive.file.removesuffix(".tar.gz")

    def _embedded(self, speak: bool, reason: str) -> FileTree:
        if self.version != embedded.VERSION:
            raise ValueError(
                f"{reason} The embedded subset is of {embedded.VERSION}, not of "
                f"data.version={self.version}. Set data.version={embedded.VERSION} or data.root."
            )
        self._name("Speech Commands (embedded subset)", "embedded subset")
        if speak:
            _log.warning(embedded.embedded_warning(reason))
        return embedded.embedded_tree()

    def _test_tree(self, fetch: bool) -> FileTree | None:
        """The separate 12-class test set, where the task and the source have one."""
        if self.test_root is not None:
            return FolderTree(Path(self.test_root))
        is_download = self.source_note.startswith("download")
        if not is_download or self.version != "v0.02" or self.labels != labels_of(12, "v0.02"):
            return None
        folder = self._downloaded(TEST_ARCHIVE)
        if fetch and not folder.is_dir():
            try:
                fetch_archive(TEST_ARCHIVE, folder)
            except UnreachableError as error:
                raise UnreachableError(f"{error}. {_OFFLINE}") from error
        return FolderTree(folder)


_OFFLINE = (
    "Without a network: copy the unpacked archive to this machine and set data.root to it (and "
    "data.test_root for the 12-class test set), or train on data.source=embedded."
)


def _split(tree: FileTree, names: list[str]) -> Mapping[str, str]:
    """By the official lists; by the official rule where the tree has none."""
    lists = lists_of(tree)
    if lists is None:
        return split_by_hash(names)
    split_of = split_by_lists(names, *lists)
    check_speakers(split_of, tree.place)
    return split_of
