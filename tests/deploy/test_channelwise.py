"""α and bias as modules."""

import pytest
import torch

from xnorkit.deploy.channelwise import ChannelBias, ChannelScale


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_each_channel_has_its_number(shape):
    x, numbers = torch.randn(shape), torch.tensor([2.0, -1.0, 0.5])
    column = numbers.reshape(1, 3, *(1,) * (len(shape) - 2))
    assert torch.equal(ChannelScale(numbers.reshape(3, 1))(x), x * column)
    assert torch.equal(ChannelBias(numbers)(x), x + column)
