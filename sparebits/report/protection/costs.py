"""What schemes cost beside what they hold: memory, gates, operations."""

from collections.abc import Sequence

import pandas as pd

from sparebits.outcomes import scheme_outcome
from sparebits.report.protection.attack import flips_text, flips_to_chance, withstood
from sparebits.report.protection.ranking import memory_text, ranking
from sparebits.report.results import NetworkResults
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, points, rate


def resilience_and_cost(network: NetworkResults) -> Table:
    """A row a scheme, the one that holds most first: what it holds, loses and costs, and what an attack takes."""
    costs = network.costs.set_index("scheme")
    attacked = withstood(flips_to_chance(network))
    columns = [
        "Scheme",
        "Bit error rate held",
        "Drop without faults",
        "Extra memory",
        "Gates a\u00a0word read",
        "Of the gates of (72,64)",
        "Operations of a\u00a0dirty code word",
        f"Operations a word\nat a rate of {rate(network.costs['at_ber'].iloc[0])}",
        "Flips to chance\nmost harmful attack",
    ]
    rows = []
    for scheme in ranking(network)["scheme"]:
        outcome = scheme_outcome(network.campaign, scheme)
        known = costs.loc[scheme] if scheme in costs.index else None
        flips = flips_text(attacked.loc[scheme] if scheme in attacked.index else None)
        rows.append(
            [
                scheme,
                rate(outcome.held),
                f"{points(outcome.fault_free['drop_pp'])} pp",
                memory_text(outcome.extra_percent) or "none",
                *(_cost_cells(known) if known is not None else [MISSING] * 4),
                flips,
            ]
        )
    return Table(f"{network.name}: what schemes hold and cost", columns, rows)


def facts(results: Sequence[NetworkResults]) -> dict:
    """What captions say: `at_ber`."""
    return {"at_ber": rate(float(results[0].costs["at_ber"].iloc[0]))}


def _cost_cells(cost: pd.Series) -> list[str]:
    if not cost["read_gates"] and not cost["dirty_operations"]:
        return ["none", "0 %", "none", "none"]
    return [
        f"{cost['read_gates']:,.0f}",
        f"{100 * cost['gates_ratio']:.0f} %",
        count(cost["dirty_operations"]) if cost["dirty_operations"] else "none",
        _mean(cost["expected_operations"]),
    ]


def _mean(operations: float) -> str:
    if operations == 0:
        return "none"
    return "< 0.01" if operations < 0.005 else f"{operations:,.{2 if operations < 1 else 1}f}"
