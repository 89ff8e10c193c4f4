"""The refusal of a network that has no engine."""

WAY_OUT = "Change it, or train without an engine: deploy=none."


class Unsupported(ValueError):  # noqa: N818 - what happened, not what broke
    """What can't be lowered; the message says where, what is supported and the way out.

    Args:
        path: of the module in the network.
        problem: a sentence.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'the network'}: {problem} {WAY_OUT}")
