"""How long scrubbing takes, by the size of the network, beside the time to read it."""

from math import log10

import altair as alt
import numpy as np
import pandas as pd

from sparebits.report.charts.labels import apart
from sparebits.report.charts.style import LINES, MUTED, STORAGE_COLOURS, colour_scale, finish, legend, storage_shapes

_WIDTH, _HEIGHT, _RIGHT = 860, 360, 190
"""In pixels: the width, the height, the room for names to the right of the lines."""
_LINE, _LEADER = 15, 28
"""Between two names, and from the end of a line to its name, in pixels."""


def seconds_by_words(times: pd.DataFrame, title: str) -> alt.Chart:
    """Seconds against words, both on logarithmic scales: a line a mode and bit error rate, named at its end.

    Args:
        times: storage (a mode), ber, name (of the line), words, seconds, read_seconds.
    """
    reading = times.groupby("words", as_index=False)["read_seconds"].median()
    reading = reading.rename(columns={"read_seconds": "seconds"}).assign(storage="", name="reading the file")
    first, last = log10(times["words"].min()), log10(times["words"].max())
    span = max(last - first, 0.3)
    domain = [10 ** (first - 0.05 * span), 10 ** (last + 1.05 * span * _RIGHT / (_WIDTH - _RIGHT))]
    both = pd.concat([times["seconds"], reading["seconds"]])
    ends = [log10(both.min()) - 0.15, log10(both.max()) + 0.3]
    axis = alt.Axis(values=sorted(times["words"].unique().tolist()), format="~s", grid=False, labelOverlap="greedy")
    x = alt.X("words:Q", title="Words (log scale)", axis=axis, scale=alt.Scale(type="log", domain=domain, nice=False))
    decades = [10.0**power for power in range(-9, 10)]
    y_axis = alt.Axis(values=decades, format="~g", gridColor=LINES)
    y_scale = alt.Scale(type="log", domain=[10**end for end in ends], nice=False)
    y = alt.Y("seconds:Q", title="Seconds (log scale)", axis=y_axis, scale=y_scale)
    modes = [mode for mode in STORAGE_COLOURS if mode in set(times["storage"])]
    colour = alt.Color("storage:N", scale=colour_scale("storage", modes), legend=legend())
    shape = alt.Shape("storage:N", scale=storage_shapes(modes), legend=legend())
    tooltip = [
        alt.Tooltip("name:N", title="mode"),
        alt.Tooltip("words:Q", format=","),
        alt.Tooltip("seconds:Q", format=".3~g"),
        alt.Tooltip("read_seconds:Q", title="to read the file", format=".3~g"),
    ]
    base = alt.Chart(times).encode(x=x, y=y, color=colour, detail="name:N")
    line = base.mark_line(strokeWidth=1.8)
    point = base.mark_point(size=42, filled=True, opacity=1).encode(shape=shape, tooltip=tooltip)
    floor = alt.Chart(reading).mark_line(strokeDash=[5, 4], strokeWidth=1.6, color=MUTED, point={"color": MUTED})
    names = _names(pd.concat([times, reading]), domain, ends)
    texts = alt.Chart(names).mark_text(align="left", dx=3, fontSize=11.5)
    texts = texts.encode(
        x="right:Q", y=alt.Y("level:Q", scale=y_scale), text="name:N", color=alt.Color("ink:N", scale=None)
    )
    leader = alt.Chart(names).mark_rule(color=MUTED, strokeWidth=0.6)
    leader = leader.encode(x=x, x2="right:Q", y=y, y2="level:Q")
    return finish(alt.layer(floor.encode(x=x, y=y), line, leader, point, texts), title, width=_WIDTH, height=_HEIGHT)


def _names(rows: pd.DataFrame, domain: list[float], ends: list[float]) -> pd.DataFrame:
    """The end of each line, and where its name stands (`right`, `level`) in which ink.

    Args:
        domain: ends of the axis of words.
        ends: decimal logarithms of those of the axis of seconds.
    """
    last = rows.sort_values("words").groupby("name", sort=False).tail(1).sort_values("seconds")
    step = _LINE * (ends[1] - ends[0]) / _HEIGHT
    levels = apart(np.log10(last["seconds"].to_numpy()), step)
    # None above the chart.
    levels = np.minimum(levels, ends[1] - step * np.arange(len(levels))[::-1])
    right = rows["words"].max() * (domain[1] / domain[0]) ** (_LEADER / _WIDTH)
    inks = [STORAGE_COLOURS.get(storage, MUTED) for storage in last["storage"]]
    return last[["name", "words", "seconds"]].assign(level=10**levels, ink=inks, right=right)
