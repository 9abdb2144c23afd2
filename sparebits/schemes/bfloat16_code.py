"""An equal-memory rival: bfloat16 values and 16 bits of the best code in each 32-bit word, [32,16,8].

What an engineer gets who halves the format and spends the other half: bfloat16 (8 exponent, 7 mantissa bits, rounded to
nearest) and the extended BCH code, which corrects three flips a word and detects four. Tensors without negative values
have the sign's bit as an eighth of the mantissa. Not a published scheme.
"""

from sparebits.errors import InputError
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan, RolePlan
from sparebits.schemes.coded import Coded, planned

CODE = "extended-bch(32,16)"


def bfloat16_with_code(name: str, parameters: FlatParameters, policy: str = "keep") -> Coded:
    """The scheme.

    Raises:
        InputError: the network is not in binary32.
    """
    require_binary32(parameters)
    word = bfloat16_words(policy)
    return planned(name, Plan({"weights": word, "batchnorm": word, "other": word}), parameters)


def bfloat16_words(policy: str) -> RolePlan:
    """Each word a bfloat16 value with 16 check bits."""
    return RolePlan(8, CODE, policy)


def require_binary32(parameters: FlatParameters) -> None:
    """Raise InputError unless the network is in binary32, for which the equal-memory rivals are defined."""
    if parameters.fmt.name != "binary32":
        raise InputError(f"the scheme is defined for binary32, not for {parameters.fmt.name}")
