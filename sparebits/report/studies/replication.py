"""The notes' proposal 4: what copies without low mantissa bits save, cost and hold, beside codes in place."""

from collections.abc import Mapping
from math import ceil

import numpy as np
import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP, held_ber
from sparebits.outcomes import GROUPS
from sparebits.report.charts.replication import failures_by_bits, held_by_memory
from sparebits.report.parts import Figure, Section
from sparebits.report.studies.shorter_copies import comparison_table, comparisons
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, listed, p_value, percent, points, rate
from sparebits.schemes.names import CHOSEN, GENTLE
from sparebits.statistics.intervals import clopper_pearson_interval
from sparebits.statistics.planning import trials_needed
from sparebits.studies.replication import BLOCK, UNPROTECTED

QUESTION = (
    "If the low m bits of the mantissa are left out of the copies, how much memory does that save, what does it cost"
    " under bit errors, and is replication ever better than a code in place that takes no more memory?"
)
IN_PLACE = (GENTLE, CHOSEN, BLOCK)
"""Ours, all in the network's own words."""
ALPHA, NORMAL_95 = 0.05, 1.96
MARGIN = 0.01
"""Difference between shares of trials that would count as none."""
LIMIT = 0.01
"""P(drop > HELD_WITHIN_PP) below which a rate counts as shown to be held."""


def section(tables: Mapping[str, pd.DataFrame]) -> Section:
    """The part of the page.

    Args:
        tables: study_replication.csv by network.
    """
    panels = []
    for network, table in tables.items():
        held = held_finding(network, table)
        panels.append(
            Figure(
                f"replication-memory-{network}",
                held,
                held_by_memory(_points(table), float(table.loc[table["ber"] > 0, "ber"].min()), held),
                f"Held: no trial dropped by more than {HELD_WITHIN_PP:g} percentage point at this rate or a lower one."
                " Numbers: low mantissa bits m that the copies lack. Copies count with the original.",
            )
        )
    for network, table in tables.items():
        failing = failing_finding(network, table)
        panels.append(
            Figure(
                f"replication-failures-{network}",
                failing,
                failures_by_bits(_cells(table), failing),
                f"Trials that dropped by more than {HELD_WITHIN_PP:g} percentage point, of those made at the rate;"
                " a scheme leaves after the first rate at which every trial dropped by over 20.",
                360,
            )
        )
    return Section(
        "replication",
        "Replication without low mantissa bits",
        "proposal 4 of the notes",
        panels=panels,
        tables=[_held_table(tables)],
        details=[comparison_table(comparisons(tables))],
    )


def answer(tables: Mapping[str, pd.DataFrame]) -> str:
    """The answer in two or three sentences, whatever the tables say."""
    return " ".join([_rival_answer(tables), _memory_answer(tables), _certainty(tables)])


def trials(tables: Mapping[str, pd.DataFrame]) -> str:
    """How many trials the answer rests on."""
    total = sum(int((table["ber"] > 0).sum()) for table in tables.values())
    images = sorted({int(number) for table in tables.values() for number in table["images"].unique()})
    maps = max(int(table["trial"].max()) + 1 for table in tables.values())
    return (
        f"{total:,} trials: {maps} fault maps at each rate, the same ones for every scheme, on"
        f" {listed([f'{number:,}' for number in images], 'or')} images of each network that no choice was made on"
    )


def held_finding(network: str, table: pd.DataFrame) -> str:
    """What copies hold at best and what is held in place."""
    copies = _held(table[table["copies"] > 0])
    best, ours = (
        max(copies.values(), default=0.0),
        max(_held(table[table["scheme"].isin(IN_PLACE)]).values(), default=0.0),
    )
    least = min((memory for (*_, memory), held in copies.items() if held == best), default=0.0)
    theirs = f"copies hold {rate(best)} at best, for {percent(least, 0)} more memory" if best else "copies hold nothing"
    return f"{network}: {theirs}; codes in place hold {rate(ours) if ours else 'nothing'} for none"


def failing_finding(network: str, table: pd.DataFrame) -> str:
    """Whether it shows which bits the copies lack."""
    replicated = table[(table["copies"] > 0) & (table["ber"] > 0)]
    spans = []
    for copies, own in replicated.groupby("copies"):
        held = {bits: held_ber(rows) for bits, rows in own.groupby("dropped")}
        low, high = min(held.values()), max(held.values())
        spans.append(f"{copies} copies hold {rate(low) if low == high else f'{rate(low)} to {rate(high)}'}")
    return f"{network}: whatever m, {listed(spans)}"


def _held(table: pd.DataFrame) -> dict[tuple, float]:
    """By (scheme, copies, dropped, memory) the rate held."""
    return {key: held_ber(rows) for key, rows in table.groupby(["scheme", "copies", "dropped", "memory"], sort=False)}


def _points(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (scheme, copies, dropped, memory), held in _held(table).items():
        maps = int((table.loc[table["scheme"] == scheme, "trial"]).max()) + 1
        series = f"{copies} copies" if copies else scheme
        group = GROUPS[0] if scheme in IN_PLACE else GROUPS[3] if scheme == UNPROTECTED else GROUPS[1]
        rows.append((series, group, memory, held, f"{dropped}" if copies else "", maps))
    return pd.DataFrame(rows, columns=["series", "group", "memory", "held", "label", "trials"])


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    faulty = table[table["ber"] > 0]
    for (scheme, ber), own in faulty.groupby(["scheme", "ber"], sort=False):
        failed = int((own["drop_pp"] > HELD_WITHIN_PP).sum())
        rows.append((scheme, rate(ber), failed / len(own), f"{failed}/{len(own)}", ber))
    cells = pd.DataFrame(rows, columns=["row", "rate", "share", "text", "ber"])
    # Columns ascend, although not every scheme has all rates.
    order = {name: place for place, name in enumerate(dict.fromkeys(table["scheme"]))}
    cells = cells.assign(place=cells["row"].map(order))
    ladder = [rate(ber) for ber in sorted(faulty["ber"].unique())]
    first = cells.assign(step=cells["rate"].map(ladder.index)).sort_values(["place", "step"], kind="stable")
    return first[["row", "rate", "share", "text"]].reset_index(drop=True)


def _memory_answer(tables: Mapping[str, pd.DataFrame]) -> str:
    replicated = pd.concat(tables.values())
    replicated = replicated[replicated["copies"] > 0]
    if replicated.empty:
        return "No copies were measured."
    most = int(replicated["dropped"].max())
    saved = float(replicated.loc[replicated["dropped"] == most, "saved"].iloc[0])
    told = f"Leaving m bits out saves as many of every word copied: {percent(saved, 0)} of their memory at m = {most}"
    found = comparisons(tables)
    if not found:
        return f"{told}."
    different = [one for one in found if one.p_holm < ALPHA]
    if different:
        worse = [one for one in different if one.difference > 0]
        named = listed([f"m = {one.dropped} with {one.copies} copies" for one in (worse or different)])
        often = "more often" if worse else "more rarely"
        return f"{told}. Trials fail {often} than with copies of all bits at {named} (adjusted p below {ALPHA:g})."
    smallest, maps = min(one.p_holm for one in found), min(one.maps for one in found)
    low, high = 100 * min(one.low for one in found), 100 * max(one.high for one in found)
    needed = ceil((NORMAL_95 * max(one.deviation for one in found) / MARGIN) ** 2)
    return (
        f"{told}. No m was seen to make a difference to what fails: against as many copies of all bits the smallest"
        f" adjusted p is {p_value(smallest)}, of {maps} fault maps or more each. Differences of {points(low)} to"
        f" {points(high)} pp in the share of trials that fail remain possible; to tell {100 * MARGIN:g} pp takes about"
        f" {needed:,} maps."
    )


def _rival_answer(tables: Mapping[str, pd.DataFrame]) -> str:
    wins = []
    for name, table in tables.items():
        ours = max(_held(table[table["scheme"].isin(IN_PLACE)]).values(), default=0.0)
        wins += [name for held in _held(table[table["copies"] > 0]).values() if held > ours][:1]
    theirs, mine = _best(tables, lambda table: table["copies"] > 0), _best(tables, lambda t: t["scheme"].isin(IN_PLACE))
    held = (
        f"copies hold {_rates(theirs)} at best ({', '.join(tables)}), at {_memories(tables)} more memory, and codes in"
        f" place, without any, {_rates(mine)}"
    )
    if wins:
        return f"Replication holds more than any code in place for {listed(wins)}: {held}."
    return f"Replication is never better than a code in place: {held}."


def _best(tables: Mapping[str, pd.DataFrame], chosen) -> list[float]:
    return [max(_held(table[chosen(table)]).values(), default=0.0) for table in tables.values()]


def _rates(held: list[float]) -> str:
    return listed([rate(one) for one in held]) if len(set(held)) > 1 else rate(held[0])


def _memories(tables: Mapping[str, pd.DataFrame]) -> str:
    memory = pd.concat(tables.values()).query("copies > 0")["memory"]
    return f"{percent(memory.min(), 0)} to {percent(memory.max(), 0)}"


def _certainty(tables: Mapping[str, pd.DataFrame]) -> str:
    """How sure that is, at the lowest rate at which even the best copies fail in most trials."""
    rates = sorted(set().union(*(table.loc[table["ber"] > 0, "ber"] for table in tables.values())))
    told = ""
    for ber in rates:
        theirs = [_failed(table[(table["copies"] > 0) & (table["ber"] == ber)]) for table in tables.values()]
        ours = [_failed(table[table["scheme"].isin(IN_PLACE) & (table["ber"] == ber)]) for table in tables.values()]
        if all(map(len, theirs)) and all(map(len, ours)) and np.concatenate(theirs).mean() > 0.5:
            told = (
                f"At {rate(ber)} the copies that fail most rarely drop by over {HELD_WITHIN_PP:g} pp under"
                f" {_share(np.concatenate(theirs))} fault maps, the code in place that does under"
                f" {_share(np.concatenate(ours))}. "
            )
            break
    maps, needed = max(int(table["trial"].max()) + 1 for table in tables.values()), trials_needed(LIMIT)
    if maps < needed:
        told += (
            f"That fewer than 1 % of fault maps do harm at a rate takes {needed} maps without one that does; here are"
            f" {maps}, so what is held is what no map disproved."
        )
    return told.strip()


def _failed(rows: pd.DataFrame) -> np.ndarray:
    """Of the scheme that fails most rarely, whether each of its trials fails; empty without rows."""
    schemes = [(own["drop_pp"] > HELD_WITHIN_PP).to_numpy() for _, own in rows.groupby("scheme", sort=False)]
    return min(schemes, key=lambda failed: failed.mean(), default=np.empty(0, dtype=bool))


def _share(failed: np.ndarray) -> str:
    count, number = int(failed.sum()), len(failed)
    low, high = clopper_pearson_interval(count, number)
    return f"{count} of {number} ({100 * float(low):.0f} to {100 * float(high):.0f} %)"


def _held_table(tables: Mapping[str, pd.DataFrame]) -> Table:
    frame = pd.concat(tables.values())
    keys = frame.groupby(["copies", "dropped", "scheme"], sort=False)["memory"].max().reset_index()
    held = {name: {scheme: one for (scheme, *_), one in _held(table).items()} for name, table in tables.items()}
    rows = []
    for key in keys.sort_values(["copies", "dropped"], kind="stable").itertuples():
        names = [f"{key.copies} copies", str(key.dropped)] if key.copies else [key.scheme, MISSING]
        found = [rate(of_network[key.scheme]) if key.scheme in of_network else MISSING for of_network in held.values()]
        rows.append([*names, _memory(key.memory), *found])
    columns = ["Scheme", "Bits left out", "Extra memory", *tables]
    return Table("Bit error rate held, and the memory that it takes", columns, rows, labels=2)


def _memory(share: float) -> str:
    return percent(share, 0 if share >= 0.02 else 2) if share else "none"
