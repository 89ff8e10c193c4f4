"""ONNX Runtime computes the float twin; where it isn't installed it is said how to get it."""

import logging
import sys
import warnings
from importlib.util import find_spec

import pytest
import torch
from float_twins import INPUTS, small_twin

from xnorkit.deploy.report import onnx_sides
from xnorkit.deploy.report.sides import Missing, check

installed = pytest.mark.skipif(
    any(find_spec(name) is None for name in onnx_sides.PACKAGES), reason="xnorkit[bench] is missing"
)


@pytest.fixture(scope="module")
def sides():
    twin = small_twin()
    return twin, list(onnx_sides.onnx_sides(twin, twin, INPUTS))


@installed
def test_float32_answers_as_the_twin_at_any_batch(sides):
    twin, (float32, _) = sides
    assert (float32.name, float32.model) == ("ONNX Runtime float32", "float twin")
    for inputs in (INPUTS, INPUTS[:1]):
        found = check(float32, twin, inputs)
        assert found.faithful
        assert found.agreement == 1


@installed
def test_int8_answers_within_its_tolerance_but_not_as_float32(sides):
    twin, (_, int8) = sides
    assert int8.name == "ONNX Runtime int8"
    found = check(int8, twin, INPUTS)
    assert found.faithful
    assert found.difference > 1e-5, "nothing was quantised"


@installed
def test_each_session_has_one_thread(monkeypatch, tmp_path):
    import onnxruntime

    seen = []
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: seen.append(options) or session(path, options, providers),
    )
    onnx_sides.export(torch.nn.Linear(2, 1).eval(), torch.ones(1, 2), tmp_path / "linear.onnx")
    onnx_sides._session(tmp_path / "linear.onnx")
    [options] = seen
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


@pytest.mark.parametrize("package", onnx_sides.PACKAGES)
def test_a_package_that_is_not_there_is_named_with_the_way_to_get_it(package, monkeypatch):
    monkeypatch.setattr(onnx_sides, "find_spec", lambda name: None if name == package else True)
    twin = small_twin()
    assert list(onnx_sides.onnx_sides(twin, twin, INPUTS)) == [
        Missing(name, 'not installed: pip install "xnorkit[bench]"')
        for name in ("ONNX Runtime float32", "ONNX Runtime int8")
    ]


def test_quiet_swallows_what_converters_say_and_ends_with_it(capfd, caplog):
    with onnx_sides.quiet():
        print("progress")
        print("progress", file=sys.stderr)
        warnings.warn("advice", stacklevel=1)
        logging.getLogger("converter").warning("advice")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    logging.getLogger("converter").warning("heard again")
    assert [record.message for record in caplog.records] == ["heard again"]


def test_quiet_lets_errors_through():
    with pytest.raises(RuntimeError), onnx_sides.quiet():
        raise RuntimeError("no")
    assert logging.root.manager.disable == 0
