"""How often one flipped bit makes a network fail: by bit, by layer and by layer type."""

import json
from collections.abc import Sequence

import altair as alt
import pandas as pd

from sparebits.formats import FloatFormat
from sparebits.report.charts.style import (
    LINES,
    MEASURE_SHAPES,
    MUTED,
    PERSISTENCE_COLOURS,
    bit_axis,
    colour_scale,
    field_marks,
    finish,
    legend,
    names_in,
)

_NAMED = 24
"""Up to so many layers each has its name at the axis."""
_WIDE, _DEEPEST = 0.04, 3
"""Share of the layers from which on a module has its name above them, and parts of a name that it may have."""
_TOOLTIP = [
    alt.Tooltip("measure:N", title="counted"),
    alt.Tooltip("failures:Q", title="such trials"),
    alt.Tooltip("trials:Q", title="of"),
    alt.Tooltip("share:Q", title="share (%)", format=".1f"),
    alt.Tooltip("low:Q", title="95 % from", format=".1f"),
    alt.Tooltip("high:Q", title="to", format=".1f"),
]


def failures_by_bit(shares: pd.DataFrame, fmt: FloatFormat, title: str) -> alt.Chart:
    """Shares of failing trials against the flipped bit, with intervals.

    Args:
        shares: bit, persistence, measure, failures, trials, share, low, high (in percent).
    """
    series = [(persistence, measure) for persistence in PERSISTENCE_COLOURS for measure in MEASURE_SHAPES]
    present = [one for one in series if one[0] in set(shares["persistence"])]
    aside = {one: 0.19 * ((len(present) - 1) / 2 - place) for place, one in enumerate(present)}
    pairs = zip(shares["persistence"], shares["measure"], strict=True)
    # `left` is the name of the axis of bits: it runs from right to left.
    rows = shares.assign(left=shares["bit"] + [aside[pair] for pair in pairs])
    colour = alt.Color(
        "persistence:N", scale=colour_scale("persistence", names_in(shares, "persistence")), legend=legend()
    )
    tooltip = ["persistence:N", "bit:Q", *_TOOLTIP]
    marks = _intervals(rows, "y", bit_axis(fmt, "Flipped bit"), colour, tooltip)
    borders = pd.DataFrame({"between": [bit - 0.5 for bit in range(1, fmt.width)]})
    lanes = alt.Chart(borders).mark_rule(color=LINES).encode(x="between:Q")
    return finish(alt.layer(lanes, *marks, field_marks(fmt)), title, width=27 * fmt.width, height=280)


def failures_by_layer(shares: pd.DataFrame, layers: Sequence[str], title: str) -> alt.Chart:
    """Shares of failing trials of each layer in the network's order, with intervals, coloured by layer type.

    Few layers have their names at the axis; of many, the modules that hold them are named above.

    Args:
        shares: layer, layer_type, place (from 1), measure, failures, trials, share, low, high (in percent).
        layers: all layers in their order, also those without trials.
    """
    are_named = len(layers) <= _NAMED
    # Side by side without a gap that could be taken for another layer.
    apart = min(0.18, len(layers) / 150)
    rows = shares.assign(
        x=shares["place"] + shares["measure"].map(dict(zip(MEASURE_SHAPES, (-apart, apart), strict=True)))
    )
    colour = alt.Color(
        "layer_type:N", scale=colour_scale("layer_type", names_in(shares, "layer_type")), legend=legend()
    )
    x = alt.X(
        "x:Q",
        title="Layer, in the network’s order",
        axis=_layer_axis(layers) if are_named else alt.Axis(grid=False, format="d", tickMinStep=1),
        scale=alt.Scale(domain=[0.4, len(layers) + 0.6], nice=False, zero=False),
    )
    tooltip = ["layer:N", "layer_type:N", alt.Tooltip("place:Q", title="place in the network"), *_TOOLTIP]
    marks = _intervals(rows, "y", x, colour, tooltip, *((44, 1.6) if are_named else (26, 1.0)))
    if not are_named:
        modules = _modules(layers)
        borders = alt.Chart(pd.DataFrame({"x": sorted({*modules["start"], *modules["end"]})}))
        names = alt.Chart(modules[["name", "middle"]]).mark_text(baseline="bottom", dy=-4, color=MUTED, fontSize=11)
        names = names.encode(x="middle:Q", y=alt.value(0), text="name:N")
        marks = [borders.mark_rule(color=MUTED, strokeDash=[2, 3]).encode(x="x:Q"), *marks, names]
    return finish(alt.layer(*marks), title, width=900, height=280)


def failures_by_layer_type(shares: pd.DataFrame, order: Sequence[str], title: str) -> alt.Chart:
    """Shares of failing trials of each layer type, persistent above transient, with intervals and the trials.

    Args:
        shares: layer_type, persistence, measure, failures, trials, share, low, high (in percent).
        order: layer types from top to bottom.
    """
    of_types = shares.drop_duplicates(["layer_type", "persistence"]).groupby("layer_type", sort=False)["trials"]
    counts = {name: f"{' + '.join(f'{number:,}' for number in numbers)} trials" for name, numbers in of_types}
    rows = shares.assign(
        row=[f"{name}|{counts[name]}" for name in shares["layer_type"]],
        series=shares["persistence"] + " " + shares["measure"],
    )
    names = [f"{name}|{counts[name]}" for name in order if name in counts]
    axis = alt.Axis(
        domain=False,
        ticks=False,
        grid=False,
        labelLimit=0,
        labelExpr="split(datum.label, '|')",
        labelLineHeight=14,
        labelOffset=-7,
        labelPadding=8,
    )
    y = alt.Y("row:N", title=None, sort=names, axis=axis, scale=alt.Scale(paddingInner=0.3, paddingOuter=0.1))
    series = [f"{persistence} {measure}" for persistence in PERSISTENCE_COLOURS for measure in MEASURE_SHAPES]
    present = [name for name in series if name in set(rows["series"])]
    offset = alt.YOffset("series:N", sort=present, scale=alt.Scale(domain=present))
    colour = alt.Color(
        "persistence:N", scale=colour_scale("persistence", names_in(shares, "persistence")), legend=legend()
    )
    tooltip = ["layer_type:N", "persistence:N", *_TOOLTIP]
    marks = [mark.encode(yOffset=offset) for mark in _intervals(rows, "x", y, colour, tooltip)]
    return finish(alt.layer(*marks), title, width=460, height=max(120, 50 * len(names)))


def _intervals(
    rows: pd.DataFrame,
    along: str,
    across: alt.X | alt.Y,
    colour: alt.Color,
    tooltip: list,
    size: float = 44,
    width: float = 1.6,
) -> list[alt.Chart]:
    """A line from low to high and a point at the share for each row; the shape tells the measure.

    Args:
        along: "x" or "y", the direction of the shares.
        across: where a row stands in the other direction.
        size, width: of points (area) and lines, in pixels.
    """
    channel, other = (alt.X, "y") if along == "x" else (alt.Y, "x")
    highest = min(100.0, 1.04 * rows["high"].max())
    scale = alt.Scale(domain=[0, highest], nice=False)
    low, share = (channel(f"{column}:Q", title="Share of trials (%)", scale=scale) for column in ("low", "share"))
    shapes = alt.Scale(domain=list(MEASURE_SHAPES), range=list(MEASURE_SHAPES.values()))
    base = alt.Chart(rows).encode(color=colour, **{other: across})
    line = base.mark_rule(strokeWidth=width, opacity=0.65).encode(**{along: low, f"{along}2": "high:Q"})
    point = base.mark_point(size=size, filled=True, opacity=1)
    shape = alt.Shape("measure:N", scale=shapes, legend=legend())
    return [line, point.encode(**{along: share}, shape=shape, tooltip=tooltip)]


def _layer_axis(layers: Sequence[str]) -> alt.Axis:
    """The name of each layer at its place."""
    names = json.dumps(["", *layers], ensure_ascii=False)
    return alt.Axis(
        values=list(range(1, len(layers) + 1)),
        labelExpr=f"{names}[datum.value]",
        labelAngle=-35,
        labelAlign="right",
        labelLimit=180,
        labelOverlap=False,
        grid=False,
    )


def _modules(layers: Sequence[str]) -> pd.DataFrame:
    """Modules that hold many layers: name, first and last place, middle; the others stay without a name."""
    depth = 1
    spans = _spans(layers, depth)
    # Where one module holds most of the network, as "features" does, its parts are told.
    while max(spans["last"] - spans["first"]) + 1 > 0.6 * len(layers) and depth < _DEEPEST:
        depth += 1
        spans = _spans(layers, depth)
    return spans[spans["last"] - spans["first"] + 1 >= _WIDE * len(layers)]


def _spans(layers: Sequence[str], depth: int) -> pd.DataFrame:
    """Runs of neighbours whose names begin with the same parts."""
    places = pd.DataFrame({"name": [".".join(name.split(".")[:depth]) for name in layers]})
    places["place"] = range(1, len(layers) + 1)
    runs = (places["name"] != places["name"].shift()).cumsum()
    spans = places.groupby(runs).agg(name=("name", "first"), first=("place", "min"), last=("place", "max"))
    return spans.assign(
        start=spans["first"] - 0.5, end=spans["last"] + 0.5, middle=(spans["first"] + spans["last"]) / 2
    )
