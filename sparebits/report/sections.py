"""What the report shows, section by section: which charts and tables, under which finding."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sparebits.report import findings, tables
from sparebits.report.charts.bitmaps import bit_map, bit_rows
from sparebits.report.charts.census import exponent_histogram, share_of_ones
from sparebits.report.charts.steps import accuracy_by_size, accuracy_by_step, drop_by_spare_bits
from sparebits.report.charts.sweeps import accuracy_by_bit, drop_near_tolerance
from sparebits.report.faults.sections import faults
from sparebits.report.many_words.measurements import Measurements
from sparebits.report.many_words.sections import block_failures, many_words, scrub_times
from sparebits.report.parts import Figure, Section
from sparebits.report.protection.sections import (
    ablation,
    attack,
    costs,
    frontier,
    protection,
    stored_words,
    under_faults,
)
from sparebits.report.published import published
from sparebits.report.results import NetworkResults
from sparebits.report.wording import floor_name, hex_field, power_of_two
from sparebits.statistics.paired_images import drop_interval


def sections(
    results: Sequence[NetworkResults],
    measured: Measurements,
    tolerance_pp: float,
    comparisons: Mapping[str, pd.DataFrame] | None = None,
) -> list[Section]:
    """All sections in the reader's order, the summary first.

    Args:
        comparisons: published.csv of the networks that are the thesis', by network.
    """
    return [
        Section("summary", "Summary", "chapter 4", tables=[tables.summary(results, tolerance_pp)]),
        protection(results),
        under_faults(results),
        ablation(results),
        attack(results),
        costs(results),
        many_words(results),
        block_failures(measured),
        scrub_times(measured),
        faults(results),
        stored_words(results),
        frontier(results),
        _sweep(results, tolerance_pp),
        _census(results),
        _exponents(results),
        _rounding(results, tolerance_pp),
        _combined(results, tolerance_pp),
        _bit_classes(results),
        Section("codes", "Error-correcting codes", "3.8.4 and 4.6", tables=[tables.codes(results)]),
        _sizes(results),
        *published(comparisons or {}),
    ]


def _together(results: Sequence[NetworkResults], table: str) -> pd.DataFrame:
    """One table of all networks, with a column `network`."""
    return pd.concat([getattr(network, table).assign(network=network.name) for network in results], ignore_index=True)


def _sweep(results: Sequence[NetworkResults], tolerance_pp: float) -> Section:
    lsb = _together(results, "lsb")
    everything = lsb[(lsb["mode"] == "alteration") & (lsb["kind"] == "all")]
    depths = {network.name: network.choice.depth for network in results}
    formats = {network.fmt.name: network.fmt for network in results}
    shared = next(iter(formats.values())) if len(formats) == 1 else None
    finding, step = findings.sweep(results), findings.sweep_step(results, tolerance_pp)
    panels = []
    for network in results:
        altered = network.lsb[(network.lsb["mode"] == "alteration")]
        of_modes = network.lsb[network.lsb["kind"] == "all"]
        kinds = findings.sweep_by_kind(network, tolerance_pp)
        modes = findings.sweep_by_mode(network, tolerance_pp)
        panels += [
            Figure(
                f"sweep-kinds-{network.name}",
                kinds,
                accuracy_by_bit(altered, "kind", tolerance_pp, kinds, network.fmt, height=280),
                "By kind: only the words of one kind are altered; “all” alters every word.",
            ),
            Figure(
                f"sweep-modes-{network.name}",
                modes,
                accuracy_by_bit(of_modes, "mode", tolerance_pp, modes, network.fmt, height=280),
                "By mode: what the low bits become. Alteration: the complement of the highest altered bit.",
            ),
        ]
    return Section(
        "sweep",
        "Low bits",
        "3.4 and 4.2",
        figures=[
            Figure(
                "sweep-networks",
                finding,
                accuracy_by_bit(everything, "network", tolerance_pp, finding, shared, depths),
                "Bands: 95 % Wilson intervals. Dashed: golden accuracy minus the tolerance. Ring: the chosen bit.",
            ),
            Figure(
                "sweep-drop",
                step,
                drop_near_tolerance(everything, tolerance_pp, depths, step),
                "The same sweep near the tolerance, as a drop against the golden run. Bands: 95 % intervals of the"
                " paired difference (Agresti–Min). Ring: the chosen bit.",
            ),
        ],
        panels=panels,
        details=[tables.depths(results)],
    )


def _census(results: Sequence[NetworkResults]) -> Section:
    figures = []
    for network in results:
        finding = findings.invariant_bits(network)
        chart = share_of_ones(network.bits, network.fmt, finding)
        reading = "Share of ones of each bit. Framed: the bit has this value in every word of the kind."
        figures.append(Figure(f"census-bits-{network.name}", finding, chart, reading, 90 + 8 * network.fmt.width))
    return Section("census", "Bits", "3.5 and 4.3", figures=figures, tables=[tables.invariant(results)])


def _exponents(results: Sequence[NetworkResults]) -> Section:
    panels = []
    for network in results:
        finding = findings.exponents(network)
        chart = exponent_histogram(network.exponents, network.fmt, finding)
        leading = hex_field(network.fmt.leading_exponent, network.fmt)
        reading = (
            f"Values by exponent field. Dashed: the floors, and {leading}, from which on the first exponent bit is 1."
        )
        panels.append(Figure(f"census-exponents-{network.name}", finding, chart, reading))
    details = [
        table for network in results for table in (tables.ranges_by_kind(network), tables.groups_by_kind(network))
    ]
    return Section(
        "exponents", "Exponents", "3.6 and 4.4", panels=panels, tables=[tables.group_totals(results)], details=details
    )


def _rounding(results: Sequence[NetworkResults], tolerance_pp: float) -> Section:
    steps = []
    for network in results:
        steps.append(_golden_step(network, network.rounding).assign(order=-1))
        names = [
            f"{hex_field(floor, network.fmt)}|{power_of_two(floor, network.fmt)}" for floor in network.rounding["floor"]
        ]
        steps.append(_steps(network, network.rounding, names).assign(order=network.rounding["floor"].to_numpy()))
    frame = pd.concat(steps, ignore_index=True)
    # Networks of several formats have several floors: in ascending order, networks as they come.
    places = {name: place for place, name in enumerate(dict.fromkeys(frame["network"]))}
    frame = frame.assign(place=frame["network"].map(places)).sort_values(["order", "place"], kind="stable")
    finding = findings.rounding(results)
    figure = Figure(
        "rounding",
        finding,
        accuracy_by_step(frame, tolerance_pp, finding, "Exponents rounded up to"),
        "Lines: 95 % Wilson intervals. Short bars: golden accuracy minus the tolerance.",
        60 + 30 * frame["step"].nunique() + 5 * len(frame),
    )
    return Section("rounding", "Rounded exponents", "3.7 and 4.5", figures=[figure], tables=[tables.rounding(results)])


def _steps(network: NetworkResults, rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    columns = ["accuracy", "low", "high", "drop_pp", "lost", "gained"]
    golden = (rows["hits"] + rows["lost"] - rows["gained"]) / rows["images"]
    return rows[columns].assign(network=network.name, step=list(names), golden=golden)


def _golden_step(network: NetworkResults, rows: pd.DataFrame) -> pd.DataFrame:
    low, high = network.accuracy_interval
    found = {"accuracy": network.accuracy, "low": low, "high": high, "drop_pp": 0.0, "lost": 0, "gained": 0}
    return pd.DataFrame([found]).assign(network=network.name, step="golden|run", golden=network.accuracy)


def _combined(results: Sequence[NetworkResults], tolerance_pp: float) -> Section:
    frames = {"golden|run": [], "rounding|alone": [], "alteration|alone": [], "both|(thesis)": [], "both|(best)": []}
    for network in results:
        choice, lsb = network.choice, network.lsb
        swept = lsb[(lsb["mode"] == "alteration") & (lsb["kind"] == "all") & (lsb["bit"] == choice.depth)]
        sources = {
            "rounding|alone": network.rounding[network.rounding["floor"] == choice.floor],
            "alteration|alone": swept,
            "both|(thesis)": network.combined[network.combined["choice"] == "thesis"],
            "both|(best)": network.combined[network.combined["choice"] == "best"],
        }
        frames["golden|run"].append(_golden_step(network, network.combined))
        for name, rows in sources.items():
            frames[name].append(_steps(network, rows, [name] * len(rows)))
    steps = pd.concat([frame for step in frames.values() for frame in step], ignore_index=True)
    finding, gain = findings.combined(results, tolerance_pp), findings.search(results)
    pairs = _together(results, "combined")
    low, high = drop_interval(pairs["lost"], pairs["gained"], pairs["images"])
    formats = {network.name: network.fmt for network in results}
    names = [
        f"{floor_name(floor, formats[network])}, {f'bits {bit}..0' if bit >= 0 else 'no bit'}"
        for network, floor, bit in zip(pairs["network"], pairs["floor"], pairs["bit"], strict=True)
    ]
    pairs = pairs.assign(drop_low=low, drop_high=high, pair=names)
    return Section(
        "combined",
        "Rounding and alteration together",
        "3.8.3 and 4.6.3",
        figures=[
            Figure(
                "combined",
                finding,
                accuracy_by_step(steps, tolerance_pp, finding, "What was done to every word", from_zero=False),
                "Lines: 95 % Wilson intervals. Short bars: golden minus tolerance. The axis starts above 0.",
                60 + 40 * steps["step"].nunique() + 5 * len(steps),
            ),
            Figure(
                "combined-pairs",
                gain,
                drop_by_spare_bits(pairs, tolerance_pp, gain),
                "Every pair of floor and highest altered bit that was measured, with the 95 % interval of its drop."
                " Dashed: the tolerance.",
            ),
        ],
        tables=[tables.combined(results)],
    )


def _bit_classes(results: Sequence[NetworkResults]) -> Section:
    figures = []
    for network in results:
        finding = findings.bit_map(network)
        cells = bit_rows(network.bit_classes, network.tensors, network.bits, network.fmt)
        chart = bit_map(cells, network.fmt, finding)
        reading = (
            "One cell a bit, one row for all tensors that are alike. Digits: what the bit is fixed at;"
            f" ¬: the complement of bit {network.fmt.sign_bit - 1}."
        )
        figures.append(Figure(f"bit-classes-{network.name}", finding, chart, reading, 210 + 10 * network.fmt.width))
    return Section("bit_classes", "What each bit is good for", "3.8.1, Figures 6 and 8", figures=figures)


def _sizes(results: Sequence[NetworkResults]) -> Section:
    rows = []
    for network in results:
        low, high = network.accuracy_interval
        rows.append((network.name, network.parameters, network.accuracy, low, high, network.images))
    sizes = pd.DataFrame(rows, columns=["network", "parameters", "accuracy", "low", "high", "images"])
    finding = findings.size(results)
    figure = Figure(
        "size", finding, accuracy_by_size(sizes, finding), "Lines: 95 % Wilson intervals of the golden runs."
    )
    return Section("size", "Accuracy and size", "4.1, Figure 7", figures=[figure], tables=[tables.sizes(results)])
