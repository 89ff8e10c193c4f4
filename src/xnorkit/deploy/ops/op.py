"""What all ops of a program share: maps, windows, and the protocol.

An op says which numbers it needs (`tensors`) and which C++ class computes it (`cpp`); both follow
from the config alone, never from what was trained.
"""

import re
from dataclasses import asdict, dataclass
from math import prod
from typing import ClassVar, Literal, Self

Kind = Literal["real", "bits"]
Specs = dict[str, tuple[str, tuple[int, ...]]]  # field → dtype's numpy name, shape

WORD_BITS = 64
MAX_PLANES = 4  # bits of a code; each pair of planes is a binary convolution

# It stands in C++: in a comment, in a literal, and in a raw literal that ends at `)json"`.
_NAME = re.compile(r"(?!.*\)json)[^\x00-\x1f\x7f\"\\\u0085\u2028\u2029]{0,512}")


def is_name(text: str) -> bool:
    """Whether an op can be called so: 512 characters, no quote, backslash or end of a line."""
    return _NAME.fullmatch(text) is not None


def require_planes(**bits: int) -> None:
    """Refuse a number of bits that an engine has no planes for: a file may say any."""
    for name, number in bits.items():
        if number not in range(1, MAX_PLANES + 1):
            raise ValueError(f"{name}={number}: an engine has 1 … {MAX_PLANES}.")


@dataclass(frozen=True)
class Map:
    """Shape of one sample's activations, stored [h][w][c]; 1-D data has h = 1, vectors h = w = 1.

    Attributes:
        h: rows.
        w: columns.
        c: channels.
    """

    h: int
    w: int
    c: int

    def __post_init__(self) -> None:
        if min(self.h, self.w, self.c) < 1:
            raise ValueError(f"{self}: a map has at least one row, column and channel.")

    @property
    def words(self) -> int:
        """64-bit words of a pixel's sign bits."""
        return -(-self.c // WORD_BITS)

    @property
    def reals(self) -> int:
        """Values of a sample."""
        return self.h * self.w * self.c

    def cpp(self) -> str:
        """As a template argument."""
        return f"Map{{.h = {self.h}, .w = {self.w}, .c = {self.c}}}"


@dataclass(frozen=True)
class Window:
    """Where a kernel stands: its size, step, spread and border, and the map that results.

    Attributes:
        kernel_h: taps in a column.
        kernel_w: taps in a row.
        stride_h: rows from one position to the next.
        stride_w: columns.
        dilation_h: rows from one tap to the next.
        dilation_w: columns.
        pad_top: rows of border above; the border below follows from out_h.
        pad_left: columns of border at the left.
        out_h: positions in a column.
        out_w: positions in a row.
    """

    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    out_h: int
    out_w: int

    def __post_init__(self) -> None:
        if any(n < (0 if name.startswith("pad") else 1) for name, n in asdict(self).items()):
            raise ValueError(f"{self}: its borders are at least 0, all else at least 1.")

    @classmethod
    def whole(cls, of: Map) -> Self:
        """The window that sees all of a map at once: a linear layer's, a global pool's."""
        return cls(of.h, of.w, 1, 1, 1, 1, 0, 0, 1, 1)

    def cpp(self) -> str:
        """As a template argument."""
        return "Window{" + ", ".join(f".{k} = {v}" for k, v in asdict(self).items()) + "}"


@dataclass(frozen=True)
class Value:
    """What flows between ops.

    Attributes:
        kind: `real`: float32; `bits`: signs, 64 channels a word.
        map: its shape.
    """

    kind: Kind
    map: Map


@dataclass(frozen=True)
class Op:
    """One step of a program; subclasses add their arguments.

    Attributes:
        name: where it comes from in the network, see `is_name`; its tensors are `<name>.<field>`.
        inputs: indices of values.
        output: index of the value that it writes.
    """

    name: str
    inputs: tuple[int, ...]
    output: int

    kind: ClassVar[str] = "op"  # in model.xnor
    takes: ClassVar[tuple[tuple[Kind, ...], ...]] = (("real",),)  # for each input what it may be
    gives: ClassVar[tuple[Kind, ...]] = ("real",)

    def shape(self, values: tuple[Value, ...]) -> Map:
        """Of its output, as it follows from inputs and arguments."""
        return self.input_map(values)

    def fits(self, values: tuple[Value, ...]) -> bool:
        """Whether its values are what its C++ reads and writes."""
        kinds = [values[index].kind for index in self.inputs]
        return (
            len(kinds) == len(self.takes)
            and all(kind in taken for kind, taken in zip(kinds, self.takes, strict=True))
            and values[self.output].kind in self.gives
            and self.output_map(values) == self.shape(values)
        )

    def tensors(self, values: tuple[Value, ...]) -> Specs:
        """The numbers that it needs."""
        raise NotImplementedError

    def cpp(self, values: tuple[Value, ...]) -> str:
        """The class of cpp/include/xnorkit/ops/ with its template arguments."""
        raise NotImplementedError

    def input_map(self, values: tuple[Value, ...]) -> Map:
        """Of its first input."""
        return values[self.inputs[0]].map

    def output_map(self, values: tuple[Value, ...]) -> Map:
        """Of its output."""
        return values[self.output].map


@dataclass(frozen=True)
class Convolution(Op):
    """An op with a filter for each output channel; a linear layer's kernel is the whole map.

    Attributes:
        out_channels: filters.
        groups: blocks of channels that don't mix.
        window: of the kernel.
    """

    out_channels: int
    groups: int
    window: Window

    gives: ClassVar[tuple[Kind, ...]] = ("real", "bits")
    sums: ClassVar[str] = "float32"  # what thresholds are compared with

    def shape(self, values: tuple[Value, ...]) -> Map:
        """A channel for each filter."""
        return Map(self.window.out_h, self.window.out_w, self.out_channels)

    def fits(self, values: tuple[Value, ...]) -> bool:
        """So, and its groups are equal."""
        channels = self.out_channels, self.input_map(values).c
        return super().fits(values) and all(n % self.groups == 0 for n in channels)

    def thresholds(self, values: tuple[Value, ...]) -> Specs:
        """For bits out: one a channel, and whether the comparison is flipped."""
        if values[self.output].kind == "real":
            return {}
        channels = (self.out_channels,)
        return {"threshold": (self.sums, channels), "flip": ("uint8", channels)}

    def filter_shape(self, values: tuple[Value, ...]) -> tuple[int, int, int]:
        """(kh, kw, C_in/groups), the order in which a filter is stored."""
        channels = self.input_map(values).c // self.groups
        return self.window.kernel_h, self.window.kernel_w, channels

    def packed_weight(self, values: tuple[Value, ...]) -> tuple[str, tuple[int, ...]]:
        """Spec of 1-bit weights: (C_out, bytes of a filter)."""
        return "uint8", (self.out_channels, -(-prod(self.filter_shape(values)) // 8))

    def end(self, values: tuple[Value, ...]) -> str:
        """What becomes of the sums: the last template argument of all convolutions."""
        return "BitsOut" if values[self.output].kind == "bits" else "RealOut"

    def arguments(self, values: tuple[Value, ...]) -> str:
        """Template arguments that all convolutions begin with."""
        where = self.input_map(values).cpp()
        return f"{where}, {self.out_channels}, {self.window.cpp()}, {self.groups}"
