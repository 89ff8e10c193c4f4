"""xnorkit.data.download, against a server on 127.0.0.1."""

import errno
import functools
import hashlib
import io
import re
import shutil
import socket
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from xnorkit.data import download as module
from xnorkit.data.download import Archive, UnreachableError, download, fetch_archive, unpack

PAYLOAD = np.random.default_rng(0).bytes(3_000_000)


class Handler(BaseHTTPRequestHandler):
    """Serves `state.payload`; `state` says what goes wrong."""

    protocol_version = "HTTP/1.1"

    def __init__(self, state, *args):
        self.state = state
        super().__init__(*args)

    def log_message(self, *args):
        pass

    def do_GET(self):
        state, payload = self.state, self.state.payload
        asked = self.headers.get("Range")
        state.requests.append(asked)
        if state.status:
            self.send_error(state.status)
            return
        begin = int(re.match(r"bytes=(\d+)-", asked)[1]) if asked and state.ranges else 0
        if begin and begin >= len(payload):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(payload) - 1}/{len(payload)}")
        self.send_header("Content-Length", str(len(payload) - begin))
        self.end_headers()
        body = payload[begin:]
        if state.cuts:
            self.wfile.write(body[: state.cuts.pop(0)])
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(body)


@pytest.fixture
def state():
    return SimpleNamespace(payload=PAYLOAD, requests=[], cuts=[], ranges=True, status=None)


@pytest.fixture
def url(state, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE_S", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, state))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/files.tar.gz"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nowhere():
    """A URL that nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/files.tar.gz"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def fetch(url, file, data=PAYLOAD):
    return download(url, file, len(data), sha256(data))


def part(file):
    return file.with_name(file.name + ".part")


def tar_gz(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def archive_of(url, payload, **changes):
    values = {"size": len(payload), "sha256": sha256(payload), "unpacked_size": 1000, **changes}
    return Archive(url, **values)


def test_a_file_arrives_whole_and_its_size_is_said_first(url, state, tmp_path, capsys):
    file = fetch(url, tmp_path / "f.gz")
    assert file.read_bytes() == PAYLOAD
    assert not part(file).exists()
    assert state.requests == [None]
    said = "".join(capsys.readouterr().err.split())
    assert said.startswith(f"Downloading{url}(3.00MB)to")


def test_a_file_that_is_there_is_not_asked_for(nowhere, tmp_path):
    (tmp_path / "f.gz").write_bytes(b"here")
    assert fetch(nowhere, tmp_path / "f.gz").read_bytes() == b"here"


@pytest.mark.parametrize("cuts", [[1_500_000], [1_100_000, 1_200_000, 10], [1_048_576]])
def test_a_connection_cut_in_the_middle_is_resumed_where_it_broke(cuts, url, state, tmp_path):
    state.cuts = list(cuts)
    assert fetch(url, tmp_path / "f.gz").read_bytes() == PAYLOAD
    begins = np.cumsum(cuts).tolist()
    assert state.requests == [None, *(f"bytes={begin}-" for begin in begins)]


def test_a_later_run_goes_on_with_what_an_earlier_one_has_left(url, state, tmp_path):
    part(tmp_path / "f.gz").write_bytes(PAYLOAD[:1_234_567])
    assert fetch(url, tmp_path / "f.gz").read_bytes() == PAYLOAD
    assert state.requests == ["bytes=1234567-"]


def test_a_part_that_is_complete_is_not_fetched_again(url, state, tmp_path):
    part(tmp_path / "f.gz").write_bytes(PAYLOAD)
    assert fetch(url, tmp_path / "f.gz").read_bytes() == PAYLOAD


def test_a_server_that_ignores_ranges_sends_all_again(url, state, tmp_path):
    state.ranges, state.cuts = False, [1_500_000]
    assert fetch(url, tmp_path / "f.gz").read_bytes() == PAYLOAD


def test_a_connection_that_breaks_again_and_again_keeps_what_came(url, state, tmp_path):
    state.cuts = [2_000_000] + [0] * 20
    with pytest.raises(ConnectionError, match=r"after 2000000 bytes.*run the same command again"):
        fetch(url, tmp_path / "f.gz")
    assert part(tmp_path / "f.gz").read_bytes() == PAYLOAD[:2_000_000]
    assert len(state.requests) == 1 + module._ATTEMPTS


@pytest.mark.parametrize("spoiled", [PAYLOAD[:-1] + b"x", PAYLOAD[:-5], PAYLOAD + b"more"])
def test_a_wrong_checksum_is_refused_and_nothing_is_left(spoiled, url, state, tmp_path):
    state.payload = spoiled
    with pytest.raises(ValueError, match="sha256") as error:
        fetch(url, tmp_path / "f.gz")
    assert sha256(spoiled) in str(error.value)
    assert sha256(PAYLOAD) in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_is_too_long_is_refused_and_removed(url, tmp_path):
    part(tmp_path / "f.gz").write_bytes(PAYLOAD + b"more")
    with pytest.raises(ValueError, match="sha256"):
        fetch(url, tmp_path / "f.gz")
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_unreachable_at_once_and_keeps_an_earlier_part(nowhere, tmp_path):
    part(tmp_path / "f.gz").write_bytes(PAYLOAD[:100])
    with pytest.raises(UnreachableError, match=r"127.0.0.1:\d+/files.tar.gz can't be reached: .*"):
        fetch(nowhere, tmp_path / "f.gz")
    assert part(tmp_path / "f.gz").read_bytes() == PAYLOAD[:100]


@pytest.mark.parametrize("status", [403, 404, 407, 503])
def test_a_server_that_refuses_is_unreachable_with_its_answer(status, url, state, tmp_path):
    state.status = status
    with pytest.raises(UnreachableError, match=f"HTTP {status}"):
        fetch(url, tmp_path / "f.gz")


def test_a_full_disk_keeps_the_part_and_says_what_to_do(url, tmp_path, monkeypatch):
    def full(source, out, *args):
        out.write(source.read(1000))
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module, "_copy", full)
        with pytest.raises(OSError, match=r"disk is full while writing .*make room") as error:
            fetch(url, tmp_path / "f.gz")
    assert error.value.errno == errno.ENOSPC
    assert part(tmp_path / "f.gz").read_bytes() == PAYLOAD[:1000]
    assert fetch(url, tmp_path / "f.gz").read_bytes() == PAYLOAD


def test_a_disk_too_small_is_refused_before_anything_is_written(url, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=3_000_500)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"needs 3.00 MB in .*, which has 3.00 MB left. Set data_dir"):
        fetch_archive(archive_of(url, PAYLOAD), tmp_path / "folder")
    assert list(tmp_path.glob("*.part")) == []


def test_without_a_network_the_size_of_the_disk_does_not_matter(nowhere, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UnreachableError):
        fetch_archive(archive_of(nowhere, PAYLOAD), tmp_path / "folder")


def test_an_archive_is_fetched_unpacked_and_removed_once(url, state, tmp_path):
    state.payload = tar_gz({"./yes/a.wav": b"1", "./testing_list.txt": b"2"})
    archive = archive_of(url, state.payload)
    for _ in range(2):
        folder = fetch_archive(archive, tmp_path / "data" / "files")
    assert (folder / "yes" / "a.wav").read_bytes() == b"1"
    assert state.requests == [None]
    assert {p.name for p in folder.parent.iterdir()} <= {"files", "files.lock"}


def test_concurrent_runs_fetch_once(url, state, tmp_path):
    state.payload = tar_gz({"yes/a.wav": b"1"})
    archive = archive_of(url, state.payload)
    args = (archive, tmp_path / "files")
    threads = [threading.Thread(target=fetch_archive, args=args) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.requests == [None]
    assert (tmp_path / "files" / "yes" / "a.wav").exists()


def test_an_archive_can_write_nothing_outside_its_folder(tmp_path):
    (tmp_path / "f.tar.gz").write_bytes(tar_gz({"yes/a.wav": b"1", "../../outside.txt": b"2"}))
    with pytest.raises(ValueError, match=r"f.tar.gz is damaged .*outside"):
        unpack(tmp_path / "f.tar.gz", tmp_path / "deep" / "folder")
    assert not list(tmp_path.rglob("outside.txt"))
    assert not (tmp_path / "deep" / "folder").exists()


def test_a_damaged_archive_leaves_no_folder(tmp_path):
    whole = tar_gz({"yes/a.wav": PAYLOAD})
    (tmp_path / "f.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is damaged"):
        unpack(tmp_path / "f.tar.gz", tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["f.tar.gz"]


def test_a_disk_that_fills_up_while_unpacking_leaves_the_archive_only(tmp_path, monkeypatch):
    (tmp_path / "f.tar.gz").write_bytes(tar_gz({"yes/a.wav": PAYLOAD}))

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile, "copyfileobj", full)
    with pytest.raises(OSError, match="disk is full while writing .*folder"):
        unpack(tmp_path / "f.tar.gz", tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["f.tar.gz"]
