"""Whether droppable bits are a share of the mantissa or all but a constant number; and what a word then holds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sparebits.codes.catalogue import best_code, code_sizes
from sparebits.codes.linear import LinearCode
from sparebits.evaluation import Evaluator
from sparebits.statistics.paired_images import drop_interval
from sparebits.studies.formats import RULES, Swept, droppable_bits, quantised

RESAMPLES = 2000
LOW, HIGH = 2.5, 97.5
"""Percentiles of the bootstrap over images."""
JOINED_BITS = 64
"""Of a code word that several short words share."""
LEAST_MANTISSA = 7
"""Mantissa bits of formats that growth is measured over; shorter ones may have fewer than a network needs."""
MOST_BITS = 20
"""Of a minifloat's exponent and mantissa that are tried."""
WINDOWS = range(1, 6)
"""Exponent bits of a tensor's window that are tried."""


def choices_of(
    swept: Swept,
    evaluator: Evaluator,
    reference: np.ndarray,
    indices: np.ndarray,
    tolerance_pp: float,
    seed: int,
) -> pd.DataFrame:
    """What a format may drop and still needs, by rule, and the strongest codes for that.

    Args:
        swept: the network in the format.
        evaluator: of it.
        reference: bool (images,), hits of the network as it was trained.
        indices: of the images that were swept.
        tolerance_pp: largest drop of the rule "tolerance".
        seed: of the resampling of images.

    Returns:
        a row a rule: format, origin, rule, mantissa_bits, exponent_bits, invariant_bits, droppable with its bounds
        (95 %, bootstrap over images), needed (mantissa bits less the droppable ones), window and rounded_to (exponent
        and mantissa bits of the shortest minifloat in which all tensors keep the rule, -1 where there is none),
        data_bits, images, the drop of the format itself and of that minifloat, both with bounds, code and joined (of as
        many words as 64 bits hold) with n, k, d; 0 where there is none.
    """
    samples = resampled(len(indices), seed)
    layouts = shortest_layouts(swept, evaluator, indices, tolerance_pp)
    first = swept.sweep.iloc[0]
    rows = []
    for rule in RULES:
        droppable = int(droppable_bits(swept, rule, tolerance_pp)[0])
        low, high = bounds(droppable_bits(swept, rule, tolerance_pp, samples))
        window, rounded_to, lost, gained = layouts[rule]
        data_bits = 1 + window + rounded_to if window > 0 else 0
        of_format = int((reference & ~swept.golden).sum()), int((~reference & swept.golden).sum())
        rows.append(
            {
                **{"format": first["format"], "origin": first["origin"], "rule": rule},
                **{"mantissa_bits": swept.mantissa_bits, "exponent_bits": swept.exponent_bits},
                **{"invariant_bits": swept.invariant_bits, "droppable": droppable},
                **{"droppable_low": low, "droppable_high": high, "needed": swept.mantissa_bits - droppable},
                **{"window": window, "rounded_to": rounded_to, "data_bits": data_bits, "images": len(indices)},
                **_drop_columns("format", *of_format, len(indices)),
                **_drop_columns("layout", lost, gained, len(indices)),
                **_code_columns(1 + swept.mantissa_bits + swept.exponent_bits, data_bits),
            }
        )
    return pd.DataFrame(rows)


def shortest_layouts(
    swept: Swept, evaluator: Evaluator, indices: np.ndarray, tolerance_pp: float
) -> dict[str, tuple[int, int, int, int]]:
    """By rule exponent and mantissa bits of the shortest minifloat in which all tensors keep it, hits lost and gained.

    Of equally short ones that of the smallest drop, then of fewest lost hits. -1, -1, 0 and 0 where there is none, or
    for integers.
    """
    found = dict.fromkeys(RULES, (-1, -1, 0, 0))
    if not swept.exponent_bits:
        return found
    longest = swept.exponent_bits + swept.mantissa_bits
    for bits in range(1, longest + 1):
        candidates = []
        for window in WINDOWS:
            mantissa = bits - window
            if window <= swept.exponent_bits and 0 <= mantissa <= swept.mantissa_bits:
                predicted = evaluator.predict(quantised(evaluator.parameters, window, mantissa), indices)
                is_hit = predicted == evaluator.images.labels[indices]
                lost, gained = int((swept.golden & ~is_hit).sum()), int((~swept.golden & is_hit).sum())
                candidates.append((lost - gained, lost, window, mantissa, gained))
        for rule in (rule for rule in RULES if found[rule][0] < 0):
            kept = [one for one in candidates if _keeps(rule, one[0], one[1], tolerance_pp, len(indices))]
            if kept:
                _, lost, window, mantissa, gained = min(kept)
                found[rule] = window, mantissa, lost, gained
        if all(window > 0 for window, *_ in found.values()) or bits > MOST_BITS:
            break
    return found


def _keeps(rule: str, difference: int, lost: int, tolerance_pp: float, images: int) -> bool:
    return 100 * difference / images <= tolerance_pp if rule == RULES[0] else lost == 0


def growth(swept: Sequence[Swept], tolerance_pp: float, seed: int) -> pd.DataFrame:
    """Droppable bits against mantissa bits over formats, with bounds over resamples of the images.

    Args:
        swept: of one network, at least two formats of different mantissas, over the same images.

    Returns:
        a row a rule: rule, formats, binary64 (the origin of that format), images, resamples, seed, then with bounds
        slope and intercept of the least-squares line, needed_spread (largest minus smallest number of needed bits; 0
        were it a constant) and share_spread (the same of the share of the mantissa that is dropped; 0 were it in
        proportion).
    """
    mantissas = np.array([one.mantissa_bits for one in swept], dtype=float)
    images = len(swept[0].golden)
    samples = resampled(images, seed)
    names = [one.sweep["format"].iloc[0] for one in swept]
    origin = next((one.sweep["origin"].iloc[0] for one, n in zip(swept, names, strict=True) if n == "binary64"), "none")
    rows = []
    for rule in RULES:
        measured = np.stack([droppable_bits(one, rule, tolerance_pp) for one in swept], axis=1)
        again = np.stack([droppable_bits(one, rule, tolerance_pp, samples) for one in swept], axis=1)
        row = {"rule": rule, "formats": " ".join(names), "binary64": origin, "images": images}
        row |= {"resamples": len(samples), "seed": seed}
        for name, statistic in _STATISTICS.items():
            low, high = bounds(statistic(mantissas, again))
            row |= {name: float(statistic(mantissas, measured)[0]), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def resampled(images: int, seed: int) -> np.ndarray:
    """How often each image is in each resample, (RESAMPLES, images)."""
    shares = np.full(images, 1 / images)
    return np.random.default_rng(seed).multinomial(images, shares, size=RESAMPLES).astype(float)


def bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, [LOW, HIGH])
    return float(low), float(high)


def line(mantissas: np.ndarray, droppable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of droppable bits (samples, formats) against mantissa bits (formats,) by least squares."""
    centred = mantissas - mantissas.mean()
    slopes = droppable @ centred / (centred @ centred)
    return slopes, droppable.mean(axis=1) - slopes * mantissas.mean()


def _spread(values: np.ndarray) -> np.ndarray:
    return values.max(axis=1) - values.min(axis=1)


_STATISTICS = {
    "slope": lambda mantissas, droppable: line(mantissas, droppable)[0],
    "intercept": lambda mantissas, droppable: line(mantissas, droppable)[1],
    "needed_spread": lambda mantissas, droppable: _spread(mantissas - droppable),
    "share_spread": lambda mantissas, droppable: _spread(droppable / mantissas),
}


def strongest(n: int, least: int) -> LinearCode | None:
    """The code of n bits with the largest distance that has at least so many data bits, of equals that with most."""
    codes = [best_code(n, k) for length, k in code_sizes() if length == n and k >= least]
    return max(codes, key=lambda code: (code.d, code.k), default=None)


def _code_columns(width: int, data_bits: int) -> dict:
    """The strongest code of a single word, and of as many words as 64 bits hold; zeros where there is none."""
    single = strongest(width, data_bits) if data_bits else None
    values = JOINED_BITS // width
    joined = strongest(JOINED_BITS, data_bits * values) if data_bits and values > 1 else None
    columns = {}
    for name, code in (("code", single), ("joined", joined)):
        sizes = (code.n, code.k, code.d) if code else (0, 0, 0)
        columns |= {f"{name}_{size}": number for size, number in zip("nkd", sizes, strict=True)}
    return columns


def _drop_columns(name: str, lost: int, gained: int, images: int) -> dict:
    low, high = drop_interval(lost, gained, images)
    drop = 100 * (lost - gained) / images
    return {f"{name}_drop_pp": drop, f"{name}_low_pp": float(low), f"{name}_high_pp": float(high)}
