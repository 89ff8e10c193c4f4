"""Thresholds of integers against torch itself on every value; what can't be folded is refused."""

import pytest
import torch
import torch.nn.functional as F
from fold_cases import COMPOSITIONS, chains, grid, make_chain, norm_of, seeds, torch_outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from xnorkit.binarize.binop import latent_signs
from xnorkit.deploy import fold
from xnorkit.deploy.channelwise import ChannelBias, ChannelScale
from xnorkit.deploy.fold import FoldError, integer_thresholds, real_thresholds
from xnorkit.nn import BinaryConv1d, BinaryConv2d, BinaryLinear

LOWEST, HIGHEST = -(2**31), 2**31 - 1


def check_integers(modules, channels, low, high, dims, layout="map"):
    """Thresholds equal torch's signs on the whole range, or are refused as torch gives NaN."""
    values = grid(low, high, channels)
    outputs = torch_outputs(modules, values, dims, layout)
    if outputs.isnan().any():
        with pytest.raises(FoldError, match="NaN"):
            integer_thresholds(nn.Sequential(*modules), channels, low, high, dims)
        return
    found = integer_thresholds(nn.Sequential(*modules), channels, low, high, dims)
    assert found.threshold.dtype == torch.int32
    assert found.flip.dtype == torch.uint8
    # By the engine's own comparison of integers.
    bits = (values.int() < found.threshold) != found.flip.bool()
    assert torch.equal(bits, outputs < 0)
    assert torch.equal(found.bits(values), outputs < 0)


def test_thresholds_are_torch_s_for_all_compositions_of_up_to_four_modules():
    for seed, names in enumerate(COMPOSITIONS):
        modules = make_chain(("scale", *names), 6, 2, seed)
        check_integers(modules, 6, -40, 40, 2)


@settings(max_examples=150, deadline=None)
@given(chains, seeds, st.sampled_from([0, 1, 2]), st.integers(-90, 20), st.integers(0, 90))
def test_thresholds_are_torch_s_for_hard_numbers_in_all_ranks(names, seed, dims, low, span):
    check_integers(make_chain(names, 5, dims, seed), 5, low, low + span, dims)


@pytest.mark.parametrize("layout", ["map", "channels_last", "batch"])
def test_thresholds_are_torch_s_in_all_layouts_up_to_4608_inputs(layout):
    modules = make_chain(("scale", "norm", "hardtanh", "norm"), 37, 2, 0)
    check_integers(modules, 37, -4608, 4608, 2, layout)


@pytest.mark.parametrize("dims", [0, 2])
def test_random_ordinary_norms_fold_exactly(dims):
    torch.manual_seed(1)
    norm = (nn.BatchNorm2d if dims else nn.BatchNorm1d)(200).eval()
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    norm.running_mean.normal_(0, 30)
    norm.running_var.uniform_(1, 900)
    check_integers([ChannelScale(torch.rand(200)), norm], 200, -576, 576, dims)


def test_chunks_join_without_a_gap(monkeypatch):
    modules = make_chain(("scale", "bias", "norm"), 16, 2, 3)
    whole = integer_thresholds(nn.Sequential(*modules), 16, -33, 33)
    for chunk in (1, 16, 48, 1000):
        monkeypatch.setattr(fold, "_CHUNK", chunk)
        parts = integer_thresholds(nn.Sequential(*modules), 16, -33, 33)
        assert torch.equal(parts.threshold, whole.threshold)
        assert torch.equal(parts.flip, whole.flip)


def test_every_integer_can_be_a_threshold_whatever_its_parity():
    means = torch.arange(-8.0, 9.0)
    found = integer_thresholds(ChannelBias(-means), 17, -8, 8)
    # The lowest integer is never below itself: that channel never switches.
    assert found.threshold.tolist() == [LOWEST, *range(-7, 9)]


def test_negative_gamma_flips_the_threshold():
    rising, falling = (integer_thresholds(norm_of(g, mean=2.5), 1, -9, 9) for g in (2.0, -2.0))
    assert (rising.threshold.item(), rising.flip.item()) == (3, 0)
    assert (falling.threshold.item(), falling.flip.item()) == (3, 1)


@pytest.mark.parametrize(("beta", "threshold"), [(1.0, LOWEST), (-1.0, HIGHEST), (0.0, LOWEST)])
def test_zero_gamma_is_a_constant(beta, threshold):
    found = integer_thresholds(norm_of(0.0, beta), 1, -9, 9)
    assert (found.threshold.item(), found.flip.item()) == (threshold, 0)


def test_an_output_of_zero_counts_as_positive():
    assert integer_thresholds(nn.Identity(), 1, -5, 5).threshold.item() == 0
    falling = integer_thresholds(ChannelScale(torch.tensor([-1.0])), 1, -5, 5)
    assert (falling.threshold.item(), falling.flip.item()) == (1, 1)


def test_a_range_of_one_integer_is_constant():
    assert integer_thresholds(nn.Identity(), 2, 0, 0).threshold.tolist() == [LOWEST] * 2
    assert integer_thresholds(nn.Identity(), 2, -1, -1).threshold.tolist() == [HIGHEST] * 2


def test_running_variance_zero_folds_with_eps_and_is_refused_without():
    check_integers([norm_of(1.0, mean=3.0, variance=0.0, eps=1e-5)], 1, -20, 20, 2)
    with pytest.raises(FoldError, match="channel 0 gives NaN for"):
        integer_thresholds(norm_of(1.0, mean=0.0, variance=0.0, eps=0.0), 1, -20, 20)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("batch", "size"), [(1, 1), (1, 7), (3, 1), (3, 7)])
def test_bits_of_a_real_layer_in_the_layout_in_which_it_runs(channels_last, batch, size):
    torch.manual_seed(size)
    layer = BinaryConv2d(16, 24, 3, padding=1, bias=False).eval()
    after = make_chain(("norm", "hardtanh", "bias"), 24, 2, size)
    x = torch.randn(batch, 16, size, size)
    if channels_last:
        layer, x = (o.to(memory_format=torch.channels_last) for o in (layer, x))
    signs, alpha = latent_signs(layer.weight, layer.weight_rule)
    with torch.no_grad():
        expected = nn.Sequential(*after)(layer(x)) < 0
    sums = F.conv2d(torch.where(x < 0, -1.0, 1.0).double(), signs.double(), padding=1)
    chain = nn.Sequential(ChannelScale(alpha), *after)
    found = integer_thresholds(chain, 24, -144, 144)
    assert torch.equal(found.bits(sums.movedim(1, -1)).movedim(-1, 1), expected)


@pytest.mark.parametrize(
    ("layer", "shape"), [(BinaryConv1d(8, 9, 3), (2, 8, 12)), (BinaryLinear(40, 9), (5, 40))]
)
def test_bits_of_layers_without_rows(layer, shape):
    torch.manual_seed(0)
    dims, x = len(shape) - 2, torch.randn(shape)
    after = make_chain(("norm", "relu", "bias"), 9, dims, 4)
    signs, alpha = latent_signs(layer.weight, layer.weight_rule)
    with torch.no_grad():
        expected = nn.Sequential(*after)(layer.eval()(x)) < 0
    linear = F.conv1d if dims else F.linear
    sums = linear(torch.where(x < 0, -1.0, 1.0).double(), signs.double())
    chain = nn.Sequential(ChannelScale(alpha), ChannelBias(layer.bias), *after)
    found = integer_thresholds(chain, 9, -40, 40, dims)
    assert torch.equal(found.bits(sums.movedim(1, -1)).movedim(-1, 1), expected)


def test_a_function_that_rises_and_falls_is_refused_with_its_integers():
    with pytest.raises(FoldError, match=r"blocks\.1: channel 2: .* at -3, 5, so") as error:
        integer_thresholds(
            lambda x: torch.where(
                (torch.arange(4) == 2)[:, None, None] & (x >= -3) & (x < 5), -1.0, 1.0
            ),
            4, -9, 9, where="blocks.1",
        )  # fmt: skip
    assert "deploy=none" in str(error.value)
    with pytest.raises(FoldError, match="at -8, -7, -6, -5, …"):
        integer_thresholds(lambda x: 1 - 2 * (x % 2), 1, -9, 9)


@pytest.mark.parametrize("function", [lambda x: x.abs() - 1, lambda x: 1 - x.abs(), torch.sin])
def test_a_real_function_that_rises_and_falls_is_refused(function):
    with pytest.raises(FoldError, match="channel 0: the sign switches more than once"):
        real_thresholds(function, 1)


def test_a_dent_far_from_all_that_bisection_visits_is_seen():
    with pytest.raises(FoldError, match=r"channel 1: .* more than once, near 5\."):
        real_thresholds(
            lambda x: torch.where((x > 5) & (x < 6), torch.tensor([[[1.0]], [[-1.0]]]), 1.0), 2
        )


def test_a_function_that_tells_minus_zero_from_zero_is_refused():
    with pytest.raises(FoldError, match="at 0 and near -0, so"):
        real_thresholds(torch.ones(1).copysign, 1)


def test_a_dent_within_1000_floats_of_the_switch_is_seen():
    dent = torch.tensor(2.0).view(torch.int32) + 900
    with pytest.raises(FoldError, match="at 2 and near 2.00021"):
        real_thresholds(lambda x: x.sub(2).where(x.view(torch.int32) != dent, -1.0), 1)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", ["weight", "bias", "running_mean", "running_var"])
def test_a_number_that_is_not_finite_is_refused_by_name(name, value):
    chain = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)).eval()
    chain[1].state_dict()[name][2] = value
    for find in (lambda: integer_thresholds(chain, 4, -3, 3, where="net.after"),
                 lambda: real_thresholds(chain, 4, where="net.after")):  # fmt: skip
        with pytest.raises(FoldError, match=rf"^net\.after\.1\.{name}\[2\] is -?(nan|inf)"):
            find()


@pytest.mark.parametrize("module", [nn.BatchNorm1d(3), nn.Dropout(0.1)])
def test_training_mode_is_refused(module):
    with pytest.raises(FoldError, match=r"after\.0: .* training mode. Call eval"):
        real_thresholds(nn.Sequential(module), 3, dims=0, where="after")


def test_a_norm_without_running_statistics_is_refused():
    with pytest.raises(FoldError, match="track_running_stats=True"):
        real_thresholds(nn.BatchNorm2d(3, track_running_stats=False).eval(), 3)


def test_double_precision_is_refused():
    with pytest.raises(FoldError, match="weight is torch.float64"):
        real_thresholds(nn.BatchNorm2d(3).eval().double(), 3)


def test_a_module_that_changes_the_shape_is_refused():
    with pytest.raises(FoldError, match="elementwise"):
        integer_thresholds(nn.Flatten(0), 3, -2, 2)


@pytest.mark.parametrize(("low", "high"), [(3, 2), (-(2**24) - 1, 0), (0, 2**24 + 1)])
def test_a_range_that_float32_does_not_hold_is_refused(low, high):
    with pytest.raises(FoldError, match="2\\^24"):
        integer_thresholds(nn.Identity(), 1, low, high)
