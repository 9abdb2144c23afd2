"""Accuracy of the networks at each of a few named steps (thesis Tables 19 and 22), or beside their size."""

import altair as alt
import pandas as pd

from sparebits.report.charts.style import (
    ACCURACY,
    MUTED,
    OUTCOME_TOOLTIP,
    colour_scale,
    finish,
    legend,
    names_in,
    shape_scale,
)


def accuracy_by_step(
    steps: pd.DataFrame, tolerance_pp: float, title: str, x_title: str, from_zero: bool = True
) -> alt.Chart:
    """Accuracy with 95 % intervals at each step, networks side by side; a bar marks golden minus tolerance.

    Args:
        steps: network, step (in their order), accuracy, low, high, golden (accuracies in 0..1); drop_pp, lost and
            gained are shown on hovering.
        from_zero: whether the axis runs from 0 to 100 %.
    """
    rows = steps.assign(
        percent=100 * steps["accuracy"],
        percent_low=100 * steps["low"],
        percent_high=100 * steps["high"],
        level=100 * steps["golden"] - tolerance_pp,
    )
    names = names_in(rows, "network")
    x = alt.X(
        "step:N", title=x_title, sort=names_in(rows, "step"), axis=_step_axis(), scale=alt.Scale(paddingInner=0.25)
    )
    offset = alt.XOffset("network:N", sort=names, scale=alt.Scale(domain=names))
    scale = alt.Scale(domain=[0, 100]) if from_zero else _zoomed(rows, ["percent_low", "level"])
    colour = alt.Color("network:N", scale=colour_scale("network", names), legend=legend())
    shape = alt.Shape("network:N", scale=shape_scale(names), legend=legend())
    tooltip = ["network:N", "step:N", *OUTCOME_TOOLTIP]
    base = alt.Chart(rows).encode(x=x, xOffset=offset, color=colour)
    level = base.mark_tick(orient="horizontal", thickness=1.5, opacity=0.75).encode(y=alt.Y("level:Q", title=ACCURACY))
    interval = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("percent_low:Q", title=ACCURACY, scale=scale), y2="percent_high:Q"
    )
    point = base.mark_point(size=60, filled=True, opacity=1).encode(
        y=alt.Y("percent:Q", title=ACCURACY, scale=scale), shape=shape, tooltip=tooltip
    )
    return finish(alt.layer(level, interval, point), title)


def _zoomed(rows: pd.DataFrame, lowest: list[str]) -> alt.Scale:
    """A scale of percentages around what is drawn, no further than 100 %."""
    low, high = float(rows[lowest].min().min()), float(rows["percent_high"].max())
    margin = max(0.08 * (high - low), 0.1)
    return alt.Scale(domain=[max(0, low - margin), min(100, high + margin)], nice=False, zero=False)


def _step_axis() -> alt.Axis:
    # A "|" in a name starts a new line.
    return alt.Axis(labelAngle=0, labelExpr="split(datum.label, '|')", domain=False, ticks=False, labelPadding=8)


def accuracy_by_size(sizes: pd.DataFrame, title: str) -> alt.Chart:
    """Golden accuracy with 95 % interval against the number of parameters (thesis Figure 7).

    Args:
        sizes: network, parameters, accuracy, low, high (in 0..1), images.
    """
    rows = sizes.assign(
        percent=100 * sizes["accuracy"], percent_low=100 * sizes["low"], percent_high=100 * sizes["high"]
    )
    names = names_in(rows, "network")
    smallest, largest = rows["parameters"].min(), rows["parameters"].max()
    scale = alt.Scale(type="log", domain=[smallest / 1.8, largest * 1.8], nice=False)
    ticks = [digit * 10**power for power in range(13) for digit in (1, 2, 5)]
    axis = alt.Axis(values=ticks, labelExpr="format(datum.value, '~s')", labelOverlap="greedy")
    x = alt.X("parameters:Q", title="Parameter values (log scale)", scale=scale, axis=axis)
    colour = alt.Color("network:N", scale=colour_scale("network", names), legend=legend())
    shape = alt.Shape("network:N", scale=shape_scale(names), legend=legend())
    y_scale = _zoomed(rows, ["percent_low"])
    base = alt.Chart(rows).encode(x=x, color=colour)
    tooltip = [
        "network:N",
        alt.Tooltip("parameters:Q", format=","),
        alt.Tooltip("percent:Q", title="accuracy (%)", format=".2f"),
        alt.Tooltip("percent_low:Q", title="95 % from", format=".2f"),
        alt.Tooltip("percent_high:Q", title="to", format=".2f"),
        alt.Tooltip("images:Q"),
    ]
    interval = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("percent_low:Q", title=ACCURACY, scale=y_scale), y2="percent_high:Q"
    )
    point = base.mark_point(size=90, filled=True, opacity=1).encode(
        y=alt.Y("percent:Q", title=ACCURACY, scale=y_scale), shape=shape, tooltip=tooltip
    )
    return finish(alt.layer(interval, point), title)


def drop_by_spare_bits(pairs: pd.DataFrame, tolerance_pp: float, title: str) -> alt.Chart:
    """Every pair of floor and depth that was measured: its drop with 95 % interval against the bits it frees.

    Args:
        pairs: network, choice, spare_bits, drop_pp, drop_low, drop_high, pair.
    """
    names = names_in(pairs, "network")
    colour = alt.Color("network:N", scale=colour_scale("network", names), legend=legend())
    shape = alt.Shape("network:N", scale=shape_scale(names), legend=legend())
    ticks = list(range(int(pairs["spare_bits"].min()), int(pairs["spare_bits"].max()) + 1))
    x = alt.X(
        "place:Q",
        title="Spare bits of a word",
        axis=alt.Axis(values=ticks, format="d", grid=False, labelOverlap="greedy"),
    )
    x = x.scale(alt.Scale(zero=False, nice=False, padding=24))
    axis = alt.Axis(values=[-100, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100])
    scale = alt.Scale(type="symlog", nice=False, padding=6)
    title_y = "Drop of accuracy (percentage points, log scale)"
    # A quantitative axis takes no offsets: networks are set side by side here.
    apart = min(0.1, 0.7 / len(names))
    aside = pairs["network"].map({name: apart * (place - (len(names) - 1) / 2) for place, name in enumerate(names)})
    base = alt.Chart(pairs.assign(place=pairs["spare_bits"] + aside)).encode(x=x, color=colour)
    rule = base.mark_rule(strokeWidth=1.5).encode(
        y=alt.Y("drop_low:Q", title=title_y, axis=axis, scale=scale), y2="drop_high:Q"
    )
    tooltip = ["network:N", "choice:N", "pair:N", "spare_bits:Q", alt.Tooltip("drop_pp:Q", format="+.2f")]
    point = base.mark_point(size=55, filled=True, opacity=0.9).encode(
        y=alt.Y("drop_pp:Q", title=title_y, axis=axis, scale=scale), shape=shape, tooltip=tooltip
    )
    level = (
        alt.Chart(pd.DataFrame({"level": [tolerance_pp]})).mark_rule(strokeDash=[5, 4], color=MUTED).encode(y="level:Q")
    )
    return finish(alt.layer(level, rule, point), title)
