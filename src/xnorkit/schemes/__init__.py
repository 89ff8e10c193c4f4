"""What a binarisation scheme says: block order, activation, weight rule. Start at scheme.py."""

from xnorkit.schemes.binarynet import BinaryNet
from xnorkit.schemes.bwn import BWN
from xnorkit.schemes.dorefa import DoReFa
from xnorkit.schemes.float import Float
from xnorkit.schemes.scheme import Scheme
from xnorkit.schemes.xnor import XNOR

__all__ = ["BWN", "XNOR", "BinaryNet", "DoReFa", "Float", "Scheme"]
