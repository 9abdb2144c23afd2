"""What a checkpoint's parameters are like, and what a plan would make of them, as far as words alone can tell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sparebits.census import exponent_group
from sparebits.codes.probabilities import probability_not_corrected
from sparebits.parameters import ParameterTensor, doubles_of
from sparebits.protection.checkpoint import Checkpoint
from sparebits.protection.encoding import quantise_group
from sparebits.protection.inspection import code_title
from sparebits.protection.scheme import Group, Scheme

CHUNK = 1 << 20
"""Values compared at a time, as float64."""


def tensor_table(checkpoint: Checkpoint) -> pd.DataFrame:
    """A row a tensor: tensor, role, shape, values, exponents (smallest and largest field), group (thesis 3.6.2)."""
    fmt, rows = checkpoint.fmt, []
    for tensor in checkpoint.tensors:
        exponents = fmt.exponents(checkpoint.words[tensor.span])
        smallest, largest = (int(exponents.min()), int(exponents.max())) if tensor.values else (None, None)
        rows.append(
            {
                "tensor": tensor.name,
                "role": tensor.role,
                "shape": "x".join(map(str, tensor.shape)) or "scalar",
                "values": tensor.values,
                "exponents": f"{smallest}..{largest}" if tensor.values else "",
                "group": exponent_group(smallest, largest, fmt) if tensor.values else "",
            }
        )
    return pd.DataFrame(rows)


def window_table(checkpoint: Checkpoint) -> pd.DataFrame:
    """A row a role: what its exponents span, and the bits of a window that holds all of the widest tensor.

    Columns: role, tensors, values, zeros, exponents, widest (powers of two in one tensor, zeros aside), window_bits.
    """
    fmt, rows = checkpoint.fmt, []
    for role, tensors in _by_role(checkpoint.tensors).items():
        fields, widest, zeros = [], 0, 0
        for tensor in tensors:
            words = checkpoint.words[tensor.span]
            nonzero = words[words << fmt.word_dtype.type(1) != 0]
            zeros += tensor.values - len(nonzero)
            if len(nonzero):
                exponents = fmt.exponents(nonzero)
                low, high = int(exponents.min()), int(exponents.max())
                fields += [low, high]
                widest = max(widest, high - low + 1)
        rows.append(
            {
                "role": role,
                "tensors": len(tensors),
                "values": sum(tensor.values for tensor in tensors),
                "zeros": zeros,
                "exponents": f"{min(fields)}..{max(fields)}" if fields else "",
                "widest": widest,
                # Offset 0 is the subnormal one.
                "window_bits": widest.bit_length(),
            }
        )
    return pd.DataFrame(rows)


def rounding_table(checkpoint: Checkpoint, scheme: Scheme) -> pd.DataFrame:
    """A row a role: its layouts and codes, and the relative errors of its values, of those that are not zero.

    Columns: role, layout, code, t, largest_error, median_error (both in %), lost (values that become zero).
    """
    rows = []
    for role, tensors in _by_role(checkpoint.tensors).items():
        groups = list({id(group): group for group in (scheme.group_of[tensor.name] for tensor in tensors)}.values())
        errors, lost = _relative_errors(checkpoint, groups)
        rows.append(
            {
                "role": role,
                "layout": ", ".join(sorted({layout.title for group in groups for layout in group.layouts})),
                "code": ", ".join(sorted({code_title(group.code) for group in groups})),
                "t": ", ".join(sorted({str(group.code.t) for group in groups})),
                "largest_error": 100 * float(errors.max(initial=0)),
                "median_error": 100 * float(np.median(errors, overwrite_input=True)) if len(errors) else 0.0,
                "lost": lost,
            }
        )
    return pd.DataFrame(rows)


def failure_table(scheme: Scheme, tensors: Sequence[ParameterTensor], bers: Sequence[float]) -> pd.DataFrame:
    """A row a role and code: its code words, and how many of them are expected to fail at each bit error rate.

    A word fails if it has more than t flips: it is detected, or miscorrected. The expectations are exact.
    """
    words, role_of = {}, {tensor.name: tensor for tensor in tensors}
    for group in scheme.groups:
        tensor = role_of[group.tensors[0]]
        key = (tensor.role, group.code.name)
        words[key] = (group.code, words.get(key, (None, 0))[1] + tensor.values)
    return pd.DataFrame(
        [
            {"role": role, "code": code_title(code), "words": count}
            | {f"{ber:g}": count * probability_not_corrected(code, ber) for ber in bers}
            for (role, _), (code, count) in words.items()
        ]
    )


def _by_role(tensors: Sequence[ParameterTensor]) -> dict[str, list[ParameterTensor]]:
    roles = {}
    for tensor in tensors:
        roles.setdefault(tensor.role, []).append(tensor)
    return roles


def _relative_errors(checkpoint: Checkpoint, groups: Sequence[Group]) -> tuple[np.ndarray, int]:
    """|restored - value| / |value| of all values of the groups that are not zero, float32, and how many become it."""
    spans = {tensor.name: tensor.span for tensor in checkpoint.tensors}
    errors, lost = [np.empty(0, dtype=np.float32)], 0
    for group in groups:
        parts = [checkpoint.words[spans[name]] for name in group.tensors]
        for part, kept in zip(parts, quantise_group(group, parts), strict=True):
            for start in range(0, len(part), CHUNK):
                values = doubles_of(part[start : start + CHUNK], checkpoint.fmt)
                restored = doubles_of(kept[start : start + CHUNK], checkpoint.fmt)[values != 0]
                values = values[values != 0]
                errors.append((np.abs(restored - values) / np.abs(values)).astype(np.float32))
                lost += int(np.count_nonzero(restored == 0))
    return np.concatenate(errors), lost
