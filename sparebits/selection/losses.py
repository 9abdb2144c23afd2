"""What alterations lose, to a fraction of an image."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from tqdm import tqdm

from sparebits.evaluation import Evaluator, Variant
from sparebits.margins import expected_lost
from sparebits.statistics.paired_images import compare_with_golden

DECIMALS = 3
"""Of an expected loss in percentage points; an extrapolated tail says nothing finer."""


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

    def measure(self, words: np.ndarray) -> tuple[np.ndarray, float]:
        """Predicted classes, and the share of the images that is expected to be lost, in percentage points."""
        predicted, margins = self.evaluator.predict_with_margins(words, self.indices, self.golden)
        lost = expected_lost(self._margins, margins[self._hit])
        return predicted, round(100 * lost / len(self.indices), DECIMALS)

    def table(self, columns: list[dict], predictions: list[np.ndarray], losses: list[float]) -> pd.DataFrame:
        """A row a measurement: its columns, its outcome, then expected_loss_pp (margins.expected_lost) and format."""
        outcomes = compare_with_golden(np.stack(predictions), self.golden, self.labels)
        table = pd.concat([pd.DataFrame(columns), outcomes], axis=1)
        return table.assign(expected_loss_pp=losses, format=self.evaluator.parameters.fmt.name)


def measure_losses(
    evaluator: Evaluator, variants: Iterable[Variant], golden: np.ndarray, indices: np.ndarray
) -> pd.DataFrame:
    """A row a variant: its columns, its outcome (statistics.compare_with_golden), expected_loss_pp and format."""
    meter = LossMeter(evaluator, golden, indices)
    variants = list(variants)
    found = [meter.measure(variant.words()) for variant in tqdm(variants, unit="variant", mininterval=2)]
    predictions, losses = zip(*found, strict=True)
    return meter.table([variant.columns for variant in variants], list(predictions), list(losses))
