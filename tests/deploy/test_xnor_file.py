"""Reading back what was written, by us and by another reader; refusing everything else."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
import xnor_files
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load
from xnor_files import DATA, FORGED, METADATA, TENSORS, VALID, build, header, ruined, sealed

from xnorkit.deploy.ops import OPS
from xnorkit.deploy.ops.pointwise import STEP_FIELDS
from xnorkit.deploy.xnor_file import (
    PADDING,
    SIGN_RULE,
    Metadata,
    XnorFileError,
    file_size,
    from_bytes,
    producer_versions,
    read,
    to_bytes,
    write,
)

DOCUMENTATION = (Path(__file__).resolve().parents[2] / "docs" / "file_format.md").read_text()
DTYPES = ("float32", "int32", "int8", "uint8")
SPECS = {name: (array.dtype.name, array.shape) for name, array in TENSORS.items()}
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
names = st.text(
    st.characters(exclude_characters='"\\', exclude_categories=["Cs", "Cc"]), min_size=1
)
specs = st.dictionaries(names, st.tuples(st.sampled_from(DTYPES), shapes), max_size=6)


def test_the_file_is_the_one_that_the_documentation_describes():
    assert to_bytes(METADATA, TENSORS) == VALID


def test_the_reader_in_the_documentation_reads_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("model.xnor", VALID)
    found = {}
    exec(DOCUMENTATION.split("```python")[1].split("```")[0], found)
    assert found["program"] == METADATA.program
    assert found["tensors"].keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found["tensors"][name], array, strict=True)


def test_the_documentation_has_every_op_field_and_fixed_text():
    words = {op.kind for op in OPS} | set(STEP_FIELDS)
    words |= {field.name for op in OPS for field in fields(op)} - {"name", "inputs", "output"}
    words |= {field for needed in STEP_FIELDS.values() for field in needed}
    words |= {SIGN_RULE, PADDING, *xnor_files.STRINGS}
    assert [word for word in words if f"`{word}`" not in DOCUMENTATION] == []


def test_what_was_written_is_read():
    found = from_bytes(VALID)
    assert found.metadata == METADATA
    assert found.content == VALID
    assert found.tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert found.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(found.tensors[name], array)


def test_safetensors_reads_the_same(tmp_path):
    file = tmp_path / "model.xnor"
    write(file, VALID)
    for name, array in load(VALID).items():
        np.testing.assert_array_equal(array, TENSORS[name], strict=True)
    with safe_open(file, "np") as other:
        assert set(other.keys()) == TENSORS.keys()
        assert other.metadata()["sha256"] == VALID[xnor_files.DIGITS].decode()
        assert {**other.metadata(), "sha256": "0" * 64} == xnor_files.STRINGS


@given(specs, st.text(st.characters(exclude_categories=["Cs"])), st.randoms())
def test_the_size_is_known_from_the_specs_and_the_bytes_from_the_contents(specs, label, random):
    metadata = Metadata({"ops": []}, (label,), {}, {})
    tensors = {name: np.ones(shape, dtype) for name, (dtype, shape) in specs.items()}
    content = to_bytes(metadata, tensors)
    assert len(content) == file_size(metadata, specs)
    shuffled = random.sample(list(tensors), len(tensors))
    assert to_bytes(metadata, {name: tensors[name] for name in shuffled}) == content
    found = from_bytes(content)
    assert found.metadata == metadata
    assert {name: (a.dtype.name, a.shape) for name, a in found.tensors.items()} == specs
    assert load(content).keys() == specs.keys()


@given(specs)
def test_data_begin_on_a_cache_line_and_every_number_is_aligned(specs):
    tensors = {name: np.ones(shape, dtype) for name, (dtype, shape) in specs.items()}
    content = to_bytes(METADATA, tensors)
    begin = 8 + int.from_bytes(content[:8], "little")
    assert begin % 64 == 0
    assert len(content) == begin + sum(array.nbytes for array in tensors.values())
    buffer = np.frombuffer(content, np.uint8)
    for array in from_bytes(content).tensors.values():
        assert (array.ctypes.data - buffer.ctypes.data) % array.itemsize == 0


def test_layout_of_the_memory_that_tensors_come_in_does_not_matter():
    values = torch.arange(12.0).reshape(3, 4)
    expected = to_bytes(METADATA, {"w": values.t().contiguous().numpy()})
    assert to_bytes(METADATA, {"w": torch.nn.Parameter(values).t()}) == expected
    assert to_bytes(METADATA, {"w": values.numpy().T.astype(">f4")}) == expected


def test_tensors_that_were_read_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        from_bytes(VALID).tensors["a.step"][0] = 1


def test_the_producer_is_named():
    assert producer_versions().keys() == METADATA.producer.keys()
    assert producer_versions()["torch"] == torch.__version__


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_refused_with_its_tensor(value):
    tensors = {**TENSORS, "layers.0.scale1": np.array([1, value, value], np.float32)}
    with pytest.raises(XnorFileError, match=rf"^layers.0.scale1 holds {value} in 2 of 3 places"):
        to_bytes(METADATA, tensors)


def test_only_a_threshold_may_be_infinite_and_none_is_nan():
    thresholds = np.array([-np.inf, 0, np.inf], np.float32)
    found = from_bytes(to_bytes(METADATA, {"signs.0.threshold": thresholds})).tensors
    np.testing.assert_array_equal(found["signs.0.threshold"], thresholds)
    thresholds[1] = np.nan
    with pytest.raises(XnorFileError, match=r"^signs.0.threshold holds nan in 1 of 3 places"):
        to_bytes(METADATA, {"signs.0.threshold": thresholds})


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "bool", "uint16", "complex64"])
def test_other_types_are_refused_with_their_tensor(dtype):
    with pytest.raises(XnorFileError, match=f"^a.weight is {dtype}"):
        to_bytes(METADATA, {"a.weight": np.ones(3, dtype)})
    with pytest.raises(XnorFileError, match=f"^a.weight is {dtype}"):
        file_size(METADATA, {"a.weight": (dtype, (3,))})


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,) * 9])
def test_other_shapes_are_refused_with_their_tensor(shape):
    with pytest.raises(XnorFileError, match="^a.weight has shape"):
        to_bytes(METADATA, {"a.weight": np.ones(shape, np.int8)})


@pytest.mark.parametrize("name", ["", "__metadata__", 'a"b', "a\\b", "a\nb"])
def test_names_that_json_would_escape_are_refused(name):
    with pytest.raises(XnorFileError, match="Rename the module"):
        to_bytes(METADATA, {name: np.ones(1, np.int8)})


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata({}, ("caf\udce9",), {}, {}),  # a folder's name in Latin-1, as Python has it
        Metadata({}, (), {"hop": float("nan")}, {}),
        Metadata({}, (), {"hop": float("inf")}, {}),
    ],
)
def test_metadata_that_json_lacks_are_refused(metadata):
    with pytest.raises(XnorFileError, match="hold what JSON can't"):
        to_bytes(metadata, TENSORS)


def test_every_changed_bit_is_refused():
    for at in range(len(VALID)):
        for bit in range(8):
            with pytest.raises(XnorFileError):
                from_bytes(xnor_files.flip(VALID, at, bit))


def test_every_shorter_file_is_refused():
    for size in range(len(VALID)):
        with pytest.raises(XnorFileError):
            from_bytes(VALID[:size])


@given(st.binary(min_size=1, max_size=200))
def test_every_longer_file_is_refused(more):
    with pytest.raises(XnorFileError, match="SHA-256"):
        from_bytes(VALID + more)


@given(st.one_of(ruined(), st.binary(max_size=300)))
def test_ruin_is_refused_with_a_sentence(content):
    if content != VALID:
        with pytest.raises(XnorFileError, match=r"^model\.xnor: .*\.$"):
            from_bytes(content)


@given(ruined())
def test_ruin_with_the_right_digest_is_refused_or_read_as_it_stands(content):
    content = sealed(content)
    try:
        found = from_bytes(content)
    except XnorFileError:
        return
    assert to_bytes(found.metadata, found.tensors) == content


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_is_refused(name):
    with pytest.raises(XnorFileError, match="header|cut short or damaged|data") as refused:
        from_bytes(FORGED[name])
    assert "SHA-256" not in str(refused.value)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("program", "[]"), ("program", "{"), ("program", ""), ("program", '{"a":1,"a":2}'),
        ("program", "{ }"), ("labels", '"ab"'), ("labels", "[1]"), ("labels", "null"),
        ("features", "3"), ("features", '{"hop":NaN}'), ("producer", "[]"),
        ("program", "[" * 100_000),
    ],
)  # fmt: skip
def test_metadata_that_are_no_json_of_their_kind_are_refused(field, text):
    with pytest.raises(XnorFileError, match="header|cut short or damaged|data") as refused:
        from_bytes(build(header(strings={**xnor_files.STRINGS, field: text})))
    assert "SHA-256" not in str(refused.value)


def test_text_that_is_no_unicode_is_refused():
    with pytest.raises(XnorFileError, match="header|cut short or damaged|data") as refused:
        from_bytes(sealed(VALID.replace("nö".encode(), b"n\xff\xff")))
    assert "SHA-256" not in str(refused.value)


def test_two_tensors_whose_bytes_are_exchanged_are_refused():
    flip, weight = TENSORS["b.flip"].tobytes(), TENSORS["b.weight"].tobytes()
    begin = len(VALID) - len(DATA)
    assert VALID[begin + 12 : begin + 20] == flip + weight
    with pytest.raises(XnorFileError, match="SHA-256"):
        from_bytes(VALID[: begin + 12] + weight + flip + VALID[begin + 20 :])


@pytest.mark.parametrize("version", ["2", "10", "0"])
def test_another_version_is_named_with_the_one_that_is_read(version):
    other = build(header().replace('"xnor_format":"1"', f'"xnor_format":"{version}"'))
    with pytest.raises(XnorFileError, match=f"format version {version}; xnorkit .* reads 1. Upgr"):
        from_bytes(other)


def test_other_files_are_refused_with_their_path_and_the_way_out(tmp_path):
    checkpoint = tmp_path / "best.ckpt"
    torch.save({"state_dict": {}}, checkpoint)
    with pytest.raises(XnorFileError, match=r"best.ckpt: a checkpoint.* xnorkit-deploy CKPT\.$"):
        read(checkpoint)
    safetensors = header().replace('"__metadata__"', '"__other__"')
    for content in (
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        safetensors.encode(),
        b"PK",
        bytes(999),
    ):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(XnorFileError, match=r"other: no model.xnor, .* Give the model.xnor"):
            read(tmp_path / "other")


def test_what_cannot_be_opened_is_refused_with_its_path(tmp_path):
    for path in (tmp_path, tmp_path / "none.xnor"):
        with pytest.raises(XnorFileError, match=f"{path}: can't be read .* Give the model.xnor"):
            read(path)
