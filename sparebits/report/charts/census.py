"""What the words look like: the share of ones of each bit, and the exponents (thesis 3.5 and 3.6)."""

import altair as alt
import pandas as pd

from sparebits.formats import FloatFormat
from sparebits.report.charts.style import INK, MUTED, bit_axis, colour_scale, field_marks, finish, legend, names_in
from sparebits.report.wording import hex_field, power_of_two


def share_of_ones(bits: pd.DataFrame, fmt: FloatFormat, title: str) -> alt.Chart:
    """The share of ones of each bit, a row a kind; invariant bits are framed and show their value (thesis Tables 6, 7).

    Args:
        bits: rows of bits.csv of one network.
    """
    total = bits["zeros"] + bits["ones"]
    cells = bits.assign(share=bits["ones"] / total, left=bits["bit"] + 0.5, right=bits["bit"] - 0.5)
    cells = cells[total > 0]
    fixed = cells[(cells["zeros"] == 0) | (cells["ones"] == 0)]
    fixed = fixed.assign(value=(fixed["zeros"] == 0).astype(int).astype(str))
    x = bit_axis(fmt)
    y = alt.Y(
        "kind:N", title=None, sort=names_in(bits, "kind"), axis=alt.Axis(domain=False, ticks=False, labelPadding=6)
    )
    scale = alt.Scale(domain=[0, 0.5, 1], range=["#0072B2", "#F7F7F7", "#D55E00"], interpolate="rgb")
    colour = alt.Color(
        "share:Q",
        scale=scale,
        legend=alt.Legend(
            title="share of ones",
            orient="bottom",
            format=".0%",
            values=[0, 0.5, 1],
            gradientLength=140,
            titleOrient="left",
        ),
    )
    tooltip = ["kind:N", "bit:Q", alt.Tooltip("share:Q", format=".3%"), "zeros:Q", "ones:Q"]
    heat = (
        alt.Chart(cells)
        .mark_rect(stroke="white", strokeWidth=0.5)
        .encode(x=x, x2="right:Q", y=y, color=colour, tooltip=tooltip)
    )
    frame = alt.Chart(fixed).mark_rect(filled=False, stroke=INK, strokeWidth=1.6).encode(x=x, x2="right:Q", y=y)
    value = alt.Chart(fixed).mark_text(color="white", fontWeight="bold", fontSize=11)
    value = value.encode(x="bit:Q", y=y, text="value:N")
    rows = bits["kind"].nunique()
    return finish(alt.layer(heat, frame, value, field_marks(fmt)), title, height=34 * rows)


def exponent_histogram(exponents: pd.DataFrame, fmt: FloatFormat, title: str) -> alt.Chart:
    """How many values have each exponent field, a line a kind, on a logarithmic scale that shows 0 (thesis Table 8).

    The axis covers the fields that occur, other than field 0 (zero and subnormal values), and the floors.

    Args:
        exponents: rows of exponents.csv of one network.
    """
    kinds = exponents[exponents["kind"] != "all"]
    used = kinds.loc[(kinds["count"] > 0) & (kinds["exponent"] > 0), "exponent"]
    marks = [*fmt.forced_bits_of_floor, fmt.leading_exponent]
    low, high = min([*used, *marks]) - 1, max([*used, *marks]) + 1
    rows = kinds[kinds["exponent"].between(max(low, 1), high)].assign(
        field=lambda found: [hex_field(exponent, fmt) for exponent in found["exponent"]],
        power=lambda found: [power_of_two(exponent, fmt) for exponent in found["exponent"]],
    )
    names = names_in(kinds, "kind")
    digits = -(-fmt.exponent_bits // 4)
    bias = fmt.leading_exponent - 1
    label = f"['0x' + upper(format(datum.value, '0{digits}x')), '2^' + format(datum.value - {bias}, 'd')]"
    ticks = _round_fields(low, high)
    axis = alt.Axis(values=ticks, labelExpr=label, grid=False, labelOverlap="greedy")
    x = alt.X(
        "exponent:Q",
        title="Exponent field and power of two",
        axis=axis,
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
    )
    largest = int(rows["count"].max())
    counts = [0, *(10**power for power in range(len(str(largest))))]
    y = alt.Y(
        "count:Q",
        title="Values (log scale)",
        axis=alt.Axis(values=counts, labelExpr="format(datum.value, '~s')", labelOverlap="greedy"),
        scale=alt.Scale(type="symlog", domain=[0, largest * 1.6], nice=False),
    )
    colour = alt.Color("kind:N", scale=colour_scale("kind", names), legend=legend())
    tooltip = ["kind:N", "field:N", "power:N", "count:Q"]
    lines = alt.Chart(rows).mark_line(interpolate="step", strokeWidth=1.8).encode(x=x, y=y, color=colour)
    points = (
        alt.Chart(rows[rows["count"] > 0])
        .mark_point(size=14, filled=True)
        .encode(x=x, y=y, color=colour, tooltip=tooltip)
    )
    return finish(alt.layer(_floor_marks(marks, fmt), lines, points), title, height=300)


def _round_fields(low: int, high: int) -> list[int]:
    """Multiples of a power of two, at most six or seven of them."""
    step = 1
    while (high - low) / step > 6:
        step *= 2
    return [field for field in range(0, high + 1, step) if field >= low]


def _floor_marks(marks: list[int], fmt: FloatFormat) -> alt.LayerChart:
    """Lines at the floors and at 1 0...0, between the fields below and the field itself."""
    frame = pd.DataFrame({"border": [mark - 0.5 for mark in marks], "name": [hex_field(mark, fmt) for mark in marks]})
    rule = alt.Chart(frame).mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x="border:Q")
    name = alt.Chart(frame).mark_text(angle=270, align="left", baseline="middle", dy=0, dx=4, color=INK, fontSize=10)
    return alt.layer(rule, name.encode(x="border:Q", y=alt.value(0), text="name:N"))
