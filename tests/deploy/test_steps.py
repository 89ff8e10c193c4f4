"""Steps against torch bit for bit, and fma against exact fractions."""

import os
import platform
import re
import subprocess
import sys
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fold_cases import MAKERS, make_chain
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from xnorkit.deploy import steps
from xnorkit.deploy.channelwise import ChannelBias, ChannelScale
from xnorkit.deploy.fold import FoldError
from xnorkit.deploy.ops.pointwise import STEP_FIELDS
from xnorkit.deploy.steps import (
    Step,
    batch_norm_is_fused,
    chain_steps,
    evaluate_steps,
    first_departure,
    is_elementwise,
    step_names,
)

LAYOUTS = {
    "contiguous": ((3, 6, 5, 7), torch.contiguous_format),
    "channels_last": ((3, 6, 5, 7), torch.channels_last),
    "one sample": ((1, 6, 9, 4), torch.channels_last),
    "one pixel": ((33, 6, 1, 1), torch.channels_last),
    "signal": ((4, 6, 35), torch.contiguous_format),
    "rows": ((35, 6), torch.contiguous_format),
}
NORM, OTHER = ("AffineFused", "Affine") if batch_norm_is_fused() else ("Affine", "AffineFused")


def one(value):
    return torch.tensor([value])


def same_bits(ours, torchs):
    """Equal as patterns of 32 bits, so that −0.0 is not 0.0; NaN is NaN."""
    nan = np.isnan(ours) & np.isnan(torchs)
    return ((ours.view(np.int32) == torchs.view(np.int32)) | nan).all()


def ordinary_norm(channels, dims=2):
    """BatchNorm as training leaves it."""
    norm = (nn.BatchNorm2d if dims == 2 else nn.BatchNorm1d)(channels).eval()
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    norm.running_mean.normal_(0, 20)
    norm.running_var.uniform_(0.1, 400)
    return norm


@pytest.mark.parametrize("layout", LAYOUTS)
def test_steps_are_torch_s_to_the_bit_for_all_pairs_of_modules(layout):
    shape, form = LAYOUTS[layout]
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(-600, 600, shape, generator=generator).float()
    x = torch.cat([values, torch.randn(shape, generator=generator)])
    x.view(-1)[::11] = -0.0
    x = x.contiguous(memory_format=form)
    refused = 0
    for seed, names in enumerate(product(MAKERS, repeat=2)):
        modules = make_chain(names, 6, len(shape) - 2, seed)
        try:
            found = chain_steps(modules)
        except FoldError:  # γ = 1e30 over σ² = 0 overflows
            refused += 1
            continue
        with torch.no_grad():
            expected = nn.Sequential(*modules)(x.clone())
        assert same_bits(evaluate_steps(found, x.numpy()), expected.numpy()), names
    assert refused < 60


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_ordinary_norm_is_one_step_equal_to_torch(layout):
    torch.manual_seed(1)
    shape, form = LAYOUTS[layout]
    norm, x = ordinary_norm(6, len(shape) - 2), (torch.randn(shape) * 100)
    x = x.contiguous(memory_format=form)
    with torch.no_grad():
        expected = norm(x).numpy()
    found = chain_steps([norm])
    assert [step.name for step in found] == [NORM]
    assert same_bits(evaluate_steps(found, x.numpy()), expected)
    other = Step(OTHER, found[0].fields)
    assert not same_bits(evaluate_steps([other], x.numpy()), expected)


def test_scale_and_bias_are_the_documented_formulas():
    norm = ordinary_norm(300)
    gamma, beta, mean, variance = (
        t.detach().numpy() for t in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    scale = np.float32(1) / np.sqrt(variance + np.float32(norm.eps)) * gamma
    bias = evaluate_steps(
        [Step(NORM, {"scale": torch.from_numpy(scale), "bias": torch.from_numpy(beta)})],
        -mean[None],
    )[0]
    (step,) = chain_steps([norm])
    assert same_bits(step.fields["scale"].numpy(), scale)
    assert same_bits(step.fields["bias"].numpy(), bias)


def nearest_float32(exact):
    """The float32 nearest to a fraction, ties to even; by comparing neighbours."""
    guess = np.float32(float(exact))
    ends = np.float32([-np.inf, np.inf])
    candidates = [guess, *(np.nextafter(guess, end) for end in ends)]
    distance = [abs(Fraction(float(c)) - exact) for c in candidates]
    ties = [c for c, d in zip(candidates, distance, strict=True) if d == min(distance)]
    return min(ties, key=lambda c: int(c.view(np.int32)) & 1)


floats = st.floats(width=32, allow_nan=False, min_value=-(2.0**60), max_value=2.0**60)


@settings(max_examples=500, deadline=None)
@given(floats, floats, floats, st.sampled_from([None, 0, 1, -1]))
def test_the_fused_step_rounds_once(x, scale, bias, ulps_off):
    if ulps_off is not None:  # cancellation: where one and two roundings differ most
        bias = -np.float32(x) * np.float32(scale)
        assume(np.isfinite(bias))
        bias = bias if ulps_off == 0 else np.nextafter(bias, np.float32(ulps_off * np.inf))
    exact = Fraction(x) * Fraction(scale) + Fraction(float(bias))
    assume(abs(exact) < Fraction(2) ** 127)
    step = Step("AffineFused", {"scale": one(scale), "bias": one(float(bias))})
    found = evaluate_steps([step], np.array([[x]], np.float32))[0, 0]
    assert found == nearest_float32(exact)


def test_zeros_keep_their_sign_through_relu_and_clamp_as_in_torch():
    x = torch.tensor([[-0.0, 0.0, -1e-45, 1e-45, -2.0, 7.0]])
    for module in (
        nn.ReLU(),
        nn.ReLU6(),
        nn.Hardtanh(),
        nn.Hardtanh(0, 1),
        nn.Hardtanh(-0.0, 1),
        nn.Hardtanh(-float("inf"), float("inf")),
    ):
        assert same_bits(evaluate_steps(chain_steps([module]), x.numpy()), module(x).numpy())


def test_a_norm_of_zeros_keeps_the_sign_of_its_bias():
    norm = nn.BatchNorm1d(4).eval()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.0, -0.0, 1.0, -1.0]))
        norm.bias.copy_(torch.tensor([-0.0, -0.0, -0.0, 0.0]))
        x = torch.tensor([[0.0], [-0.0], [3.0], [-3.0]]).repeat(1, 4)
        assert same_bits(evaluate_steps(chain_steps([norm]), x.numpy()), norm(x).numpy())


def test_names_and_fields_are_those_of_the_op():
    torch.manual_seed(0)
    modules = [module for name in MAKERS for module in make_chain([name], 6, 2, 5)]
    found = chain_steps([ordinary_norm(6), *(m for m in modules if "Norm" not in repr(m))])
    assert {step.name for step in found} == {NORM, "Relu", "Clamp", "Scale", "Bias"}
    for step in found:
        of_channel = STEP_FIELDS[step.name]
        assert step.fields.keys() == of_channel.keys()
        for field, numbers in step.fields.items():
            assert numbers.shape == (6 if of_channel[field] else 1,)
            assert numbers.dtype == torch.float32


@pytest.mark.parametrize("name", MAKERS)
def test_names_follow_from_the_type_never_from_numbers(name):
    names = {step_names(make_chain([name], 4, 2, seed)[0]) for seed in range(20)}
    assert len(names) == 1


def test_what_does_nothing_in_evaluation_has_no_step():
    for module in (nn.Identity(), nn.Dropout(0.3), nn.Dropout2d(0.3)):
        assert step_names(module) == ()
    assert chain_steps([nn.Identity(), nn.Dropout().eval()]) == []
    x = np.ones((2, 3), np.float32)
    assert (evaluate_steps([], x) == x).all()


def test_the_whole_grid_of_sums_is_compared_with_torch():
    torch.manual_seed(0)
    modules = [ChannelScale(torch.rand(40)), ordinary_norm(40), nn.ReLU(), ordinary_norm(40)]
    assert first_departure(modules, 40, 4608) is None
    assert first_departure([nn.ReLU(inplace=True), ordinary_norm(3, 0)], 3, 9, dims=0) is None


def test_a_departure_from_torch_is_named_with_its_channel_and_sum(monkeypatch):
    norm = ordinary_norm(9)
    with torch.no_grad():
        norm.bias[:8] = 0
        norm.running_mean[:8] = 0  # no second rounding: only channel 8 can depart
    monkeypatch.setattr(steps, "batch_norm_is_fused", lambda: not batch_norm_is_fused())
    found = first_departure([norm], 9, 300)
    match = re.fullmatch(rf"channel 8, sum (-?\d+): torch gives (\S+), {OTHER} (\S+)", found)
    x = torch.zeros(1, 9, 1, 1)
    x[0, 8] = int(match[1])
    with torch.no_grad():
        assert norm(x)[0, 8].item() == np.float32(match[2]) != np.float32(match[3])


def test_of_very_many_sums_a_part_is_compared(monkeypatch):
    seen = []
    whole = steps.evaluate_steps
    monkeypatch.setattr(
        steps, "evaluate_steps", lambda s, x: [seen.append(x[:, 0].ravel()), whole(s, x)][1]
    )
    assert first_departure([ordinary_norm(2)], 2, 10**7) is None
    sums = np.concatenate(seen)
    assert 2**16 < len(sums) <= 2**17 + 1
    assert sums[0] == -(10**7)
    assert sums[-1] > 10**7 - 200


def test_a_module_without_steps_is_refused_with_those_that_have():
    assert not is_elementwise(nn.Sigmoid())
    assert is_elementwise(nn.ReLU6())
    assert is_elementwise(nn.Identity())
    with pytest.raises(FoldError, match=r"Sigmoid has no elementwise step; known are .*Hardtanh"):
        step_names(nn.Sigmoid())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize(
    ("module", "name"),
    [(nn.BatchNorm2d(3).eval(), "running_var"), (ChannelScale(torch.ones(3)), "scale"),
     (ChannelBias(torch.ones(3)), "bias")],
)  # fmt: skip
def test_numbers_that_are_not_finite_are_refused(module, name, value):
    module.state_dict()[name][1] = value
    with pytest.raises(FoldError, match=rf"^net\.{name}\[1\] is"):
        chain_steps([module], where="net")


@pytest.mark.parametrize("variance", [0.0, -1.0])
def test_a_norm_that_overflows_is_refused(variance):
    norm = nn.BatchNorm2d(2, eps=0.0).eval()
    norm.running_var[1] = variance
    with pytest.raises(FoldError, match=r"net: .*scale of channel 1 is (inf|nan)"):
        chain_steps([norm], where="net")


def test_layouts_that_round_differently_are_refused(monkeypatch):
    def two_faced(x, *args, **kwargs):
        return torch.zeros_like(x) + (2**-46 if x.dim() == 2 else 0.0)

    monkeypatch.setattr(F, "batch_norm", two_faced)
    with pytest.raises(FoldError, match="differently in different layouts"):
        batch_norm_is_fused.__wrapped__()


SCRIPT = """
import torch
from torch import nn
from xnorkit.deploy.fold import integer_thresholds
from xnorkit.deploy.steps import batch_norm_is_fused, first_departure
torch.manual_seed(0)
norm = nn.BatchNorm2d(48).eval()
with torch.no_grad():
    norm.weight.normal_(), norm.bias.normal_()
    norm.weight[:8] = torch.tensor([0.0, -0.0, 1e-30, -1e-30, 1e-42, 1e25, -1e25, -1.0])
norm.running_mean.normal_(0, 20), norm.running_var.uniform_(0.1, 400)
norm.running_var[4:12] = 0
assert first_departure([norm, nn.Hardtanh()], 48, 576) is None
assert first_departure([norm], 48, 576) is None
found = integer_thresholds(norm, 48, -576, 576)
x = torch.arange(-576, 577).float()[None, None].repeat(1, 48, 1, 1)
with torch.no_grad():
    assert torch.equal(found.bits(x.movedim(1, -1)).movedim(-1, 1), norm(x) < 0)
print(torch.backends.cpu.get_cpu_capability(), batch_norm_is_fused())
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 capabilities")
@pytest.mark.slow  # a fresh process each: torch reads the variable once
@pytest.mark.parametrize(("capability", "fused"), [("default", False), ("avx2", True)])
def test_each_cpu_capability_folds_exactly_with_its_own_rounding(capability, fused):
    if capability.upper() not in ("DEFAULT", torch.backends.cpu.get_cpu_capability(), "AVX2"):
        pytest.skip(f"no {capability} here")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "ATEN_CPU_CAPABILITY": capability, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [capability.upper(), str(fused)]
