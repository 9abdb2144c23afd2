"""One cell a bit: what each bit of a word is good for (thesis Figures 6 and 8)."""

import altair as alt
import pandas as pd

from sparebits.bit_classes import CLASSES, GROUPS
from sparebits.formats import FloatFormat
from sparebits.report.charts.style import bit_axis, colour_scale, field_marks, finish, legend, names_in


def bit_map(cells: pd.DataFrame, fmt: FloatFormat, title: str) -> alt.Chart:
    """A row for each sort of tensors, a cell a bit, coloured by class.

    Args:
        cells: row (its name; "|" starts a new line), bit, class, and content: what a fixed bit is fixed at ("0",
            "1", or "¬" for the complement of the leading exponent bit), else empty.
    """
    cells = cells.assign(left=cells["bit"] + 0.5, right=cells["bit"] - 0.5)
    rows = names_in(cells, "row")
    # Three lines, the middle one at the row's middle.
    lines = {"labelExpr": "split(datum.label, '|')", "labelLineHeight": 14, "labelOffset": -14}
    axis = alt.Axis(domain=False, ticks=False, labelLimit=0, labelPadding=8, **lines)
    x = bit_axis(fmt)
    y = alt.Y("row:N", title=None, sort=rows, axis=axis, scale=alt.Scale(paddingInner=0.16))
    colour = alt.Color(
        "class:N", scale=colour_scale("class", CLASSES), legend=legend(symbolType="square", symbolSize=160)
    )
    squares = alt.Chart(cells).mark_rect(stroke="white", strokeWidth=1)
    squares = squares.encode(x=x, x2="right:Q", y=y, color=colour, tooltip=["row:N", "bit:Q", "class:N", "content:N"])
    text = alt.Chart(cells[cells["content"] != ""]).mark_text(fontSize=12, fontWeight="bold")
    ink = alt.condition("datum.class == 'invariant'", alt.value("white"), alt.value("#10222e"))
    text = text.encode(x="bit:Q", y=y, text="content:N", color=ink)
    return finish(alt.layer(squares, text, field_marks(fmt)), title, width=22 * fmt.width, height=56 * len(rows))


def bit_rows(bit_classes: pd.DataFrame, tensors: pd.DataFrame, bits: pd.DataFrame, fmt: FloatFormat) -> pd.DataFrame:
    """The cells of a bit map: tensors of one group whose bits are alike share a row.

    Where the thesis' rule gives other classes than the derived one, its row follows.

    Args:
        bit_classes, tensors, bits: the tables of one network.
    """
    ones = bits[(bits["zeros"] == 0) & (bits["kind"] != "all")]
    always_one = set(zip(ones["kind"], ones["bit"], strict=True))
    of_tensor = tensors.set_index("tensor")
    rows: dict[tuple, list[str]] = {}
    for tensor, cells in bit_classes.sort_values(["tensor", "bit"]).groupby("tensor", sort=False):
        group, kind = of_tensor.loc[tensor, ["group", "kind"]]
        patterns = {rule: tuple(cells[rule]) for rule in ("class", "thesis_class")}
        for rule, classes in patterns.items():
            if rule == "class" or classes != patterns["class"]:
                contents = tuple(
                    _content(bit, name, (kind, bit) in always_one, group, fmt) for bit, name in enumerate(classes)
                )
                rows.setdefault((GROUPS.index(group), rule, classes, contents), []).append(tensor)
    order = sorted(rows, key=lambda row: (row[0], row[1] != "class", -of_tensor.loc[rows[row], "values"].sum()))
    return pd.concat([_row_cells(row, of_tensor.loc[rows[row]]) for row in order], ignore_index=True)


def _content(bit: int, name: str, one: bool, group: str, fmt: FloatFormat) -> str:
    if name == "invariant":
        return str(int(one))
    if name != "forced":
        return ""
    if group == "mixed":
        return "¬"
    leading = bit == fmt.sign_bit - 1
    return str(int(leading == (group == "above")))


def _row_cells(row: tuple, members: pd.DataFrame) -> pd.DataFrame:
    group, rule, classes, contents = row
    thesis = " (thesis’ rule)" if rule == "thesis_class" else ""
    kinds = ", ".join(members["kind"].unique())
    size = f"{members['values'].sum():,} values, {classes.count('protected')} bits to protect"
    label = f"{GROUPS[group]}{thesis}|{kinds}|{size}"
    return pd.DataFrame({"row": label, "bit": range(len(classes)), "class": classes, "content": contents})
