"""What a program must give beside torch: the same bits where that is promised, else nearly."""

import torch

from xnorkit.deploy.validate import compare, exact_values


def assert_agreement(lowered, engine, samples=3):
    """Compare an engine, or an interpreter of its program, with torch on random inputs.

    Bits of each binary layer given torch's input: all of them, always. In the whole: all bits
    where exactness is promised; the answer's too if it is made of such values alone. Else the
    answer is near, unless a sign upstream met a rounding error.
    """
    torch.manual_seed(1)
    inputs = 2 * torch.randn(samples, *lowered.program.input_shape)
    found = compare(lowered, engine, inputs)
    told = "\n".join([str(lowered.network), getattr(engine, "isa", ""), *found.lines()])
    assert all(layer.outputs and layer.wrong_alone == 0 for layer in found.layers), told
    assert all(layer.wrong_in_whole == 0 for layer in found.layers if layer.exact), told
    with torch.no_grad():
        size = max(1.0, float(lowered.network(inputs).abs().max()))
    if exact_values(lowered)[0][lowered.program.output]:
        assert found.largest_difference == 0, told
    elif all(layer.wrong_in_whole == 0 for layer in found.layers):
        assert found.largest_difference < 1e-4 * size, told
    return found
