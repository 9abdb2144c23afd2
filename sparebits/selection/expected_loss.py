"""Expected loss of every combination of layouts and policies, by what each was measured to cost.

The expected loss of a scheme is a sum over roles of the layout's measured loss and the measured cost of the fraction of
code words that fail. Costs are not linear and roles not independent, so this only makes a shortlist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from sparebits.codes.catalogue import named_code
from sparebits.codes.probabilities import nearest_error_bound, probability_not_corrected, word_probabilities
from sparebits.protection.plan import Plan, RolePlan
from sparebits.selection.options import role_plan

ROLES = ("weights", "batchnorm", "other")

MOST_ANY_FAILS = 1e-3
"""That a fault map spoils a word of a role whose words count one by one: a tenth of what a scheme may fail in."""

BERS = np.geomspace(1e-4, 2e-1, 67)
"""Bit error rates at which the frontier is expected, 20 a decade."""


@dataclass(frozen=True)
class CostCurve:
    """Loss in percentage points against the fraction of code words that failed, both ascending from 0 on."""

    fractions: np.ndarray
    losses: np.ndarray

    def at(self, fraction: float) -> float:
        """Linear between measured fractions and on from the last."""
        if fraction > self.fractions[-1]:
            return float(self.losses[-1] * fraction / self.fractions[-1])
        return float(np.interp(fraction, self.fractions, self.losses))


@dataclass(frozen=True)
class RoleOption:
    """A layout with its code and a policy, for one role.

    Attributes:
        layout_loss: what the layout loses without faults, in percentage points.
        detected_cost: of code words replaced as the policy says.
        miscorrected_cost: of code words that are wrong and not noticed, for which those kept as they are stand.
        margin_shift: how far the layout moves the margins without faults (margins.margin_shift).
        code_words: of the role.
    """

    role: str
    plan: RolePlan
    window: str
    layout_loss: float
    detected_cost: CostCurve
    miscorrected_cost: CostCurve
    margin_shift: float = 0.0
    code_words: int = 0

    def any_fails(self, ber: float) -> float:
        """Upper bound of the probability that any code word of the role fails at a bit error rate."""
        return min(1.0, self.code_words * sum(_fails(self.plan.code, self.plan.decoder, ber)))

    def failure_loss(self, ber: float) -> float:
        """Expected loss by failed code words at a bit error rate, in percentage points."""
        detected, miscorrected = _fails(self.plan.code, self.plan.decoder, ber)
        return self.detected_cost.at(detected) + self.miscorrected_cost.at(miscorrected)

    def expected_loss(self, ber: float) -> float:
        return self.layout_loss + self.failure_loss(ber)


@dataclass(frozen=True)
class Combination:
    """One option a role."""

    options: tuple[RoleOption, ...]

    @property
    def layout_loss(self) -> float:
        return sum(option.layout_loss for option in self.options)

    def expected_loss(self, ber: float) -> float:
        return sum(option.expected_loss(ber) for option in self.options)

    @property
    def plan(self) -> Plan:
        """With the role "other" in any case, as BatchNorms that lack tensors go by it."""
        roles = {option.role: option.plan for option in self.options}
        word = next(plan for plan in reversed(roles.values()) if plan.span == "word")
        window = "channel" if any(option.window == "channel" for option in self.options) else "tensor"
        return Plan({**roles, "other": roles.get("other", word)}, window)


def role_options(layouts: pd.DataFrame, failed_words: pd.DataFrame) -> dict[str, list[RoleOption]]:
    """By role every layout with every policy that makes sense for it.

    Args:
        layouts: layouts.csv.
        failed_words: failed_words.csv.
    """
    options: dict[str, list[RoleOption]] = {}
    for row in layouts.itertuples():
        span = "word" if row.span == "word" else "channel"
        costs = failed_words[(failed_words["role"] == row.role) & (failed_words["span"] == span)]
        curves = {policy: _cost_curve(rows) for policy, rows in costs.groupby("policy", sort=False)}
        for policy, curve in curves.items():
            if policy != "keep":
                plan = role_plan(row.exponent_bits, row.code, policy, row.span)
                option = RoleOption(
                    *(row.role, plan, row.window, row.expected_loss_pp, curve, curves["keep"], row.margin_shift),
                    code_words=int(costs["code_words"].iloc[0]),
                )
                options.setdefault(row.role, []).append(option)
    return {role: options[role] for role in ROLES if role in options}


def shortlist(
    options: dict[str, list[RoleOption]], ber: float, most_layout_loss: float, count: int
) -> list[Combination]:
    """The combinations of least expected loss at a bit error rate, best first.

    Each has codes of its own for the roles that decide, weights and BatchNorms; biases alone make no finalist.

    Args:
        options: from `role_options`.
        ber: bit error rate.
        most_layout_loss: in percentage points, over all roles; ignored if no combination stays within it.
        count: how many, at most.
    """
    # With a given code the layout and the policy that lose least are best whatever the other roles have.
    best = [_best_by_code(of_role, ber) for of_role in options.values()]
    combinations = sorted(map(Combination, product(*best)), key=lambda c: preference(c, ber))
    within = [c for c in combinations if c.layout_loss <= most_layout_loss] or combinations
    finalists: dict[tuple, Combination] = {}
    for combination in within:
        codes = tuple((o.plan.code, o.plan.span) for o in combination.options if o.role != "other")
        finalists.setdefault(codes, combination)
    return list(finalists.values())[:count]


def gentlest(
    options: dict[str, list[RoleOption]], ber: float, most_failure_losses: Sequence[float]
) -> list[Combination]:
    """The combinations that move the network least without faults while their codes fail seldom enough.

    Of weights, many may fail that cost little together. Of BatchNorms and biases one can cost everything, so there the
    probability that any fails stays below MOST_ANY_FAILS, whatever the mean.

    Args:
        options: from `role_options`.
        ber: bit error rate.
        most_failure_losses: expected loss of a role by failed code words, in percentage points; one combination each.
    """
    found: dict[tuple, Combination] = {}
    for most in most_failure_losses:
        chosen = []
        for of_role in options.values():
            strong = [
                option
                for option in of_role
                if option.failure_loss(ber) <= most
                and (option.role == "weights" or option.any_fails(ber) <= MOST_ANY_FAILS)
            ]
            if not strong:
                strong = [min(of_role, key=lambda option: option.failure_loss(ber))]
            chosen.append(min(strong, key=lambda option: (_known(option.margin_shift), option.failure_loss(ber))))
        found.setdefault(tuple(id(option) for option in chosen), Combination(tuple(chosen)))
    return list(found.values())


def _known(shift: float) -> float:
    """A movement of margins of which none was finite counts as the farthest."""
    return float("inf") if np.isnan(shift) else shift


def preference(option: RoleOption | Combination, ber: float) -> tuple[float, float]:
    """Sorts by expected loss at a bit error rate; of those that lose equally little, by that at twice the rate."""
    return round(option.expected_loss(ber), 3), option.expected_loss(min(2 * ber, 0.5))


def frontier(
    options: dict[str, list[RoleOption]], bers: np.ndarray, most_loss: float
) -> list[tuple[float, Combination]]:
    """For each loss without faults the combination that is expected to hold the highest bit error rate.

    Args:
        options: from `role_options`.
        bers: bit error rates, ascending.
        most_loss: expected loss, in percentage points, up to which a bit error rate counts as held.

    Returns:
        (bit error rate held, combination), ascending in both the rate and the layout loss.
    """
    found = []
    for ber in bers:
        best = [_undominated(of_role, ber) for of_role in options.values()]
        held = [c for c in map(Combination, product(*best)) if c.expected_loss(ber) <= most_loss]
        if held:
            found.append((float(ber), min(held, key=lambda c: (c.layout_loss, c.expected_loss(ber)))))
    # A combination that holds more at no more loss makes another superfluous.
    kept = []
    for ber, combination in reversed(found):
        if not kept or combination.layout_loss < kept[-1][1].layout_loss:
            kept.append((ber, combination))
    return kept[::-1]


def ber_held(combination: Combination, bers: np.ndarray, most_loss: float) -> float:
    """The highest of the ascending bit error rates at which the expected loss stays within `most_loss`; 0 if none."""
    held = [float(ber) for ber in bers if combination.expected_loss(ber) <= most_loss]
    return max(held, default=0.0)


def best_by_weights_code(options: dict[str, list[RoleOption]], ber: float) -> dict[str, Combination]:
    """For each code of the weights the combination of least expected loss at a bit error rate."""
    others = [min(of_role, key=lambda o: preference(o, ber)) for role, of_role in options.items() if role != "weights"]
    return {
        option.plan.code: Combination((option, *others)) for option in _best_by_code(options.get("weights", []), ber)
    }


def _best_by_code(options: list[RoleOption], ber: float) -> list[RoleOption]:
    """The best option with each code and span, best first."""
    best: dict[tuple[str, str], RoleOption] = {}
    for option in sorted(options, key=lambda o: preference(o, ber)):
        best.setdefault((option.plan.code, option.plan.span), option)
    return list(best.values())


def _undominated(options: list[RoleOption], ber: float) -> list[RoleOption]:
    """Those that no other option of the role beats in both losses."""
    kept: list[RoleOption] = []
    for option in sorted(options, key=lambda o: (o.layout_loss, o.failure_loss(ber))):
        if not kept or option.failure_loss(ber) < kept[-1].failure_loss(ber):
            kept.append(option)
    return kept


def _cost_curve(rows: pd.DataFrame) -> CostCurve:
    """Mean loss by fraction of failed words, from (0, 0) on and never falling."""
    loss = rows.groupby("fraction")["expected_loss_pp"].mean().sort_index()
    fractions = np.concatenate([[0.0], loss.index.to_numpy()])
    return CostCurve(fractions, np.maximum.accumulate(np.concatenate([[0.0], loss.to_numpy()])))


@cache
def _fails(code: str, decoder: str, ber: float) -> tuple[float, float]:
    """Probabilities that a code word is detected as beyond repair, and miscorrected.

    Where the latter is not known, for [128,43,32], it is far the smaller one and counted among the detected. Of maximum
    likelihood, which reports ties alone, an upper bound is known: it counts as miscorrected.
    """
    built = named_code(code)
    if decoder == "maximum likelihood":
        return 0.0, nearest_error_bound(built, ber)
    if built.weight_distribution is None:
        return probability_not_corrected(built, ber), 0.0
    found = word_probabilities(built, ber)
    return found.detected, found.miscorrected
