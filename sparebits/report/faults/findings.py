"""What single faults say, in sentences that stand above charts and tables.

Of 32 bits or 100 layers some always do worse than others by chance. One is set apart only if its exact interval lies
above that of all others together, at a confidence that holds for all of them at once (Bonferroni). Wilson's interval
would not do: so far out in the tails it takes one failure in one trial for a high rate.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from sparebits.report.faults import rates
from sparebits.report.faults.rates import PERSISTENCE
from sparebits.report.results import NetworkResults
from sparebits.report.wording import bit_runs, listed, percent
from sparebits.statistics.intervals import clopper_pearson_interval, wilson_interval

_CONFIDENCE = 0.95
_FEW = 3
"""More groups than this are told by the range of their shares."""
_NOUNS = {"bit": "bit", "layer": "layer", "layer_type": "layer type"}
_ASKED = ("critical", "changed")
"""The measures by which groups may stand out, the graver first."""


def standing_out(groups: pd.DataFrame, measure: str, comparisons: int = 1) -> list[int]:
    """Which groups clearly fail more often than all others together, the surest first, by their labels in the index.

    Where one does, the others are compared without it.

    Args:
        groups: from `rates.failures`.
        measure: "changed" or "critical".
        comparisons: how many such questions are asked in the same breath.
    """
    confidence = 1 - (1 - _CONFIDENCE) / (max(1, len(groups)) * comparisons)
    found: list[int] = []
    rest = groups[[measure, "trials"]]
    while len(rest) > 1:
        others = rest.sum() - rest
        low, _ = clopper_pearson_interval(rest[measure], rest["trials"], confidence)
        _, high = clopper_pearson_interval(others[measure], others["trials"], confidence)
        clear = pd.Series(low, rest.index)[low > high]
        if clear.empty:
            break
        found.append(clear.idxmax())
        rest = rest.drop(index=found[-1])
    return found


def by_bit(network: NetworkResults) -> str:
    """Which flipped bits fail more often than others, by persistence."""
    return _told(network, {where: rates.by_bit(network, where) for where in PERSISTENCE}, "bit")


def by_layer(network: NetworkResults) -> str:
    """Which layers' parameters fail more often than others'."""
    return _told(network, {"parameters": rates.by_layer(network)}, "layer")


def by_layer_type(network: NetworkResults) -> str:
    """Which layer types fail more often than others, by persistence."""
    return _told(network, {where: rates.by_layer_type(network, where) for where in PERSISTENCE}, "layer_type")


def facts(results: Sequence[NetworkResults]) -> dict:
    """What the caption says.

    Of "persistent" and "transient" faults, or None where there are none: `trials` that are uniform over all bits, the
    largest `margin` of error that they leave, in percentage points, and the `images` of a trial. And `strata` by which
    other trials were drawn, or an empty text.
    """
    strata = dict.fromkeys(name for network in results for name in network.faults["strata"].unique() if name != "none")
    named = {"strata": listed([name.replace("_", " ") for name in strata], "or") if strata else ""}
    return named | {name: _sample(results, where) for where, name in PERSISTENCE.items()}


def _sample(results: Sequence[NetworkResults], where: str) -> dict | None:
    samples = [rows for network in results if len(rows := rates.single_faults(network, where))]
    if not samples:
        return None
    trials = sorted({len(rows) for rows in samples})
    images = sorted({int(number) for rows in samples for number in rows["images"].unique()})
    low, high = wilson_interval(trials[0] / 2, trials[0])
    return {
        "trials": " or ".join(f"{number:,}" for number in trials),
        "margin": f"{50 * float(high - low):.1f}",
        "images": " or ".join(f"{number:,}" for number in images),
    }


def _told(network: NetworkResults, groups: Mapping[str, pd.DataFrame], by: str) -> str:
    """A sentence on the faults of each persistence; one for both where it is the same."""
    told: dict[str, list[str]] = {}
    for where, found in groups.items():
        if len(found):
            told.setdefault(_what_stands_out(found, by), []).append(PERSISTENCE[where])
    return f"{network.name}, {'; '.join(f'{listed(names)} faults: {text}' for text, names in told.items())}"


def _what_stands_out(groups: pd.DataFrame, by: str) -> str:
    trials = int(groups["trials"].sum())
    if not groups["changed"].any():
        return f"none of {trials:,} changes a prediction, {_share(groups, 'changed')}"
    for measure in _ASKED:
        found = standing_out(groups, measure, len(_ASKED))
        if found:
            shares = _shares(groups.loc[found], groups.drop(index=found), by, measure)
            if measure == "critical":
                return f"critical are {shares}"
            return f"predictions change under {shares}; no {_NOUNS[by]} stands out as critical"
    if len(groups) == 1:
        return f"all are in {groups[by].iloc[0]}, {_share(groups, 'critical')} are critical"
    if by == "bit":
        return f"no bit stands out, {_share(groups, 'critical')} of all trials are critical"
    # Where strata were drawn there is no share over all bits to tell.
    fewest, most = groups["trials"].min(), groups["trials"].max()
    each = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"no {_NOUNS[by]} stands out in {each} trial{'s' * int(most > 1)} each"


def _shares(found: pd.DataFrame, rest: pd.DataFrame, by: str, measure: str) -> str:
    """41 % [29, 54] of the flips of bit 30 and 0.5 % [0.2, 1.5] of all other bits."""
    whose, what, plural = ("of", "flips", "bits") if by == "bit" else ("in", "faults", f"{_NOUNS[by]}s")
    label = "bit " if by == "bit" else ""
    others = f"all other {plural}" if len(rest) > 1 else f"{label}{rest[by].iloc[0]}"
    last = f"{_share(rest, measure)} {whose} {others}"
    if len(found) > _FEW:
        shares = (found[measure] / found["trials"]).sort_values()
        ends = list(dict.fromkeys(percent(share, 0) for share in (shares.iloc[0], shares.iloc[-1])))
        names = f"bits {bit_runs(found[by])}" if by == "bit" else f"{len(found)} {plural}"
        return f"{' to '.join(ends)} of the {what} {whose} {names} and {last}"
    shares = [_share(found.loc[[row]], measure) for row in found.index]
    shares[0] += f" of the {what}"
    parts = [f"{share} {whose} {label}{name}" for share, name in zip(shares, found[by], strict=True)]
    return listed([*parts, last])


def _share(groups: pd.DataFrame, measure: str) -> str:
    """The share of all trials of some groups, with the 95 % interval that charts draw."""
    failures, trials = groups[measure].sum(), groups["trials"].sum()
    low, high = wilson_interval(failures, trials)
    digits = 0 if failures > 0.1 * trials else 1
    interval = f"[{100 * float(low):.{digits}f}, {100 * float(high):.{digits}f}]"
    return f"{percent(failures / trials, digits)} {interval}".replace(" ", "\u00a0")
