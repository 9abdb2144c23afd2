"""How often blocks of codes over many words fail, measured and computed, up to what the channel allows."""

from math import log10

import altair as alt
import numpy as np
import pandas as pd

from sparebits.report.charts.style import (
    INK,
    LINES,
    MUTED,
    STORAGE_COLOURS,
    colour_scale,
    finish,
    legend,
    names_in,
    storage_shapes,
)

FLOOR = 1e-12
"""Probabilities below are not drawn."""
_TINIEST = 5e-324
"""What a probability may be that has become 0."""
_ASIDE = 6
"""Between intervals at the same rate, in pixels."""
_TITLE = "Share of blocks that fail (log scale)"


def failures_by_rate(
    measured: pd.DataFrame, computed: pd.DataFrame, capacities: pd.DataFrame, bers: tuple[float, float], title: str
) -> alt.Chart:
    """Block failure rate against the bit error rate: points with intervals, lines where it is computed.

    Where no block failed, a hollow point with an arrow stands at the upper end of the interval.

    Args:
        measured: storage (a mode, with its data bits where there are several), ber, blocks, failed (unnoticed ones
            included), rate, low, high.
        computed: storage, ber, probability, name (what stands beside the line).
        capacities: ber, name; each a vertical line.
        bers: from where to where the axis reaches.
    """
    names = names_in(measured, "storage")
    measured = measured[measured["ber"].between(*bers)]
    measured = measured.assign(low=measured["low"].clip(lower=FLOOR), arrow=measured["high"] / 5)
    axis = alt.Axis(format="~g", tickCount=10, grid=False)
    x = alt.X("ber:Q", title="Bit error rate", axis=axis, scale=alt.Scale(domain=list(bers), nice=False, zero=False))
    decades = [10.0**power for power in range(round(log10(FLOOR)), 1, 2)]
    label = "datum.value == 1 ? '1' : format(datum.value, '~e')"
    y_axis = alt.Axis(values=decades, labelExpr=label, gridColor=LINES)
    scale = alt.Scale(type="log", domain=[FLOOR, 2.0], nice=False)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title=_TITLE, axis=y_axis, scale=scale)

    colour = alt.Color("storage:N", scale=colour_scale("storage", names), legend=legend(labelLimit=0))
    shape = alt.Shape("storage:N", scale=storage_shapes(names), legend=legend(labelLimit=0))
    layers = [*_capacities(capacities, x), *_computed(computed, x, y)]
    for place, name in enumerate(names):
        aside = _ASIDE * (place - (len(names) - 1) / 2)
        rows = measured[measured["storage"] == name]
        layers += _points(rows, aside, x, y, colour, shape)
    return finish(alt.layer(*layers), title, width=860, height=380)


def _points(rows: pd.DataFrame, aside: float, x: alt.X, y, colour: alt.Color, shape: alt.Shape) -> list[alt.Chart]:
    """Those of one way to store words, moved by some pixels so that they do not cover others at the same rate."""
    tooltip = [
        "storage:N",
        alt.Tooltip("ber:Q", title="bit error rate", format="~g"),
        alt.Tooltip("failed:Q", title="blocks failed"),
        alt.Tooltip("blocks:Q", title="of"),
        alt.Tooltip("rate:Q", title="share", format=".2~e"),
        alt.Tooltip("high:Q", title="95 % up to", format=".2~e"),
    ]
    layers = []
    some, none = rows[rows["failed"] > 0], rows[rows["failed"] == 0]
    if len(some):
        base = alt.Chart(some).encode(x=x, color=colour)
        layers.append(base.mark_line(strokeWidth=1, opacity=0.5, xOffset=aside).encode(y=y("rate")))
        layers.append(base.mark_rule(strokeWidth=1.6, xOffset=aside).encode(y=y("low"), y2="high:Q"))
        point = base.mark_point(size=52, filled=True, opacity=1, xOffset=aside)
        layers.append(point.encode(y=y("rate"), shape=shape, tooltip=tooltip))
    if len(none):
        base = alt.Chart(none).encode(x=x, color=colour)
        layers.append(base.mark_rule(strokeWidth=1.4, xOffset=aside).encode(y=y("high"), y2="arrow:Q"))
        head = base.mark_point(size=26, filled=True, opacity=1, shape="triangle-down", xOffset=aside)
        point = base.mark_point(size=52, fill="white", strokeWidth=1.6, opacity=1, xOffset=aside)
        layers += [head.encode(y=y("arrow")), point.encode(y=y("high"), shape=shape, tooltip=tooltip)]
    return layers


def _computed(computed: pd.DataFrame, x: alt.X, y) -> list[alt.Chart]:
    """Dashed lines as far as they are above FLOOR, their names where they leave it."""
    layers = []
    for storage, rows in computed.groupby("storage", sort=False):
        line = above_floor(rows["ber"].to_numpy(), rows["probability"].to_numpy())
        if line.empty:
            continue
        colour = STORAGE_COLOURS[storage]
        drawn = alt.Chart(line).mark_line(strokeDash=[5, 3], strokeWidth=1.6, color=colour)
        layers.append(drawn.encode(x=x, y=y("probability")))
        end = line.head(1).assign(name=rows["name"].iloc[0])
        text = alt.Chart(end).mark_text(align="left", baseline="bottom", dx=7, dy=-5, fontSize=11.5, color=colour)
        layers.append(text.encode(x=x, y=y("probability"), text="name:N"))
    return layers


def above_floor(bers: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """The points of a line that ascends from FLOOR, as ber and probability.

    Where it crosses FLOOR between two points it does so on a straight line between their logarithms.
    """
    order = np.argsort(bers)
    bers, logs = bers[order], np.log10(np.clip(probabilities[order], _TINIEST, 1.0))
    above = logs >= log10(FLOOR)
    if not above.any():
        return pd.DataFrame({"ber": [], "probability": []})
    first = int(above.argmax())
    line = pd.DataFrame({"ber": bers[first:], "probability": 10 ** logs[first:]})
    if first == 0:
        return line
    start = np.interp(log10(FLOOR), logs[first - 1 : first + 1], bers[first - 1 : first + 1])
    return pd.concat([pd.DataFrame({"ber": [start], "probability": [FLOOR]}), line], ignore_index=True)


def _capacities(capacities: pd.DataFrame, x: alt.X) -> list[alt.Chart]:
    """Vertical lines with names along them."""
    base = alt.Chart(capacities).encode(x=x)
    rule = base.mark_rule(color=INK, strokeDash=[2, 3])
    text = base.mark_text(angle=270, align="left", baseline="bottom", dx=6, dy=-4, fontSize=11.5, color=MUTED)
    return [rule, text.encode(y=alt.value(378), text="name:N")]
