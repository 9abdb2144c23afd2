"""What layout, code and policy do, each combination a cell."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from sparebits.report.charts.style import INK, MUTED, finish, names_in

_NONE, _EMPTY = "#EEF1F3", "#FFFFFF"
_LEAST, _MOST = "#CDEBE7", "#00665B"
"""Of our schemes' hue: the lowest rate measured and the highest."""


def held_by_parts(cells: pd.DataFrame, rates: Sequence[float], title: str) -> alt.Chart:
    """A row a layout, a column a code and policy; in each cell the bit error rate held, darker where it is higher.

    Args:
        cells: layout, code, policy, held (0 if none, NaN where the combination does not fit), text.
        rates: bit error rates that were measured.
    """
    low, high = (np.log10(rate) for rate in (min(rates), max(rates)))
    logs = np.log10(cells["held"].where(cells["held"] > 0))
    share = (logs - low) / max(high - low, 1e-9)
    cells = cells.assign(
        column=cells["code"] + "|" + cells["policy"].str.replace("posterior ", "posterior|").replace("none", ""),
        colour=[_colour(one) if held > 0 else _fill(held) for one, held in zip(share, cells["held"], strict=True)],
        ink=np.where(share > 0.5, "white", np.where(cells["held"] > 0, INK, MUTED)),
    )
    cells = cells.assign(head=cells["code"].replace("none", "no code"))
    columns, layouts = names_in(cells, "column"), names_in(cells, "layout")
    axis = alt.Axis(
        labelExpr="slice(split(datum.label, '|'), 1)",
        labelAngle=0,
        labelLimit=0,
        labelOverlap=False,
        domain=False,
        ticks=False,
        labelPadding=6,
    )
    x = alt.X("column:N", sort=columns, title="What a detected word becomes", axis=axis, scale=_bands())
    rows = alt.Axis(domain=False, ticks=False, labelPadding=8)
    y = alt.Y("layout:N", sort=layouts, title="Layout", axis=rows, scale=_bands())
    base = alt.Chart(cells).encode(x=x, y=y)
    tooltip = ["layout:N", "code:N", "policy:N", alt.Tooltip("text:N", title="bit error rate held")]
    squares = base.mark_rect().encode(color=alt.Color("colour:N", scale=None), tooltip=tooltip)
    text = base.mark_text(fontSize=12).encode(text="text:N", color=alt.Color("ink:N", scale=None))
    heads = alt.Chart(cells.drop_duplicates("code")).mark_text(align="left", baseline="bottom", dy=-5, fontSize=12)
    heads.mark.color, heads.mark.fontWeight = INK, "bold"
    names = heads.encode(x=alt.X("column:N", sort=columns, bandPosition=0), y=alt.value(0), text="head:N")
    return finish(alt.layer(squares, text, names), title, width=82 * len(columns), height=44 * len(layouts))


def _bands() -> alt.Scale:
    return alt.Scale(paddingInner=0.05, paddingOuter=0)


def _fill(held: float) -> str:
    return _EMPTY if np.isnan(held) else _NONE


def _colour(share: float) -> str:
    """Between the lightest and the darkest, in RGB."""
    ends = ([int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in (_LEAST, _MOST))
    return "#" + "".join(f"{round(low + share * (high - low)):02X}" for low, high in zip(*ends, strict=True))
