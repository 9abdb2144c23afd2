"""What all charts share: colours that colour-blind readers can tell apart, sizes, legends, fields of a word."""

import textwrap
from collections.abc import Sequence

import altair as alt
import pandas as pd

from sparebits.formats import FloatFormat
from sparebits.outcomes import GROUPS

FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
INK, MUTED, LINES = "#1f2933", "#5b6770", "#dfe4e8"

# Okabe & Ito, without the yellow that white paper swallows, then dark colours of Tol's muted scheme.
NETWORK_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#882255",
    "#999933",
    "#332288",
)
# Tol's bright scheme: kinds are not to be taken for networks.
KIND_COLOURS = {
    "all": "#1f2933",
    "weight": "#4477AA",
    "bias": "#EE6677",
    "running_mean": "#228833",
    "running_var": "#AA3377",
    "other": "#CCBB44",
}
MODE_COLOURS = {"alteration": "#1f2933", "truncation": "#004488", "all_ones": "#DDAA33", "random": "#BB5566"}
# Blues are spare, red is protected, as in the thesis' Figures 6 and 8.
CLASS_COLOURS = {"invariant": "#0072B2", "forced": "#56B4E9", "irrelevant": "#C9E4F6", "protected": "#D55E00"}
# What the bits of a stored word hold: data in oranges, check bits blue.
STORED_COLOURS = {
    "sign": "#D55E00",
    "exponent": "#E69F00",
    "mantissa": "#F6D08B",
    "check bit": "#4A9CCB",
    "unused": "#E6EAED",
}
# Tol's vibrant scheme and a violet; no network has one of them. A scheme has the colour of its group in every chart.
SCHEME_COLOURS = dict(zip(GROUPS, ("#009988", "#EE7733", "#7A4FA8", "#4B5560"), strict=True))
GROUP_SHAPES = dict(zip(GROUPS, ("circle", "diamond", "square", "triangle-up"), strict=True))
# How words are stored: modes of many words in further colours, a published scheme in that of its group.
STORAGE_COLOURS = {
    "block": "#2A1E8C",
    "nested": "#648FFF",
    "nested-word": "#A50026",
    "word": SCHEME_COLOURS[GROUPS[0]],
    "unprotected": SCHEME_COLOURS[GROUPS[3]],
}
STORAGE_SHAPES = {
    "block": "square",
    "block, 10 data bits": "cross",
    "nested": "diamond",
    "nested-word": "triangle-up",
    "word": "circle",
    "unprotected": "triangle-down",
}
_PUBLISHED_COLOUR, _PUBLISHED_SHAPE = SCHEME_COLOURS[GROUPS[1]], "triangle-right"
# Of faults; no network, kind or scheme has one of them.
PERSISTENCE_COLOURS = {"persistent": "#222255", "transient": "#EE3377"}
MEASURE_SHAPES = {"any prediction changed": "circle", "critical": "diamond"}
# Tol's muted scheme, without what networks have; layer types that are not named are grey.
LAYER_TYPE_COLOURS = {
    "Conv2d": "#117733",
    "BatchNorm2d": "#CC6677",
    "Linear": "#AA4499",
    "DepthwiseConv2d": "#66B7DD",
    "LayerNorm": "#B8A53F",
    "Embedding": "#44AA99",
    "ConvTranspose2d": "#661100",
}
_OTHER_LAYER_TYPE = "#777777"
# Vega's names of symbols, and SVG paths like them in a box of 12 by 12.
SYMBOLS = {
    "circle": "M11 6A5 5 0 1 1 1 6A5 5 0 1 1 11 6Z",
    "square": "M1.5 1.5H10.5V10.5H1.5Z",
    "triangle-up": "M6 1L11.5 10.5H.5Z",
    "diamond": "M6 .5L11 6L6 11.5L1 6Z",
    "cross": "M4 .5H8V4H11.5V8H8V11.5H4V8H.5V4H4Z",
    "triangle-down": "M6 11L.5 1.5H11.5Z",
    "triangle-right": "M11 6L1.5 11.5V.5Z",
    "triangle-left": "M1 6L10.5 .5V11.5Z",
}
SHAPES = tuple(SYMBOLS)
ACCURACY = "Accuracy (% of images)"

OUTCOME_TOOLTIP = [
    alt.Tooltip("percent:Q", title="accuracy (%)", format=".2f"),
    alt.Tooltip("percent_low:Q", title="95 % from", format=".2f"),
    alt.Tooltip("percent_high:Q", title="to", format=".2f"),
    alt.Tooltip("drop_pp:Q", title="drop (pp)", format="+.2f"),
    alt.Tooltip("lost:Q", title="hits lost"),
    alt.Tooltip("gained:Q", title="hits gained"),
]
"""What a mark of measured accuracy tells: its interval, its drop, and the hits behind that."""


def finish(chart: alt.Chart | alt.LayerChart, title: str, width: int = 720, height: int = 320) -> alt.Chart:
    """The chart with its title, its size in pixels and the common look."""
    return (
        chart.properties(title=textwrap.wrap(title, width // 9), width=width, height=height)
        .configure(font=FONT, background="white")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            titleFontWeight="normal",
            labelFontSize=12,
            titleFontSize=13,
            gridColor=LINES,
            domainColor=MUTED,
            tickColor=MUTED,
            titlePadding=8,
        )
        .configure_legend(
            labelFontSize=12, titleFontSize=12, labelColor=INK, titleColor=MUTED, titleFontWeight="normal"
        )
        .configure_title(anchor="start", fontSize=15, fontWeight=600, color=INK, offset=14)
    )


def names_in(frame: pd.DataFrame, column: str) -> list[str]:
    """The names of a column in the order of their first rows."""
    return [str(name) for name in frame[column].unique()]


def colour_scale(column: str, names: Sequence[str]) -> alt.Scale:
    """The colours of networks (by position), kinds, modes, schemes, classes and the like (by name)."""
    by_name = {
        "kind": KIND_COLOURS,
        "mode": MODE_COLOURS,
        "class": CLASS_COLOURS,
        "stored_class": STORED_COLOURS,
        "scheme_group": SCHEME_COLOURS,
        # Behind a comma stands a variant of a mode.
        "storage": {name: STORAGE_COLOURS.get(name.partition(",")[0], _PUBLISHED_COLOUR) for name in names},
        "persistence": PERSISTENCE_COLOURS,
        "layer_type": dict.fromkeys(names, _OTHER_LAYER_TYPE) | LAYER_TYPE_COLOURS,
    }.get(column)
    if by_name:
        colours = [by_name[name] for name in names]
    else:
        colours = [NETWORK_COLOURS[place % len(NETWORK_COLOURS)] for place in range(len(names))]
    return alt.Scale(domain=list(names), range=colours)


def shape_scale(names: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[SHAPES[place % len(SHAPES)] for place in range(len(names))])


def storage_shapes(names: Sequence[str]) -> alt.Scale:
    """The shapes of ways to store words."""
    shapes = [STORAGE_SHAPES.get(name, STORAGE_SHAPES.get(name.partition(",")[0], _PUBLISHED_SHAPE)) for name in names]
    return alt.Scale(domain=list(names), range=shapes)


def legend(title: str | None = None, **options) -> alt.Legend:
    """A legend below the chart."""
    return alt.Legend(title=title, orient="bottom", symbolOpacity=1, **{"columns": 4, "labelLimit": 150} | options)


def bit_axis(fmt: FloatFormat, title: str = "Bit of the word") -> alt.X:
    """Bits from the most significant, left, to bit 0, right, each from bit - 0.5 to bit + 0.5."""
    step = 4 if fmt.width <= 32 else 8
    ticks = sorted({fmt.sign_bit, *range(0, fmt.width, step)} - {fmt.sign_bit - 1})
    axis = alt.Axis(values=ticks, grid=False, format="d", labelOverlap="greedy", domain=False)
    # Of a descending domain that had to hold zero, zero would be all.
    scale = alt.Scale(domain=[fmt.sign_bit + 0.5, -0.5], nice=False, zero=False)
    return alt.X("left:Q", title=title, axis=axis, scale=scale)


def field_marks(fmt: FloatFormat, ends: str = "rule") -> alt.LayerChart:
    """Lines between sign, exponent and mantissa, and their names above the chart, over a quantitative axis of bits."""
    fields = pd.DataFrame(
        {
            "name": ["sign", "exponent", "mantissa"],
            "middle": [fmt.sign_bit, fmt.mantissa_bits + (fmt.exponent_bits - 1) / 2, (fmt.mantissa_bits - 1) / 2],
            "border": [fmt.sign_bit - 0.5, fmt.mantissa_bits - 0.5, None],
        }
    )
    rules = alt.Chart(fields[:2]).mark_rule(color=INK, strokeWidth=1.2).encode(x="border:Q")
    names = alt.Chart(fields).mark_text(baseline="bottom", dy=-4, color=MUTED, fontSize=11)
    return alt.layer(rules, names.encode(x="middle:Q", y=alt.value(0), text="name:N"))
