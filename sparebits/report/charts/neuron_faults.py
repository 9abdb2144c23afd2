"""How often one flipped bit changes an inference: in the image, in what layers give, in the logits, in weights."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from sparebits.report.charts.style import INK, MUTED, finish, legend, names_in

# Tol's vibrant scheme for neurons; weights have the colour of persistent faults.
PLACE_COLOURS = {"image": "#0077BB", "layer outputs": "#EE3377", "logits": "#B8A53F", "weights": "#222255"}
PLACE_SHAPES = {"image": "square", "layer outputs": "circle", "logits": "triangle-up", "weights": "diamond"}
_TOOLTIP = [
    alt.Tooltip("place:N"),
    alt.Tooltip("rate:Q", title="inferences changed (%)", format=".2f"),
    alt.Tooltip("low:Q", title="95 % from", format=".2f"),
    alt.Tooltip("high:Q", title="to", format=".2f"),
    alt.Tooltip("failures:Q", title="trials that change any"),
    alt.Tooltip("trials:Q", title="of"),
]
_SHARE = "Inferences that change their class (%)"


def rates_by_place(rates: pd.DataFrame, title: str) -> alt.Chart:
    """Shares of inferences at a random bit, by network and place.

    Args:
        rates: network, place, trials, failures, rate, low, high (in percent).
    """
    places = [place for place in PLACE_COLOURS if place in set(rates["place"])]
    y = alt.Y("network:N", title=None, sort=names_in(rates, "network"), axis=alt.Axis(domain=False, ticks=False))
    offset = alt.YOffset("place:N", sort=places, scale=alt.Scale(domain=places))
    base = alt.Chart(rates).encode(y=y, yOffset=offset, color=_colour(places))
    line = base.mark_rule(strokeWidth=1.8, opacity=0.7).encode(x=alt.X("low:Q", title=_SHARE), x2="high:Q")
    point = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=alt.X("rate:Q", title=_SHARE), shape=_shape(places), tooltip=["network:N", *_TOOLTIP]
    )
    return finish(alt.layer(line, point), title, width=620, height=72 * rates["network"].nunique())


def rates_by_place_and_bit(rates: pd.DataFrame, bits: Sequence[str], title: str) -> alt.Chart:
    """Shares of inferences by flipped bit, places side by side.

    Args:
        rates: place, bit (a number or "mantissa", as text), trials, failures, rate, low, high (in percent).
        bits: from left to right.
    """
    places = [place for place in PLACE_COLOURS if place in set(rates["place"])]
    x = alt.X(
        "bit:N",
        title="Flipped bit",
        sort=list(bits),
        axis=alt.Axis(labelAngle=0, domain=False, ticks=False, labelOverlap=False, labelPadding=8),
        scale=alt.Scale(paddingInner=0.25),
    )
    offset = alt.XOffset("place:N", sort=places, scale=alt.Scale(domain=places))
    scale = alt.Scale(domain=[0, min(100.0, 1.04 * max(1.0, float(rates["high"].max())))], nice=False)
    base = alt.Chart(rates).encode(x=x, xOffset=offset, color=_colour(places))
    line = base.mark_rule(strokeWidth=1.5, opacity=0.7).encode(y=alt.Y("low:Q", title=_SHARE, scale=scale), y2="high:Q")
    point = base.mark_point(filled=True, size=40, opacity=1).encode(
        y=alt.Y("rate:Q", title=_SHARE, scale=scale), shape=_shape(places), tooltip=["bit:N", *_TOOLTIP]
    )
    return finish(alt.layer(line, point), title, width=52 * len(bits), height=260)


def rates_by_layer(rates: pd.DataFrame, logits: float, title: str) -> alt.Chart:
    """Shares of inferences by layer in the order of execution: of what it gives, and of its parameters.

    Args:
        rates: place, layer (one, or the first and the last of several), order, trials, failures, rate, low, high (in
            percent).
        logits: the order of the logits.
    """
    places = [place for place in PLACE_COLOURS if place in set(rates["place"])]
    last = max(logits, float(rates["order"].max()))
    rows = rates.assign(x=rates["order"] + rates["place"].map({"weights": last / 120}).fillna(0.0))
    x = alt.X(
        "x:Q",
        title="Operation, in the order of execution (0 is the image)",
        axis=alt.Axis(grid=False, format="d", tickMinStep=1),
        scale=alt.Scale(domain=[-0.6, last + 0.6], nice=False),
    )
    scale = alt.Scale(domain=[0, min(100.0, 1.04 * float(rates["high"].max()))], nice=False)
    base = alt.Chart(rows).encode(x=x, color=_colour(places))
    line = base.mark_rule(strokeWidth=1.6, opacity=0.6).encode(y=alt.Y("low:Q", title=_SHARE, scale=scale), y2="high:Q")
    tooltip = [alt.Tooltip("layer:N", title="operations"), *_TOOLTIP]
    point = base.mark_point(filled=True, size=44, opacity=1).encode(
        y=alt.Y("rate:Q", title=_SHARE, scale=scale), shape=_shape(places), tooltip=tooltip
    )
    mark = alt.Chart(pd.DataFrame({"x": [logits], "name": ["logits"]}))
    rule = mark.mark_rule(color=MUTED, strokeDash=[2, 3]).encode(x="x:Q")
    name = mark.mark_text(baseline="bottom", dy=-4, color=INK, fontSize=11).encode(
        x="x:Q", y=alt.value(0), text="name:N"
    )
    return finish(alt.layer(rule, line, point, name), title, width=900, height=280)


def _colour(places: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(places), range=[PLACE_COLOURS[place] for place in places])
    return alt.Color("place:N", scale=scale, legend=legend())


def _shape(places: Sequence[str]) -> alt.Shape:
    scale = alt.Scale(domain=list(places), range=[PLACE_SHAPES[place] for place in places])
    return alt.Shape("place:N", scale=scale, legend=legend())
