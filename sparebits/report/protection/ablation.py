"""What layout, code and policy each contribute to the bit error rate that is held."""

import math
from dataclasses import dataclass

import pandas as pd

from sparebits.campaign.held import held_ber
from sparebits.report.protection.ranking import times
from sparebits.report.results import NetworkResults
from sparebits.report.wording import MISSING, listed, rate
from sparebits.schemes.names import POLICIES

LAYOUTS = ("raw", "forced", "minifloat")
CODES = ("none", "repetition", "SEC-DED", "best code")
_OURS, _STRONGEST, _THEIRS = "minifloat", "best code", "forced"


@dataclass(frozen=True)
class Part:
    """What is held if one part is replaced by the plain one.

    Attributes:
        name: "layout", "code" or "policy".
        instead: what takes its place, in words.
        held: bit error rate without it; 0 if none, NaN if that does not fit.
        factor: what the part gains, at least; 1 if nothing is held with all parts either.
    """

    name: str
    instead: str
    held: float
    factor: float


def ablation_cells(network: NetworkResults) -> pd.DataFrame:
    """Every combination: layout, code, policy, held (0 if none, NaN where it does not fit), text."""
    parts = ["layout_part", "code_part", "policy_part"]
    held = {key: held_ber(trials) for key, trials in network.ablation.groupby(parts, sort=False)}
    highest = network.ablation["ber"].max()
    rows = []
    for layout in LAYOUTS:
        for code in CODES:
            for policy in ("none",) if code in CODES[:2] else POLICIES:
                found = held.get((layout, code, policy), math.nan)
                text = MISSING if math.isnan(found) else f"{'≥ ' if found == highest else ''}{rate(found)}"
                rows.append((layout, code, policy, found, text))
    return pd.DataFrame(rows, columns=["layout", "code", "policy", "held", "text"])


def contributions(network: NetworkResults) -> tuple[float, list[Part]]:
    """What is held with the minifloat layout, the best code and the policy that suits them best, and without each.

    Where nothing is held without a part, its factor counts from the lowest rate measured.
    """
    cells = ablation_cells(network)
    ours, best = cells["layout"] == _OURS, cells["code"] == _STRONGEST
    full = cells.loc[ours & best, "held"].max()
    full = 0.0 if math.isnan(full) else float(full)
    lowest = network.ablation.loc[network.ablation["ber"] > 0, "ber"].min()
    without = {
        "code": ("without the code", cells.loc[ours & (cells["code"] == "none"), "held"].max()),
        "layout": ("with the thesis’ layout", cells.loc[(cells["layout"] == _THEIRS) & best, "held"].max()),
        "policy": ("with detected words kept", cells.loc[ours & best & (cells["policy"] == "keep"), "held"].max()),
    }
    parts = []
    for name, (instead, held) in without.items():
        from_what = lowest if math.isnan(held) or not held else held
        parts.append(Part(name, instead, float(held), full / from_what if full else 1.0))
    return full, parts


def contributes_most(network: NetworkResults) -> str:
    """Which part gains most, and what is held without each."""
    full, parts = contributions(network)
    if not full:
        return f"{network.name}: layout, best code and policy together hold none of the rates measured here"
    is_highest = full == network.ablation["ber"].max()
    by_rate: dict[str, list[str]] = {}
    for part in parts:
        by_rate.setdefault(_held(part, is_highest), []).append(part.instead)
    told = [f"{listed(instead, 'or')} {held}" for held, instead in by_rate.items()]
    highest = max(part.factor for part in parts)
    most = [part.name for part in parts if part.factor == highest]
    if highest <= 1:
        verdict = "none of the three makes a difference at these rates"
    else:
        verdict = f"the {listed(most)} {'contributes' if len(most) == 1 else 'contribute'} most"
    whole = f"{rate(full)}{' or more' if is_highest else ''} with layout, code and policy"
    return f"{network.name} holds {'; '.join([whole, *told])}: {verdict}"


def _held(part: Part, at_least: bool) -> str:
    if math.isnan(part.held):
        return "it does not fit"
    if part.factor == 1:
        return "the same"
    if part.factor < 1:
        return f"{rate(part.held)}, which is more"
    bound = "over " if not part.held else "at least " if at_least else ""
    return f"{rate(part.held)} ({bound}{times(part.factor)} less)"
