"""xnorkit.data.file_tree."""

import os
import zipfile

import pytest

from xnorkit.data.file_tree import FolderTree, ZipTree, audio_names, label_of, noise_names

FILES = {
    "yes/b.wav": b"1",
    "yes/a.FLAC": b"22",
    "no/c.opus": b"333",
    "no/readme.md": b"x",
    "_background_noise_/tap.wav": b"4",
    "_background_noise_/README.md": b"x",
    "validation_list.txt": b"no/c.opus",
    "top.wav": b"x",
}


@pytest.fixture
def folder(tmp_path):
    for name, data in {**FILES, ".hidden/d.wav": b"x"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.fixture
def zipped(tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "files.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_folder_and_a_zip_hold_the_same_clips_lists_and_bytes(kind, folder, zipped):
    tree = FolderTree(folder) if kind == "folder" else ZipTree(zipped)
    assert audio_names(tree) == ["no/c.opus", "yes/a.FLAC", "yes/b.wav"]
    assert noise_names(tree) == ["_background_noise_/tap.wav"]
    assert tree.read("yes/a.FLAC") == b"22"
    assert tree.read("validation_list.txt") == b"no/c.opus"
    assert label_of("yes/a.FLAC") == "yes"


def test_a_stamp_changes_with_size_and_with_time(folder):
    before = FolderTree(folder).stamps
    (folder / "yes/b.wav").write_bytes(b"12")
    os.utime(folder / "no/c.opus", (1, 1))
    after = FolderTree(folder).stamps
    assert {n for n in before if before[n] != after[n]} == {"yes/b.wav", "no/c.opus"}


def test_a_copy_of_a_zip_has_the_same_stamps(zipped, tmp_path):
    copy = tmp_path / "copy.zip"
    copy.write_bytes(zipped.read_bytes())
    assert ZipTree(copy).stamps == ZipTree(zipped).stamps


def test_a_dangling_link_is_a_file_that_cannot_be_read(folder):
    (folder / "yes/gone.wav").symlink_to(folder / "nowhere.wav")
    tree = FolderTree(folder)
    assert "yes/gone.wav" in audio_names(tree)
    with pytest.raises(FileNotFoundError):
        tree.read("yes/gone.wav")


def test_a_missing_folder_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="there is no such folder"):
        FolderTree(tmp_path / "nothing")
