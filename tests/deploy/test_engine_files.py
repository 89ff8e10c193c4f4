"""What stands in a file before an engine is made of it: no code, and tensors that fit."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_engine import small
from xnor_files import sealed

from xnorkit.deploy import engine as engine_module
from xnorkit.deploy import xnor_file
from xnorkit.deploy.engine import Engine
from xnorkit.deploy.library.binding import open_source
from xnorkit.deploy.library.c_functions import EngineError
from xnorkit.deploy.program import program_of
from xnorkit.deploy.xnor_file import XnorFileError


@pytest.fixture(scope="module")
def made():
    return small()


@pytest.fixture(scope="module")
def library(made, engine_cache):
    return open_source(made.source, engine_cache)


@pytest.fixture
def no_code(monkeypatch):
    def never(*_):
        raise AssertionError("C++ was made from it")

    monkeypatch.setattr(engine_module, "source", never)


def with_program(content, program):
    """The file with another program, sealed again."""
    length = int.from_bytes(content[:8], "little")
    table = json.loads(content[8 : 8 + length])
    table["__metadata__"]["program"] = xnor_file.canonical_json(program)
    text = xnor_file.canonical_json(table).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return sealed(len(text).to_bytes(8, "little") + text + content[8 + length :])


def with_tensors(content, change):
    """The file with other tensors, sealed again."""
    file = xnor_file.from_bytes(content)
    tensors = dict(file.tensors)
    change(tensors)
    return xnor_file.to_bytes(file.metadata, tensors)


def test_a_damaged_file_is_refused_by_name(made, library, tmp_path):
    path = tmp_path / "model.xnor"
    path.write_bytes(made.content[:-1])
    with pytest.raises(XnorFileError, match=f"^{path}: "):
        Engine.load(path, library=library)
    with pytest.raises(XnorFileError, match="nothing.xnor: can't be read"):
        Engine.load(tmp_path / "nothing.xnor", library=library)


def test_a_library_of_another_topology_is_refused(made, library):
    program = made.lowered.program.to_json()
    assert program["ops"][1].pop("padding_value") == 0
    program["ops"][1]["padding_value"] = 1  # needs the same tensors
    with pytest.raises(EngineError, match="of another program"):
        Engine(with_program(made.content, program), library)


@pytest.mark.parametrize(
    "change",
    [
        {"name": '0"); system("id'},
        {"name": "0\\"},
        {"name": "0\nsystem();"},
        {"name": ')json"'},
        {"name": ")json"},
        {"output": "1; system(0)"},
        {"inputs": ["(system)(0)"]},
        {"output": 0.5},
        {"output": None},
    ],
    ids=str,
)
def test_a_sealed_file_whose_program_holds_code_is_refused_before_any_is_made(
    made, no_code, change
):
    program = made.lowered.program.to_json()
    program["ops"][0].update(change)
    with pytest.raises(ValueError, match="model.xnor"):
        Engine(with_program(made.content, program))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.pop("0.weight"), "uint8 of shape (3, 2) for 0.weight, its data have nothing"),
        (
            lambda t: t.update({"0.weight": t["0.weight"].reshape(2, 3)}),
            "uint8 of shape (3, 2) for 0.weight, its data have uint8 of shape (2, 3)",
        ),
        (
            lambda t: t.update({"0.weight": t["0.weight"].view(np.int8)}),
            "its data have int8 of shape (3, 2)",
        ),
        (
            lambda t: t.update({"9.weight": np.ones(2, np.int8)}),
            "nothing for 9.weight, its data have int8 of shape (2,)",
        ),
    ],
    ids=["missing", "another shape", "another type", "one too many"],
)
def test_tensors_that_do_not_fit_the_program_are_refused(made, no_code, change, sentence):
    with pytest.raises(XnorFileError, match="^model.xnor: .* xnorkit-deploy CKPT") as refused:
        Engine(with_tensors(made.content, change))
    assert sentence in str(refused.value)


def test_what_the_features_need_may_stand_beside_the_programs_tensors(made, library):
    mean = {"features.mean": np.ones(3, np.float32)}
    assert Engine(with_tensors(made.content, lambda tensors: tensors.update(mean)), library)


def smaller(program, value):
    program["values"][value]["w"] -= 1


@pytest.mark.parametrize(
    "change",
    [
        lambda program: smaller(program, 0),
        lambda program: smaller(program, 1),
        lambda program: smaller(program, 3),
        lambda program: program["values"][2].update(kind="bits"),
        lambda program: program["values"][3].update(kind="bits"),
        lambda program: program["values"][2].update(c=0),
        lambda program: program["ops"][0].update(inputs=[2]),
        lambda program: program["ops"][0].update(inputs=[-4]),
        lambda program: program["ops"][0].update(output=4),
        lambda program: program["ops"][2].update(inputs=[2, 2]),
        lambda program: program["ops"][2].update(output=0),
        lambda program: program["ops"][1].update(groups=2),
        lambda program: program["ops"][1].update(groups=0),
        lambda program: program["ops"][1]["window"].update(stride_w=0),
        lambda program: program["ops"][1]["window"].update(pad_top=-1),
        lambda program: program["ops"][1]["window"].update(out_h=3),
        lambda program: program.update(input_shape=[2, 3, 5]),
        lambda program: program.update(output_shape=[3, 2, 3]),
        lambda program: program.update(ops=[], values=[]),
    ],
)
def test_a_sealed_program_that_would_touch_other_memory_is_refused(made, no_code, change):
    program = made.lowered.program.to_json()
    change(program)
    with pytest.raises(XnorFileError, match=r"^model.xnor: .* Deploy again\.$"):
        Engine(with_program(made.content, program))


def numbers_in(node):
    """Places of the numbers in plain data, as paths of keys."""
    if isinstance(node, dict | list):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, item in items:
            yield from ((key, *path) for path in numbers_in(item))
    elif type(node) is int:
        yield ()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([-1, 0, 1, 2, 7, 10**6, 2**31, 2**63, True]))
def test_a_program_of_any_numbers_is_read_or_refused_by_a_sentence(made, data, number):
    program = made.lowered.program.to_json()
    *path, last = data.draw(st.sampled_from(sorted(numbers_in(program), key=str)))
    node = program
    for key in path:
        node = node[key]
    node[last] = number
    with contextlib.suppress(XnorFileError):
        program_of(xnor_file.from_bytes(with_program(made.content, program)), "model.xnor")
