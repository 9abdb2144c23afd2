"""In-place TMR: the top k <= 10 variable bits of the thesis' layout three times in a word, bitwise majority.

Triplication (von Neumann 1956) of the bits that the thesis (3.8) leaves variable, in the place of those that it finds
spare. The derived rule is applied to mixed tensors, as it leaves fewer variable bits. Where more than a third of the
word is variable, further low bits of the mantissa are given up.
"""

from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LinearCode
from sparebits.parameters import FlatParameters
from sparebits.protection.thesis import forced_scheme
from sparebits.schemes.coded import Coded

COPIES = 3


def in_place_tmr(name: str, choice: Choice, parameters: FlatParameters) -> Coded:
    """The scheme; no word is ever detected.

    Raises:
        InputError: sign and variable exponent bits alone are more than a third of the word.
    """
    words, tensors, fmt = parameters.golden, parameters.tensors, parameters.fmt
    scheme = forced_scheme(
        choice, "derived", triplicated, "keep", tensors, words, fmt, "majority", most_data_bits=fmt.width // COPIES
    )
    return Coded(name, scheme, words, tensors)


def triplicated(k: int) -> LinearCode:
    """k data bits three times."""
    return named_code(f"repetition({COPIES * k},{k})")
