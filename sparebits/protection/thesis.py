"""The thesis' protection as a scheme, so that it is encoded, hit and decoded like any other."""

import numpy as np

from sparebits.bit_classes import free_bits
from sparebits.census import exponent_group
from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
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
    exponents = fmt.exponents(words)
    free = free_bits(int(exponents.max()), fmt)
    groups = []
    for tensor in tensors:
        present = exponents[tensor.span]
        group = exponent_group(int(present.min(initial=present.max(initial=0))), int(present.max(initial=0)), fmt)
        layout = Forced(fmt, group, rule, choice.forced_bits(fmt), free, choice.depth)
        k = layout.data_bits
        n = k + hamming_check_bits(k)
        if n > fmt.width:
            raise InputError(
                f"{tensor.name}: the choice leaves {k} data bits, which take {n - k} check bits and do not fit into "
                f"{fmt.width}"
            )
        code = named_code(f"hamming({n},{k})")
        groups.append(fitted_group((tensor.name,), (layout,), (words[tensor.span],), code, policy, "bounded distance"))
    return Scheme(fmt, tuple(groups))
