"""BinOp in validation, test and prediction, and under weight averaging."""

import copy

import pytest
import torch
from binop_cases import (
    PlainLoop,
    Regression,
    assert_same,
    batches_of,
    binary_network,
    inner_weights,
    is_binary,
    negative_is_minus_one,
    plain_network,
    samples,
    scale_of,
    trainer,
)
from lightning.pytorch.callbacks import (
    EMAWeightAveraging,
)

from xnorkit import BinOp

NETWORKS = pytest.mark.parametrize("make", [plain_network, binary_network])
ORDERS = pytest.mark.parametrize("binop_first", [True, False])


def in_order(binop_first, *others):
    bin_op = BinOp()
    return [bin_op, *others] if binop_first else [*others, bin_op]


class Watches(Regression):
    """Keeps what the weights are in each evaluation step."""

    def __init__(self, network, **options):
        super().__init__(network, **options)
        self.binary_in_validation = []
        self.outputs = []

    def validation_step(self, batch, batch_idx):
        self.binary_in_validation.append([is_binary(w) for w in inner_weights(self.network)])
        self.outputs.append(self.network(batch[0]))


@pytest.mark.parametrize(
    "arguments",
    [
        {"val_check_interval": 0.5},
        {"val_check_interval": 1, "accumulate_grad_batches": 2},
        {"num_sanity_val_steps": 2},
    ],
)
@NETWORKS
def test_validation_in_mid_epoch_changes_no_training(tmp_path, make, arguments):
    module, undisturbed = Watches(make()), Regression(make())
    trainer(tmp_path, BinOp(), limit_val_batches=2, **arguments).fit(module)
    other = {k: v for k, v in arguments.items() if k == "accumulate_grad_batches"}
    trainer(tmp_path, BinOp(), **other).fit(undisturbed)
    assert_same(module.network, undisturbed.network, rtol=0, atol=0)
    assert module.binary_in_validation
    for binary in module.binary_in_validation:
        assert binary == [make is plain_network] * 2  # binary layers evaluate by themselves


@NETWORKS
@pytest.mark.parametrize("stage", ["validate", "test", "predict"])
def test_evaluation_computes_with_binary_weights_and_leaves_latent_ones(tmp_path, make, stage):
    module = Regression(make())
    before = copy.deepcopy(module.state_dict())
    loop = PlainLoop(module.network)
    loop.gradients(batches_of()[:1])  # centred and clamped
    for weight, layer in zip(loop.weights, loop.layers, strict=True):
        weight.data = scale_of(weight.data) * negative_is_minus_one(weight.data)
        layer.holds_binary_weight = True
    expected = []
    for batch in batches_of():
        expected.append(loop.network(batch[0]).detach())
    run = trainer(tmp_path, BinOp(), limit_val_batches=4)
    result = (
        getattr(run, stage)(module, verbose=False) if stage != "predict" else run.predict(module)
    )
    if stage == "predict":
        torch.testing.assert_close(torch.cat(result), torch.cat(expected), rtol=1e-5, atol=1e-6)
    else:
        y = samples()[1]
        loss = (torch.cat(expected) - y).square().mean().item()
        (value,) = result[0].values()
        assert value == pytest.approx(loss, rel=1e-5)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])


@NETWORKS
def test_fast_dev_run(tmp_path, make):
    module = Regression(make())
    reference = PlainLoop(module.network).train(batches_of()[:1])
    trainer(tmp_path, BinOp(), fast_dev_run=True).fit(module)
    assert_same(module.network, reference.network)


@NETWORKS
@ORDERS
def test_an_exponential_average_is_one_of_latent_weights(tmp_path, make, binop_first):
    decay = 0.5
    loop = PlainLoop(make())
    average = None
    for batch in batches_of():
        loop.step(batch)
        now = torch.nn.utils.parameters_to_vector(loop.network.parameters()).detach()
        average = now if average is None else decay * average + (1 - decay) * now
    module = Watches(make())
    callbacks = in_order(binop_first, EMAWeightAveraging(decay=decay))
    trainer(tmp_path, *callbacks, limit_val_batches=1).fit(module)
    result = torch.nn.utils.parameters_to_vector(module.network.parameters()).detach()
    torch.testing.assert_close(result, average)
    # The one validation batch ran on the average, binarised.
    averaged = Regression(module.network)
    (y, *_) = trainer(tmp_path, BinOp()).predict(averaged)
    torch.testing.assert_close(module.outputs[-1], y, rtol=1e-6, atol=1e-6)
