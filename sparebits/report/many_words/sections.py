"""The sections on codes over many words: what they restore, how often their blocks fail, how long scrubbing takes."""

from collections.abc import Sequence

import pandas as pd

from sparebits.long_codes.modes import MEANT_FOR
from sparebits.report.charts.block_failures import FLOOR, failures_by_rate
from sparebits.report.charts.restoration import accuracy_by_rate, restored_by_rate
from sparebits.report.charts.scrub_times import seconds_by_words
from sparebits.report.many_words import findings, tables
from sparebits.report.many_words.measurements import Measurements
from sparebits.report.many_words.restored import by_rate
from sparebits.report.parts import Figure, Section
from sparebits.report.results import NetworkResults
from sparebits.report.wording import probability, rate

WIDTH = 32
"""Bits of the words that blocks of random data have."""


def many_words(results: Sequence[NetworkResults]) -> Section:
    """Accuracy and restored words against the bit error rate."""
    panels = []
    for network in results:
        rows, wholly, accuracy = by_rate(network), findings.restored(network), findings.accuracy(network)
        first = network.restoration.iloc[0]
        golden = 100 * (first["hits"] + first["lost"] - first["gained"]) / first["images"]
        spread = "Lines: median of the fault maps; bands: from the best to the worst, and their middle half."
        ring = "Ring: the rate that a mode is meant for, with most maps."
        panels += [
            Figure(
                f"restored-{network.name}",
                wholly,
                restored_by_rate(rows, wholly),
                f"{spread} {ring} “All”: every word. Each step upwards leaves a tenth as many unrestored.",
                400,
            ),
            Figure(
                f"many-words-{network.name}",
                accuracy,
                accuracy_by_rate(rows, golden, accuracy),
                f"{spread} {ring} Dashed: golden accuracy. A broad line lies under narrow ones.",
                400,
            ),
        ]
    details = [tables.every_rate(network) for network in results]
    return Section(
        "many_words",
        "Codes over many words",
        "",
        opening=2,
        panels=panels,
        tables=[tables.own(results)],
        details=details,
    )


def block_failures(measured: Measurements) -> Section:
    """How often blocks fail, measured and computed."""
    finding = findings.block_failures(measured)
    blocks = measured.block_failures
    capacities = blocks.groupby("data_bits")["capacity_ber"].first()
    names = [f"no code of rate {bits}/{WIDTH} restores all beyond {rate(ber, 3)}" for bits, ber in capacities.items()]
    limits = pd.DataFrame({"ber": capacities.to_numpy(), "name": names})
    several = blocks.groupby("mode")["data_bits"].nunique() > 1
    storage = blocks["mode"].where(~blocks["mode"].map(several), _with_bits(blocks))
    points = blocks.assign(storage=storage, failed=blocks["failed"] + blocks["wrong"])
    points = points[["storage", "ber", "blocks", "failed", "rate", "low", "high"]]
    bers = (min(MEANT_FOR.values()) - 0.006, max(limits["ber"].max(), blocks["ber"].max()) + 0.006)
    reading = (
        "Points: measured, with 95 % intervals (Clopper–Pearson), side by side where they share a rate. Hollow with an"
        " arrow: no block failed; the point is the upper end of the interval. Dashed curves: computed, not measured,"
        " from the exact probabilities of inner words, and straight between the rates computed; below"
        f" {probability(FLOOR)} they are not drawn. “At most”: an upper bound. Dotted: the capacity of the channel."
    )
    chart = failures_by_rate(points, _computed(measured), limits, bers, finding)
    return Section(
        "block_failures",
        "How often blocks fail",
        "",
        opening=1,
        figures=[Figure("block-failures", finding, chart, reading, 700)],
        tables=[tables.inner_words(measured), tables.computed_failures(measured)],
        details=[tables.blocks(measured)],
    )


def scrub_times(measured: Measurements) -> Section:
    """How long it takes to restore a network where it lies."""
    finding = findings.scrub_times(measured)
    times = measured.scrub_times
    times = times.groupby(["mode", "ber", "words"], sort=False, as_index=False)[["seconds", "read_seconds"]].median()
    names = [f"{row.mode}, {rate(row.ber, 3) if row.ber else 'no flips'}" for row in times.itertuples()]
    times = times.rename(columns={"mode": "storage"}).assign(name=names)
    reading = (
        f"Measured once by benchmarks/scrub.py, not by this run: {measured.machine}, {measured.threads}"
        f" thread{'s' * (measured.threads > 1)}. Beside each line its mode and bit error rate. Dashed: the time just to"
        " read the file, the least that a scrub can take."
    )
    figure = Figure("scrub-times", finding, seconds_by_words(times, finding), reading, 700)
    return Section(
        "scrub_times",
        "Time to scrub",
        "",
        figures=[figure],
        details=[tables.scrub_times(measured)],
    )


def _with_bits(blocks: pd.DataFrame) -> pd.Series:
    return blocks["mode"] + ", " + blocks["data_bits"].astype(str) + " data bits"


def _computed(measured: Measurements) -> pd.DataFrame:
    """The computed probabilities of both nested modes, with what stands beside their lines."""
    inner = measured.inner_words
    names = {"nested": ("nested_exact", "computed"), "nested-word": ("nested_word_exact", "computed, at most")}
    parts = [
        pd.DataFrame({"storage": mode, "ber": inner["ber"], "probability": inner[column], "name": name})
        for mode, (column, name) in names.items()
    ]
    return pd.concat(parts, ignore_index=True)
