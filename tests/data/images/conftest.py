"""Small files in the published formats, and a server of them on 127.0.0.1."""

import functools
import gzip
import socket
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from idx_files import idx

from xnorkit.data import download
from xnorkit.data.images.mnist import PARTS


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch):
    """serve(folder) → URL of it, until the test ends."""
    monkeypatch.setattr(download, "_PAUSE_S", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = []

    def start(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def nowhere():
    """A URL that nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


@pytest.fixture
def digits_28():
    """60 images whose pixel (y, x) of image i is (i + 3y + x) mod 256, and labels i mod 10."""
    i, y, x = np.ogrid[:60, :28, :28]
    return ((i + 3 * y + x) % 256).astype(np.uint8), (np.arange(60) % 10).astype(np.uint8)


@pytest.fixture
def write_idx(digits_28):
    """write_idx(folder, gzipped) → the four files: 40 images for training, 20 for test."""
    images, labels = digits_28

    def write(folder, gzipped=True):
        folder.mkdir(parents=True, exist_ok=True)
        arrays = (images[:40], labels[:40], images[40:], labels[40:])
        for part, array in zip(PARTS, arrays, strict=True):
            data = idx(array)
            if gzipped:
                (folder / f"{part}-ubyte.gz").write_bytes(gzip.compress(data, mtime=0))
            else:
                (folder / f"{part}-ubyte").write_bytes(data)
        return folder

    return write
