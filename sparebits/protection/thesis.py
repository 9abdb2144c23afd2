"""The thesis' protection as a scheme, so that it is encoded, hit and decoded like any other."""

from collections.abc import Callable

import numpy as np

from sparebits.bit_classes import free_bits
from sparebits.census import exponent_group
from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LinearCode
from sparebits.codes.sizes import hamming_check_bits
from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.layouts.forced import Forced
from sparebits.parameters import ParameterTensor
from sparebits.protection.fitting import fitted_group
from sparebits.protection.scheme import Scheme


def thesis_scheme(
    choice: Choice, rule: str, policy: str, tensors: list[ParameterTensor], words: np.ndarray, fmt: FloatFormat
) -> Scheme:
    """The thesis' protection, really encoded: forced layouts, and a Hamming code for what is left (3.8, Table 21).

    Args:
        choice: floor and depth.
        rule: "thesis" or "derived", what is forced in mixed tensors.
        policy: what a word becomes whose syndrome belongs to no bit.

    Raises:
        InputError: a tensor's data bits and their check bits do not fit into a word.
    """
    return forced_scheme(choice, rule, hamming_of, policy, tensors, words, fmt)


def hamming_of(k: int) -> LinearCode:
    """The Hamming code of k data bits."""
    return named_code(f"hamming({k + hamming_check_bits(k)},{k})")


def secded_of(k: int) -> LinearCode:
    """The Hamming code of k data bits, extended by a parity bit."""
    return named_code(f"secded({k + hamming_check_bits(k) + 1},{k})")


def forced_scheme(
    choice: Choice,
    rule: str,
    code_of: Callable[[int], LinearCode],
    policy: str,
    tensors: list[ParameterTensor],
    words: np.ndarray,
    fmt: FloatFormat,
    decoder: str = "bounded distance",
    most_data_bits: int | None = None,
) -> Scheme:
    """The thesis' layout with any code.

    Args:
        choice: floor and depth.
        rule: "thesis" or "derived", what is forced in mixed tensors.
        code_of: the code for so many data bits.
        policy: what a detected word becomes.
        decoder: of the code.
        most_data_bits: of a word; where it has more, further low bits of the mantissa are given up. All by default.

    Raises:
        InputError: a tensor's data bits and their check bits do not fit into a word.
    """
    exponents = fmt.exponents(words)
    free = free_bits(int(exponents.max()), fmt)
    groups = []
    for tensor in tensors:
        present = exponents[tensor.span]
        group = exponent_group(int(present.min(initial=present.max(initial=0))), int(present.max(initial=0)), fmt)
        layout = Forced(fmt, group, rule, choice.forced_bits(fmt), free, choice.depth)
        surplus = layout.data_bits - (most_data_bits or layout.data_bits)
        if surplus > 0:
            layout = Forced(fmt, group, rule, choice.forced_bits(fmt), free, choice.depth + surplus)
        k = layout.data_bits
        code = code_of(k)
        if code.n > fmt.width:
            raise InputError(
                f"{tensor.name}: the choice leaves {k} data bits, which take {code.n - k} check bits and do not fit "
                f"into {fmt.width}"
            )
        groups.append(fitted_group((tensor.name,), (layout,), (words[tensor.span],), code, policy, decoder))
    return Scheme(fmt, tuple(groups))
