"""BinaryNet's 784 → 6144 ×3 → 10, packed and compiled."""

import pytest
import torch
from random_networks import settle

from xnorkit.deploy import pipeline
from xnorkit.deploy.report.bandwidth import large_weights
from xnorkit.deploy.validate import validate
from xnorkit.networks import MLP
from xnorkit.schemes import BinaryNet


@pytest.mark.slow
def test_the_6144_wide_mlp_runs_to_the_bit(engine_cache):
    torch.manual_seed(0)
    scheme = BinaryNet(weight_allow_scale=True)
    network = settle(MLP(scheme, (1, 28, 28), 10, widths=(6144,) * 3, stem="int8"), 0)
    images = torch.rand(3, 1, 28, 28)
    planned = pipeline.plan(network, images)
    engine = pipeline.compile(network, images, cache_dir=engine_cache)
    found = validate(planned.lowered, engine, images)
    assert found.exact
    assert [layer.outputs for layer in found.layers] == [3 * 6144] * 2
    assert all(layer.wrong_alone == layer.wrong_in_whole == 0 for layer in found.layers)
    weights = large_weights(planned.lowered.program)
    assert weights == {
        "stem": 784 * 6144,
        "blocks.0.layer": 6144**2 // 8,
        "blocks.1.layer": 6144**2 // 8,
    }
