"""What schemes hold beside each other: the ranking, and what the chosen scheme gains."""

import math

import pandas as pd

from sparebits.outcomes import Advantage, advantage, named_schemes, scheme_group, scheme_outcome, shown_held
from sparebits.report.results import NetworkResults
from sparebits.report.wording import listed, rate
from sparebits.schemes.names import CHOSEN, OURS, PARTS


def ranking(network: NetworkResults) -> pd.DataFrame:
    """A row a scheme as it was published, the one that holds most first; of equals the one that needs less memory.

    Returns:
        scheme, scheme_group, held, shown (0 if none), next_rate (NaN if none was measured), trials, extra_percent,
        memory (text, empty without extra memory).
    """
    rows = []
    for scheme in named_schemes(network.campaign):
        outcome = scheme_outcome(network.campaign, scheme)
        rows.append(
            {
                "scheme": scheme,
                "scheme_group": scheme_group(scheme),
                "held": outcome.held,
                "shown": shown_held(network.campaign, scheme),
                "next_rate": math.nan if outcome.next_rate is None else outcome.next_rate,
                "trials": outcome.trials,
                "extra_percent": outcome.extra_percent,
                "memory": memory_text(outcome.extra_percent),
            }
        )
    found = pd.DataFrame(rows)
    first = found["scheme"] != CHOSEN
    order = found.assign(less=-found["held"], first=first).sort_values(
        ["less", "first", "extra_percent"], kind="stable"
    )
    return order.drop(columns=["less", "first"]).reset_index(drop=True)


def memory_text(extra_percent: float) -> str:
    """Extra memory, such as +12.5 %; empty if there is none."""
    if extra_percent == 0:
        return ""
    if extra_percent < 0.01:
        return "< +0.01 %"
    return f"+{extra_percent:.{2 if extra_percent < 10 else 3}g} %"


def gained(network: NetworkResults) -> str:
    """What the chosen scheme holds beside the best published one without extra memory, and who holds more."""
    found = advantage(network.campaign)
    if not found.held:
        told = f"{network.name}: the chosen scheme holds no bit error rate measured"
    else:
        told = f"{network.name}: the chosen scheme holds {rate(found.held)}"
    return f"{told}{', ' if found.ratio and found.held else '; '}{_beside(found)}{_others(network, found)}"


def _beside(found: Advantage) -> str:
    if found.rival is None:
        return "no published scheme fits without extra memory"
    best = "the best published scheme without extra memory"
    if found.ratio is None or math.isinf(found.ratio):
        return f"{best} ({found.rival}) holds none"
    named = f"{best} ({found.rival}, {rate(found.rival_held)})"
    if found.ratio == 1:
        return f"as much as {named}"
    if found.ratio == 0:
        return f"{best} ({found.rival}) holds {rate(found.rival_held)}"
    if found.ratio < 1:
        return f"only {found.ratio:.2g} times {named}"
    return f"{'at least ' if found.is_highest else ''}{times(found.ratio)} {named}"


def times(ratio: float) -> str:
    """80 times, 2.7 times."""
    return f"{ratio:,.0f} times" if ratio >= 9.5 else f"{ratio:.2g} times"


def _others(network: NetworkResults, found: Advantage) -> str:
    """Schemes that are not ours, with whatever memory, that hold as much."""
    rows = ranking(network)
    rows = rows[~rows["scheme"].isin([*OURS, *PARTS, found.rival]) & (rows["held"] >= max(found.held, 1e-300))]
    if rows.empty:
        return ""
    names = [f"{row.scheme} ({f'{row.memory}, ' if row.memory else ''}{rate(row.held)})" for row in rows.itertuples()]
    return f"; {listed(names)} {'holds' if len(names) == 1 else 'hold'} as much or more"
