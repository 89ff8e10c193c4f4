"""The kernels as torch operators, for tensors of any shape: pack, multiply, convolve ±1 as bits.

    bits = xnorkit.ops.pack_bits(x)            # (…, n) of any dtype → (…, ⌈n/8⌉) uint8
    x = xnorkit.ops.unpack_bits(bits, n)       # ±1

They run on the CPU, let other Python threads run meanwhile, have no gradient, and work under
`torch.compile` and `torch.export`. The first call compiles them (seconds; `CXX` names the
compiler); `XNORKIT_ISA` names a path, else the best that the CPU has is taken.

**Packed bits** are uint8: bit i of a row is bit i % 8 of byte i // 8 (numpy's
`bitorder="little"`), 1 = negative, a row begins on a new byte, what is left of its last byte is 0.
That is `model.xnor`'s order, too, and the same on every machine: bytes may be stored and sent.
"""

from xnorkit.ops.convolution import xnor_conv2d
from xnorkit.ops.kernels import OpError
from xnorkit.ops.matmul import xnor_gemm, xnor_linear
from xnorkit.ops.pack import pack_
from xnorkit.ops.signs import pack_bits, unpack_bits

__all__ = [
    "OpError",
    "pack_",
    "pack_bits",
    "unpack_bits",
    "xnor_conv2d",
    "xnor_gemm",
    "xnor_linear",
]
