"""The sections on protection: what is held, how words are stored, and what else could be chosen."""

from collections.abc import Sequence

from sparebits.report.charts.campaign import drop_by_rate
from sparebits.report.charts.frontier import held_by_loss
from sparebits.report.charts.stored_words import stored_bits, word_map
from sparebits.report.parts import Figure, Section
from sparebits.report.protection import findings, tables
from sparebits.report.protection.findings import SCHEMES
from sparebits.report.results import NetworkResults


def protection(results: Sequence[NetworkResults]) -> Section:
    """Accuracy under faults, by scheme."""
    panels = []
    for network in results:
        finding = findings.campaign(network)
        chart = drop_by_rate(network.campaign, list(SCHEMES), finding)
        reading = (
            "Line: median of the trials; band: from the best trial to the worst; dots: every trial."
            " “None” is the network without faults. The drop is measured against the golden run on the same images."
        )
        panels.append(Figure(f"campaign-{network.name}", finding, chart, reading))
    details = [table(network) for network in results for table in (tables.comparison, tables.counts)]
    shown = [table for table in (tables.held(results), tables.other_faults(results)) if table is not None]
    return Section("protection", "Protection", "", opening=1, panels=panels, tables=shown, details=details)


def stored_words(results: Sequence[NetworkResults]) -> Section:
    """What lies in memory."""
    figures = []
    for network in results:
        finding = findings.stored_words(network)
        entries = {scheme: network.entries(scheme) for scheme in ("chosen", "thesis")}
        chart = word_map(stored_bits(entries, network.tensors, network.fmt), network.fmt, finding)
        reading = "One cell a bit of the stored word, one row for all tensors that are alike. Letters: sign, exponent"
        reading += " and mantissa of the value as the layout keeps it."
        figures.append(Figure(f"stored-words-{network.name}", finding, chart, reading, 240 + 10 * network.fmt.width))
    return Section("stored_words", "The stored word", "", figures=figures, tables=[tables.chosen(results)])


def frontier(results: Sequence[NetworkResults]) -> Section:
    """What else could be chosen."""
    panels = []
    for network in results:
        finding = findings.frontier(network)
        held = network.outcome("chosen").held
        chart = held_by_loss(network.frontier, held, f"in trials: {findings.held_rate(network, 'chosen')}", finding)
        reading = "Dots: the best candidate with each code for the weights; ring: the choice; grey: the frontier over"
        reading += f" all candidates. Dashed: what the choice held in trials. {findings.beside_frontier(network)}."
        panels.append(Figure(f"frontier-{network.name}", finding, chart, reading))
    return Section("frontier", "Other choices", "", panels=panels)
