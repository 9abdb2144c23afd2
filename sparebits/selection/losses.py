"""What alterations lose, to a fraction of an image."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from sparebits.evaluation import Evaluator, Variant
from sparebits.margins import expected_lost, margin_shift
from sparebits.statistics.paired_images import compare_with_golden

DECIMALS = 3
"""Of an expected loss in percentage points; an extrapolated tail says nothing finer."""


class Measured(NamedTuple):
    """Predicted classes; the share of images expected to be lost, in percentage points; margins.margin_shift."""

    predicted: np.ndarray
    loss_pp: float
    shift: float


class LossMeter:
    """Compares altered words with the golden run on some images."""

    def __init__(self, evaluator: Evaluator, golden: np.ndarray, indices: np.ndarray):
        """Run the golden network once more, for its margins.

        Args:
            evaluator: of the network.
            golden: classes of the golden run, for all images.
            indices: of the images to use.
        """
        self.evaluator = evaluator
        self.indices = indices
        self.labels = evaluator.images.labels[indices]
        self.golden = golden[indices]
        self._hit = self.golden == self.labels
        _, margins = evaluator.predict_with_margins(evaluator.parameters.golden, indices, self.golden)
        self._margins = margins[self._hit]

    def measure(self, words: np.ndarray) -> Measured:
        """Run the network with these words, (values,)."""
        predicted, margins = self.evaluator.predict_with_margins(words, self.indices, self.golden)
        lost = expected_lost(self._margins, margins[self._hit])
        shift = margin_shift(self._margins, margins[self._hit])
        return Measured(predicted, round(100 * lost / len(self.indices), DECIMALS), shift)

    def table(self, columns: list[dict], found: list[Measured]) -> pd.DataFrame:
        """A row a measurement: its columns, its outcome, then expected_loss_pp (margins.expected_lost) and format."""
        outcomes = compare_with_golden(np.stack([one.predicted for one in found]), self.golden, self.labels)
        table = pd.concat([pd.DataFrame(columns), outcomes], axis=1)
        losses = [one.loss_pp for one in found]
        return table.assign(expected_loss_pp=losses, format=self.evaluator.parameters.fmt.name)


def measure_losses(
    evaluator: Evaluator, variants: Iterable[Variant], golden: np.ndarray, indices: np.ndarray
) -> pd.DataFrame:
    """A row a variant: columns, outcome (statistics.compare_with_golden), expected_loss_pp, format, margin_shift."""
    meter = LossMeter(evaluator, golden, indices)
    variants = list(variants)
    found = [meter.measure(variant.words()) for variant in tqdm(variants, unit="variant", mininterval=2)]
    table = meter.table([variant.columns for variant in variants], found)
    return table.assign(margin_shift=[one.shift for one in found])
