"""Wrong inferences until a fault is repaired, and how often scrubbing would have to repair."""

import altair as alt
import numpy as np
import pandas as pd

from sparebits.report.charts.style import (
    INK,
    LINES,
    MUTED,
    PERSISTENCE_COLOURS,
    colour_scale,
    finish,
    legend,
    names_in,
)

_WIDTH = 480


def wrong_until_repair(shares: pd.DataFrame, crossing: float, farthest: float, title: str) -> alt.Chart:
    """Expected wrong inferences of one fault against the inferences until it is repaired.

    Args:
        shares: persistence (persistent, transient), share, low, high: probability that an inference goes wrong.
        crossing: inferences after which both have cost as much.
        farthest: inferences, the end of the axis.
    """
    inferences = 10 ** np.linspace(0, np.log10(farthest), 49)
    parts = []
    for row in shares.itertuples():
        times = inferences if row.persistence == "persistent" else np.ones_like(inferences)
        values = {name: getattr(row, name) * times for name in ("share", "low", "high")}
        parts.append(pd.DataFrame({"inferences": inferences, "persistence": row.persistence, **values}))
    rows = pd.concat(parts, ignore_index=True)
    lowest = max(rows["low"].min(), rows["share"].min() / 10) or rows["share"].max() / 1e3
    rows = rows.assign(low=rows["low"].clip(lower=lowest))
    scale = alt.Scale(type="log", domain=[0.8 * lowest, 1.2 * rows["high"].max()], nice=False)
    axis = alt.Axis(format="~g", gridColor=LINES, tickCount=8)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title="Expected wrong inferences (log scale)", scale=scale, axis=axis)

    x = _log_x("inferences", "Inferences until the fault is repaired (log scale)", [1, farthest])
    colour = alt.Color("persistence:N", scale=colour_scale("persistence", list(PERSISTENCE_COLOURS)), legend=legend())
    base = alt.Chart(rows).encode(x=x, color=colour)
    tooltip = [
        "persistence:N",
        alt.Tooltip("inferences:Q", format=",.0f"),
        alt.Tooltip("share:Q", title="wrong inferences", format=".3g"),
        alt.Tooltip("low:Q", title="95 % from", format=".3g"),
        alt.Tooltip("high:Q", title="to", format=".3g"),
    ]
    layers = [
        base.mark_area(opacity=0.18).encode(y=y("low"), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=y("share"), tooltip=tooltip),
    ]
    if 1 <= crossing <= farthest:
        at = pd.DataFrame({"inferences": [crossing], "text": [f"{crossing:.2g} inferences"]})
        mark = alt.Chart(at).encode(x=x)
        layers.append(mark.mark_rule(color=MUTED, strokeDash=[2, 3]))
        text = mark.mark_text(align="left", dx=5, baseline="top", dy=4, color=INK, fontSize=12)
        layers.append(text.encode(y=alt.value(0), text="text:N"))
    return finish(alt.layer(*layers), title, _WIDTH, 280)


def break_even_by_ratio(rows: pd.DataFrame, cases: pd.DataFrame, title: str) -> alt.Chart:
    """Inferences between scrubs at which weight and neuron faults cost as much, against the ratio of their rates.

    Args:
        rows: network, break_even, low, high: at equal rates; they are in inverse proportion to the ratio.
        cases: ratio and name of pairs of memories, marked.
    """
    networks = names_in(rows, "network")
    curves = rows.merge(pd.DataFrame({"ratio": 10 ** np.linspace(-3, 3, 25)}), how="cross")
    curves = curves.assign(**{name: curves[name] / curves["ratio"] for name in ("break_even", "low", "high")})
    domain = [curves["break_even"].min() / 1.5, curves["break_even"].max() * 1.5]
    scale = alt.Scale(type="log", domain=domain, nice=False, clamp=True)
    axis = alt.Axis(format="~g", gridColor=LINES, tickCount=8)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title="Inferences between scrubs (log scale)", scale=scale, axis=axis)

    x = _log_x("ratio", "Flips of a weight bit per flip of an activation bit (log scale)", [1e-3, 1e3])
    base = alt.Chart(curves).encode(
        x=x, color=alt.Color("network:N", scale=colour_scale("network", networks), legend=legend())
    )
    tooltip = [
        "network:N",
        alt.Tooltip("ratio:Q", format=".2g"),
        alt.Tooltip("break_even:Q", title="inferences", format=".3g"),
        alt.Tooltip("low:Q", title="95 % from", format=".3g"),
        alt.Tooltip("high:Q", title="to", format=".3g"),
    ]
    marks = alt.Chart(cases).encode(x=x)
    names = marks.mark_text(align="right", baseline="bottom", angle=270, dx=-4, dy=-2, color=MUTED, fontSize=11)
    one = alt.Chart(pd.DataFrame({"break_even": [1.0]})).mark_rule(color=INK, strokeWidth=1)
    layers = [
        one.encode(y=y("break_even")),
        marks.mark_rule(color=MUTED, strokeDash=[2, 3]),
        base.mark_area(opacity=0.14).encode(y=y("low"), y2="high:Q"),
        base.mark_line(strokeWidth=1.8).encode(y=y("break_even"), tooltip=tooltip),
        names.encode(y=alt.value(0), text="name:N"),
    ]
    return finish(alt.layer(*layers), title, _WIDTH, 340)


def _log_x(column: str, title: str, domain: list[float]) -> alt.X:
    axis = alt.Axis(format="~g", grid=False, tickCount=8)
    return alt.X(f"{column}:Q", title=title, axis=axis, scale=alt.Scale(type="log", domain=domain, nice=False))
