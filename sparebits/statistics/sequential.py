"""When the trials of a campaign cell may stop, at an error that is bounded however often one looks."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from scipy.special import betaincc, betaln

from sparebits.errors import InputError
from sparebits.statistics.intervals import exact_upper_bound

PRIOR = (1.0, 10.0)
"""Beta distribution of failure probabilities that evidence is gathered for: mean 9 %, where trials are saved."""


class Verdict(Enum):
    """What is known of a cell: is P(failure) below the limit?"""

    CONTINUE = "continue"
    HELD = "held"
    NOT_HELD = "not held"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class StoppingRule:
    """Asked after each trial of a cell (a scheme at a bit error rate), whether P(failure) < `limit`.

    HELD is only said after the last planned trial, once, by the exact upper bound (Clopper & Pearson 1934). NOT_HELD
    may be said after any trial, when the evidence reaches 1 / alpha. If neither was said by the last trial it is
    UNDECIDED: not shown to be held, nor shown not to be.

    Guarantee, for independent trials of one P(failure):

    - P(failure) >= limit: HELD has a probability of at most 1 - confidence. Stopping early takes away from it only.
    - P(failure) <= limit: NOT_HELD has a probability of at most alpha over all trials together, however often one looks
      (Ville 1939). This would stay true if trials went on beyond the plan.

    Attributes:
        limit: of P(failure).
        trials: planned. With fewer than planning.trials_needed(limit) HELD is never said.
        confidence: of HELD.
        alpha: probability of a wrong NOT_HELD.

    Raises:
        InputError: a limit, confidence or alpha that is not between 0 and 1, or no trials.
    """

    limit: float = 0.01
    trials: int = 299
    confidence: float = 0.95
    alpha: float = 0.05

    def __post_init__(self):
        for name in ("limit", "confidence", "alpha"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} of a stopping rule lies between 0 and 1, got {getattr(self, name)}")
        if self.trials < 1:
            raise InputError(f"a stopping rule needs at least one trial, got {self.trials}")

    def verdict(self, failures: int, trials: int) -> Verdict:
        """What is known after `failures` in the first `trials`.

        Raises:
            InputError: failures do not lie in 0..trials, or there are more trials than planned: HELD holds for the
                planned number only.
        """
        if not 0 <= failures <= trials:
            raise InputError(f"failures lie in 0..trials, got {failures} of {trials}")
        if trials > self.trials:
            raise InputError(f"{self.trials} trials were planned, got {trials}; plan for more before the first trial")
        if log_evidence(failures, trials, self.limit) >= -np.log(self.alpha):
            return Verdict.NOT_HELD
        if trials < self.trials:
            return Verdict.CONTINUE
        return Verdict.HELD if failures <= self.most_failures else Verdict.UNDECIDED

    @cached_property
    def most_failures(self) -> int:
        """Most failures with which the planned trials still show HELD, -1 if none do.

        After more than that HELD is out of reach; a loop that asks for nothing else may then end as UNDECIDED.
        """
        bounds = exact_upper_bound(np.arange(self.trials + 1), self.trials, self.confidence)
        return int(np.count_nonzero(bounds < self.limit)) - 1


def log_evidence(failures, trials, limit: float, prior: tuple[float, float] = PRIOR) -> np.ndarray:
    """Natural logarithm of the evidence that P(failure) > limit: how many times as probable the outcomes then are.

    The evidence is the likelihood ratio to the limit, averaged over the P(failure) above the limit with a beta
    distribution as weight (mixture martingale, Robbins 1970). If P(failure) <= limit it is a nonnegative
    supermartingale that starts at 1, so it ever reaches 1 / alpha with a probability of at most alpha (Ville 1939),
    whatever the prior is. The limits with less evidence than that after n trials are a one-sided confidence sequence.

    Args:
        failures: among the first `trials`, numbers or arrays.
        trials: so far.
        limit: between 0 and 1.
        prior: a and b of the beta distribution; it decides how soon evidence gathers, not the guarantee.
    """
    failures, trials = np.asarray(failures, dtype=float), np.asarray(trials, dtype=float)
    a, b = prior
    mixture = _log_upper_beta(a + failures, b + trials - failures, limit) - _log_upper_beta(a, b, limit)
    return mixture - failures * np.log(limit) - (trials - failures) * np.log1p(-limit)


def _log_upper_beta(a, b, start: float):
    """Logarithm of the integral of p^(a - 1) (1 - p)^(b - 1) from `start` to 1."""
    with np.errstate(divide="ignore"):
        return betaln(a, b) + np.log(betaincc(a, b, start))
