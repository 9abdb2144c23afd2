"""Tables of the study of number formats, and how formats and bounds are named in it."""

from collections.abc import Mapping

import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, points, points_interval, rate
from sparebits.statistics.intervals import clopper_pearson_interval

TRAINED = "trained"
"""Origin of a network that was trained in its format."""

Tables = Mapping[str, pd.DataFrame]


def series_of(fmt: str, origin: str) -> str:
    """The name of a format in charts and tables."""
    return f"{fmt} (trained)" if origin == TRAINED else fmt


def span_text(row: pd.Series, name: str, digits: int = 2) -> str:
    """The bounds of a column."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{low:.{digits}f} to {high:.{digits}f}".replace("-", "−")


def choices_table(choices: Tables) -> Table:
    """What each format may drop, still needs, and has room for; study_formats_choices.csv by network."""
    rows = []
    for network, table in choices.items():
        for row in table.itertuples():
            layout = f"1-{row.window}-{row.rounded_to}" if row.window > 0 else MISSING
            drop = f"\n{points(row.layout_drop_pp)} pp {points_interval(row.layout_low_pp, row.layout_high_pp)}"
            zeros = f"\n{row.invariant_bits} are always 0" if row.invariant_bits else ""
            rows.append(
                [
                    *(network, series_of(row.format, row.origin), row.rule),
                    f"{row.mantissa_bits}{zeros}",
                    f"{row.droppable}\n{row.droppable_low:g} to {row.droppable_high:g}",
                    str(row.needed),
                    layout + (drop if row.window > 0 else ""),
                    _size(row.code_n, row.code_k, row.code_d),
                    _size(row.joined_n, row.joined_k, row.joined_d),
                ]
            )
    columns = [
        *("Network", "Format", "Rule", "Mantissa bits", "Droppable\n95 %", "Needed"),
        *("Shortest minifloat\ndrop", "Best code of a word", "of 64 bits together"),
    ]
    return Table("What each format may drop, still needs, and has room for", columns, rows, labels=3)


def _size(n: int, k: int, d: int) -> str:
    return f"[{n},{k},{d}]" if n else MISSING


def growth_table(growth: Tables) -> Table:
    """Slopes, intercepts and spreads; study_formats_growth.csv by network."""
    rows = []
    for network, table in growth.items():
        for row in table.to_dict("records"):
            series = pd.Series(row)
            rows.append(
                [
                    *(network, row["rule"], f"{row['formats'].replace(' ', ', ')}\nbinary64 {row['binary64']}"),
                    f"{row['slope']:.3f}\n{span_text(series, 'slope', 3)}",
                    f"{row['intercept']:.2f}\n{span_text(series, 'intercept')}".replace("-", "−"),
                    f"{row['needed_spread']:g}\n{span_text(series, 'needed_spread', 1)}",
                    f"{row['share_spread']:.2f}\n{span_text(series, 'share_spread')}",
                ]
            )
    columns = [
        *("Network", "Rule", "Formats"),
        *("Slope\n1: a constant is needed", "Intercept\n0: in proportion"),
        *("Spread of needed bits", "Spread of droppable shares"),
    ]
    return Table("Droppable bits against mantissa bits, with 95 % bounds over images", columns, rows, labels=3)


def protection_table(protection: Tables) -> Table:
    """Every scheme at every rate; study_formats_protection.csv by network."""
    rows = []
    for network, table in protection.items():
        for (fmt, scheme), own in table.groupby(["format", "scheme"], sort=False):
            fault_free = own[own["ber"] == 0].iloc[0]
            for ber, hit in own[own["ber"] > 0].groupby("ber"):
                failed = int((hit["drop_pp"] > HELD_WITHIN_PP).sum())
                low, high = clopper_pearson_interval(failed, len(hit))
                rows.append(
                    [
                        *(network, fmt, scheme, rate(ber)),
                        f"{points(fault_free['drop_pp'])} pp",
                        f"{failed} / {len(hit)}\n{100 * float(low):.1f} to {100 * float(high):.1f} %",
                        f"{points(hit['drop_pp'].max())} pp",
                        f"{hit['detected'].mean():.1f} / {hit['miscorrected'].mean():.1f}",
                        count(fault_free["extra_bytes"]),
                    ]
                )
    columns = [
        *("Network", "Format", "Scheme", "Bit error rate", "Fault-free drop", "Maps over 1 pp", "Worst drop"),
        *("Words detected / miscorrected", "Metadata (bytes)"),
    ]
    return Table("16-bit words under faults, all in the network's own memory", columns, rows, labels=4)
