"""Accuracy as ever more low bits are altered (thesis 3.4, Tables 15 and 16)."""

import altair as alt
import pandas as pd

from sparebits.formats import FloatFormat
from sparebits.report.charts.style import (
    ACCURACY,
    INK,
    MUTED,
    OUTCOME_TOOLTIP,
    colour_scale,
    finish,
    legend,
    names_in,
    shape_scale,
)
from sparebits.statistics.intervals import wilson_interval
from sparebits.statistics.paired_images import drop_interval

GOLDEN_BIT = -1
"""Where the golden run stands on the axis of highest altered bits."""

_TOOLTIP = [
    alt.Tooltip("bit:Q", title="highest altered bit"),
    *OUTCOME_TOOLTIP,
    alt.Tooltip("images:Q"),
]


def with_golden_run(lsb: pd.DataFrame, series: str) -> pd.DataFrame:
    """The rows of a sweep and, for each series, the golden run on the same images as bit GOLDEN_BIT."""
    first = lsb.groupby(series, sort=False).head(1).copy()
    hits = first["hits"] + first["lost"] - first["gained"]
    low, high = wilson_interval(hits, first["images"])
    golden = first.assign(
        bit=GOLDEN_BIT, hits=hits, accuracy=hits / first["images"], low=low, high=high, drop_pp=0.0, lost=0, gained=0
    )
    return pd.concat([golden, lsb.sort_values("bit", kind="stable")], ignore_index=True)


def accuracy_by_bit(
    lsb: pd.DataFrame,
    series: str,
    tolerance_pp: float,
    title: str,
    fmt: FloatFormat | None = None,
    depths: dict[str, int] | None = None,
    height: int = 340,
) -> alt.Chart:
    """Accuracy against the highest altered bit, with 95 % bands, a line for each value of the column `series`.

    Args:
        lsb: rows of lsb.csv with a column `series` ("network", "kind" or "mode").
        tolerance_pp: drawn as dashed lines below each golden run.
        fmt: marks where the mantissa and the exponent end, if all rows have one format.
        depths: of each series, marked by a ring.
    """
    rows = _in_percent(with_golden_run(lsb, series))
    names = names_in(rows, series)
    colour = alt.Color(f"{series}:N", scale=colour_scale(series, names), legend=legend())
    widest = int(rows["bit"].max())
    ticks = [GOLDEN_BIT, *range(0, widest + 1, 4 if widest < 40 else 8)]
    axis = alt.Axis(values=ticks, labelExpr="datum.value < 0 ? 'none' : format(datum.value, 'd')", grid=False)
    x = alt.X("bit:Q", title="Highest altered bit", axis=axis, scale=alt.Scale(domain=[-1.6, widest + 0.6], nice=False))
    y = alt.Y("percent:Q", title=ACCURACY, scale=alt.Scale(domain=[0, 100]))
    base = alt.Chart(rows).encode(x=x, color=colour)
    band = base.mark_area(opacity=0.16).encode(y=alt.Y("percent_low:Q", title=ACCURACY), y2="percent_high:Q")
    line = base.mark_line(strokeWidth=1.8).encode(y=y)
    shape = alt.Shape(f"{series}:N", scale=shape_scale(names), legend=legend())
    point = base.mark_point(size=28, filled=True).encode(y=y, shape=shape, tooltip=[f"{series}:N", *_TOOLTIP])
    layers = [_tolerance_lines(rows, series, tolerance_pp, colour), band, line, point]
    if depths:
        chosen = rows[rows["bit"] == rows[series].map(depths)]
        ring = alt.Chart(chosen).mark_point(size=170, strokeWidth=2, fill=None, shape="circle")
        layers.append(ring.encode(x="bit:Q", y="percent:Q", color=colour))
    if fmt and widest >= fmt.mantissa_bits:
        layers.append(_field_borders(fmt))
    return finish(alt.layer(*layers), title, height=height)


def _in_percent(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(percent=100 * rows["accuracy"], percent_low=100 * rows["low"], percent_high=100 * rows["high"])


def _tolerance_lines(rows: pd.DataFrame, series: str, tolerance_pp: float, colour: alt.Color) -> alt.Chart:
    levels = rows[rows["bit"] == GOLDEN_BIT].assign(level=lambda golden: golden["percent"] - tolerance_pp)
    rule = alt.Chart(levels if series == "network" else levels.drop_duplicates("level"))
    if series == "network":
        return rule.mark_rule(strokeDash=[5, 4], opacity=0.8).encode(y="level:Q", color=colour)
    return rule.mark_rule(strokeDash=[5, 4], color=MUTED).encode(y="level:Q")


def _field_borders(fmt: FloatFormat) -> alt.LayerChart:
    borders = pd.DataFrame({"bit": [fmt.mantissa_bits - 0.5, fmt.sign_bit - 0.5], "name": ["exponent", "sign"]})
    rule = alt.Chart(borders).mark_rule(color=MUTED, strokeDash=[2, 3]).encode(x="bit:Q")
    name = alt.Chart(borders).mark_text(align="left", baseline="bottom", dx=2, dy=-3, color=MUTED, fontSize=11)
    return alt.layer(rule, name.encode(x="bit:Q", y=alt.value(0), text="name:N"))


def drop_near_tolerance(lsb: pd.DataFrame, tolerance_pp: float, depths: dict[str, int], title: str) -> alt.Chart:
    """Drop of accuracy against the highest altered bit around the depths, with 95 % intervals of the paired difference.

    Args:
        lsb: rows of lsb.csv with a column `network`, one mode and kind.
        depths: by network, marked by a ring.
    """
    low, high = drop_interval(lsb["lost"], lsb["gained"], lsb["images"])
    rows = _in_percent(lsb.assign(drop_low=low, drop_high=high))
    found = [depth for depth in depths.values() if depth >= 0] or [0]
    first, last = max(0, min(found) - 5), min(int(rows["bit"].max()), max(found) + 4)
    rows = rows[rows["bit"].between(first, last)]
    names = list(depths)
    span = max(tolerance_pp, 0.5)
    colour = alt.Color("network:N", scale=colour_scale("network", names), legend=legend())
    ticks = list(range(first, last + 1))
    axis = alt.Axis(values=ticks, format="d", grid=False)
    x = alt.X(
        "bit:Q", title="Highest altered bit", axis=axis, scale=alt.Scale(domain=[first - 0.5, last + 0.5], nice=False)
    )
    title_y = "Drop of accuracy (percentage points)"
    y = alt.Y("drop_pp:Q", title=title_y, scale=alt.Scale(domain=[-2 * span, 6 * span], nice=False))
    base = alt.Chart(rows).encode(x=x, color=colour)
    band = base.mark_area(opacity=0.16, clip=True).encode(y=alt.Y("drop_low:Q", title=title_y), y2="drop_high:Q")
    line = base.mark_line(strokeWidth=1.8, clip=True).encode(y=y)
    shape = alt.Shape("network:N", scale=shape_scale(names), legend=legend())
    point = base.mark_point(size=40, filled=True, clip=True).encode(y=y, shape=shape, tooltip=["network:N", *_TOOLTIP])
    chosen = rows[rows["bit"] == rows["network"].map(depths)]
    ring = alt.Chart(chosen).mark_point(size=190, strokeWidth=2, fill=None, shape="circle", clip=True)
    ring = ring.encode(x="bit:Q", y="drop_pp:Q", color=colour)
    levels = pd.DataFrame({"level": [0.0, tolerance_pp], "name": ["golden run", f"tolerance {tolerance_pp:g} pp"]})
    rule = alt.Chart(levels).mark_rule(strokeDash=[5, 4], color=INK).encode(y="level:Q")
    name = alt.Chart(levels).mark_text(align="left", baseline="bottom", dx=3, dy=-3, color=INK, fontSize=11)
    name = name.encode(x=alt.value(0), y="level:Q", text="name:N")
    return finish(alt.layer(rule, band, line, point, ring, name), title)
