"""A plan fitted to a network's words: windows that hold every value, medians, and so a scheme."""

from collections.abc import Sequence

import numpy as np

from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LinearCode
from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.layouts.layout import Layout
from sparebits.layouts.minifloat import Minifloat
from sparebits.parameters import ParameterTensor, doubles_of
from sparebits.protection.fusion import fused_words
from sparebits.protection.plan import Plan, RolePlan
from sparebits.protection.scheme import BATCHNORM_TENSORS, Group, Scheme

COUNTED_BITS = 16
"""Data words up to this size are counted to find a median, longer ones are compared."""


def fit_scheme(
    plan: Plan, tensors: list[ParameterTensor], words: np.ndarray, fmt: FloatFormat, eps: dict[str, float] | None = None
) -> Scheme:
    """The scheme of a plan for these words: windows that hold every value, and medians.

    A BatchNorm that lacks one of the four tensors gets a code of its own for each word, the role "other"'s.

    Args:
        plan: by role.
        tensors: of the network.
        words: all of them, (values,).
        fmt: of the words.
        eps: of each BatchNorm by its name; fused groups need it.

    Raises:
        InputError: a value is not finite, or a plan is impossible.
    """
    check_finite(tensors, words, fmt)
    groups, done = [], set()
    whole = _whole_batchnorms(tensors)
    for tensor in tensors:
        if tensor.name in done:
            continue
        role_plan = _role_plan(plan, tensor.role, tensor.name)
        members = whole.get(tensor.name, [tensor]) if role_plan.span != "word" else [tensor]
        if len(members) == 1:
            fallback = role_plan if role_plan.span == "word" else _role_plan(plan, "other", tensor.name)
            groups.append(_word_group(fallback, tensor, words, fmt))
        elif role_plan.span == "fused":
            groups.append(_fused_group(role_plan, members, words, fmt, (eps or {}).get(_owner(tensor.name))))
        else:
            groups.append(_channel_group(role_plan, members, words, fmt))
        done |= {member.name for member in members}
    return Scheme(fmt, tuple(groups))


def split_data_bits(k: int, signed: tuple[bool, ...]) -> tuple[int, ...]:
    """Data bits of each of several layouts that share a code: as even as possible; those without a sign give up first.

    43 bits for (signed, signed, signed, unsigned) are 11 + 11 + 11 + 10, 29 bits for two signed ones 14 + 15.
    """
    even, more = divmod(k, len(signed))
    # The last of those with a sign first: a shift gains more from a bit than a scale.
    takers = sorted(range(len(signed)), key=lambda i: (not signed[i], -i))[:more]
    return tuple(even + (i in takers) for i in range(len(signed)))


def _word_group(plan: RolePlan, tensor: ParameterTensor, words: np.ndarray, fmt: FloatFormat) -> Group:
    code = named_code(plan.code)
    layout = fitted_layout(words[tensor.span], fmt, plan.exponent_bits, code.k, tensor.name)
    return fitted_group((tensor.name,), (layout,), (words[tensor.span],), code, plan.policy, plan.decoder)


def _channel_group(plan: RolePlan, members: list[ParameterTensor], words: np.ndarray, fmt: FloatFormat) -> Group:
    code = named_code(plan.code)
    parts = tuple(words[member.span] for member in members)
    signed = tuple(bool((part >> fmt.word_dtype.type(fmt.sign_bit)).any()) for part in parts)
    # A sign that only some channels' tensors happen to lack is kept, as the split must be the same for the role.
    signed = tuple(s or member.kind != "running_var" for s, member in zip(signed, members, strict=True))
    layouts = tuple(
        fitted_layout(part, fmt, plan.exponent_bits, bits, member.name, sign)
        for part, bits, member, sign in zip(parts, split_data_bits(code.k, signed), members, signed, strict=True)
    )
    return fitted_group(tuple(member.name for member in members), layouts, parts, code, plan.policy, plan.decoder)


def _fused_group(
    plan: RolePlan, members: list[ParameterTensor], words: np.ndarray, fmt: FloatFormat, eps: float | None
) -> Group:
    owner = _owner(members[0].name)
    if eps is None:
        raise InputError(f"{owner}: scale and shift cannot be fused, as the eps of this BatchNorm is not known")
    code = named_code(plan.code)
    parts = fused_words(*(words[member.span] for member in members), eps, fmt)
    layouts = tuple(
        fitted_layout(part, fmt, plan.exponent_bits, bits, f"{owner} ({name})", signed=True)
        for part, bits, name in zip(parts, split_data_bits(code.k, (True, True)), ("scale", "shift"), strict=True)
    )
    return fitted_group(tuple(member.name for member in members), layouts, parts, code, plan.policy, plan.decoder, eps)


def fitted_group(
    tensors: tuple[str, ...],
    layouts: tuple[Layout, ...],
    parts: Sequence[np.ndarray],
    code: LinearCode,
    policy: str,
    decoder: str,
    eps: float | None = None,
) -> Group:
    """A group with the medians of these words.

    Args:
        parts: the words that each layout keeps.
    """
    medians = tuple(median_of(layout, layout.quantise(part)) for layout, part in zip(layouts, parts, strict=True))
    return Group(tensors, layouts, code, decoder, policy, medians, eps)


def fitted_layout(
    words: np.ndarray, fmt: FloatFormat, exponent_bits: int, data_bits: int, name: str, signed: bool | None = None
) -> Minifloat:
    """A window of about `exponent_bits` that fills the data bits: a mantissa longer than the format's widens it."""
    if signed is None:
        signed = bool((words >> fmt.word_dtype.type(fmt.sign_bit)).any())
    exponent_bits = max(exponent_bits, data_bits - signed - fmt.mantissa_bits)
    mantissa_bits = data_bits - signed - exponent_bits
    if mantissa_bits < 0 or exponent_bits > fmt.exponent_bits:
        raise InputError(f"{name}: {data_bits} data bits do not go with {exponent_bits} exponent bits in {fmt.name}")
    return Minifloat.fitting(words, fmt, exponent_bits, mantissa_bits, signed)


def median_of(layout: Layout, data: np.ndarray) -> int:
    """The data word of the lower median of the values that data words (N,) stand for; 0 where there are none."""
    if not len(data):
        return 0
    middle = (len(data) - 1) // 2
    if layout.data_bits <= COUNTED_BITS:
        order = layout.order()
        up_to = np.bincount(data, minlength=len(order))[order].cumsum()
        return int(order[np.searchsorted(up_to, middle, side="right")])
    values = doubles_of(layout.restore(data), layout.fmt)
    return int(data[np.argpartition(values, middle)[middle]])


def _whole_batchnorms(tensors: list[ParameterTensor]) -> dict[str, list[ParameterTensor]]:
    """By the name of each of its tensors the four of a BatchNorm, in the order of BATCHNORM_TENSORS."""
    by_name = {tensor.name: tensor for tensor in tensors if tensor.role == "batchnorm"}
    whole = {}
    for owner in {_owner(name) for name in by_name}:
        names = [f"{owner}.{last}" if owner else last for last in BATCHNORM_TENSORS]
        if all(name in by_name for name in names) and len({by_name[name].shape for name in names}) == 1:
            whole |= {name: [by_name[member] for member in names] for name in names}
    return whole


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _role_plan(plan: Plan, role: str, name: str) -> RolePlan:
    if role not in plan.roles:
        raise InputError(
            f"{name}: the plan has nothing for the role {role}, only for {', '.join(plan.roles)}; it was made for "
            "another network"
        )
    return plan.roles[role]


def check_finite(tensors: list[ParameterTensor], words: np.ndarray, fmt: FloatFormat) -> None:
    top = fmt.word_dtype.type((1 << fmt.exponent_bits) - 1)
    for tensor in tensors:
        infinite = int(np.count_nonzero(fmt.exponents(words[tensor.span]) == top))
        if infinite:
            raise InputError(
                f"{tensor.name}: {infinite} of {tensor.values} values are NaN or infinite; no layout holds them. "
                "Train or export the network anew"
            )
