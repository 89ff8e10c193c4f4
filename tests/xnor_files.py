"""model.xnor as docs/file_format.md has it, built by other means than the writer; and its ruin."""

import hashlib
import json

import numpy as np
from hypothesis import strategies as st

from xnorkit.deploy.xnor_file import Metadata

METADATA = Metadata(
    {"ops": [{"op": "threshold", "name": 'a "quoted\\ name'}], "input_shape": [1, 40, 101]},
    ("yes", "nö", "いいえ"),
    {"sample_rate": 16000, "hop": 0.01, "window": "hann"},
    {"xnorkit": "0.1.0", "torch": "2.13.0", "cpu_capability": "AVX2"},
)
TENSORS = {
    "b.weight": np.array([[1, 2, 255], [4, 0, 6]], np.uint8),
    "a.step": np.array([0.25], np.float32),
    "c.weight": np.array([[-128], [127]], np.int8),
    "b.threshold": np.array([-(2**31), 2**31 - 1], np.int32),
    "b.flip": np.array([0, 1], np.uint8),
}
DIGITS = slice(53, 117)  # of the digest, in every file


def compact(node):
    return json.dumps(node, separators=(",", ":"), ensure_ascii=False)


STRINGS = {
    "xnor_format": "1",
    "sha256": "0" * 64,
    "program": compact(METADATA.program),
    "labels": compact(list(METADATA.labels)),
    "features": compact(METADATA.features),
    "sign_rule": "bit 1: x < 0; bit 0: else, so 0, -0.0 and NaN",
    "padding": "of a map: padding_value of each op; of a row of bits: 0",
    "producer": compact(METADATA.producer),
}


def place(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


TABLE = {
    "a.step": place("F32", [1], 0, 4),
    "b.threshold": place("I32", [2], 4, 12),
    "b.flip": place("U8", [2], 12, 14),
    "b.weight": place("U8", [2, 3], 14, 20),
    "c.weight": place("I8", [2, 1], 20, 22),
}
DATA = b"".join(TENSORS[name].tobytes() for name in TABLE)


def header(table=TABLE, strings=STRINGS):
    return compact({"__metadata__": strings, **table})


def sealed(content):
    """The bytes with their own digest in its place."""
    zeroed = content[: DIGITS.start] + b"0" * 64 + content[DIGITS.stop :]
    digest = hashlib.sha256(zeroed).hexdigest().encode()
    return content[: DIGITS.start] + digest + content[DIGITS.stop :]


def build(text=None, data=DATA, fill=b" ", edge=64):
    """A sealed file of a header's text and data, whatever they say."""
    text = (header() if text is None else text).encode()
    text += fill * (-(8 + len(text)) % edge)
    return sealed(len(text).to_bytes(8, "little") + text + data)


VALID = build()


def _table(**changed):
    return header({name: changed.get(name.replace(".", "_"), TABLE[name]) for name in TABLE})


def _without(name):
    return {key: value for key, value in STRINGS.items() if key != name}


# Files with the right digest that are still none: by another writer, or by an attacker.
FORGED = {
    "a tensor named twice": build(header().replace('"b.flip"', '"a.step"')),
    "a tensor named twice in a row": build(header().replace('"b.weight"', '"b.flip"')),
    "metadata named twice": build(header().replace('"labels"', '"program":"{}","labels"')),
    "two metadata": build(header()[:-1] + "," + header()[1:]),
    "no program": build(header(strings=_without("program"))),
    "no producer": build(header(strings=_without("producer"))),
    "another key": build(header(strings={**STRINGS, "extra": "1"})),
    "another sign rule": build(header(strings={**STRINGS, "sign_rule": "bit 1: x <= 0"})),
    "another padding": build(header(strings={**STRINGS, "padding": "1"})),
    "a number in the metadata": build(header().replace('"padding":"', '"padding":1,"x":"')),
    "program that is no string": build(header(strings={**STRINGS, "program": {}})),
    "no end": build(header()[:-1]),
    "something after the end": build(header() + "{}"),
    "a word after the end": build(header() + "x"),
    "a line after the end": build(header() + "\n"),
    "filled with zeros": build(header(), fill=b"\0"),
    "filled too far": build(header(), edge=4096),
    "data that begin at 8": build(header() + " " * (-len(header().encode()) % 64), edge=8),
    "space in the JSON": build(header().replace(":[", ": [")),
    "an escaped name": build(header().replace('"b.flip"', '"b.fl\\u0069p"')),
    "a quote in a name": build(header().replace('"b.flip"', '"b.fl\\"ip"')),
    "no name": build(header().replace('"a.step"', '""')),
    "a control character in a string": build(header().replace("yes", "y\1s")),
    "a bad escape": build(header().replace("yes", "y\\xs")),
    "tables in another order": build(header(dict(sorted(TABLE.items(), reverse=True)))),
    "narrow before wide": build(
        header({"b.flip": place("U8", [2], 0, 2), "a.step": place("F32", [1], 2, 6)}),
        data=b"\0" * 6,
    ),
    "keys in another order": build(_table(a_step=dict(reversed(TABLE["a.step"].items())))),
    "float64": build(_table(a_step=place("F64", [1], 0, 4))),
    "float16": build(_table(a_step=place("F16", [2], 0, 4))),
    "a type in small letters": build(_table(a_step=place("f32", [1], 0, 4))),
    "an empty dimension": build(_table(a_step=place("F32", [0], 0, 0))),
    "no dimension": build(_table(a_step=place("F32", [], 0, 4))),
    "nine dimensions": build(_table(a_step=place("F32", [1] * 9, 0, 4))),
    "a negative dimension": build(_table(a_step=place("F32", [-1], 0, 4))),
    "two negative dimensions": build(_table(a_step=place("F32", [-1, -1], 0, 4))),
    "a dimension that is no integer": build(_table(a_step=place("F32", [1.0], 0, 4))),
    "a true dimension": build(_table(a_step=place("F32", [True], 0, 4))),
    "a dimension in quotes": build(_table(a_step=place("F32", ["1"], 0, 4))),
    "a shape that is a string": build(_table(a_step=place("F32", "1", 0, 4))),
    "a dimension with a leading zero": build(header().replace("[1],", "[01],")),
    "a product beyond 64 bits": build(_table(a_step=place("F32", [2**32, 2**32], 0, 4))),
    "a product of 2**64 + 1": build(_table(a_step=place("F32", [274177, 67280421310721], 0, 4))),
    "a dimension of forty digits": build(_table(a_step=place("F32", [10**39], 0, 4))),
    "a dimension of five thousand digits": build(header().replace("[1],", f"[1{'0' * 5000}],")),
    "another shape than its bytes": build(_table(b_flip=place("U8", [3], 12, 14))),
    "overlapping tensors": build(_table(b_flip=place("U8", [2], 10, 12))),
    "a hole": build(_table(c_weight=place("I8", [2, 1], 21, 23)), data=DATA + b"\0"),
    "offsets the wrong way round": build(_table(a_step=place("F32", [1], 4, 0))),
    "negative offsets": build(_table(a_step=place("F32", [1], -4, 0))),
    "offsets beyond the data": build(_table(c_weight=place("I8", [2, 100], 20, 220))),
    "offsets beyond 64 bits": build(_table(a_step=place("F32", [1], 2**64, 2**64 + 4))),
    "three offsets": build(header().replace("[20,22]", "[20,22,22]")),
    "a tensor that is a list": build(header({**TABLE, "d": []})),
    "a tensor that is null": build(header({**TABLE, "d": None})),
    "one key too many": build(_table(a_step={**TABLE["a.step"], "x": 1})),
    "data too short": build(data=DATA[:-1]),
    "data too long": build(data=DATA + b"\0"),
    "no data": build(data=b""),
    "deep nesting": build(header({**TABLE, "d": 1}).replace(":1}", ":" + "[" * 100_000)),
}


def flip(content, at, bit):
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


@st.composite
def ruined(draw, content=VALID):
    """The bytes with one thing changed: a bit, a piece, the end, the header's length."""
    at, end = sorted(draw(st.lists(st.integers(0, len(content) - 1), min_size=2, max_size=2)))
    some = draw(st.binary(min_size=1, max_size=20))
    return draw(
        st.sampled_from(
            [
                flip(content, at, draw(st.integers(0, 7))),
                content[:at],
                content[end:],
                content[:at] + content[end + 1 :],
                content[:at] + some + content[at:],
                content[:at] + some + content[at + len(some) :],
                content + some,
                content[:at] + content[end:] + content[at:end],
                draw(st.integers(0, 2**64 - 1)).to_bytes(8, "little") + content[8:],
            ]
        )
    )
