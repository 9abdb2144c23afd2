"""Copies without low mantissa bits: what each number of copies and bits holds, and what that takes of memory."""

import altair as alt
import numpy as np
import pandas as pd

from sparebits.report.charts.style import INK, MUTED, SCHEME_COLOURS, finish, legend, names_in, shape_scale

NOTHING = "none"
_LIGHT, _DARK = "#FBE3D0", "#B4460B"
"""Of the hue of published schemes: the fewest trials that dropped and the most."""
_HOLDS = "#EEF1F3"


def held_by_memory(points: pd.DataFrame, lowest: float, title: str) -> alt.Chart:
    """Bit error rate held against extra memory; dots of as many copies are joined over the bits that these lack.

    Args:
        points: series ("2 copies", "chosen", ...), group (of outcomes.GROUPS), memory (a share), held (0 if none),
            label (beside the dot, or empty), trials.
        lowest: bit error rate measured, below which what holds none is drawn.
    """
    below = lowest / 3
    points = points.assign(percent=100 * points["memory"], rate=points["held"].where(points["held"] > 0, below))
    series = names_in(points, "series")
    groups = points.drop_duplicates("series").set_index("series")["group"]
    colours = [SCHEME_COLOURS[groups[name]] for name in series]
    scale = alt.Scale(domain=series, range=colours)
    colour = alt.Color("series:N", scale=scale, legend=legend(columns=3, labelLimit=220))
    powers = range(int(np.floor(np.log10(lowest) + 1e-9)), 1)
    axis = alt.Axis(
        values=[below, *(10.0**power for power in powers)],
        labelExpr=f"datum.value < {lowest / 1.5} ? '{NOTHING}' : format(datum.value, '~e')",
    )
    domain = [below / 1.4, max(0.2, points["rate"].max() * 1.6)]
    y = alt.Y(
        "rate:Q",
        title="Bit error rate held (log scale)",
        axis=axis,
        scale=alt.Scale(type="log", domain=domain, nice=False),
    )
    top = points["percent"].max()
    x = alt.X(
        "percent:Q",
        title="Extra memory (% of the network)",
        scale=alt.Scale(domain=[-0.04 * top, 1.06 * top], nice=False),
        axis=alt.Axis(grid=False, tickCount=5),
    )
    tooltip = [
        "series:N",
        alt.Tooltip("label:N", title="left out"),
        alt.Tooltip("percent:Q", title="extra memory (%)", format=".1f"),
        alt.Tooltip("held:Q", title="bit error rate held", format="~g"),
        alt.Tooltip("trials:Q", title="fault maps at a rate"),
    ]
    base = alt.Chart(points).encode(x=x, y=y)
    line = base.mark_line(strokeWidth=1, opacity=0.5).encode(order="percent:Q", color=colour)
    shape = alt.Shape("series:N", scale=shape_scale(series), legend=legend(columns=3, labelLimit=220))
    dots = base.mark_point(size=60, filled=True, opacity=1).encode(color=colour, shape=shape, tooltip=tooltip)
    text = base.mark_text(fontSize=10, dy=-10, color=MUTED).encode(text="label:N")
    return finish(alt.layer(line, dots, text), title, height=300)


def failures_by_bits(cells: pd.DataFrame, title: str) -> alt.Chart:
    """A row for the copies and the bits that they lack, a column a bit error rate; how many trials dropped too far.

    Args:
        cells: row, rate (text), share (of trials that dropped by more), text.
    """
    rows, rates = names_in(cells, "row"), names_in(cells, "rate")
    cells = cells.assign(
        colour=[_between(share) if share > 0 else _HOLDS for share in cells["share"]],
        ink=np.where(cells["share"] > 0.6, "white", np.where(cells["share"] > 0, INK, MUTED)),
    )
    bands = alt.Scale(paddingInner=0.05, paddingOuter=0)
    axis = alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False)
    x = alt.X("rate:N", sort=rates, title="Bit error rate", scale=bands, axis=axis)
    side = alt.Axis(domain=False, ticks=False, labelPadding=8, labelLimit=0)
    y = alt.Y("row:N", sort=rows, title=None, scale=bands, axis=side)
    base = alt.Chart(cells).encode(x=x, y=y)
    squares = base.mark_rect().encode(color=alt.Color("colour:N", scale=None), tooltip=["row:N", "rate:N", "text:N"])
    text = base.mark_text(fontSize=11).encode(text="text:N", color=alt.Color("ink:N", scale=None))
    return finish(alt.layer(squares, text), title, width=62 * len(rates), height=21 * len(rows))


def _between(share: float) -> str:
    ends = ([int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in (_LIGHT, _DARK))
    return "#" + "".join(f"{round(low + share * (high - low)):02X}" for low, high in zip(*ends, strict=True))
