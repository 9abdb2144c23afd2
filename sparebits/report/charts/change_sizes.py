"""How often faults fail by bit, by field of the word, and by the size of the change that they make."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from sparebits.formats import FloatFormat
from sparebits.report.charts.style import (
    INK,
    LINES,
    MUTED,
    NETWORK_COLOURS,
    bit_axis,
    field_marks,
    finish,
    legend,
    names_in,
)

BEYOND = 5.0
"""Where sizes are drawn that lie beyond the axis: those of flips of the highest exponent bit, in binary32 10^36."""
_LAST = 4
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TOOLTIP = [
    alt.Tooltip("network:N"),
    alt.Tooltip("rate:Q", title="fail (%)", format=".1f"),
    alt.Tooltip("low:Q", title="95 % from", format=".1f"),
    alt.Tooltip("high:Q", title="to", format=".1f"),
    alt.Tooltip("failures:Q", title="failing trials"),
    alt.Tooltip("trials:Q", title="of"),
]


def rates_by_bit(rates: pd.DataFrame, fmt: FloatFormat, title: str) -> alt.Chart:
    """Failure rates against the flipped bit, networks side by side.

    Args:
        rates: network, bit (a number), trials, failures, rate, low, high (in percent).
    """
    names = names_in(rates, "network")
    aside = {name: 0.7 * ((len(names) - 1) / 2 - place) / len(names) for place, name in enumerate(names)}
    rows = rates.assign(left=rates["bit"] + rates["network"].map(aside))
    borders = pd.DataFrame({"between": [bit - 0.5 for bit in range(1, fmt.width)]})
    lanes = alt.Chart(borders).mark_rule(color=LINES).encode(x="between:Q")
    base = alt.Chart(rows).encode(x=bit_axis(fmt, "Flipped bit"), color=_colour(names))
    marks = _intervals(base, "y", _share("y", rows), alt.Tooltip("bit:Q", title="bit"))
    return finish(alt.layer(lanes, *marks, field_marks(fmt)), title, width=27 * fmt.width, height=300)


def rates_by_field(rates: pd.DataFrame, title: str) -> alt.Chart:
    """Failure rates of a random bit of sign, exponent, mantissa, and of the whole word, networks side by side.

    Args:
        rates: network, field, trials, failures, rate, low, high (in percent).
    """
    names = names_in(rates, "network")
    offset = alt.YOffset("network:N", sort=names, scale=alt.Scale(domain=names))
    y = alt.Y("field:N", title=None, sort=names_in(rates, "field"), axis=alt.Axis(domain=False, ticks=False))
    base = alt.Chart(rates).encode(y=y, yOffset=offset, color=_colour(names))
    marks = _intervals(base, "x", _share("x", rates, "Share of flips that change a prediction (%)"))
    return finish(alt.layer(*marks), title, width=460, height=18 * len(rates) + 30)


def rates_by_size(
    rates: pd.DataFrame,
    curves: pd.DataFrame | None,
    unit: str,
    title: str,
    networks: Sequence[str],
    width: int = 720,
) -> alt.Chart:
    """Failure rates against the size of the change, with fitted curves; sizes beyond the axis at its end.

    Args:
        rates: network, size (decimal logarithm), trials, failures, rate, low, high (in percent).
        curves: network, size, rate (in percent), or None.
        unit: what sizes are multiples of, for the axis.
        networks: of the page, drawn here or not, so that each has its own colour.
    """
    names, colour = names_in(rates, "network"), _colour(names_in(rates, "network"), networks)
    step = 0.05
    aside = {name: step * (place - (len(names) - 1) / 2) for place, name in enumerate(names)}
    rows = rates.assign(x=rates["size"].where(rates["size"] <= _LAST, BEYOND) + rates["network"].map(aside))
    has_beyond = bool((rates["size"] > _LAST).any())
    first = float(np.floor(rows["x"].min()))
    ticks = list(range(int(first), _LAST + 1)) + ([BEYOND] if has_beyond else [])
    labels = [f"10{str(tick).translate(_SUPERSCRIPTS)}" for tick in ticks if tick <= _LAST]
    axis = alt.Axis(
        values=ticks,
        labelExpr=f"datum.value > {_LAST} ? '> 10⁴' : {labels}[datum.value - {int(first)}]",
        labelOverlap=False,
        grid=False,
    )
    domain = [first, BEYOND + 0.4 if has_beyond else _LAST]
    x = alt.X("x:Q", title=f"Change of the value, {unit}", axis=axis, scale=alt.Scale(domain=domain, nice=False))
    base = alt.Chart(rows).encode(x=x, color=colour)
    marks = _intervals(base, "y", _share("y", rows))
    if curves is not None and len(curves):
        lines = alt.Chart(curves).mark_line(strokeWidth=2, clip=True)
        marks.insert(
            0,
            lines.encode(x=alt.X("size:Q", scale=alt.Scale(domain=domain, nice=False)), y="rate:Q", color=colour),
        )
    if has_beyond:
        gap = alt.Chart(pd.DataFrame({"at": [_LAST + 0.4]})).mark_rule(color=MUTED, strokeDash=[2, 3])
        marks.insert(0, gap.encode(x="at:Q"))
    return finish(alt.layer(*marks), title, width=width, height=300)


def differences(rows: pd.DataFrame, title: str, axis: str, order: Sequence[str]) -> alt.Chart:
    """Differences of two failure rates with their intervals; the line is none.

    Args:
        rows: network, difference, low, high (in percentage points), trials.
        axis: what the difference is.
        order: networks from top to bottom.
    """
    y = alt.Y("network:N", title=None, sort=list(order), axis=alt.Axis(domain=False, ticks=False, labelLimit=200))
    farthest = 1.1 * float(np.abs(rows[["low", "high"]].to_numpy()).max())
    scale = alt.Scale(domain=[-farthest, farthest], nice=False)
    base = alt.Chart(rows).encode(y=y, color=_colour(order, has_legend=False))
    tooltip = [
        alt.Tooltip("network:N"),
        alt.Tooltip("difference:Q", title="difference (pp)", format="+.2f"),
        alt.Tooltip("low:Q", title="95 % from", format="+.2f"),
        alt.Tooltip("high:Q", title="to", format="+.2f"),
        alt.Tooltip("trials:Q", title="pairs"),
    ]
    line = base.mark_rule(strokeWidth=1.8).encode(x=alt.X("low:Q", title=axis, scale=scale), x2="high:Q")
    point = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("difference:Q", scale=scale), tooltip=tooltip
    )
    none = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="zero:Q")
    return finish(alt.layer(none, line, point), title, width=460, height=30 * len(rows) + 20)


def _colour(names: Sequence[str], networks: Sequence[str] | None = None, has_legend: bool = True) -> alt.Color:
    """Colours of networks by their place among all of the page."""
    places = {name: place for place, name in enumerate(networks or names)}
    colours = [NETWORK_COLOURS[places[name] % len(NETWORK_COLOURS)] for name in names]
    scale = alt.Scale(domain=list(names), range=colours)
    return alt.Color("network:N", scale=scale, legend=legend(columns=5) if has_legend else None)


def _share(channel: str, rows: pd.DataFrame, title: str = "Share of trials that change a prediction (%)"):
    kind = alt.X if channel == "x" else alt.Y
    scale = alt.Scale(domain=[0, min(100.0, 1.04 * max(1.0, float(rows["high"].max())))], nice=False)
    return lambda column: kind(f"{column}:Q", title=title, scale=scale)


def _intervals(base: alt.Chart, channel: str, share, *more: alt.Tooltip) -> list[alt.Chart]:
    """A line from low to high and a point at the rate for each row."""
    line = base.mark_rule(strokeWidth=1.4, opacity=0.6).encode(**{channel: share("low"), f"{channel}2": "high:Q"})
    point = base.mark_point(filled=True, size=36, opacity=1).encode(
        **{channel: share("rate"), "tooltip": [*more, *_TOOLTIP]}
    )
    return [line, point]
