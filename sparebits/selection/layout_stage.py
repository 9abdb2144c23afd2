"""What each layout costs without any fault: layouts.csv."""

import numpy as np

from sparebits.evaluation import Variant
from sparebits.parameters import FlatParameters, ParameterTensor
from sparebits.protection.encoding import quantise_group
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.plan import Plan
from sparebits.selection.options import LayoutOption, reference_option


def layout_variants(
    parameters: FlatParameters, options: list[LayoutOption], words: dict[str, np.ndarray], eps: dict[str, float]
) -> list[Variant]:
    """One variant an option: the tensors of its role as the layout keeps them, all others untouched.

    Args:
        parameters: of the network.
        options: layouts to try.
        words: by window, those of the network ("tensor") and those with powers of two taken out ("channel").
        eps: of each BatchNorm by its name.
    """

    def variant(option: LayoutOption) -> Variant:
        def altered() -> np.ndarray:
            return quantised(option, words[option.window], parameters, eps)

        columns = {
            "role": option.role,
            "exponent_bits": option.exponent_bits,
            "mantissa_bits": option.mantissa_bits,
            "span": option.span,
            "window": option.window,
            "data_bits": option.data_bits,
            "code": option.code,
        }
        return Variant("/".join(map(str, ("layout", *columns.values()))), columns, altered)

    return [variant(option) for option in options]


def quantised(option: LayoutOption, words: np.ndarray, parameters: FlatParameters, eps: dict[str, float]) -> np.ndarray:
    """The words with the tensors of the option's role as its layout keeps them."""
    members = tensors_of(parameters.tensors, option.role)
    # "other" stands for BatchNorms that lack tensors, which get a code of their own for each word.
    other = reference_option("other", "word", parameters.fmt)
    plan = Plan({"other": other.role_plan("median"), option.role: option.role_plan("median")}, option.window)
    by_name = {tensor.name: tensor.span for tensor in members}
    altered = words.copy()
    for group in fit_scheme(plan, members, words, parameters.fmt, eps).groups:
        spans = [by_name[name] for name in group.tensors]
        for span, part in zip(spans, quantise_group(group, [words[s] for s in spans]), strict=True):
            altered[span] = part
    return altered


def tensors_of(tensors: list[ParameterTensor], role: str) -> list[ParameterTensor]:
    """The tensors of a role."""
    return [tensor for tensor in tensors if tensor.role == role]


def roles_of(tensors: list[ParameterTensor]) -> list[str]:
    """The roles that occur."""
    return [role for role in ("weights", "batchnorm", "other") if tensors_of(tensors, role)]
