"""What candidates are expected to hold, against what they lose without faults."""

from math import log10

import altair as alt
import pandas as pd

from sparebits.codes.catalogue import named_code
from sparebits.report.charts.style import INK, MUTED, SCHEME_COLOURS, finish

_HEIGHT, _LINE = 300, 14
"""Of the chart, and between two labels, in pixels."""
_LEAST_SPAN = 0.05
"""In percentage points: what the axis of losses shows at least, so that rounding does not look like a difference."""


def held_by_loss(frontier: pd.DataFrame, measured: float, note: str, title: str) -> alt.Chart:
    """Bit error rate held against loss without faults, both expected: the frontier, and the best with each code.

    Args:
        frontier: frontier.csv of one network.
        measured: bit error rate that the choice held in trials, 0 if none; drawn as a line, since its drop without
            faults on other images is no expected loss.
        note: what stands beside that line.
    """
    held = frontier[frontier["ber_held"] > 0]
    line = held[held["scheme"] == "frontier"].sort_values("ber_held")
    points = held[held["scheme"].str.startswith("weights ")]
    chosen = held[held["scheme"] == "chosen"]
    rates = [*held["ber_held"], *([measured] if measured else [])] or [1e-3, 1e-1]
    low, high = log10(min(rates)) - 0.15, log10(max(rates)) + 0.1
    span = max(held["layout_loss_pp"].max() if len(held) else 0.0, _LEAST_SPAN)
    x = alt.X(
        "layout_loss_pp:Q",
        title="Expected loss without faults (percentage points)",
        scale=alt.Scale(domain=[-0.03 * span, 1.3 * span], nice=False),
        axis=alt.Axis(grid=False, tickCount=5),
    )
    ticks = [float(f"{digit}e{power}") for power in range(-9, 0) for digit in range(1, 10)]
    y = alt.Y(
        "ber_held:Q",
        title="Bit error rate held (log scale)",
        scale=alt.Scale(type="log", domain=[10**low, 10**high], nice=False),
        axis=alt.Axis(values=ticks, format="~g", labelOverlap="greedy"),
    )
    tooltip = ["scheme:N", alt.Tooltip("layout_loss_pp:Q", format=".3f"), alt.Tooltip("ber_held:Q", format=".2g")]
    steps = alt.Chart(line).mark_line(
        strokeWidth=1.5, color=MUTED, interpolate="step-after", point={"size": 26, "color": MUTED}
    )
    dots = alt.Chart(points).mark_point(size=50, filled=True, opacity=1, color=INK).encode(x=x, y=y, tooltip=tooltip)
    ring = alt.Chart(chosen).mark_point(size=190, strokeWidth=2, color=SCHEME_COLOURS["ours"])
    labels = _labels(points, low, high, span)
    leader = alt.Chart(labels).mark_rule(color=MUTED, strokeWidth=0.7)
    leader = leader.encode(x="layout_loss_pp:Q", x2="label_x:Q", y="ber_held:Q", y2="label_y:Q")
    text = alt.Chart(labels).mark_text(align="left", dx=3, fontSize=11, color=INK)
    text = text.encode(x="label_x:Q", y="label_y:Q", text="label:N")
    in_trials = _measured(measured, note, span, y) if measured else []
    layers = [*in_trials, steps.encode(x=x, y=y), leader, text, dots, ring.encode(x=x, y=y)]
    return finish(alt.layer(*layers), title, height=_HEIGHT)


def _measured(held: float, note: str, span: float, y: alt.Y) -> list[alt.Chart]:
    """A line in the right half, clear of the labels at no loss."""
    colour = SCHEME_COLOURS["ours"]
    level = pd.DataFrame({"ber_held": [held], "from": [0.5 * span], "to": [1.3 * span], "note": [note]})
    rule = alt.Chart(level).mark_rule(strokeDash=[5, 4], color=colour, strokeWidth=1.4)
    name = alt.Chart(level).mark_text(align="right", baseline="bottom", dx=-2, dy=-3, color=colour, fontSize=11)
    return [rule.encode(x="from:Q", x2="to:Q", y=y), name.encode(x="to:Q", y=y, text="note:N")]


def _labels(points: pd.DataFrame, low: float, high: float, span: float) -> pd.DataFrame:
    """A label for each dot, to its right and pushed down where the one above is close; equal dots share one.

    Args:
        low, high: decimal logarithms at the ends of the axis of rates.
        span: of the axis of losses.
    """
    step = _LINE * (high - low) / _HEIGHT
    codes = [named_code(scheme.removeprefix("weights ")) for scheme in points["scheme"]]
    named = points.assign(label=[f"[{code.n},{code.k},{code.d}]" for code in codes])
    joined = named.groupby(["ber_held", "layout_loss_pp"], sort=False)["label"].agg(", ".join).reset_index()
    joined = joined.sort_values("ber_held", ascending=False)
    places, lowest = [], float("inf")
    for ber in joined["ber_held"]:
        lowest = min(log10(ber), lowest - step)
        places.append(10**lowest)
    return joined.assign(label_x=joined["layout_loss_pp"] + 0.05 * span, label_y=places)
