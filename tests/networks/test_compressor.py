import pytest
import torch
from torch import nn

from xnorkit.networks import Compressor
from xnorkit.schemes import XNOR, Float


def small(**options):
    torch.manual_seed(0)
    return Compressor(Float(), **{"channels": 8, "planes": 6, **options})


@pytest.mark.parametrize("rows", [1, 4, 16])
def test_the_element_ratio_is_the_published_one(rows):
    network = Compressor(Float())
    ratio = network.element_ratio(16 * rows, 302)
    assert ratio == 0.25165562913907286
    x = torch.rand(1, 3, 16 * rows, 302)
    assert network.compress(x).numel() / x.numel() == ratio


def test_the_layers_are_those_of_the_paper():
    network = Compressor(Float())
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    found = [(type(c), c.in_channels, c.out_channels) for c in convs]
    down, up = nn.Conv2d, nn.ConvTranspose2d
    assert found == [
        (down, 3, 128), (down, 128, 128), (down, 128, 128), (down, 128, 192),
        (up, 192, 128), (up, 128, 128), (up, 128, 128), (up, 128, 3),
    ]  # fmt: skip
    assert {(c.kernel_size, c.stride) for c in convs} == {((5, 5), (2, 2))}


@pytest.mark.parametrize("size", [(1, 1), (15, 17), (16, 16), (33, 50)])
def test_a_picture_of_any_size_comes_back_in_its_size(size):
    network = small().eval()
    x = torch.rand(2, 3, *size)
    bits = network.compress(x)
    assert bits.shape == (2, 6, -(-size[0] // 16), -(-size[1] // 16))
    assert bits.dtype == torch.uint8
    assert set(bits.unique().tolist()) <= {0, 1}
    decoded = network.decompress(bits)[..., : size[0], : size[1]]
    assert torch.equal(decoded, network(x).clamp(0, 1))


def test_quantize_takes_what_analyse_gives_and_keeps_a_gradient():
    network, x = small(), torch.rand(1, 3, 32, 32)
    latent = network.analyse(x)
    bits = network.quantize(latent)
    assert torch.equal(bits, (latent > 0).float())
    network(x).square().mean().backward()
    assert all(p.grad is not None and p.grad.ne(0).any() for p in network.parameters())


def test_every_plane_begins_centred_and_wide_beside_the_reach_of_the_gradient():
    network = small()
    latent = network.analyse(torch.rand(8, 3, 64, 64)).detach()
    deviation, mean = torch.std_mean(latent, (0, 2, 3), correction=0)
    assert torch.allclose(deviation, torch.tensor(4.0), rtol=0.1)
    assert torch.allclose(mean, torch.tensor(0.0), atol=1e-4)
    share = (latent.abs() <= 1).float().mean().item()
    assert share == pytest.approx(0.2, abs=0.05)  # of a normal: 1 within ±1/4 deviations


def test_stochastic_bits_are_drawn_in_training_and_not_in_evaluation():
    network, x = small(quantiser="stochastic"), torch.rand(1, 3, 64, 64)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_a_binary_scheme_is_refused():
    with pytest.raises(ValueError, match="model=xnor: .* Take model=float"):
        Compressor(XNOR())


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"planes": 0}, {"planes": 65536}])
def test_sizes_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match="must be ≥ 1"):
        small(**wrong)
