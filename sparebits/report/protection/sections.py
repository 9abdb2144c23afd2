"""The sections on protection: what is held and why, against whom, at what cost, and how words are stored."""

from collections.abc import Sequence

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.outcomes import best_published, named_schemes
from sparebits.report.charts.ablation import held_by_parts
from sparebits.report.charts.attack import flips_by_scheme
from sparebits.report.charts.campaign import drop_by_rate
from sparebits.report.charts.frontier import held_by_loss
from sparebits.report.charts.ranking import ranked_schemes
from sparebits.report.charts.stored_words import stored_bits, word_map
from sparebits.report.parts import Figure, Section
from sparebits.report.protection import findings, tables
from sparebits.report.protection.ablation import ablation_cells, contributes_most
from sparebits.report.protection.attack import flips_to_chance, resists, withstood
from sparebits.report.protection.costs import resilience_and_cost
from sparebits.report.protection.decoding import word_table
from sparebits.report.protection.ranking import gained, ranking
from sparebits.report.results import NetworkResults
from sparebits.report.wording import listed, rate
from sparebits.schemes.names import CHOSEN


def protection(results: Sequence[NetworkResults]) -> Section:
    """What every scheme holds."""
    panels = []
    for network in results:
        finding = gained(network)
        chart = ranked_schemes(ranking(network), network.campaign["ber"], finding)
        reading = (
            f"Filled: shown with 95 % confidence that less than 1 % of fault maps cost over {HELD_WITHIN_PP:g} pp."
            f" Hollow: no trial of {findings.trials_range([network])} did. Thin line: up to the next rate measured,"
            " which is not held. Percentages: memory beyond the network’s."
        )
        panels.append(Figure(f"held-{network.name}", finding, chart, reading, 440))
    details = [table for network in results for table in (tables.all_held(network), tables.policies(network)) if table]
    return Section(
        "protection", "Protection", "", opening=1, panels=panels, tables=[tables.held(results)], details=details
    )


def under_faults(results: Sequence[NetworkResults]) -> Section:
    """Accuracy against the bit error rate, of all schemes."""
    figures = []
    for network in results:
        finding = findings.campaign(network)
        rival = best_published(network.campaign)
        banded = [scheme for scheme in (CHOSEN, rival, "unprotected") if scheme]
        chart = drop_by_rate(network.campaign, named_schemes(network.campaign), banded, finding)
        reading = (
            "Lines: median of the trials; bands (of the chosen scheme, the best published one and the unprotected"
            " network): from the best trial to the worst, and their middle half. Point at a line to see its trials."
            f" Names point to where the median drop passes {HELD_WITHIN_PP:g} pp (dashed line). Dashed curves: schemes"
            " that need extra memory. “None” is the network without faults."
        )
        figures.append(Figure(f"campaign-{network.name}", finding, chart, reading, 760))
    shown = [table for network in results if (table := tables.other_faults(network))]
    details = [
        table
        for network in results
        for table in (tables.comparison(network), tables.counts(network), word_table(network))
        if table
    ]
    return Section(
        "under_faults",
        "Accuracy under bit errors",
        "",
        opening=1,
        figures=figures,
        tables=shown,
        details=details,
    )


def ablation(results: Sequence[NetworkResults]) -> Section:
    """What layout, code and policy each do."""
    figures = []
    for network in results:
        finding = contributes_most(network)
        rates = sorted(ber for ber in network.ablation["ber"].unique() if ber > 0)
        chart = held_by_parts(ablation_cells(network), rates, finding)
        trials = int(network.ablation[network.ablation["ber"] > 0].groupby(["scheme", "ber"]).size().max())
        reading = (
            f"Bit error rate held, of {listed([rate(ber) for ber in rates])}, up to {trials} trials each; ≥: the"
            " highest measured. Darker holds more. –: there is no room for such a code."
        )
        figures.append(Figure(f"ablation-{network.name}", finding, chart, reading, 700))
    return Section("ablation", "What contributes", "", figures=figures)


def attack(results: Sequence[NetworkResults]) -> Section:
    """How many flips an attacker needs."""
    panels = []
    for network in results:
        finding, runs = resists(network), flips_to_chance(network)
        chart = flips_by_scheme(runs, list(withstood(runs).index), finding)
        reading = (
            "A dot a seed, which draws the attacker’s images. “>”: chance was not reached with so many flips. In the"
            " title and the order of rows: the median over seeds of the most harmful attack."
        )
        panels.append(Figure(f"attack-{network.name}", finding, chart, reading, 440))
    return Section("attack", "Under attack", "", opening=1, panels=panels)


def costs(results: Sequence[NetworkResults]) -> Section:
    """Resilience and cost of every scheme."""
    return Section("costs", "Resilience and cost", "", tables=list(map(resilience_and_cost, results)))


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
