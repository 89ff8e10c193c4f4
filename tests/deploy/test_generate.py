"""A unit is a function of the program."""

import torch
from torch import nn

from xnorkit.deploy.generate import source
from xnorkit.deploy.lower import lower
from xnorkit.deploy.xnor_file import canonical_json
from xnorkit.nn import BinaryConv2d


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
