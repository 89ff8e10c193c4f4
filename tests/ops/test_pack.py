"""A network before and after pack_: answers, state_dict, hooks, torch.compile, torch.export."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from xnorkit.binarize import WeightRule
from xnorkit.deploy import pipeline
from xnorkit.deploy.unsupported import Unsupported
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear, Int8Conv2d
from xnorkit.ops import OpError, pack_
from xnorkit.ops.packed_layers import PackedConv2d, PackedLinear

X = torch.randn(4, 1, 12, 14, generator=torch.Generator().manual_seed(3))


def network(seed=0):
    """Stem, binary blocks with pool and K, classifier; norms as after training."""
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.BatchNorm2d(16),
        BinaryConv2d(16, 32, 3, padding=1),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(32),
        BinaryConv2d(32, 32, 3, padding=1, padding_value=-1, input_scale="map"),
        nn.BatchNorm2d(32),
        nn.Flatten(),
        BinaryLinear(32 * 5 * 6, 50, weight_rule=WeightRule(alpha="layer")),
        nn.Linear(50, 10),
    )
    for norm in made:
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean, std=0.3)
            nn.init.normal_(norm.weight)
    return made.eval()


@torch.no_grad()
def test_a_network_answers_as_before_and_its_binary_weights_take_a_32nd():
    made = network()
    before, size = made(X), {name: v.nbytes for name, v in made.state_dict().items()}
    assert pack_(made) is made
    assert torch.equal(made(X), before)
    packed = {name: v.nbytes for name, v in made.state_dict().items()}
    for name in ("2.weight", "5.weight", "8.weight"):
        assert packed[name] * 32 == size[name]
    assert {n for n in packed if n not in size} == {"2.alpha", "5.alpha", "8.alpha"}
    assert made.train()(X).shape == before.shape
    assert {type(layer) for layer in made} >= {PackedConv2d, PackedLinear}


@torch.no_grad()
def test_a_state_dict_loads_into_a_fresh_network():
    trained, fresh = pack_(network(seed=1)), pack_(network(seed=2))
    file = io.BytesIO()
    torch.save(trained.state_dict(), file)
    file.seek(0)
    assert not torch.equal(fresh(X), trained(X))
    fresh.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(fresh(X), trained(X))


@torch.no_grad()
def test_copies_and_whole_modules_in_files_answer_the_same():
    made = pack_(network())
    file = io.BytesIO()
    torch.save(made, file)
    file.seek(0)
    for other in (copy.deepcopy(made), torch.load(file, weights_only=False)):
        assert torch.equal(other(X), made(X))


@torch.no_grad()
def test_hooks_and_places_stay():
    made, seen = network(), []
    layer = made[2]
    layer.register_forward_pre_hook(lambda module, args: (args[0] + 0.1,))
    layer.register_forward_hook(lambda module, args, output: seen.append(output))
    shared = nn.ModuleDict({"a": made, "b": layer})
    before = made(X)
    pack_(shared)
    assert torch.equal(made(X), before)
    assert torch.equal(*seen)
    assert made[2] is layer is shared["b"]


@torch.no_grad()
def test_a_parametrized_weight_is_packed_as_it_stands():
    class Doubled(nn.Module):
        def forward(self, weight):
            return 2 * weight

    made = network()
    parametrize.register_parametrization(made[2], "weight", Doubled())
    nn.utils.parametrizations.weight_norm(made[8])
    before = made(X)
    pack_(made)
    assert torch.equal(made(X), before)
    assert type(made[2]) is PackedConv2d
    assert type(made[8]) is PackedLinear


def with_binop_weights(layer):
    layer.holds_binary_weight = True
    return layer


class Other(BinaryLinear):
    """Computes something else."""

    def forward(self, x):
        return -super().forward(x)


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (BinaryLinear(8, 4, weight_rule=WeightRule(bits=2)), "inner.0: weights of 2 bits"),
        (BinaryConv1d(8, 4, 1, input_bits=2), "inner.0: .* signed inputs of 2: pack_ packs signs"),
        (BinaryConv2d(8, 4, 1, input_range="unit"), "inner.0: .* unit inputs of 1"),
        (with_binop_weights(BinaryLinear(8, 4)), r"inner.0: BinOp's .* Call restore_\(\)"),
        (prune.identity(BinaryLinear(8, 4), "weight"), "inner.0: a hook makes .*prune.remove"),
        (Other(8, 4), "inner.0: Other may compute something else than its base"),
        (BinaryLinear(8, 4, device="meta"), "inner.0: it is on meta"),
    ],
)
def test_what_can_not_be_packed_is_refused_by_its_path_before_anything_changes(layer, sentence):
    made = nn.ModuleDict({"first": BinaryLinear(8, 8), "inner": nn.Sequential(layer)})
    with pytest.raises(OpError, match=sentence):
        pack_(made)
    assert type(made["first"]) is BinaryLinear


def test_a_network_without_binary_layers_is_refused_and_so_is_a_packed_one():
    for made in (nn.Linear(3, 4), nn.Sequential(Int8Conv2d(1, 4, 3)), pack_(network())):
        with pytest.raises(OpError, match=f"no binary layer in this {type(made).__name__}"):
            pack_(made)


def test_an_engine_of_a_packed_network_is_refused_by_the_layers_path():
    with pytest.raises(Unsupported, match=r"^2: .*PackedConv2d"):
        pipeline.plan(pack_(network()), X)


@torch.no_grad()
def test_torch_compile_takes_it_whole():
    made = pack_(network())
    compiled = torch.compile(made, backend="aot_eager", fullgraph=True, dynamic=True)
    for x in (X, X[:2]):
        assert torch.equal(compiled(x), made(x))


@pytest.mark.slow
@torch.no_grad()
def test_inductor_compiles_what_stands_between():
    made = pack_(network())
    compiled = torch.compile(made, fullgraph=True)
    torch.testing.assert_close(compiled(X), made(X), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_torch_export_holds_the_operators():
    made = pack_(network())
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(made, (X,), dynamic_shapes=({0: batch},))
    called = {str(node.target) for node in program.graph.nodes}
    assert {"xnorkit.xnor_conv2d.default", "xnorkit.xnor_linear.default"} <= called
    for x in (X, X[:3]):
        assert torch.equal(program.module()(x), made(x))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    assert torch.equal(torch.export.load(file).module()(X), made(X))
