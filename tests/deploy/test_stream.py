"""What waits to be applied, and what becomes of it."""

import torch
from torch import nn

from xnorkit.deploy.ops.op import Map, Window
from xnorkit.deploy.stream import Builder, Stream, reorder

POOL = Window(2, 2, 2, 2, 1, 1, 0, 0, 2, 2)


def test_a_sign_folds_all_that_is_elementwise_and_pools_bits():
    builder = Builder(Map(4, 4, 3))
    stream = Stream(0, Map(4, 4, 3), 2, 2).then("a", nn.ReLU()).pooled("p", POOL)
    index = builder.as_bits(stream.then("b", nn.BatchNorm2d(3).eval()), "layer")
    assert [op.kind for op in builder.ops] == ["threshold", "max_pool"]
    assert builder.values[index].kind == "bits"
    assert builder.values[index].map == Map(2, 2, 3)


def test_everything_else_has_it_computed_in_order():
    builder = Builder(Map(4, 4, 3))
    stream = Stream(0, Map(4, 4, 3), 2, 2).then("a", nn.ReLU()).then("b", nn.Hardtanh())
    builder.as_real(stream.pooled("p", POOL).then("c", nn.ReLU()))
    assert [op.kind for op in builder.ops] == ["pointwise", "max_pool", "pointwise"]
    assert builder.ops[0].steps == ("Relu", "Clamp")


def test_a_stream_that_several_take_is_computed_once():
    builder = Builder(Map(1, 1, 3))
    stream = Stream(0, Map(1, 1, 3), 0, 0).then("a", nn.ReLU())
    assert builder.as_real(stream) == builder.as_real(stream)
    assert len(builder.ops) == 1


def test_names_are_unique():
    builder = Builder(Map(1, 1, 3))
    for _ in range(3):
        builder.as_real(Stream(0, Map(1, 1, 3), 0, 0).then("a", nn.ReLU()))
    assert [op.name for op in builder.ops] == ["a", "a.2", "a.3"]


def test_a_flattened_map_knows_torchs_order():
    builder = Builder(Map(2, 3, 4))
    stream = builder.as_vector(Stream(0, Map(2, 3, 4), 0, 2, flat=True))
    torchs = torch.arange(24).reshape(4, 2, 3)  # (C, H, W)
    assert torch.equal(stream.order, torchs.permute(1, 2, 0).flatten())
    assert torch.equal(reorder(torchs.flatten(), stream.order), stream.order)
    assert torch.equal(reorder(torch.ones(1), stream.order), torch.ones(1))


def test_an_op_may_do_the_last_steps_itself():
    builder = Builder(Map(4, 4, 3))
    stream = Stream(0, Map(4, 4, 3), 2, 2).then("a", nn.ReLU()).pooled("p", POOL)
    index, steps, numbers = builder.before_steps(stream.then("b", nn.Hardtanh()))
    assert [op.kind for op in builder.ops] == ["pointwise", "max_pool"]
    assert (builder.ops[-1].output, steps) == (index, ("Clamp",))
    assert {name: float(value) for name, value in numbers().items()} == {"low0": -1, "high0": 1}


def test_steps_that_are_already_done_are_not_done_again():
    builder = Builder(Map(4, 4, 3))
    stream = Stream(0, Map(4, 4, 3), 2, 2).then("a", nn.ReLU())
    done = builder.as_real(stream)
    assert builder.before_steps(stream)[:2] == (done, ())
