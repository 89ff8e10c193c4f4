"""A unit is a function of the program, and good C++."""

import os
import sys
from importlib.util import find_spec

import pytest
import torch
from cpp_programs import CXX, STRICT, begin, end, stop
from random_networks import Sum, settle
from torch import nn

from xnorkit.deploy.generate import source
from xnorkit.deploy.lower import lower
from xnorkit.deploy.ops import OPS
from xnorkit.deploy.xnor_file import canonical_json
from xnorkit.nn import BinaryConv2d, Int8Conv2d
from xnorkit.resources import get_include


def program(channels=5):
    network = nn.Sequential(BinaryConv2d(3, channels, 3), nn.Flatten(), nn.Linear(channels * 4, 2))
    return lower(network, torch.zeros(1, 3, 4, 4)).program


def test_the_same_topology_has_the_same_unit():
    assert source(program()) == source(program())
    assert source(program(6)) != source(program(5))


def test_it_declares_and_runs_every_op_in_order():
    text, made = source(program()), program()
    for index, op in enumerate(made.ops):
        assert f"typename Ops::template {op.cpp(made.values)} op{index};" in text
        values = ", ".join(f"v{i}.at(work)" for i in (*op.inputs, op.output))
        assert f"run_op(op{index}, work, {values});" in text
        assert f'op{index}.load(loader, "{op.name}")' in text


def test_it_knows_the_program_of_its_file():
    made = program()
    assert f'R"json({canonical_json(made.to_json())})json"' in source(made)


def test_buffers_hold_what_flows():
    text, made = source(program()), program()
    for index, value in enumerate(made.values):
        pixels = value.map.h * value.map.w
        kind, count = (
            ("float", pixels * value.map.c)
            if value.kind == "real"
            else ("std::uint64_t", pixels * value.map.words)
        )
        assert f"Scratch<{kind}> v{index};" in text
        assert f'loader.scratch("value {index}", {count}, &v{index})' in text


def program_of_every_op():
    """The program of a network that has each op at least once."""
    binary = BinaryConv2d(8, 8, 3, padding=1, input_scale="map")
    network = nn.Sequential(
        *(Int8Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Conv2d(4, 8, 1), nn.MaxPool2d(2)),
        Sum(nn.Sequential(binary, nn.BatchNorm2d(8)), nn.Identity()),
        *(BinaryConv2d(8, 8, 3, input_sign=None), nn.BatchNorm2d(8)),
        *(BinaryConv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)),
        *(BinaryConv2d(8, 8, 1, input_bits=2), nn.BatchNorm2d(8)),
        *(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 3)),
    )
    return lower(settle(network, 0), torch.zeros(1, 1, 12, 12)).program


ZIG = [sys.executable, "-m", "ziglang", "c++", "-O0", "-c"]  # its -fsyntax-only warns of itself
HERE = {"of the PATH": CXX is not None, "of pip": find_spec("ziglang") is not None}
COMPILERS = {
    "of the PATH": [*(CXX or "").split(), "-fsyntax-only"],
    "of pip": ZIG,
    "of pip, for ARM": [*ZIG, "-target", "aarch64-linux-musl"],
}


@pytest.fixture(scope="module")
def compiling(tmp_path_factory, engine_cache):
    """The processes of all compilers that are there, side by side."""
    folder, made = tmp_path_factory.mktemp("unit"), program_of_every_op()
    assert {op.kind for op in made.ops} == {op.kind for op in OPS}
    (folder / "engine.cpp").write_text(source(made))
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(engine_cache / "zig")}
    processes = {
        name: begin(
            [*command, *STRICT, f"-I{get_include()}", "engine.cpp", "-o", f"{index}.o"],
            cwd=folder,
            env=environment,
        )
        for index, (name, command) in enumerate(COMPILERS.items())
        if HERE[name.split(",")[0]]
    }
    yield processes
    for process in processes.values():
        stop(process)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_unit_of_every_op_compiles_without_a_warning(compiler, compiling):
    if compiler not in compiling:
        pytest.skip("no C++ compiler" if compiler == "of the PATH" else "no ziglang")
    end(compiling[compiler])
