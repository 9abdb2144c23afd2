"""The bit error rates that schemes hold, ranked."""

from math import ceil, floor, log10

import altair as alt
import pandas as pd

from sparebits.outcomes import GROUPS
from sparebits.report.charts.style import (
    GROUP_SHAPES,
    INK,
    LINES,
    MUTED,
    SCHEME_COLOURS,
    colour_scale,
    finish,
    legend,
    names_in,
)

_ROW = 19
"""Of a scheme, in pixels."""


def ranked_schemes(rows: pd.DataFrame, rates: pd.Series, title: str) -> alt.Chart:
    """A scheme a line: a dot at the rate that it holds, a thin line up to the lowest rate that it does not.

    Filled dots are shown with confidence, hollow ones are those up to which no trial failed. Schemes that hold none
    stand at the left, one decade below the lowest rate.

    Args:
        rows: scheme, scheme_group, held, shown (both bit error rates, 0 if none), next_rate (NaN if there is none),
            trials, memory (text, empty if there is no extra memory); the best scheme first.
        rates: bit error rates of the campaign.
    """
    lowest, highest = rates[rates > 0].min(), rates.max()
    none, last = floor(log10(lowest) + 1e-9) - 1, log10(highest)

    def place(rate: float) -> float:
        return round(log10(rate), 4) if rate > 0 else none

    rows = rows.assign(
        place=rows["held"].map(place),
        shown_place=rows["shown"].map(place),
        next_place=rows["next_rate"].map(place, na_action="ignore"),
        start=none,
    )
    label = f"datum.value == {none} ? 'none' : format(pow(10, datum.value), '~e')"
    x_axis = alt.Axis(values=list(range(none, ceil(last - 1e-9) + 1)), labelExpr=label, gridColor=LINES)
    scale = alt.Scale(domain=[none - 0.25, last + 2.0], nice=False)
    x = alt.X("place:Q", title="Bit error rate held (log scale)", axis=x_axis, scale=scale)
    ours = ", ".join(f"'{name}'" for name in rows.loc[rows["scheme_group"] == GROUPS[0], "scheme"])
    axis = alt.Axis(
        domain=False,
        ticks=False,
        grid=False,
        labelLimit=0,
        labelPadding=6,
        labelOverlap=False,
        labelFontWeight={
            "condition": {"test": f"indexof([{ours}], datum.value) >= 0", "value": "bold"},
            "value": "normal",
        },
    )
    y = alt.Y("scheme:N", title=None, sort=names_in(rows, "scheme"), axis=axis)
    colour = alt.Color("scheme_group:N", scale=colour_scale("scheme_group", GROUPS), legend=legend(labelLimit=0))
    shapes = alt.Scale(domain=list(GROUP_SHAPES), range=list(GROUP_SHAPES.values()))
    shape = alt.Shape("scheme_group:N", scale=shapes, legend=legend(labelLimit=0))
    tooltip = [
        "scheme:N",
        alt.Tooltip("held:Q", title="no trial failed up to", format="~g"),
        alt.Tooltip("shown:Q", title="shown (95 %) up to", format="~g"),
        alt.Tooltip("next_rate:Q", title="next rate measured", format="~g"),
        "trials:Q",
        alt.Tooltip("memory:N", title="extra memory"),
    ]
    base = alt.Chart(rows).encode(y=y, color=colour)
    stem = base.mark_rule(strokeWidth=2.2, opacity=0.35).encode(x=alt.X("start:Q", scale=scale), x2="place:Q")
    between = alt.Chart(rows.dropna(subset="next_place")).encode(y=y, color=colour)
    reach = between.mark_rule(strokeWidth=1).encode(x=alt.X("place:Q", scale=scale), x2="next_place:Q")
    end = between.mark_tick(thickness=1, size=8, orient="vertical").encode(x=alt.X("next_place:Q", scale=scale))
    dot = base.mark_point(size=62, fill="white", strokeWidth=1.8, opacity=1).encode(x=x, shape=shape, tooltip=tooltip)
    layers = [stem, reach, end, dot]
    for group in GROUPS:
        shown = rows[(rows["scheme_group"] == group) & (rows["shown"] > 0)]
        if len(shown):
            filled = alt.Chart(shown).mark_point(size=62, opacity=1, filled=True, shape=GROUP_SHAPES[group])
            layers.append(filled.encode(x="shown_place:Q", y=y, color=alt.value(SCHEME_COLOURS[group])))
    more = rows[rows["memory"] != ""]
    more = more.assign(right=more[["place", "next_place"]].max(axis=1))
    text = alt.Chart(more).mark_text(align="left", dx=9, fontSize=11, color=MUTED)
    layers.append(text.encode(x="right:Q", y=y, text="memory:N"))
    chart = finish(alt.layer(*layers), title, width=480, height=_ROW * len(rows))
    return chart.configure_axisY(labelColor=INK, labelFontSize=12)
