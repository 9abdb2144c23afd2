"""What codes over many words restore of a network: accuracy and words against the bit error rate."""

import json
from collections.abc import Callable
from math import ceil

import altair as alt
import numpy as np
import pandas as pd

from sparebits.report.charts.style import (
    ACCURACY,
    INK,
    LINES,
    MUTED,
    colour_scale,
    finish,
    legend,
    names_in,
    storage_shapes,
)

_HEIGHT = 300
_WIDTHS = (5.4, 3.8, 2.4, 1.5)
"""Of lines in pixels, the first scheme's first; the rest are as thin as the last. So lines show where they coincide."""
_ENDS = ("", "_low", "_quarter", "_three_quarters", "_high")


def accuracy_by_rate(rows: pd.DataFrame, golden: float, title: str) -> alt.Chart:
    """Accuracy against the bit error rate, median and spread of the trials, a line a way to store words.

    Args:
        rows: of report.many_words.restored.by_rate.
        golden: accuracy without any fault, in percent; a dashed line.
    """

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title=ACCURACY, scale=alt.Scale(domain=[0, 100]))

    level = pd.DataFrame({"golden": [golden]})
    dashed = alt.Chart(level).mark_rule(strokeDash=[5, 4], color=MUTED).encode(y="golden:Q")
    tooltip = [
        alt.Tooltip("percent:Q", title="median accuracy (%)", format=".2f"),
        alt.Tooltip("percent_low:Q", title="worst trial (%)", format=".2f"),
        alt.Tooltip("percent_high:Q", title="best trial (%)", format=".2f"),
    ]
    layers = [dashed, *_lines(rows, "percent", y, tooltip)]
    return finish(alt.layer(*layers), title, width=480, height=_HEIGHT)


def restored_by_rate(rows: pd.DataFrame, title: str) -> alt.Chart:
    """Share of restored words against the bit error rate, the same way.

    The axis is logarithmic in what is not restored; all words stand at its top, above what can be told from all.

    Args:
        rows: of report.many_words.restored.by_rate.
    """
    shares = rows[[f"restored{end}" for end in _ENDS]].to_numpy()
    with np.errstate(divide="ignore"):
        decades = -np.log10(1 - shares)
    top = max(2, ceil(decades[np.isfinite(decades)].max(initial=0) + 0.5))
    places = np.where(np.isfinite(decades), decades, top).round(4)
    rows = rows.assign(**{f"place{end}": places[:, column] for column, end in enumerate(_ENDS)})
    labels = ["0 %", "90 %", *(f"99{'.' * (nines > 0)}{'9' * nines} %" for nines in range(top - 2)), "all"]
    axis = alt.Axis(values=list(range(top + 1)), labelExpr=f"{json.dumps(labels)}[datum.value]", gridColor=LINES)
    scale = alt.Scale(domain=[0, top + 0.25], nice=False)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title="Words restored (log scale of those that are not)", axis=axis, scale=scale)

    tooltip = [
        alt.Tooltip("restored:Q", title="median share restored", format=".6~%"),
        alt.Tooltip("restored_low:Q", title="worst trial", format=".6~%"),
        alt.Tooltip("wholly:Q", title="trials with all words"),
    ]
    return finish(alt.layer(*_lines(rows, "place", y, tooltip)), title, width=480, height=_HEIGHT)


def _lines(rows: pd.DataFrame, column: str, y: Callable[[str], alt.Y], tooltip: list) -> list[alt.Chart]:
    """Bands, lines and points of every way to store words, and a ring at the rate that a mode is meant for."""
    names = names_in(rows, "storage")
    axis = alt.Axis(format="~g", tickCount=8, grid=False, labelFlush=False)
    scale = alt.Scale(domain=[0, 1.03 * rows["ber"].max()], nice=False)
    x = alt.X("ber:Q", title="Bit error rate", axis=axis, scale=scale)
    colour = alt.Color("storage:N", scale=colour_scale("storage", names), legend=legend())
    base = alt.Chart(rows).encode(x=x, color=colour)
    layers = []
    for low, high, opacity in (("low", "high", 0.13), ("quarter", "three_quarters", 0.2)):
        band = base.mark_area(opacity=opacity)
        layers.append(band.encode(y=y(f"{column}_{low}"), y2=f"{column}_{high}:Q"))
    for place, name in enumerate(names):
        own = base.transform_filter(alt.FieldEqualPredicate(field="storage", equal=name))
        width = _WIDTHS[min(place, len(_WIDTHS) - 1)]
        layers.append(own.mark_line(strokeWidth=width, strokeJoin="round").encode(y=y(column)))
    shape = alt.Shape("storage:N", scale=storage_shapes(names), legend=legend())
    shown = ["storage:N", alt.Tooltip("ber:Q", title="bit error rate", format="~g"), "trials:Q", *tooltip]
    point = base.mark_point(size=36, filled=True, opacity=1, stroke="white", strokeWidth=0.6)
    layers.append(point.encode(y=y(column), shape=shape, tooltip=shown))
    ring = base.transform_filter("datum.is_own").mark_point(size=190, strokeWidth=1.8, fill=None, shape="circle")
    return [*layers, ring.encode(y=y(column), color=alt.value(INK))]
