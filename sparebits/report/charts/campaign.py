"""Accuracy under faults: drop against bit error rate."""

from collections.abc import Sequence
from math import ceil, floor, log10

import altair as alt
import numpy as np
import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.report.charts.style import INK, colour_scale, finish, legend, shape_scale

_ASIDE = 0.05
"""By how many decades the dots of the schemes stand apart."""


def drop_by_rate(campaign: pd.DataFrame, schemes: Sequence[str], title: str) -> alt.Chart:
    """Median drop of each scheme against the bit error rate, with the band and the dots of all trials.

    The trial without faults stands one decade left of the lowest rate.

    Args:
        campaign: rows of campaign.csv of one network.
        schemes: all that there may be, in the order of their colours.
    """
    names = [scheme for scheme in schemes if scheme in set(campaign["scheme"])]
    hit = campaign.loc[campaign["ber"] > 0, "ber"]
    none = floor(log10(hit.min()) + 1e-9) - 1
    places = np.log10(campaign["ber"].where(campaign["ber"] > 0, 10.0**none))
    trials = campaign.assign(place=places)
    by_rate = trials.groupby(["scheme", "place"], sort=False)
    lines = by_rate.agg(
        ber=("ber", "first"),
        trials=("trial", "size"),
        median=("drop_pp", "median"),
        best=("drop_pp", "min"),
        worst=("drop_pp", "max"),
        over=("drop_pp", lambda drops: int((drops > HELD_WITHIN_PP).sum())),
    ).reset_index()
    aside = {scheme: _ASIDE * (place - (len(names) - 1) / 2) for place, scheme in enumerate(names)}
    dots = trials.assign(place=trials["place"] + trials["scheme"].map(aside))[["scheme", "place", "drop_pp", "seed"]]
    label = f"datum.value == {none} ? 'none' : format(pow(10, datum.value), '~e')"
    ticks = list(range(none, ceil(log10(hit.max()) - 1e-9) + 1))
    x = alt.X(
        "place:Q",
        title="Bit error rate (log scale)",
        axis=alt.Axis(values=ticks, labelExpr=label, grid=False),
        scale=alt.Scale(domain=[none - 0.15, log10(hit.max()) + 0.15], nice=False),
    )
    title_y = "Drop of accuracy (percentage points, log scale)"
    axis = alt.Axis(values=[-10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100])
    lowest, highest = min(-0.5, campaign["drop_pp"].min()), max(2.0, campaign["drop_pp"].max())
    scale = alt.Scale(type="symlog", domain=[lowest, highest], nice=False, padding=6)
    colour = alt.Color("scheme:N", scale=colour_scale("scheme", names), legend=legend())
    shape = alt.Shape("scheme:N", scale=shape_scale(names), legend=legend())
    tooltip = [
        "scheme:N",
        alt.Tooltip("ber:Q", title="bit error rate", format="~g"),
        "trials:Q",
        alt.Tooltip("median:Q", title="median drop (pp)", format="+.2f"),
        alt.Tooltip("best:Q", title="least", format="+.2f"),
        alt.Tooltip("worst:Q", title="worst", format="+.2f"),
        alt.Tooltip("over:Q", title=f"trials over {HELD_WITHIN_PP:g} pp"),
    ]
    base = alt.Chart(lines).encode(x=x, color=colour)
    band = base.mark_area(opacity=0.16).encode(y=alt.Y("best:Q", title=title_y, axis=axis, scale=scale), y2="worst:Q")
    each = alt.Chart(dots).mark_circle(size=11, opacity=0.45).encode(x=x, y="drop_pp:Q", color=colour)
    line = base.mark_line(strokeWidth=1.8).encode(y="median:Q")
    point = base.mark_point(size=42, filled=True, opacity=1).encode(y="median:Q", shape=shape, tooltip=tooltip)
    level = pd.DataFrame({"level": [HELD_WITHIN_PP]})
    rule = alt.Chart(level).mark_rule(strokeDash=[5, 4], color=INK).encode(y="level:Q")
    return finish(alt.layer(rule, band, each, line, point), title, height=300)
