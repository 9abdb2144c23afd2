"""Does the number of mantissa bits that may be altered grow in proportion with the mantissa?

Source: the Korean research notes, question 5: what of double and half precision? A network is converted to each format
and swept as the thesis does it (3.4.1: bits b..0 of every word become the complement of bit b). If inference needs as
many leading mantissa bits whatever the format, mantissa minus droppable bits is a constant and the slope of droppable
bits against mantissa bits is 1 with an intercept below 0; if it needs a share of them, the line passes through 0.

A network trained in binary32 and converted to binary64 has 29 zero bits in every mantissa by construction. Those of a
network that was trained in binary64 are not; `origin` tells them apart. Contrast: 8-bit integers with a scale for each
output channel, where the bits below the leading one of a word take its place.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparebits.alterations import alter_low_bits
from sparebits.census import count_ones
from sparebits.evaluation import Evaluator, Variant
from sparebits.layouts.minifloat import Minifloat
from sparebits.parameters import FlatParameters, doubles_of, nearest_words
from sparebits.stages import measure

RULES = ("tolerance", "no hit lost")
"""What may be altered: as long as the drop stays within the tolerance, or as long as no image is lost."""
TOP_BITS = 16
"""Of a mantissa, swept one by one; of those below every SPARSE-th, as they are known to matter even less."""
SPARSE = 8
INT8 = "int8"
INT8_BITS = 7
"""Of a magnitude, beside the sign."""


@dataclass(frozen=True)
class Swept:
    """A network in one format.

    Attributes:
        sweep: as lsb.csv, a row a bit, with columns origin, computed (what it computes in) and golden_hits.
        correct: bool (variants, images): whether each variant of the sweep is a hit, for resampling images.
        golden: bool (images,), the same of the format's golden run.
        mantissa_bits: of the format; of int8 those of a magnitude.
        exponent_bits: of the format; 0 of int8.
        invariant_bits: mantissa bits that are 0 in every word.
    """

    sweep: pd.DataFrame
    correct: np.ndarray
    golden: np.ndarray
    mantissa_bits: int
    exponent_bits: int
    invariant_bits: int


def swept_bits(mantissa_bits: int) -> list[int]:
    """Bits that are swept: the top of the mantissa, and some below."""
    dense = range(max(0, mantissa_bits - TOP_BITS), mantissa_bits)
    return sorted({*range(0, dense.start, SPARSE), *dense})


def sweep_format(evaluator: Evaluator, origin: str, indices: np.ndarray) -> Swept:
    """Sweep low bits of a network in its format; everything is compared with its own golden run.

    Args:
        evaluator: of the network in the format.
        origin: "trained" if it was trained in it, else "converted".
        indices: of the images.
    """
    parameters, fmt = evaluator.parameters, evaluator.parameters.fmt
    variants = [
        Variant(f"alteration/{bit}", {"bit": bit}, lambda bit=bit: alter_low_bits(parameters.golden, bit, fmt))
        for bit in swept_bits(fmt.mantissa_bits)
    ]
    zeros = int(np.count_nonzero(count_ones(parameters.golden, fmt)[: fmt.mantissa_bits] == 0))
    facts = fmt.mantissa_bits, fmt.exponent_bits, zeros
    return _swept(evaluator, variants, parameters.golden, indices, origin, facts, fmt.name)


def sweep_int8(evaluator: Evaluator, indices: np.ndarray) -> Swept:
    """The contrast: weights as 8-bit integers, everything else as it is.

    Args:
        evaluator: of the network in a format that holds the products of integers and scales, such as binary32.
        indices: of the images.
    """
    parameters = evaluator.parameters
    variants = [
        Variant(f"int8/{bit}", {"bit": bit}, lambda bit=bit: int8_words(parameters, bit)) for bit in range(INT8_BITS)
    ]
    return _swept(evaluator, variants, int8_words(parameters, -1), indices, "converted", (INT8_BITS, 0, 0), INT8)


def _swept(
    evaluator: Evaluator,
    variants: list[Variant],
    untouched: np.ndarray,
    indices: np.ndarray,
    origin: str,
    facts: tuple[int, int, int],
    name: str,
) -> Swept:
    golden = np.zeros(len(evaluator.images.labels), dtype=np.uint16)
    golden[indices] = evaluator.predict(untouched, indices)
    found = measure(evaluator, variants, golden, indices)
    labels = evaluator.images.labels[indices]
    is_hit = golden[indices] == labels
    computed = str(evaluator.parameters.compute_dtype).removeprefix("torch.")
    columns = {"origin": origin, "computed": computed, "golden_hits": int(is_hit.sum()), "format": name}
    return Swept(found.table.assign(**columns), found.predictions == labels, is_hit, *facts)


def quantised(parameters: FlatParameters, exponent_bits: int, mantissa_bits: int) -> np.ndarray:
    """The network's words, each tensor in the lowest window that holds it and rounded: layouts/minifloat.py."""
    words, fmt = parameters.golden.copy(), parameters.fmt
    for tensor in parameters.tensors:
        own = words[tensor.span]
        if tensor.values:
            layout = Minifloat.fitting(own, fmt, exponent_bits, mantissa_bits)
            words[tensor.span] = layout.restore(layout.quantise(own))
    return words


def int8_words(parameters: FlatParameters, bit: int) -> np.ndarray:
    """Words of the network whose weights are 8-bit integers, sign and magnitude, times a scale for each output channel.

    Args:
        bit: bits `bit`..0 of each magnitude become the complement of bit `bit`; -1 alters none.
    """
    words, fmt = parameters.golden.copy(), parameters.fmt
    for tensor in parameters.tensors:
        if tensor.role != "weights":
            continue
        values = doubles_of(words[tensor.span], fmt).reshape(tensor.shape[0], -1)
        scales = np.abs(values).max(axis=1, keepdims=True) / ((1 << INT8_BITS) - 1)
        magnitudes = np.rint(np.abs(values) / np.where(scales > 0, scales, 1)).astype(np.int64)
        if bit >= 0:
            low = (1 << (bit + 1)) - 1
            fill = np.where(magnitudes >> bit & 1, 0, low)
            magnitudes = magnitudes & ~low | fill
        words[tensor.span] = nearest_words((np.copysign(magnitudes, values) * scales).reshape(-1), fmt)
    return words


def droppable_bits(swept: Swept, rule: str, tolerance_pp: float, weights: np.ndarray | None = None) -> np.ndarray:
    """How many low mantissa bits may be altered together: all up to the last before the rule is broken.

    Args:
        rule: one of RULES.
        weights: how often each image is in each sample, (samples, images); every image once by default.

    Returns:
        int64 (samples,).
    """
    weights = np.ones((1, swept.correct.shape[1])) if weights is None else weights
    bits = swept.sweep["bit"].to_numpy()
    if rule == RULES[0]:
        change = swept.golden.astype(float) - swept.correct.astype(float)
        drops = 100 * weights @ change.T / weights.sum(axis=1, keepdims=True)
        is_within = drops <= tolerance_pp + 1e-9
    else:
        lost = (swept.golden & ~swept.correct).astype(float)
        is_within = weights @ lost.T == 0
    held = np.logical_and.accumulate(is_within, axis=1).sum(axis=1)
    return np.concatenate([[0], bits + 1])[held]
