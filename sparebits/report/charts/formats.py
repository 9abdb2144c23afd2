"""Formats beside each other: what their mantissas may lose, and what codes of 16-bit words hold."""

import altair as alt
import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.report.charts.style import INK, MUTED, SCHEME_COLOURS, finish, legend, names_in

FORMAT_COLOURS = {
    "binary64": "#123C69",
    "binary32": "#2E86C1",
    "binary16": "#B7770D",
    "bfloat16": "#D9480F",
    "float8_e5m2": "#7B241C",
    "int8": "#6B7680",
}
_OTHER = "#999999"
_SHAPES = {
    "binary64": "circle",
    "binary32": "square",
    "binary16": "triangle-up",
    "bfloat16": "diamond",
    "float8_e5m2": "cross",
    "int8": "triangle-down",
}


def drop_by_kept_bits(sweeps: pd.DataFrame, tolerance_pp: float, most: int, title: str) -> alt.Chart:
    """Drop against the leading mantissa bits that were left as they are, a line a format, for one network.

    Args:
        sweeps: series (a format, or a format and how it came about), format, kept, drop_pp, low, high, images.
        tolerance_pp: drawn as a line.
        most: leading bits shown.
    """
    rows = sweeps[sweeps["kept"] <= most].sort_values("kept")
    span = max(2.5 * tolerance_pp, 3.0)
    axis = alt.Axis(values=list(range(most + 1)), format="d", grid=False)
    scale = alt.Scale(domain=[-0.4, most + 0.4], nice=False)
    x = alt.X("kept:Q", title="Leading mantissa bits left as they are", axis=axis, scale=scale)
    title_y = "Drop of accuracy (percentage points)"
    y_scale = alt.Scale(domain=[-0.5 * span, 2 * span], nice=False)
    base = alt.Chart(rows).encode(x=x, color=_colour(rows))
    band = base.mark_area(opacity=0.1, clip=True).encode(
        y=alt.Y("low:Q", title=title_y, scale=y_scale), y2="high:Q", detail="series:N"
    )
    line = base.mark_line(strokeWidth=1.6, clip=True).encode(y=alt.Y("drop_pp:Q", title=title_y), detail="series:N")
    tooltip = [
        "series:N",
        alt.Tooltip("kept:Q", title="bits left"),
        alt.Tooltip("drop_pp:Q", title="drop (pp)", format="+.2f"),
        alt.Tooltip("low:Q", title="95 % from", format="+.2f"),
        alt.Tooltip("high:Q", title="to", format="+.2f"),
        "images:Q",
    ]
    points = base.mark_point(size=42, filled=True, opacity=0.9, clip=True).encode(
        y="drop_pp:Q", shape=_shape(rows), tooltip=tooltip
    )
    level = alt.Chart(pd.DataFrame({"y": [tolerance_pp]})).mark_rule(color=MUTED, strokeDash=[5, 4]).encode(y="y:Q")
    return finish(alt.layer(level, band, line, points), title, height=280)


def droppable_by_mantissa(points: pd.DataFrame, lines: pd.DataFrame, title: str) -> alt.Chart:
    """Droppable bits against mantissa bits: measured, with bounds, and the fitted line; for one network.

    Args:
        points: series, format, mantissa_bits, droppable, droppable_low, droppable_high.
        lines: x, all (all bits), line (the fit), share (in proportion to the widest format), at both ends.
    """
    ends = max(points["mantissa_bits"].max(), 1)
    scale = alt.Scale(domain=[0, 1.04 * ends], nice=False)
    x = alt.X(
        "mantissa_bits:Q", title="Mantissa bits of the format", scale=scale, axis=alt.Axis(grid=False, tickCount=8)
    )
    title_y = "Low mantissa bits that may be altered"
    y = alt.Y("droppable:Q", title=title_y, scale=alt.Scale(domain=[-1, 1.04 * ends], nice=False))
    guides = alt.Chart(lines).encode(x=alt.X("x:Q", scale=scale))
    every = guides.mark_line(color=MUTED, strokeDash=[2, 3], strokeWidth=1).encode(y="all:Q")
    fit = guides.mark_line(color=INK, strokeWidth=1.2).encode(y="line:Q")
    base = alt.Chart(points).encode(x=x, color=_colour(points))
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("droppable_low:Q", title=title_y), y2="droppable_high:Q")
    tooltip = ["series:N", "mantissa_bits:Q", "droppable:Q", "droppable_low:Q", "droppable_high:Q"]
    dots = base.mark_point(size=70, filled=True, opacity=0.9).encode(y=y, shape=_shape(points), tooltip=tooltip)
    return finish(alt.layer(every, fit, bars, dots), title, height=280)


def failures_of_schemes(cells: pd.DataFrame, title: str) -> alt.Chart:
    """Share of fault maps under which each scheme drops too far, with exact intervals; a row a scheme, format and rate.

    Args:
        cells: scheme, format, rate (text), row, failed, trials, percent, low, high, worst.
    """
    rates = names_in(cells, "rate")
    rows = names_in(cells, "row")
    y = alt.Y("row:N", sort=rows, title=None, axis=alt.Axis(labelLimit=0, domain=False, ticks=False, labelPadding=8))
    x = alt.X(
        "percent:Q",
        title=f"Fault maps that cost over {HELD_WITHIN_PP:g} pp (%)",
        scale=alt.Scale(domain=[0, 100], nice=False),
        axis=alt.Axis(grid=True, values=[0, 25, 50, 75, 100]),
    )
    shades = dict(zip(rates, ("#80C9C0", "#009988", "#00665B", "#003D37"), strict=False))
    colour = alt.Color(
        "rate:N",
        scale=alt.Scale(domain=rates, range=[shades.get(rate, SCHEME_COLOURS["ours"]) for rate in rates]),
        legend=legend("Bit error rate"),
    )
    offset = alt.YOffset("rate:N", sort=rates)
    tooltip = [
        "row:N",
        "rate:N",
        alt.Tooltip("failed:Q", title=f"maps over {HELD_WITHIN_PP:g} pp"),
        alt.Tooltip("trials:Q", title="of"),
        alt.Tooltip("low:Q", title="95 % from (%)", format=".1f"),
        alt.Tooltip("high:Q", title="to (%)", format=".1f"),
        alt.Tooltip("worst:Q", title="worst drop (pp)", format="+.2f"),
    ]
    base = alt.Chart(cells).encode(y=y, yOffset=offset, color=colour)
    bars = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q")
    dots = base.mark_point(size=42, filled=True, opacity=1).encode(x=x, tooltip=tooltip)
    return finish(alt.layer(bars, dots), title, height=34 * len(rows))


def _colour(rows: pd.DataFrame) -> alt.Color:
    series, formats = _series(rows)
    colours = [FORMAT_COLOURS.get(fmt, _OTHER) for fmt in formats]
    return alt.Color("series:N", scale=alt.Scale(domain=series, range=colours), legend=legend(labelLimit=240))


def _shape(rows: pd.DataFrame) -> alt.Shape:
    series, formats = _series(rows)
    shapes = [
        "triangle-right" if "trained" in name else _SHAPES.get(fmt, "triangle-left")
        for name, fmt in zip(series, formats, strict=True)
    ]
    return alt.Shape("series:N", scale=alt.Scale(domain=series, range=shapes), legend=legend(labelLimit=240))


def _series(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    order = rows.drop_duplicates("series")
    order = order.assign(place=[list(FORMAT_COLOURS).index(f) if f in FORMAT_COLOURS else 99 for f in order["format"]])
    order = order.sort_values("place", kind="stable")
    return order["series"].tolist(), order["format"].tolist()
