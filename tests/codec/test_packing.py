import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xnorkit.codec.packing import pack, unpack

BITS = arrays.arrays(np.uint8, st.integers(1, 70).map(lambda n: (n,)), elements=st.integers(0, 1))


@given(BITS)
def test_bit_i_is_bit_i_modulo_8_of_byte_i_over_8_and_filler_is_0(bits):
    truth = bytearray((len(bits) + 7) // 8)
    for i, bit in enumerate(bits):
        truth[i // 8] |= int(bit) << (i % 8)
    assert pack(bits) == bytes(truth)
    assert np.array_equal(unpack(pack(bits), bits.shape), bits)


def test_a_tensor_is_packed_in_c_order_without_gaps_between_rows():
    bits = np.random.default_rng(0).integers(0, 2, (3, 5, 7)).astype(np.uint8)
    assert pack(bits) == pack(bits.reshape(-1))
    assert np.array_equal(unpack(pack(bits), (3, 5, 7)), bits)


def test_a_wrong_length_and_a_set_filler_bit_are_refused():
    with pytest.raises(ValueError, match="1 bytes for 9 bits"):
        unpack(b"\0", (9,))
    with pytest.raises(ValueError, match="a bit after the last one is set"):
        unpack(b"\x80", (7,))
