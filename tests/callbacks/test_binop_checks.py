"""xnorkit.callbacks.binop_checks: refused at start, with a sentence."""

from types import SimpleNamespace

import pytest
import torch
from binop_cases import Regression, binary_network, inner_weights, latent, plain_network, trainer
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy

from xnorkit import BinOp
from xnorkit.callbacks.binop_checks import require_supported


@pytest.mark.parametrize("kind", [FSDPStrategy, DeepSpeedStrategy, ModelParallelStrategy])
@pytest.mark.parametrize("stage", ["fit", "test"])
def test_strategies_that_shard_weights_are_refused(kind, stage):
    strategy = object.__new__(kind)  # its constructor wants a GPU
    with pytest.raises(ValueError, match=rf"strategy={kind.__name__}.*Use DDP or one device"):
        require_supported(SimpleNamespace(strategy=strategy), Regression(None), stage)


def test_manual_optimisation_is_refused_in_training_only(tmp_path):
    module = Regression(plain_network())
    module.automatic_optimization = False
    with pytest.raises(ValueError, match=r"automatic_optimization=False.*attach\(self\)"):
        trainer(tmp_path, BinOp()).fit(module)
    trainer(tmp_path, BinOp()).test(module, verbose=False)


def test_manual_optimisation_goes_by_hand(tmp_path):
    class Manual(Regression):
        def __init__(self):
            super().__init__(plain_network())
            self.automatic_optimization = False

        def training_step(self, batch, batch_idx):
            bin_op = BinOp().attach(self)
            self.optimizers().zero_grad()
            bin_op.binarize_()
            self.manual_backward(self.loss(batch))
            bin_op.restore_()
            bin_op.rescale_gradients_()
            self.optimizers().step()

    manual, automatic = Manual(), Regression(plain_network())
    trainer(tmp_path).fit(manual)
    trainer(tmp_path, BinOp()).fit(automatic)
    for a, b in zip(manual.parameters(), automatic.parameters(), strict=True):
        assert torch.equal(a, b)


def test_lbfgs_is_refused_before_the_first_step(tmp_path):
    class Newton(Regression):
        def configure_optimizers(self):
            return torch.optim.LBFGS(self.parameters())

    module = Newton(plain_network())
    before = [w.detach().clone() for w in inner_weights(module.network)]
    with pytest.raises(ValueError, match=r"LBFGS.*Use SGD or Adam"):
        trainer(tmp_path, BinOp()).fit(module)
    assert all(map(torch.equal, inner_weights(module.network), before))


def test_two_binops_on_one_weight_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^network.2: two BinOps"):
        trainer(tmp_path, BinOp(), BinOp(targets="network.2")).fit(Regression(plain_network()))


def test_a_module_with_nothing_to_binarise_is_refused(tmp_path):
    module = Regression(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(50, 3)).double())
    with pytest.raises(ValueError, match=r"nothing to binarise in Regression"):
        trainer(tmp_path, BinOp()).fit(module)


def test_two_binops_may_share_a_network(tmp_path):
    module = Regression(binary_network())
    callbacks = [BinOp(targets="network.2"), BinOp(alpha="none", targets="network.5")]
    trainer(tmp_path, *callbacks).fit(module)
    assert latent(module.network)
    assert module.network[5].weight_rule.alpha == "none"
