"""Options that can't be combined are refused by value and way out, whatever the layer."""

import warnings

import pytest
import torch

from xnorkit.binarize import XNOR_RULE
from xnorkit.nn.layer_options import check_draws_and_drops, check_input, check_weight

INPUT = {"input_sign": "ste_clip", "input_scale": "none", "bits": 1, "range_": "signed"}
DRAWN = {"mode": "det", "dropout": 0.0, "input_sign": "ste_clip", "bits": 1, "range_": "signed"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"input_sign": "tanh"}, "input_sign='tanh': choose one of ste_clip"),
        ({"input_scale": "row"}, "input_scale='row': choose one of none, map"),
        ({"range_": "half"}, "input_range='half': choose one of signed, unit"),
        ({"bits": 9}, "bits=9: an input has"),
        ({"bits": 2, "input_sign": None}, "input_sign=None with input_bits=2"),
        ({"range_": "unit", "input_sign": "ste_swish"}, "only one signed bit has a choice"),
        ({"range_": "unit", "input_scale": "map"}, "input_scale='map' with input_range='unit'"),
        ({"input_sign": None, "input_scale": "map"}, "input_scale='map' with input_sign=None"),
    ],
)
def test_inputs(changes, sentence):
    check_input(**INPUT)
    with pytest.raises(ValueError, match=sentence):
        check_input(**{**INPUT, **changes})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mode": "chance"}, "input_quant_mode='chance': choose det or stochastic"),
        ({"mode": "stochastic", "bits": 2}, "only a sign can be drawn"),
        ({"mode": "stochastic", "input_sign": None}, "only a sign can be drawn"),
        ({"dropout": 1.0}, r"input_dropout=1.0: choose a share in \[0, 1\)"),
        ({"dropout": float("nan")}, "input_dropout=nan"),
    ],
)
def test_draws_and_drops(changes, sentence):
    check_draws_and_drops(**DRAWN)
    with pytest.raises(ValueError, match=sentence):
        check_draws_and_drops(**{**DRAWN, **changes})


def test_weights():
    with pytest.raises(TypeError, match=r"weight_rule='chain': give a xnorkit\.binarize"):
        check_weight(torch.ones(2, 3), "chain", "ste_clip")
    with pytest.raises(ValueError, match="16777216 inputs a filter"):
        check_weight(torch.ones(1, 2**24, device="meta"), XNOR_RULE, "ste_clip")
    with pytest.warns(UserWarning, match=r"shape \(4, 1, 3\): with one input channel"):
        check_weight(torch.ones(4, 1, 3), XNOR_RULE, "ste_clip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_weight(torch.ones(1, 2**24, device="meta"), XNOR_RULE, None)
        check_weight(torch.ones(0, 1), XNOR_RULE, "ste_clip")


@pytest.mark.parametrize("scale", ["batch", "max"])
def test_a_number_of_the_whole_batch_is_warned_of(scale):
    with pytest.warns(UserWarning, match=f"input_scale='{scale}' takes one number of the whole"):
        check_input(**{**INPUT, "input_scale": scale})
