"""The choice among measured candidates, and how it is written down: selection.json."""

from dataclasses import dataclass

import pandas as pd

from sparebits.parameters import ParameterTensor
from sparebits.protection.scheme import Scheme
from sparebits.selection.expected_loss import Combination

NORMAL_99 = 2.33
"""Quantile of the normal distribution that one value in a hundred exceeds."""


@dataclass(frozen=True)
class Candidate:
    """A combination as fitted to the network, and what it was expected and measured to lose.

    Attributes:
        name: as in the table of trials.
        fault_free: row of the trial without faults.
        trials: rows of the trials at the bit error rate.
    """

    name: str
    combination: Combination
    scheme: Scheme
    fault_free: pd.Series
    trials: pd.DataFrame

    @property
    def high_loss(self) -> float:
        """What all but one of a hundred fault maps are expected to stay below, in percentage points.

        Mean + 2.33 standard deviations of the trials' losses, told from the margins (margins.expected_lost). What
        counts is that no map does harm, so of two schemes with the same mean the steadier one is better.
        """
        losses = self.trials["expected_loss_pp"]
        return round(losses.mean() + NORMAL_99 * losses.std(ddof=1), 3)


def choose(candidates: list[Candidate], tolerance_pp: float) -> Candidate:
    """The one that loses least, but for one map in a hundred, of those whose fault-free drop is within the tolerance.

    If none is, the one that loses least without faults. Of equals, the first.

    Args:
        candidates: by expectation, best first.
    """
    within = [candidate for candidate in candidates if candidate.fault_free["drop_pp"] <= tolerance_pp]
    if within:
        return min(within, key=lambda candidate: candidate.high_loss)
    return min(candidates, key=lambda candidate: candidate.fault_free["expected_loss_pp"])


def tensor_entries(scheme: Scheme, tensors: list[ParameterTensor]) -> list[dict]:
    """For every tensor its layout, code, decoder and policy."""
    entries = []
    for tensor in tensors:
        group = scheme.group_of[tensor.name]
        # The two layouts of a fused group, scale and shift, hold for its four tensors together.
        layouts = group.layouts if group.span == "fused" else (group.layouts[group.tensors.index(tensor.name)],)
        entries.append(
            {
                "tensor": tensor.name,
                "role": tensor.role,
                "span": group.span,
                "layout": [layout.title for layout in layouts],
                "layouts": [layout.as_dict() for layout in layouts],
                "code": [group.code.n, group.code.k, group.code.d],
                "code_name": group.code.name,
                "t": group.code.t,
                "decoder": group.decoder,
                "policy": group.policy,
            }
        )
    return entries


def outcome_of(fault_free: pd.Series, trials: pd.DataFrame | None = None) -> dict:
    """What was measured, for JSON: drops in percentage points."""
    outcome = {
        "images": int(fault_free["images"]),
        "fault_free_drop_pp": float(fault_free["drop_pp"]),
        "fault_free_expected_loss_pp": float(fault_free["expected_loss_pp"]),
        "fault_free_lost": int(fault_free["lost"]),
        "fault_free_gained": int(fault_free["gained"]),
    }
    if trials is not None:
        outcome |= {
            "trials": len(trials),
            "mean_drop_pp": float(trials["drop_pp"].mean()),
            "worst_drop_pp": float(trials["drop_pp"].max()),
            "mean_expected_loss_pp": float(trials["expected_loss_pp"].mean()),
        }
    return outcome


def frontier_table(
    frontier: list[tuple[float, Combination]], others: dict[str, tuple[float, Combination]], fmt: str
) -> pd.DataFrame:
    """frontier.csv: a row a combination: scheme, layout_loss_pp, ber_held (both expected), and its plan by role."""
    rows = []
    named = [("frontier", entry) for entry in frontier] + list(others.items())
    for scheme, (ber, combination) in named:
        row = {"scheme": scheme, "layout_loss_pp": combination.layout_loss, "ber_held": ber}
        for option in combination.options:
            plan = option.plan
            row[option.role] = f"{plan.code} {plan.span}, {plan.exponent_bits} exponent bits, {plan.policy}"
        rows.append({**row, "window": combination.plan.window, "format": fmt})
    return pd.DataFrame(rows)
