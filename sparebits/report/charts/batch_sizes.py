"""Failure rates of runs against the batch size, and how far they scatter."""

import altair as alt
import pandas as pd

from sparebits.report.charts.style import LINES, MUTED, finish, legend

REGIME_COLOURS = {"fault held": "#004488", "faults redrawn for each batch": "#BB5566"}
"""Tol's high-contrast scheme, without the yellow."""
HELD, REDRAWN = REGIME_COLOURS
FAULT_SHAPES = ("square", "diamond")
_PART = "of it, from which faults are drawn"
_WIDTH, _HEIGHT = 480, 300


def rates_by_batch_size(redrawn: pd.DataFrame, held: pd.DataFrame, title: str) -> alt.Chart:
    """Failure rates of runs with redrawn faults, their spread and three of them, and of held faults.

    Args:
        redrawn: batch_size, run_2.5, run_25, run_75, run_97.5, first_run, second_run, third_run, failure_rate, all in
            percent.
        held: batch_size, fault (a name), percent: of faults that were really run in batches of each size.
    """
    bands = redrawn.rename(columns=lambda name: name.replace(".", "_"))
    names = {"first_run": "1", "second_run": "2", "third_run": "3"}
    lines = bands.melt("batch_size", list(names), "run", "percent").assign(regime=REDRAWN)
    lines = lines.assign(run=lines["run"].map(names))
    highest = min(100.0, 1.05 * max(bands["run_97_5"].max(), lines["percent"].max(), held["percent"].max()))
    scale = alt.Scale(domain=[0, highest or 1], nice=False)

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", title="Failing inferences (%)", scale=scale)

    base = alt.Chart(bands).encode(x=_batch_axis(bands))
    band = base.mark_area(color=REGIME_COLOURS[REDRAWN])
    layers = [
        band.encode(y=y("run_2_5"), y2="run_97_5:Q", opacity=alt.value(0.12)),
        band.encode(y=y("run_25"), y2="run_75:Q", opacity=alt.value(0.2)),
        base.mark_line(color=MUTED, strokeDash=[5, 4]).encode(y=y("failure_rate")),
    ]
    colour = alt.Color(
        "regime:N",
        scale=alt.Scale(domain=list(REGIME_COLOURS), range=list(REGIME_COLOURS.values())),
        legend=legend(labelLimit=260),
    )
    tooltip = [
        alt.Tooltip("batch_size:Q", title="batch size"),
        alt.Tooltip("percent:Q", title="failing (%)", format=".3f"),
    ]
    for rows, group, width in ((lines, "run", 1.2), (held.assign(regime=HELD), "fault", 1.8)):
        of = alt.Chart(rows).encode(x=_batch_axis(bands), y=y("percent"), color=colour, detail=f"{group}:N")
        layers += [
            of.mark_line(strokeWidth=width),
            of.mark_point(filled=True, size=26, opacity=1).encode(tooltip=tooltip),
        ]
    return finish(alt.layer(*layers), title, _WIDTH, _HEIGHT)


def scatter_by_batch_size(rows: pd.DataFrame, title: str) -> alt.Chart:
    """Standard deviation of one run: drawn and computed, and the part of it that comes from which faults are drawn.

    Args:
        rows: batch_size, where, sd_of_one_run, sd_low, sd_high, expected_sd, fault_sd, in percentage points, and runs.
    """
    names = [str(name) for name in rows["where"].unique()]
    colour = alt.Color(
        "where:N",
        scale=alt.Scale(domain=names, range=["#117733", "#882255"][: len(names)]),
        legend=legend(labelLimit=260),
    )
    lowest = rows.loc[rows["fault_sd"] > 0, "fault_sd"].min()
    # An interval down to zero ends at the lowest line.
    rows = rows.assign(sd_low=rows["sd_low"].clip(lower=lowest))
    scale = alt.Scale(type="log", domain=[0.9 * lowest, 1.15 * rows["sd_high"].max()], nice=False)

    def y(column: str) -> alt.Y:
        return alt.Y(
            f"{column}:Q",
            title="Standard deviation of one run (pp, log scale)",
            scale=scale,
            axis=alt.Axis(format="~g", gridColor=LINES, tickCount=5),
        )

    base = alt.Chart(rows).encode(x=_batch_axis(rows), color=colour)
    tooltip = [
        alt.Tooltip("batch_size:Q", title="batch size"),
        "where:N",
        alt.Tooltip("sd_of_one_run:Q", title="drawn (pp)", format=".3f"),
        alt.Tooltip("expected_sd:Q", title="computed (pp)", format=".3f"),
        alt.Tooltip("fault_sd:Q", title=f"{_PART} (pp)", format=".3f"),
    ]
    layers = [
        base.mark_line(strokeWidth=1.6).encode(y=y("expected_sd")),
        base.mark_line(strokeWidth=1.2, strokeDash=[2, 3]).encode(y=y("fault_sd")),
        base.mark_rule(strokeWidth=1.6, opacity=0.65).encode(y=y("sd_low"), y2="sd_high:Q"),
        base.mark_point(filled=True, size=36, opacity=1).encode(y=y("sd_of_one_run"), tooltip=tooltip),
    ]
    return finish(alt.layer(*layers), title, _WIDTH, _HEIGHT)


def _batch_axis(rows: pd.DataFrame) -> alt.X:
    sizes = sorted(rows["batch_size"].unique().tolist())
    axis = alt.Axis(values=sizes[::2], format=",d", grid=False, labelOverlap=False)
    scale = alt.Scale(type="log", base=2, domain=[sizes[0] / 1.2, sizes[-1] * 1.2], nice=False)
    return alt.X("batch_size:Q", title="Batch size (log scale)", axis=axis, scale=scale)
