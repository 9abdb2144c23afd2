"""An equal-memory rival: 8-bit weights three times with 8 check bits in each 32-bit word.

Post-training quantisation to 8 bits, sign and magnitude with a power of two as each tensor's scale, and the other 24
bits spent on two more copies and the check bits of a [16,8,5] code: [32,8,7], decoded to the nearest codeword (kinder
to it than voting first). Everything but weights is kept as bfloat16 with 16 check bits, since BatchNorms do not survive
8-bit fixed point. Not a published scheme.
"""

from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan, RolePlan
from sparebits.schemes.bfloat16_code import bfloat16_words, require_binary32
from sparebits.schemes.coded import Coded, planned

CODE = "checked-copies(32,8)"


def int8_three_times(name: str, parameters: FlatParameters, policy: str = "keep") -> Coded:
    """The scheme.

    Raises:
        InputError: the network is not in binary32.
    """
    require_binary32(parameters)
    weights = RolePlan(0, CODE, policy, decoder="maximum likelihood")
    others = bfloat16_words(policy)
    return planned(name, Plan({"weights": weights, "batchnorm": others, "other": others}), parameters)
