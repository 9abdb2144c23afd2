"""One cell a bit: what the words of a protected network hold."""

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from sparebits.codes.catalogue import named_code
from sparebits.formats import FloatFormat
from sparebits.layouts.layout import layout_from_dict
from sparebits.report.charts.style import STORED_COLOURS, bit_axis, colour_scale, finish, legend, names_in

_WORDS = ("weight", "bias", "running mean", "running variance")
"""Whose places in memory the four words of a code word have."""


def word_map(cells: pd.DataFrame, fmt: FloatFormat, title: str) -> alt.Chart:
    """A row for each sort of stored words, a cell a bit, coloured by what it holds.

    Args:
        cells: from `stored_bits`.
    """
    cells = cells.assign(left=cells["bit"] + 0.5, right=cells["bit"] - 0.5)
    rows = names_in(cells, "row")
    # Three lines, the middle one at the row's middle.
    lines = {"labelExpr": "split(datum.label, '|')", "labelLineHeight": 14, "labelOffset": -14}
    axis = alt.Axis(domain=False, ticks=False, labelLimit=0, labelPadding=8, **lines)
    y = alt.Y("row:N", title=None, sort=rows, axis=axis, scale=alt.Scale(paddingInner=0.16))
    x = bit_axis(fmt, "Bit of the stored word")
    scale = colour_scale("stored_class", list(STORED_COLOURS))
    colour = alt.Color("stored_class:N", scale=scale, legend=legend(symbolType="square", symbolSize=160))
    tooltip = ["row:N", "bit:Q", alt.Tooltip("stored_class:N", title="holds"), alt.Tooltip("holds:N", title="which")]
    squares = alt.Chart(cells).mark_rect(stroke="white", strokeWidth=1)
    squares = squares.encode(x=x, x2="right:Q", y=y, color=colour, tooltip=tooltip)
    letters = alt.Chart(cells[cells["letter"] != ""]).mark_text(fontSize=11, fontWeight="bold", color="#10222e")
    letters = letters.encode(x="bit:Q", y=y, text="letter:N")
    return finish(alt.layer(squares, letters), title, width=22 * fmt.width, height=56 * len(rows))


def stored_bits(entries: Mapping[str, Sequence[dict]], tensors: pd.DataFrame, fmt: FloatFormat) -> pd.DataFrame:
    """The cells of a word map: tensors whose words are stored alike share a row.

    Args:
        entries: by scheme the `tensors` of selection.json; a scheme that does not fit has none.
        tensors: the table of the network.

    Returns:
        row (its name; "|" starts a new line), bit, stored_class, holds (which bit of which value), letter.
    """
    values = tensors.set_index("tensor")["values"]
    found: dict[tuple, list[dict]] = {}
    for scheme, of_scheme in entries.items():
        for code_word in _code_words(of_scheme):
            bits = _bits_of(code_word, fmt)
            classes = tuple(_class_of(name, fmt) for name in bits)
            key = (scheme, code_word[0]["span"], code_word[0]["code_name"], classes)
            found.setdefault(key, []).append({"entries": code_word, "bits": bits})
    rows = []
    for (scheme, span, _, classes), alike in found.items():
        members = [entry for code_word in alike for entry in code_word["entries"]]
        label = _label(scheme, members, int(sum(values[entry["tensor"]] for entry in members)))
        for place in range(len(classes) // fmt.width):
            word = slice(place * fmt.width, (place + 1) * fmt.width)
            name = label if span == "word" else f"{label}, in place of the {_WORDS[place]}"
            cells = {"row": name, "bit": range(fmt.width), "stored_class": classes[word]}
            cells |= {"holds": alike[0]["bits"][word], "letter": [_letter(found) for found in classes[word]]}
            rows.append(pd.DataFrame(cells))
    return pd.concat(rows, ignore_index=True)


def _code_words(entries: Sequence[dict]) -> list[list[dict]]:
    """The entries whose tensors' words make a code word together: one, or a BatchNorm's four in the scheme's order."""
    together: dict[str, list[dict]] = {}
    for entry in entries:
        name = entry["tensor"]
        together.setdefault(name if entry["span"] == "word" else name.rpartition(".")[0], []).append(entry)
    order = ("weight", "bias", "running_mean", "running_var")
    return [
        sorted(members, key=lambda entry: order.index(entry["tensor"].rpartition(".")[2]))
        if len(members) > 1
        else members
        for members in together.values()
    ]


def _bits_of(code_word: list[dict], fmt: FloatFormat) -> list[str]:
    """What each bit of the words holds, from bit 0 of the first word on: a data bit's name, "check bit" or "unused"."""
    first = code_word[0]
    described = first["layouts"] if first["span"] == "fused" else [entry["layouts"][0] for entry in code_word]
    names = [name for one in described for name in reversed(layout_from_dict(one, fmt).bit_names())]
    code = named_code(first["code_name"])
    bits = ["unused"] * (fmt.width * len(code_word))
    bits[: code.n] = ["check bit"] * code.n
    for name, position in zip(names, code.data_positions, strict=True):
        bits[position] = name
    return bits


def _class_of(name: str, fmt: FloatFormat) -> str:
    """The colour of a bit; the thesis' layouts name their bits by their place in the original word."""
    kind, _, place = name.partition(" ")
    if kind != "bit":
        return name if name in STORED_COLOURS else kind
    return "sign" if int(place) == fmt.sign_bit else "exponent" if int(place) >= fmt.mantissa_bits else "mantissa"


def _letter(stored_class: str) -> str:
    return {"sign": "s", "exponent": "e", "mantissa": "m"}.get(stored_class, "")


def _label(scheme: str, members: list[dict], values: int) -> str:
    first = members[0]
    roles = ", ".join(dict.fromkeys(entry["role"] for entry in members))
    if first["span"] == "fused":
        roles += " scale and shift"
    titles = dict.fromkeys(title.split(" ")[0] for entry in members for title in entry["layout"])
    size = "[{},{},{}]".format(*first["code"])
    held = f"{values:,} values" if first["span"] == "word" else f"{values // 4:,} channels"
    return f"{scheme}: {roles}|{' and '.join(titles)} in {size}, corrects {first['t']}|{held}"
