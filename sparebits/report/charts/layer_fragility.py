"""How fragile the parts of a network are under one flipped bit: bit by bit, and against each other at equal bit."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from sparebits.report.charts.style import INK, MUTED, colour_scale, finish, legend, names_in

_ROW, _CELL = 26, 44
_SHORT = "isNaN(+datum.label) ? slice(datum.label, 0, 4) + '.' : datum.label"
_HEAT = ["#F4F6F8", "#F0C27B", "#C8553D", "#6B1D2A"]


def rates_by_part_and_bit(rates: pd.DataFrame, parts: Sequence[str], bits: Sequence[str], title: str) -> alt.Chart:
    """A field for each part and bit, the darker the more flips fail, with the share written in it.

    Args:
        rates: name (of the part), bit (a number or "mantissa", as text), trials, failures, and in percent rate, low,
            high.
        parts: from top to bottom.
        bits: from left to right.
    """
    rows = rates.assign(text=[f"{rate:.0f}" if rate else "0" for rate in rates["rate"]])
    x = alt.X(
        "bit:N",
        title="Flipped bit",
        sort=list(bits),
        # One column for what is more than a bit, whose name is as long as two.
        axis=alt.Axis(labelAngle=0, orient="top", domain=False, ticks=False, labelOverlap=False, labelExpr=_SHORT),
    )
    y = alt.Y(
        "name:N", title=None, sort=list(parts), axis=alt.Axis(domain=False, ticks=False, labelLimit=200, labelPadding=6)
    )
    base = alt.Chart(rows).encode(x=x, y=y)
    fields = base.mark_rect(stroke="white").encode(
        color=alt.Color(
            "rate:Q",
            scale=alt.Scale(domain=[0, 20, 60, 100], range=_HEAT, interpolate="lab"),
            legend=alt.Legend(
                title="Trials that change a prediction (%)", orient="bottom", gradientLength=220, titleLimit=0
            ),
        ),
        tooltip=[
            alt.Tooltip("name:N", title="part"),
            alt.Tooltip("bit:N", title="bit"),
            alt.Tooltip("failures:Q", title="failing trials"),
            alt.Tooltip("trials:Q", title="of"),
            alt.Tooltip("low:Q", title="95 % from (%)", format=".1f"),
            alt.Tooltip("high:Q", title="to (%)", format=".1f"),
        ],
    )
    texts = base.mark_text(fontSize=11).encode(
        text="text:N", color=alt.condition("datum.rate > 45", alt.value("white"), alt.value(INK))
    )
    return finish(alt.layer(fields, texts), title, width=_CELL * len(bits), height=_ROW * len(parts))


def odds_by_part(odds: pd.DataFrame, parts: Sequence[str], title: str) -> alt.Chart:
    """Odds ratios with their intervals on a logarithmic axis, coloured by layer type; the line is no difference.

    Args:
        odds: name (of the part), layer_type, odds_ratio, low, high, p_holm, trials.
        parts: from top to bottom.
    """
    ends = [0.01, 100.0]
    finite = odds["odds_ratio"].clip(*ends)
    rows = odds.assign(shown=finite, from_=odds["low"].clip(*ends), to=odds["high"].clip(*ends))
    scale = alt.Scale(type="log", domain=ends)
    axis = alt.Axis(values=[0.01, 0.1, 1, 10, 100], format="~g", grid=True)
    y = alt.Y(
        "name:N", title=None, sort=list(parts), axis=alt.Axis(domain=False, ticks=False, labelLimit=200, labelPadding=6)
    )
    title_of_x = "Odds of a changed prediction, against the other parts"
    colour = alt.Color("layer_type:N", scale=colour_scale("layer_type", names_in(odds, "layer_type")), legend=legend())
    tooltip = [
        alt.Tooltip("name:N", title="part"),
        alt.Tooltip("odds_ratio:Q", title="odds ratio", format=".2f"),
        alt.Tooltip("low:Q", title="95 % from", format=".2f"),
        alt.Tooltip("high:Q", title="to", format=".2f"),
        alt.Tooltip("p_holm:Q", title="p (Holm)", format=".2g"),
        alt.Tooltip("trials:Q", title="trials"),
    ]
    base = alt.Chart(rows).encode(y=y, color=colour)
    line = base.mark_rule(strokeWidth=1.8).encode(
        x=alt.X("from_:Q", title=title_of_x, scale=scale, axis=axis), x2="to:Q"
    )
    point = base.mark_point(filled=True, size=60, opacity=1).encode(x=alt.X("shown:Q", scale=scale), tooltip=tooltip)
    equal = alt.Chart(pd.DataFrame({"one": [1.0]})).mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x="one:Q")
    return finish(alt.layer(equal, line, point), title, width=440, height=_ROW * len(parts))
