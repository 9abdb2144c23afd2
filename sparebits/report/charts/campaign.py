"""Accuracy under faults: drop against bit error rate, of all schemes together."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10

import altair as alt
import numpy as np
import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.outcomes import GROUPS, scheme_group
from sparebits.report.charts.labels import apart
from sparebits.report.charts.style import INK, MUTED, SCHEME_COLOURS, colour_scale, finish, legend
from sparebits.schemes.names import CHOSEN, OURS

_WIDTH, _HEIGHT, _RIGHT = 860, 345, 170
"""In pixels: the width, the height of what is drawn, the room for names to its right."""
_LETTER, _SLANT = 6.3, 305
"""Width of a letter in pixels; angle of slanted names."""
_NAME_STEP, _LINE = 17, 15
"""Between two slanted names, and between two lines of text, in pixels."""
_SUMMARY = {
    "ber": ("ber", "first"),
    "trials": ("drop_pp", "size"),
    "median": ("drop_pp", "median"),
    "low": ("drop_pp", lambda drops: drops.quantile(0.25)),
    "high": ("drop_pp", lambda drops: drops.quantile(0.75)),
    "best": ("drop_pp", "min"),
    "worst": ("drop_pp", "max"),
    "over": ("drop_pp", lambda drops: int((drops > HELD_WITHIN_PP).sum())),
}


def drop_by_rate(campaign: pd.DataFrame, schemes: Sequence[str], banded: Sequence[str], title: str) -> alt.Chart:
    """Median drop of every scheme against the bit error rate, its trials as bands.

    The drop grows downwards, as accuracy falls. The trial without faults stands one decade left of the lowest rate. The
    names of schemes point to where their median drop passes HELD_WITHIN_PP, or stand at the end of the line.

    Args:
        campaign: rows of campaign.csv of one network.
        schemes: those that are drawn.
        banded: those whose bands are drawn without being pointed at.
    """
    hit = campaign.loc[campaign["ber"] > 0, "ber"]
    none, last = floor(log10(hit.min()) + 1e-9) - 1, log10(hit.max())
    lines = _summary(campaign[campaign["scheme"].isin(schemes)], none)
    domain = [none - 0.1, last + _RIGHT / (_WIDTH - _RIGHT) * (last - none + 0.2)]
    names = _names(lines, domain)
    top = _room_above(names)
    lowest, highest = min(-0.5, lines["best"].min()), max(2.0, lines["worst"].max())
    label = f"datum.value == {none} ? 'none' : format(pow(10, datum.value), '~e')"
    ticks = list(range(none, ceil(last - 1e-9) + 1))
    axis = alt.Axis(values=ticks, labelExpr=label, grid=False)
    x = alt.X("place:Q", title="Bit error rate (log scale)", axis=axis, scale=alt.Scale(domain=domain, nice=False))
    scale = alt.Scale(type="symlog", domain=[lowest, highest], range=[top, top + _HEIGHT], nice=False)
    y_axis = alt.Axis(values=[-10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100])
    title_y = "Drop of accuracy (percentage points, log scale, downwards)"

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title=title_y, axis=y_axis, scale=scale)

    # One that is pointed at stands out, its trials appear, the others fade.
    pointed = alt.selection_point(
        name="pointed", fields=["scheme"], on="pointerover", clear="pointerout", nearest=True, empty=True
    )
    colour = alt.Color("scheme_group:N", scale=colour_scale("scheme_group", GROUPS), legend=legend(labelLimit=0))
    dash = alt.StrokeDash("more_memory:N", scale=alt.Scale(domain=[False, True], range=[[1, 0], [5, 3]]), legend=None)
    base = alt.Chart(lines).encode(x=x, detail="scheme:N")
    bands = base.encode(color=colour)
    layers = [alt.Chart(_level(domain)).mark_rule(strokeDash=[5, 4], color=INK).encode(x="from:Q", x2="to:Q", y="y:Q")]
    for low, high, opacity in (("best", "worst", 0.13), ("low", "high", 0.2)):
        shown = alt.when(pointed, empty=False).then(alt.value(opacity)).otherwise(alt.value(0))
        static = bands.transform_filter(alt.FieldOneOfPredicate("scheme", list(banded)))
        unless = alt.when(pointed).then(alt.value(opacity)).otherwise(alt.value(0))
        layers.append(static.mark_area().encode(y=y(low), y2=f"{high}:Q", opacity=unless))
        layers.append(bands.mark_area().encode(y=y(low), y2=f"{high}:Q", opacity=shown))
    faded = alt.when(pointed).then(alt.value(1)).otherwise(alt.value(0.12))
    for ours, width in ((False, 1.3), (True, 2.4)):
        drawn = base.transform_filter(alt.FieldOneOfPredicate("scheme", [s for s in schemes if (s in OURS) == ours]))
        line = drawn.mark_line(strokeWidth=width, strokeJoin="round")
        layers.append(line.encode(y=y("median"), color=colour, strokeDash=dash, opacity=faded))
    points = base.mark_point(size=16, filled=True).encode(
        y=y("median"), color=colour, opacity=faded, tooltip=_tooltip()
    )
    names = _ends_apart(names, (lowest, highest), (domain[1] - domain[0]) / _WIDTH)
    leaders = alt.Chart(names[~names["at_end"]]).mark_rule(color=MUTED, strokeWidth=0.6)
    leaders = leaders.encode(x="place:Q", x2="name_place:Q", y=y("drop"), y2=alt.value(top - 6), opacity=faded)
    ends = alt.Chart(names[names["at_end"]]).mark_rule(color=MUTED, strokeWidth=0.6)
    ends = ends.encode(x="place:Q", x2="name_place:Q", y=y("drop"), y2="name_drop:Q", opacity=faded)
    texts = [text for group in GROUPS for text in _texts(names, group, faded, y, top - 8)]
    layers += [leaders, ends, points.add_params(pointed), *texts]
    return finish(alt.layer(*layers), title, width=_WIDTH, height=top + _HEIGHT)


def _summary(trials: pd.DataFrame, none: int) -> pd.DataFrame:
    """A row a scheme and rate: quantiles of the drop."""
    places = np.log10(trials["ber"].where(trials["ber"] > 0, 10.0**none))
    by_rate = trials.assign(place=places.round(4)).groupby(["scheme", "place"], sort=False)
    lines = by_rate.agg(**_SUMMARY).reset_index().round(3)
    memory = trials.groupby("scheme")[["extra_bytes", "stored_bits"]].first()
    more = memory["extra_bytes"] > 0.01 * memory["stored_bits"] / 8
    return lines.assign(
        scheme_group=lines["scheme"].map(scheme_group), more_memory=lines["scheme"].map(more).astype(bool)
    )


def _level(domain: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame({"from": [domain[0]], "to": [domain[1]], "y": [HELD_WITHIN_PP]})


def _tooltip() -> list:
    return [
        "scheme:N",
        alt.Tooltip("ber:Q", title="bit error rate", format="~g"),
        "trials:Q",
        alt.Tooltip("median:Q", title="median drop (pp)", format="+.2f"),
        alt.Tooltip("low:Q", title="quarter below", format="+.2f"),
        alt.Tooltip("high:Q", title="quarter above", format="+.2f"),
        alt.Tooltip("best:Q", title="least", format="+.2f"),
        alt.Tooltip("worst:Q", title="worst", format="+.2f"),
        alt.Tooltip("over:Q", title=f"trials over {HELD_WITHIN_PP:g} pp"),
    ]


def _names(lines: pd.DataFrame, domain: Sequence[float]) -> pd.DataFrame:
    """Where each scheme's name points to, and where it stands if that is above the chart.

    Args:
        domain: ends of the axis of rates.
    """
    rows = []
    for scheme, line in lines.groupby("scheme", sort=False):
        place = _crossing(line)
        end = line.sort_values("place").iloc[-1]
        at_end = place is None
        rows.append((scheme, end["place"] if at_end else place, end["median"] if at_end else HELD_WITHIN_PP, at_end))
    names = pd.DataFrame(rows, columns=["scheme", "place", "drop", "at_end"]).sort_values(["place", "drop"])
    names = names.assign(scheme_group=names["scheme"].map(scheme_group), name_place=names["place"], name_drop=0.0)
    crossing = ~names["at_end"]
    step = _NAME_STEP * (domain[1] - domain[0]) / _WIDTH
    names.loc[crossing, "name_place"] = apart(names.loc[crossing, "place"].to_numpy(), step).round(4)
    return names.assign(place=names["place"].round(4))


def _room_above(names: pd.DataFrame) -> int:
    """Pixels that slanted names take."""
    longest = names.loc[~names["at_end"], "scheme"].str.len().max()
    return 24 if pd.isna(longest) else 24 + round(longest * _LETTER * abs(np.sin(np.deg2rad(_SLANT))))


def _ends_apart(names: pd.DataFrame, drops: Sequence[float], per_pixel: float) -> pd.DataFrame:
    """The same with a place for those that stand to the right of their lines' ends.

    Args:
        drops: ends of the axis of drops.
        per_pixel: decades.
    """
    ends = names[names["at_end"]].sort_values("drop")
    if ends.empty:
        return names
    step = _LINE * (_symlog(drops[1]) - _symlog(drops[0])) / _HEIGHT
    levels = apart(_symlog(ends["drop"].to_numpy()), step)
    placed = ends.assign(
        name_drop=(np.sign(levels) * np.expm1(np.abs(levels))).round(4),
        name_place=round(ends["place"].max() + 14 * per_pixel, 4),
    )
    return pd.concat([names[~names["at_end"]], placed])


def _crossing(line: pd.DataFrame) -> float | None:
    """Where the median first passes HELD_WITHIN_PP on its way up; None if it never does."""
    ordered = line.sort_values("place")
    places, medians = ordered["place"].to_numpy(), _symlog(ordered["median"].to_numpy())
    level = _symlog(np.float64(HELD_WITHIN_PP))
    above = np.flatnonzero(medians > level)
    if not len(above):
        return None
    if above[0] == 0:
        return float(places[0])
    before, after = above[0] - 1, above[0]
    share = (level - medians[before]) / (medians[after] - medians[before])
    return float(places[before] + share * (places[after] - places[before]))


def _symlog(drops: np.ndarray) -> np.ndarray:
    """Vega's symlog scale with its constant of 1."""
    return np.sign(drops) * np.log1p(np.abs(drops))


def _texts(names: pd.DataFrame, group: str, faded: alt.When, y: Callable[[str], alt.Y], above: int) -> list[alt.Chart]:
    """The names of a group: slanted above the chart, level at the right."""
    members = names[names["scheme_group"] == group]
    drawn = []
    for at_end, more in ((False, {"angle": _SLANT, "dy": -2}), (True, {"dx": 3})):
        for chosen in (False, True):
            rows = members[(members["at_end"] == at_end) & ((members["scheme"] == CHOSEN) == chosen)]
            if rows.empty:
                continue
            text = alt.Chart(rows).mark_text(
                align="left", baseline="middle", fontSize=11.5, color=SCHEME_COLOURS[group], **more
            )
            text.mark.fontWeight = "bold" if chosen else "normal"
            where = {"y": y("name_drop")} if at_end else {"y": alt.value(above)}
            drawn.append(text.encode(x="name_place:Q", text="scheme:N", opacity=faded, **where))
    return drawn
