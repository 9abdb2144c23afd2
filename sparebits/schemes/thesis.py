"""The thesis' protection: a Hamming or SEC-DED code on the protected bits of a word, in its spare bits.

Source: A. Silin, master's thesis, Universitat Politècnica de València 2024, sections 3.8 and 4.6, Table 21. Exponents
are rounded up to a floor and so begin with forced bits; low mantissa bits are given up; what is left is protected. The
thesis names the code and does not say what becomes of a double error: kept as it is, or by any other policy.
"""

from sparebits.choices import Choice
from sparebits.errors import InputError
from sparebits.parameters import FlatParameters
from sparebits.protection.thesis import forced_scheme, secded_of, thesis_scheme
from sparebits.schemes.coded import Coded


def thesis_hamming(name: str, choice: Choice, parameters: FlatParameters, policy: str = "keep") -> Coded:
    """With a Hamming code: one flip corrected, two miscorrected or, in a shortened code, perhaps detected.

    Raises:
        InputError: the code does not fit into the word of some tensor.
    """
    words, tensors = parameters.golden, parameters.tensors
    return Coded(name, thesis_scheme(choice, "thesis", policy, tensors, words, parameters.fmt), words, tensors)


def thesis_secded(name: str, choice: Choice, parameters: FlatParameters, policy: str = "keep") -> Coded:
    """With SEC-DED: one flip corrected, two detected.

    Raises:
        InputError: the code does not fit into the word of some tensor.
    """
    words, tensors = parameters.golden, parameters.tensors
    return Coded(
        name, forced_scheme(choice, "thesis", secded_of, policy, tensors, words, parameters.fmt), words, tensors
    )


def thesis_if_it_fits(choice: Choice, parameters: FlatParameters) -> Coded | None:
    """`thesis_hamming`, or None where its code does not fit."""
    try:
        return thesis_hamming("thesis", choice, parameters)
    except InputError:
        return None
