"""The notes' question 5: does what a mantissa may lose grow with it; and what 16-bit words hold without memory."""

import numpy as np
import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP, held_ber
from sparebits.report.charts.formats import drop_by_kept_bits, droppable_by_mantissa, failures_of_schemes
from sparebits.report.parts import Figure, Section
from sparebits.report.studies.format_tables import (
    TRAINED,
    Tables,
    choices_table,
    growth_table,
    protection_table,
    series_of,
    span_text,
)
from sparebits.report.wording import listed, rate
from sparebits.statistics.held import held_rate
from sparebits.statistics.intervals import clopper_pearson_interval
from sparebits.statistics.paired_images import drop_interval
from sparebits.statistics.planning import trials_needed
from sparebits.studies.formats import INT8, RULES
from sparebits.studies.short_words import SINGLE, UNPROTECTED

QUESTION = (
    "Does the number of low mantissa bits that may be altered grow in proportion with the mantissa, from binary64 to"
    " 16-bit formats; and what do 16-bit words hold without extra memory?"
)
LIMIT = 0.01
"""P(drop > HELD_WITHIN_PP) below which a rate counts as shown to be held."""


def section(sweeps: Tables, choices: Tables, growth: Tables, protection: Tables, tolerance_pp: float) -> Section:
    """The part of the page.

    Args:
        sweeps, choices, growth, protection: study_formats.csv, study_formats_choices.csv, study_formats_growth.csv and
            study_formats_protection.csv, by network.
        tolerance_pp: largest drop of the rule "tolerance".
    """
    panels = []
    for network, sweep in sweeps.items():
        finding = needed_finding(network, choices[network])
        shown = min(12, int(choices[network]["needed"].max()) + 3)
        panels.append(
            Figure(
                f"formats-kept-{network}",
                finding,
                drop_by_kept_bits(_kept(sweep), tolerance_pp, shown, finding),
                "All lower bits become the complement of the highest of them. Bands: 95 % intervals of the paired"
                " difference (Agresti–Min). Dashed: the tolerance. Of int8, bits of the magnitude.",
            )
        )
    for network, table in growth.items():
        finding = growth_finding(network, table)
        panels.append(
            Figure(
                f"formats-growth-{network}",
                finding,
                droppable_by_mantissa(*_growth_rows(choices[network], table), finding),
                "Droppable bits within the tolerance, with 95 % bootstrap bounds over images; line: least squares over"
                " the floating-point formats; dotted: all bits of the mantissa.",
            )
        )
    for network, table in protection.items():
        finding = protection_finding(network, table)
        panels.append(
            Figure(
                f"formats-protection-{network}",
                finding,
                failures_of_schemes(_failures(table), finding),
                "Lines: exact 95 % intervals (Clopper–Pearson). Words are stored in 16 bits and computed in binary32;"
                " schemes take the network's own memory, but for the bases of windows.",
                420,
            )
        )
    return Section(
        "formats",
        "Number formats",
        "proposal 5 of the notes",
        panels=panels,
        tables=[choices_table(choices)],
        details=[growth_table(growth), protection_table(protection)],
    )


def answer(choices: Tables, growth: Tables, protection: Tables) -> str:
    """The answer in a few sentences, whatever the tables say."""
    return " ".join([_growth_answer(growth), _needed_answer(choices), _protection_answer(protection)])


def trials(sweeps: Tables, protection: Tables) -> str:
    """How many images and trials the answer rests on."""
    images = sorted({int(number) for table in sweeps.values() for number in table["images"].unique()})
    total = sum(int((table["ber"] > 0).sum()) for table in protection.values())
    maps = max((int(table["trial"].max()) + 1 for table in protection.values()), default=0)
    variants = sum(map(len, sweeps.values()))
    return (
        f"{variants:,} sweeps of all words over {listed([f'{number:,}' for number in images], 'or')} images;"
        f" {total:,} trials of 16-bit words, {maps} fault maps at each rate"
    )


def needed_finding(network: str, choices: pd.DataFrame) -> str:
    """How many leading bits each format needs."""
    rows, whole = _needed(choices, RULES[0])
    needed = sorted(set(rows["needed"]))
    series = [series_of(*names) for names in zip(rows["format"], rows["origin"], strict=True)]
    named = {bits: listed(list(pd.Series(series)[(rows["needed"] == bits).to_numpy()])) for bits in needed}
    if len(needed) == 1:
        told = [f"{_bits(needed[0])} of mantissa in {'every format' if whole.empty else named[needed[0]]}"]
    else:
        told = [f"{_bits(bits)} of mantissa in {named[bits]}" for bits in needed]
    told += [f"all {bits} of {name}" for name, bits in zip(whole["format"], whole["mantissa_bits"], strict=True)]
    return f"{network} needs {listed(told)}"


def growth_finding(network: str, growth: pd.DataFrame) -> str:
    """The slope, and whether it is that of a constant or of a share."""
    row = growth[growth["rule"] == RULES[0]].iloc[0]
    more = f"a bit of mantissa more is {row['slope']:.2f} droppable bits more ({span_text(row, 'slope')})"
    return f"{network}: {more}; {-row['intercept']:.1f} are needed"


def protection_finding(network: str, protection: pd.DataFrame) -> str:
    """What the best scheme of joined words holds, and single words."""
    told = []
    for fmt, table in protection.groupby("format", sort=False):
        held = {scheme: held_ber(rows) for scheme, rows in table.groupby("scheme", sort=False)}
        joined = {scheme: one for scheme, one in held.items() if scheme not in (SINGLE, UNPROTECTED)}
        best = max(joined.values(), default=0.0)
        single = f", single words {rate(held[SINGLE])}" if SINGLE in held else ""
        told.append(f"{fmt} holds {rate(best)} with joined words{single}")
    return f"{network}: {'; '.join(told)}"


def _needed(choices: pd.DataFrame, rule: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of floating-point formats that may drop bits, and of those that need all they have, or more."""
    rows = choices[(choices["rule"] == rule) & (choices["format"] != INT8)]
    return rows[rows["droppable"] > 0], rows[rows["droppable"] == 0]


def _kept(sweep: pd.DataFrame) -> pd.DataFrame:
    """Rows of a sweep by the leading bits that are left, and the golden run, of which all are."""
    low, high = drop_interval(sweep["lost"], sweep["gained"], sweep["images"])
    top = sweep.groupby(["format", "origin"])["bit"].transform("max")
    return pd.DataFrame(
        {
            "series": [series_of(*names) for names in zip(sweep["format"], sweep["origin"], strict=True)],
            "format": sweep["format"],
            "kept": top - sweep["bit"],
            "drop_pp": sweep["drop_pp"],
            "low": low,
            "high": high,
            "images": sweep["images"],
        }
    )


def _growth_rows(choices: pd.DataFrame, growth: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = choices[choices["rule"] == RULES[0]]
    series = [series_of(*names) for names in zip(rows["format"], rows["origin"], strict=True)]
    fit = growth[growth["rule"] == RULES[0]].iloc[0]
    ends = np.array([0.0, float(rows["mantissa_bits"].max())])
    lines = pd.DataFrame({"x": ends, "all": ends, "line": fit["slope"] * ends + fit["intercept"]})
    return rows.assign(series=series), lines


def _failures(protection: pd.DataFrame) -> pd.DataFrame:
    faulty = protection[protection["ber"] > 0]
    rows = []
    for (scheme, fmt, ber), own in faulty.groupby(["scheme", "format", "ber"], sort=False):
        failed = int((own["drop_pp"] > HELD_WITHIN_PP).sum())
        low, high = clopper_pearson_interval(failed, len(own))
        shares = [100 * float(share) for share in (failed / len(own), low, high)]
        rows.append((f"{scheme}, {fmt}", rate(ber), failed, len(own), *shares, float(own["drop_pp"].max()), ber))
    columns = ["row", "rate", "failed", "trials", "percent", "low", "high", "worst", "ber"]
    return pd.DataFrame(rows, columns=columns).drop(columns="ber")


def _bits(number: int) -> str:
    return "1 bit" if number == 1 else f"{number} bits"


def _growth_answer(growth: Tables) -> str:
    rows = pd.concat(table.assign(network=name) for name, table in growth.items())
    rows = rows[rows["rule"] == RULES[0]]
    slopes = listed(
        [
            f"{row.slope:.2f} ({row.slope_low:.2f} to {row.slope_high:.2f}; {row.network}"
            f"{', binary64 trained' if row.binary64 == TRAINED else ''})"
            for row in rows.itertuples()
        ]
    )
    is_constant = bool(((rows["slope_low"] <= 1) & (rows["slope_high"] >= 1)).all())
    is_proportional = bool(((rows["intercept_low"] <= 0) & (rows["intercept_high"] >= 0)).any())
    shares = f"{100 * rows['share_spread'].min():.0f} to {100 * rows['share_spread'].max():.0f}"
    verdict = (
        "No: it is not a share of the mantissa but all of it less a constant"
        if is_constant and not is_proportional
        else "It is no clear case: neither all of the mantissa less a constant nor a share of it fits every network"
        if not is_constant and not is_proportional
        else "These networks do not tell a share of the mantissa from all of it less a constant"
    )
    return (
        f"{verdict}. A bit of mantissa more is {slopes} droppable bits more within the tolerance; the share that may be"
        f" dropped differs between formats by {shares} points."
    )


def _needed_answer(choices: Tables) -> str:
    told = []
    for name, table in choices.items():
        spans = [_span_of(_needed(table, rule)[0]["needed"]) for rule in RULES]
        told.append(f"{name} {spans[0]} ({spans[1]} to lose no image)")
    return f"Leading mantissa bits needed, in formats that have more: {'; '.join(told)}."


def _span_of(numbers: pd.Series) -> str:
    if numbers.empty:
        return "all"
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low}" if low == high else f"{low} to {high}"


def _protection_answer(protection: Tables) -> str:
    if not protection:
        return ""
    told = []
    maps = max(int(table["trial"].max()) + 1 for table in protection.values())
    formats = sorted({fmt for table in protection.values() for fmt in table["format"]})
    for name, table in protection.items():
        joined = table[~table["scheme"].isin([SINGLE, UNPROTECTED])]
        held, shown = (
            [max(measure(rows) for _, rows in own.groupby("scheme")) for _, own in joined.groupby("format")] or [0.0]
            for measure in (held_ber, _shown)
        )
        proof = f", shown for {rate(min(shown))}" if min(shown) else ""
        told.append(f"{name} {rate(min(held))}{proof}")
    needed = trials_needed(LIMIT)
    size = "" if maps >= needed else f" ({maps} maps each; to show it for less than 1 % of maps takes {needed})"
    return (
        f"In {listed(formats)}, codes over several words hold without extra memory bit error rates of at least"
        f" {'; '.join(told)}{size}."
    )


def _shown(rows: pd.DataFrame) -> float:
    """The rate up to which P(drop > HELD_WITHIN_PP) is shown to be below the limit."""
    by_rate = rows[rows["ber"] > 0].groupby("ber")["drop_pp"]
    failed = by_rate.agg(lambda drops: int((drops > HELD_WITHIN_PP).sum()))
    if failed.empty:
        return 0.0
    return held_rate(failed.index.to_numpy(), failed.to_numpy(), by_rate.size().to_numpy(), LIMIT)
