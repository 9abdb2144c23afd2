"""Flips that bring a network to chance, a dot a run."""

import altair as alt
import numpy as np
import pandas as pd

from sparebits.outcomes import GROUPS
from sparebits.report.charts.style import INK, LINES, MUTED, SHAPES, colour_scale, finish, legend, names_in

_LANE = 7
"""Of an attacker within the row of a scheme, in pixels."""


def flips_by_scheme(runs: pd.DataFrame, order: list[str], title: str) -> alt.Chart:
    """Flips to chance on a logarithmic scale: a row a scheme, a lane and a shape an attacker, a dot a seed.

    Runs that did not reach chance are written at the right edge: ">" and the flips that were tried.

    Args:
        runs: scheme, scheme_group, attacker, seed, flips (infinite if chance was not reached), most.
        order: schemes from top to bottom.
    """
    attackers = names_in(runs, "attacker")
    height = max(18, _LANE * len(attackers) + 5)
    reached = runs[np.isfinite(runs["flips"])]
    reached = reached.assign(flips=reached["flips"].clip(lower=1))
    never = runs[~np.isfinite(runs["flips"])]
    never = never.groupby(["scheme", "scheme_group", "attacker"], sort=False).agg(
        runs=("seed", "size"), most=("most", "max")
    )
    never = never.reset_index()
    top = max([10.0, *reached["flips"], *runs["most"]])
    edge = top * 1.35
    never = never.assign(edge=edge, text=[f">{row.most:,}" for row in never.itertuples()])
    scale = alt.Scale(type="log", domain=[0.8, top * 10], nice=False)
    ticks = [10**power for power in range(int(np.log10(top)) + 1)]
    axis = alt.Axis(values=ticks, format="~s", gridColor=LINES)
    x = alt.X("flips:Q", title="Flips to chance (log scale)", scale=scale, axis=axis)
    rows = alt.Axis(domain=False, ticks=False, grid=False, labelLimit=0, labelPadding=6, labelOverlap=False)
    y = alt.Y("scheme:N", sort=order, title=None, axis=rows, scale=alt.Scale(domain=order, paddingInner=0.2))
    lane = alt.YOffset("attacker:N", sort=attackers, scale=alt.Scale(domain=attackers))
    colour = alt.Color(
        "scheme_group:N", scale=colour_scale("scheme_group", GROUPS), legend=legend(labelLimit=0, columns=1)
    )
    shapes = alt.Scale(domain=attackers, range=[_SHAPES[place % len(_SHAPES)] for place in range(len(attackers))])
    shape = alt.Shape("attacker:N", scale=shapes, legend=legend(labelLimit=0, columns=1))
    tooltip = ["scheme:N", "attacker:N", "seed:N", "flips:Q"]
    lines = alt.Chart(pd.DataFrame({"scheme": order})).mark_rule(color=LINES).encode(y=y)
    dots = alt.Chart(reached).mark_point(size=34, filled=True, opacity=0.85)
    dots = dots.encode(x=x, y=y, yOffset=lane, color=colour, shape=shape, tooltip=tooltip)
    layers = [lines, dots]
    if len(never):
        base = alt.Chart(never).encode(x=alt.X("edge:Q", scale=scale), y=y, yOffset=lane)
        tooltip = ["scheme:N", "attacker:N", "runs:Q", alt.Tooltip("most:Q", title="flips tried")]
        layers.append(
            base.mark_point(size=34, filled=True, opacity=1).encode(color=colour, shape=shape, tooltip=tooltip)
        )
        text = base.mark_text(align="left", baseline="middle", dx=7, fontSize=10, color=MUTED).encode(text="text:N")
        layers.append(text)
        limit = alt.Chart(pd.DataFrame({"edge": [top * 1.15]})).mark_rule(color=INK, strokeDash=[2, 3])
        layers.append(limit.encode(x="edge:Q"))
    return finish(alt.layer(*layers), title, width=480, height=height * len(order))


_SHAPES = ("triangle-up", "circle", "diamond", *SHAPES)
