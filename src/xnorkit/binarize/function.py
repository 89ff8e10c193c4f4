"""Where an autograd function is called."""

from typing import Any

from torch import Tensor


def applied(function: Any, *arguments: Any) -> Tensor:
    """`function.apply(*arguments)`, which torch leaves without types.

    Args:
        function: a subclass of `torch.autograd.Function` of one result.
        arguments: of its `forward`, without the context.
    """
    result: Tensor = function.apply(*arguments)
    return result
