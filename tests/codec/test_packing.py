import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xnorkit.codec.packing import pack, unpack
from xnorkit.ops import kernels

BITS = arrays.arrays(np.uint8, st.integers(1, 70).map(lambda n: (n,)), elements=st.integers(0, 1))


@pytest.fixture(params=["kernels", "numpy"])
def packs(request, monkeypatch):
    """Both ways: with the kernels, and on a machine without a compiler."""

    def none():
        raise ValueError("no C++ compiler")

    if request.param == "numpy":
        monkeypatch.setattr(kernels, "library", none)


@given(BITS)
def test_bit_i_is_bit_i_modulo_8_of_byte_i_over_8_and_filler_is_0(bits):
    truth = bytearray((len(bits) + 7) // 8)
    for i, bit in enumerate(bits):
        truth[i // 8] |= int(bit) << (i % 8)
    assert pack(bits) == bytes(truth)
    assert np.array_equal(unpack(pack(bits), bits.shape), bits)


@pytest.mark.usefixtures("packs")
@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 1), (192, 2, 3), (5, 8, 64)])
def test_a_tensor_is_packed_in_c_order_without_gaps_between_rows(shape):
    bits = np.random.default_rng(0).integers(0, 2, shape).astype(np.uint8)
    assert pack(bits) == np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    assert pack(bits.transpose(2, 0, 1)) == pack(bits.transpose(2, 0, 1).copy())
    found = unpack(pack(bits), shape)
    assert found.dtype == np.uint8
    assert np.array_equal(found, bits)


@pytest.mark.usefixtures("packs")
def test_a_wrong_length_and_a_set_filler_bit_are_refused():
    with pytest.raises(ValueError, match="1 bytes for 9 bits"):
        unpack(b"\0", (9,))
    with pytest.raises(ValueError, match="a bit after the last one is set"):
        unpack(b"\x80", (7,))
