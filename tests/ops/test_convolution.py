"""Against torch's convolutions of the signs, on every path."""

import random

import pytest
import torch
import torch.nn.functional as F

from xnorkit.ops import OpError, pack_bits, xnor_conv2d


def signs(x):
    return torch.where(x < 0, -1.0, 1.0)


def packed(weight):
    return pack_bits(weight.permute(0, 2, 3, 1).flatten(1))


def truth(x, weight, stride, borders, dilation, groups, padding_value):
    top, bottom, left, right = borders
    x = F.pad(signs(x).double(), (left, right, top, bottom), value=float(padding_value))
    return F.conv2d(x, signs(weight).double(), None, stride, 0, dilation, groups).round()


def cases(count, seed):
    """Random geometries: tails of channels, borders wider than the kernel, strides, dilations."""
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    for _ in range(count):
        groups = draw.choice([1, 1, 1, 2, 3])
        length, out = draw.choice([1, 3, 16, 33, 64, 65, 130]), draw.choice([1, 9, 64, 70])
        kernel = draw.choice([(3, 3), (1, 1), (5, 3), (1, 4), (2, 2), (3, 1)])
        stride = draw.choice([1, 1, 2, 3]), draw.choice([1, 1, 2])
        dilation = draw.choice([1, 1, 2]), draw.choice([1, 1, 3])
        borders = [draw.randint(0, 3) for _ in range(4)]
        height = draw.randint(1, 9) + dilation[0] * (kernel[0] - 1)
        width = draw.randint(1, 60) + dilation[1] * (kernel[1] - 1)
        shape = (draw.choice([1, 2, 3]), groups * length, height, width)
        x = torch.randn(shape, generator=generator)
        weight = torch.randn((groups * out, length, *kernel), generator=generator)
        yield x, weight, (stride, borders, dilation, groups, draw.choice([0, 1, -1]))


@pytest.mark.parametrize("last", [False, True])
def test_sums_are_torchs_whatever_the_geometry(isa, last):
    form = torch.channels_last if last else torch.contiguous_format
    for x, weight, options in cases(30, seed=int(last)):
        stride, borders, dilation, groups, padding_value = options
        given = x.contiguous(memory_format=form)
        y = xnor_conv2d(
            given, packed(weight), weight.shape[2:], None, None, stride, borders, dilation, groups,
            padding_value=padding_value, threads=2,
        )  # fmt: skip
        assert torch.equal(y.double(), truth(x, weight, *options)), (x.shape, weight.shape, options)


def test_threads_share_out_large_maps():
    x, weight = (
        torch.randn(3, 64, 60, 60),
        torch.randn(128, 64, 3, 3),
    )  # 12 million products of words
    expected = truth(x, weight, 1, [1] * 4, 1, 1, -1)
    for form in (torch.contiguous_format, torch.channels_last):
        given = x.contiguous(memory_format=form)
        for threads in (2, 5, 300):
            y = xnor_conv2d(given, packed(weight), 3, padding=1, padding_value=-1, threads=threads)
            assert torch.equal(y.double(), expected)


@pytest.mark.parametrize("form", [torch.channels_last, torch.contiguous_format])
def test_the_result_lies_in_memory_as_the_input_does(form):
    x = torch.randn(2, 8, 5, 6).contiguous(memory_format=form)
    assert xnor_conv2d(x, packed(torch.ones(4, 8, 3, 3)), 3).is_contiguous(memory_format=form)


def test_scale_and_bias_round_where_torch_does(isa):
    x, weight = torch.randn(2, 40, 9, 20), torch.randn(30, 40, 3, 3)
    scale, bias = torch.randn(30), torch.randn(30)
    sums = truth(x, weight, 1, [1] * 4, 1, 1, 0).float()
    for form in (torch.contiguous_format, torch.channels_last):
        given = x.contiguous(memory_format=form)
        y = xnor_conv2d(given, packed(weight), 3, scale, bias, padding=1)
        assert torch.equal(y, sums * scale[:, None, None] + bias[:, None, None])
        y = xnor_conv2d(given, packed(weight), 3, scale[:1], padding=1)
        assert torch.equal(y, sums * scale[0])


def test_long_filters_are_summed_exactly(isa):
    x, weight = torch.randn(1, 7300, 4, 4), torch.randn(3, 7300, 3, 3)  # 65,700 inputs a filter
    y = xnor_conv2d(x, packed(weight), 3, padding=1)
    assert torch.equal(y.double(), truth(x, weight, 1, [1] * 4, 1, 1, 0))


def test_an_image_without_a_batch_has_one_answer():
    x, weight = torch.randn(8, 5, 6), torch.randn(4, 8, 3, 3)
    y = xnor_conv2d(x, packed(weight), 3)
    assert torch.equal(y, xnor_conv2d(x[None], packed(weight), 3)[0])


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4)])
def test_padding_has_torchs_names(kernel):
    x, weight = torch.randn(2, 8, 7, 9), torch.randn(4, 8, *kernel)
    for padding, dilation in (("same", 1), ("same", 2), ("valid", 2), ((2, 1), 1)):
        y = xnor_conv2d(x, packed(weight), kernel, padding=padding, dilation=dilation)
        expected = F.conv2d(signs(x), signs(weight), None, 1, padding, dilation)
        assert torch.equal(y, expected.round())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int8, torch.bool])
def test_signs_of_any_dtype_are_convolved(isa, dtype):
    x, weight = torch.randn(2, 70, 5, 66), torch.randn(4, 70, 3, 3)
    given = x < 0 if dtype == torch.bool else (x * 9).to(dtype)
    real = signs(x) if dtype == torch.bool else signs(given.float())
    for form in (torch.contiguous_format, torch.channels_last):
        y = xnor_conv2d(given.contiguous(memory_format=form), packed(weight), 3)
        assert torch.equal(y.double(), truth(real, weight, 1, [0] * 4, 1, 1, 0))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"padding_value": 2}, "padding_value=2: a packed border can be 0, 1 or -1"),
        ({"padding": "same", "stride": 2}, "`same` at stride 1"),
        ({"kernel_size": 5}, "bytes a row: 200 bits take 25"),
        ({"kernel_size": 0}, "sizes are 1 or more"),
        ({"groups": 3}, "groups=3: it divides neither"),
        ({"x": torch.ones(8, 8)}, "x has shape"),
        ({"x": torch.ones(1, 8, 2, 9)}, "is smaller than the kernel"),
        ({"scale": torch.ones(3)}, "scale is"),
        ({"threads": 0}, "threads=0"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size=\[3, 3, 3\]: give one number, or two"),
        ({"stride": (1,)}, r"stride=\[1\]: give one number, or two"),
        ({"padding": (1, 1, 1)}, r"padding=\[1, 1, 1\]: give one number, or two"),
        ({"dilation": 2**32}, "sizes are at most 2147483647"),
        ({"padding": 2**32, "stride": 2**32}, "sizes are at most 2147483647"),
        ({"weight": torch.empty(4, 9, device="meta", dtype=torch.uint8)}, "weight is on meta"),
    ],
)
def test_what_does_not_fit_is_refused(change, sentence):
    weight = packed(torch.ones(4, 8, 3, 3))
    arguments = {"x": torch.ones(1, 8, 9, 9), "weight": weight, "kernel_size": 3, **change}
    with pytest.raises(OpError, match=sentence):
        xnor_conv2d(**arguments)


def test_backward_says_that_there_is_no_gradient():
    x = torch.ones(1, 8, 4, 4, requires_grad=True)
    y = xnor_conv2d(x * 2, packed(torch.ones(4, 8, 3, 3)), 3)
    with pytest.raises(RuntimeError, match="xnor_conv2d has no gradient"):
        y.sum().backward()


def test_opcheck():
    x, weight = torch.randn(2, 6, 7, 8), torch.randn(4, 3, 3, 2)
    for given in (x, x.contiguous(memory_format=torch.channels_last)):
        torch.library.opcheck(
            torch.ops.xnorkit.xnor_conv2d.default,
            (
                given,
                packed(weight),
                [3, 2],
                torch.ones(1),
                None,
                [1, 2],
                [1, 0, 1, 1],
                [1, 1],
                2,
                -1,
            ),
        )
