"""How many flips an attacker needs to bring a network to chance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sparebits.outcomes import best_published, scheme_group
from sparebits.report.results import NetworkResults
from sparebits.report.wording import MISSING, count, listed
from sparebits.schemes.names import CHOSEN

RUN = ["scheme", "attack", "knowledge", "seed"]
KNOWLEDGE = {"ignorant": "not knowing the scheme", "knowing": "knowing the scheme"}


def flips_to_chance(network: NetworkResults) -> pd.DataFrame:
    """A row a run of an attack.

    Returns:
        scheme, attack, knowledge, seed, flips (infinite if chance was not reached), most (the flips that were tried),
        scheme_group, attacker (attack and knowledge in words).
    """
    rows = []
    for key, run in network.attack.groupby(RUN, sort=False):
        reached = run.loc[run["at_chance"] == 1, "flips"]
        flips = float(reached.min()) if len(reached) else float("inf")
        rows.append((*key, flips, int(run["flips"].max())))
    runs = pd.DataFrame(rows, columns=[*RUN, "flips", "most"])
    told = [f"{row.attack}, {KNOWLEDGE.get(row.knowledge, row.knowledge)}" for row in runs.itertuples()]
    return runs.assign(scheme_group=runs["scheme"].map(scheme_group), attacker=told)


def withstood(runs: pd.DataFrame) -> pd.DataFrame:
    """By scheme what the most harmful attack needs, the scheme that withstands most first.

    That is the attack whose median over seeds is lowest; of an even number of seeds the lower of the two in the
    middle. Who knows a scheme can also attack as if they did not, so all attacks count.

    Args:
        runs: from `flips_to_chance`.

    Returns:
        index scheme; flips (infinite if chance was not reached), most (flips that were tried), attacker, seeds.
    """
    by_attacker = runs.groupby(["scheme", "attacker"], sort=False)
    medians = by_attacker.agg(flips=("flips", _median), most=("most", "min"), seeds=("seed", "size")).reset_index()
    worst = medians.loc[medians.groupby("scheme", sort=False)["flips"].idxmin()].set_index("scheme")
    return worst.iloc[np.argsort([-_capped(row) for _, row in worst.iterrows()], kind="stable")]


def flips_text(row: pd.Series | None) -> str:
    """Flips to chance as in `withstood`: 12, or "> 1,000"; a dash for a scheme that was not attacked."""
    if row is None:
        return MISSING
    return count(row["flips"]) if np.isfinite(row["flips"]) else f"> {count(row['most'])}"


def resists(network: NetworkResults) -> str:
    """What the most harmful attack needs against the chosen scheme, its best rival, nothing and the best of all."""
    found = withstood(flips_to_chance(network))
    rival = best_published(network.campaign)
    schemes = {CHOSEN: "with the chosen scheme", rival: f"with {rival}", "unprotected": "unprotected"}
    parts = [f"{_need(found.loc[scheme])} {words}" for scheme, words in schemes.items() if scheme in found.index]
    first = found.index[0]
    if first not in schemes and (CHOSEN not in found.index or _capped(found.loc[first]) > _capped(found.loc[CHOSEN])):
        parts.append(f"{_need(found.loc[first])} with {first}, which withstands most")
    return f"{network.name} is at chance after {listed(parts)}"


def facts(results: Sequence[NetworkResults]) -> dict:
    """What captions say: `seeds`, `flips` (that were tried at most)."""
    runs = pd.concat([flips_to_chance(network) for network in results])
    seeds = runs.groupby(["scheme", "attacker"])["seed"].nunique().max()
    return {"seeds": str(int(seeds)), "flips": count(runs["most"].max())}


def _need(row: pd.Series) -> str:
    if np.isfinite(row["flips"]):
        return f"{count(row['flips'])} {'flip' if row['flips'] == 1 else 'flips'}"
    return f"more than {count(row['most'])} flips"


def _capped(row: pd.Series) -> float:
    return row["flips"] if np.isfinite(row["flips"]) else row["most"] + 0.5


def _median(flips: pd.Series) -> float:
    """The lower of the two in the middle where their number is even: no mean of a number and infinity."""
    return float(np.quantile(flips, 0.5, method="lower"))
