"""The evaluated stages of the thesis' pipeline: LSB sweep, rounding, combined; each as a table and its predictions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sparebits.alterations import MODES, alter_low_bits, round_exponents
from sparebits.census import modified_by_rounding
from sparebits.choices import Choice, pairs_by_spare_bits
from sparebits.evaluation import Evaluator, Variant, predict_variants
from sparebits.formats import FloatFormat
from sparebits.parameters import FlatParameters, kinds_of
from sparebits.statistics.paired_images import compare_with_golden


@dataclass(frozen=True)
class Measured:
    """What a stage found.

    Attributes:
        table: a row a variant, the stage's own columns first.
        ids: of the variants, in the order of the rows.
        indices: of the images that were used.
        predictions: uint16 (variants, images used).
    """

    table: pd.DataFrame
    ids: list[str]
    indices: np.ndarray
    predictions: np.ndarray


def measure(evaluator: Evaluator, variants: Sequence[Variant], golden: np.ndarray, indices: np.ndarray) -> Measured:
    """Evaluate variants and compare each with the golden run.

    Args:
        golden: classes that the golden run predicted, for all images.
        indices: of the images to use.
    """
    predictions = predict_variants(evaluator, variants, indices)
    return tabulate(variants, predictions, golden, evaluator.images.labels, indices, evaluator.parameters.fmt)


def tabulate(
    variants: Sequence[Variant],
    predictions: np.ndarray,
    golden: np.ndarray,
    labels: np.ndarray,
    indices: np.ndarray,
    fmt: FloatFormat,
) -> Measured:
    """What predictions of variants say, compared with the golden run.

    Args:
        predictions: uint16 (variants, len(indices)).
        golden, labels: predicted and true classes of all images.
        indices: of the images that were used.
        fmt: format of the network's words.
    """
    outcomes = compare_with_golden(predictions, golden[indices], labels[indices])
    table = pd.concat([pd.DataFrame([variant.columns for variant in variants]), outcomes], axis=1)
    return Measured(table.assign(format=fmt.name), [variant.id for variant in variants], indices, predictions)


def measure_part(
    evaluator: Evaluator, variants: Sequence[Variant], part: int, parts: int, indices: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """One of `parts` shares of a sweep: ids of its variants, in their order, and uint16 (variants, images used).

    All shares together are the whole sweep, to the bit: each variant runs as it does in one job, compiled or not.
    """
    own = variants[part * len(variants) // parts : (part + 1) * len(variants) // parts]
    predictions = predict_variants(evaluator, own, indices, evaluations=len(variants) * len(indices))
    return [variant.id for variant in own], predictions


def lsb_variants(parameters: FlatParameters, bits: Sequence[int], seed: int) -> list[Variant]:
    """Every bit altered together with all below it (thesis 3.4.1).

    For all parameters by every mode, for each kind alone by the thesis' alteration.
    """
    kinds = kinds_of(parameters.tensors)
    targets = [("alteration", "all"), *(("alteration", kind) for kind in kinds), *((mode, "all") for mode in MODES[1:])]

    def variant(mode: str, kind: str, bit: int) -> Variant:
        def words() -> np.ndarray:
            altered = parameters.golden.copy()
            for span in parameters.spans(kind):
                altered[span] = alter_low_bits(parameters.golden[span], bit, parameters.fmt, mode, seed)
            return altered

        return Variant(f"lsb/{mode}/{kind}/{bit}", {"mode": mode, "kind": kind, "bit": bit}, words)

    return [variant(mode, kind, bit) for mode, kind in targets for bit in bits]


def rounding_variants(parameters: FlatParameters) -> list[Variant]:
    """Every exponent below a floor rounded up to it, for each of the format's floors (thesis 3.7)."""

    def variant(floor: int) -> Variant:
        columns = modified_by_rounding(parameters, floor)
        return Variant(f"rounding/{floor}", columns, lambda: round_exponents(parameters.golden, floor, parameters.fmt))

    return [variant(floor) for floor in parameters.fmt.forced_bits_of_floor]


def combined_variant(parameters: FlatParameters, floor: int, bit: int, spare_bits: int) -> Variant:
    """Rounding to a floor, then LSB alteration (thesis 3.8.3); floor 0 and bit -1 stand for leaving out either."""

    def words() -> np.ndarray:
        rounded = round_exponents(parameters.golden, floor, parameters.fmt)
        return rounded if bit < 0 else alter_low_bits(rounded, bit, parameters.fmt)

    columns = {"choice": "none", "floor": floor, "bit": bit, "spare_bits": spare_bits}
    return Variant(f"combined/{floor}/{bit}", columns, words)


def measure_combined(
    evaluator: Evaluator, choice: Choice, free_bits: int, golden: np.ndarray, indices: np.ndarray, tolerance_pp: float
) -> Measured:
    """The thesis' pair of floor and depth, and the pair that frees most bits within the tolerance.

    The search goes through all pairs from the most spare bits downwards and ends with the first number of spare bits
    at which a pair stays within the tolerance; of several the one with the smallest drop is best. Every pair that was
    measured is a row; `choice` says which are the thesis' and the best (a pair that is both has two rows).
    """
    parameters = evaluator.parameters
    rounds = []
    for spare_bits, pairs in pairs_by_spare_bits(parameters.fmt, free_bits):
        variants = [combined_variant(parameters, floor, bit, spare_bits) for floor, bit in pairs]
        rounds.append(measure(evaluator, variants, golden, indices))
        if rounds[-1].table["drop_pp"].min() <= tolerance_pp:
            break
    best = rounds[-1].table["drop_pp"].idxmin()
    rounds[-1].table.loc[best, "choice"] = "best"
    thesis = combined_variant(parameters, choice.floor, choice.depth, choice.spare_bits(parameters.fmt, free_bits))
    rounds.append(measure(evaluator, [replace(thesis, id="combined/thesis")], golden, indices))
    rounds[-1].table["choice"] = "thesis"
    rounds.reverse()
    return Measured(
        table=pd.concat([found.table for found in rounds], ignore_index=True),
        ids=[variant for found in rounds for variant in found.ids],
        indices=indices,
        predictions=np.concatenate([found.predictions for found in rounds]),
    )
