"""Which values share a code word, where it is stored, and in which layouts.

A plan's code may be longer than the words of what its span keeps together, a value or a BatchNorm's channel. Then as
many of these share a code word as fill its bits: four values of 16 bits, or one channel, those of a code of 64 bits,
two channels those of a code of 128. Values of one tensor that stand next to each other are joined, and channels of one
BatchNorm. What is left over at the end of a tensor has code words of its own, in the strongest code there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparebits.codes.catalogue import best_code, code_sizes, named_code
from sparebits.codes.linear import LinearCode
from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.layouts.minifloat import Minifloat
from sparebits.parameters import FlatParameters, ParameterTensor
from sparebits.protection.fitting import check_finite, fitted_layout, split_data_bits
from sparebits.protection.fusion import fused_words, unfused_words
from sparebits.protection.plan import Plan, RolePlan
from sparebits.protection.scheme import BATCHNORM_TENSORS
from sparebits.protection.windows import batchnorm_eps, words_of_window


@dataclass(frozen=True)
class Block:
    """Code words of one shape.

    Attributes:
        code: of at least as many data bits as the layouts have together; what is left over is zero.
        policy: what a code word beyond repair becomes.
        stored: int64 (code words, words), places of the words that a code word takes, its lowest bits first.
        held: int64 (code words, values), places of the values that it keeps, its lowest data bits first.
        layouts: number of the layout of each of these values.
    """

    code: LinearCode
    policy: str
    stored: np.ndarray
    held: np.ndarray
    layouts: tuple[int, ...]


@dataclass(frozen=True)
class Joined:
    """A network's values in code words.

    Attributes:
        words: of the network that is stored, (values,): it computes the same as the one given, to rounding.
        layouts: each of the values of one tensor; a base is all that decoding needs to know of one.
        blocks: every place is stored once. Of fused BatchNorms means and variances are not held, but constant.
    """

    words: np.ndarray
    layouts: list[Minifloat]
    blocks: list[Block]


def join(plan: Plan, parameters: FlatParameters) -> Joined:
    """The code words of a plan.

    Decoders of the plan play no part: words are decoded by distance.

    Raises:
        InputError: a value is not finite, or the plan does not fit the network.
    """
    fmt, words = parameters.fmt, words_of_window(plan.window, parameters).copy()
    check_finite(parameters.tensors, words, fmt)
    joined = Joined(words, [], [])
    for role_plan, members in _owners(plan, parameters.tensors):
        if role_plan.span == "fused":
            eps = batchnorm_eps(parameters.model)[members[0].name.rpartition(".")[0]]
            fused = unfused_words(*fused_words(*(words[member.span] for member in members), eps, fmt), eps, fmt)
            for member, part in zip(members, fused, strict=True):
                words[member.span] = part
        _join_members(role_plan, members, joined, fmt)
    return joined


def _owners(plan: Plan, tensors: Sequence[ParameterTensor]) -> list[tuple[RolePlan, list[ParameterTensor]]]:
    """Tensors that share code words, with their plan: the four of a BatchNorm where the plan joins them, or one."""
    by_name = {tensor.name: tensor for tensor in tensors}
    owners, done = [], set()
    for tensor in tensors:
        if tensor.name in done:
            continue
        role_plan = _plan_of(plan, tensor.role)
        members = [tensor]
        if role_plan.span != "word":
            owner = tensor.name.rpartition(".")[0]
            names = [f"{owner}.{last}" if owner else last for last in BATCHNORM_TENSORS]
            if all(name in by_name and by_name[name].shape == tensor.shape for name in names):
                members = [by_name[name] for name in names]
            else:
                role_plan = _plan_of(plan, "other")
        owners.append((role_plan, members))
        done |= {member.name for member in members}
    return owners


def _plan_of(plan: Plan, role: str) -> RolePlan:
    if role not in plan.roles:
        raise InputError(f"the plan has nothing for the role {role}, only for {', '.join(plan.roles)}")
    return plan.roles[role]


def _join_members(plan: RolePlan, members: list[ParameterTensor], joined: Joined, fmt: FloatFormat) -> None:
    """Add the blocks of these tensors: whole code words, and what is left over."""
    code = named_code(plan.code)
    places = np.stack([np.arange(member.span.start, member.span.stop) for member in members], axis=1)
    kept = places[:, :2] if plan.span == "fused" else places
    holders = members[: kept.shape[1]]
    together, rest = divmod(code.n, fmt.width * len(members))
    if not together or rest:
        raise InputError(
            f"{plan.code} does not take whole words: a span of {plan.span} has {len(members)} of {fmt.width} bits"
        )
    signed = tuple(_is_signed(member, joined.words, fmt, len(members)) for member in holders)
    bits = split_data_bits(code.k, signed * together)
    whole = len(places) // together
    layout_of: dict[tuple[int, int], int] = {}

    def number_of(holder: int, data_bits: int) -> int:
        if (holder, data_bits) not in layout_of:
            own = joined.words[holders[holder].span]
            layout = fitted_layout(own, fmt, plan.exponent_bits, data_bits, holders[holder].name, signed[holder])
            layout_of[holder, data_bits] = len(joined.layouts)
            joined.layouts.append(layout)
        return layout_of[holder, data_bits]

    def add(of_code: LinearCode, some: slice, spans: int) -> None:
        count = len(places[some]) // spans
        numbers = tuple(number_of(column % len(holders), bits[column]) for column in range(spans * len(holders)))
        block = Block(of_code, plan.policy, places[some].reshape(count, -1), kept[some].reshape(count, -1), numbers)
        joined.blocks.append(block)

    if whole:
        add(code, slice(0, whole * together), together)
    if len(places) % together:
        alone = strongest_code(fmt.width * len(members), sum(bits[: len(holders)]))
        add(alone, slice(whole * together, None), 1)


def strongest_code(n: int, k: int) -> LinearCode:
    """The code of n bits with the largest distance that has at least k data bits; of equals that with fewest.

    Raises:
        InputError: the catalogue has none.
    """
    sizes = [size for length, size in code_sizes() if length == n and size >= k]
    if not sizes:
        raise InputError(f"there is no code of {n} bits with {k} data bits or more, for what is left over of a tensor")
    return max((best_code(n, size) for size in sizes), key=lambda code: code.d)


def _is_signed(tensor: ParameterTensor, words: np.ndarray, fmt: FloatFormat, members: int) -> bool:
    """Whether the sign is kept: always in a BatchNorm, but of variances, as the split of data bits goes by it."""
    if members > 1 and tensor.kind != "running_var":
        return True
    return bool((words[tensor.span] >> fmt.word_dtype.type(fmt.sign_bit)).any())
