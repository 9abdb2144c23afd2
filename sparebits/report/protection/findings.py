"""What selection and campaign say, in sentences that stand above charts and tables."""

from collections.abc import Iterable, Sequence

import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.outcomes import SchemeOutcome, WordUse, named_schemes, word_uses
from sparebits.report.protection.decoding import agreement
from sparebits.report.protection.ranking import memory_text
from sparebits.report.results import NetworkResults
from sparebits.report.wording import bits, listed, percent, points, rate
from sparebits.selection.expected_loss import BERS
from sparebits.statistics.intervals import exact_upper_bound

SCHEMES = {"chosen": "as chosen", "thesis": "by the thesis’ code", "unprotected": "unprotected"}
"""The schemes that headline and titles tell, in the reader's order."""

_SMALLEST_LOSS = 0.0005
"""In percentage points; expected losses are rounded to 0.001."""
_ROLE_WORDS = {"weights": "a weight", "batchnorm": "a BatchNorm value", "other": "a bias"}
_SPAN_WORDS = {"channel": "the four words of a BatchNorm channel", "fused": "a BatchNorm’s scale and shift"}


def headline(results: Sequence[NetworkResults]) -> str:
    """The bit error rates that the networks hold, by scheme."""
    held = {scheme: _held_range(results, scheme) for scheme in SCHEMES}
    whose = f"its spare bits {results[0].name} holds" if len(results) == 1 else "their spare bits the networks hold"
    chosen = "no bit error rate measured" if held["chosen"] == "none" else f"a bit error rate of {held['chosen']}"
    thesis = f"with the thesis’ code {held['thesis']}" if held["thesis"] else "the thesis’ code does not fit"
    return f"With the chosen codes in {whose} {chosen}; {thesis}, unprotected {held['unprotected']}"


def facts(results: Sequence[NetworkResults]) -> dict:
    """What captions say of all campaigns.

    `trials`, `all_trials`: of the chosen scheme, and of any at the rates that it holds; `bound` on the probability that
    the former leave; `extra_memory` of the chosen scheme; `agreement` of counts with probabilities.
    """
    outcomes = [network.outcome("chosen") for network in results]
    trials = sorted({outcome.trials for outcome in outcomes})
    return {
        "trials": " or ".join(map(str, trials)),
        "all_trials": trials_range(results),
        "extra_memory": listed([memory_text(outcome.extra_percent) or "none" for outcome in outcomes]),
        "agreement": agreement(results),
        "bound": percent(float(exact_upper_bound(0, trials[0])), 1),
        "images": " or ".join(f"{images:,}" for images in sorted({outcome.images for outcome in outcomes})),
        "calibration": " or ".join(
            f"{images:,}" for images in sorted({network.selection["calibration"]["images"] for network in results})
        ),
        "within_pp": f"{HELD_WITHIN_PP:g}",
        "designed_for": listed(list(dict.fromkeys(rate(network.selection["ber"]) for network in results)), "or"),
        "highest_tried": rate(float(BERS.max())),
        "notes": notes(results),
    }


def trials_range(results: Sequence[NetworkResults]) -> str:
    """How many trials schemes had at the rates that they hold: 20, or 10 to 20."""
    return _range_text(network.outcome(scheme) for network in results for scheme in named_schemes(network.campaign))


def notes(results: Sequence[NetworkResults]) -> list[str]:
    """Networks without a choice within the tolerance, or whose words the thesis' code does not fit into."""
    told = []
    for network in results:
        selection = network.selection
        if not selection["within_tolerance"]:
            drop = points(selection["calibration"]["fault_free_drop_pp"])
            told.append(
                f"{network.name}: no candidate stays within the selection’s tolerance of"
                f" {selection['tolerance_pp']:g} pp without faults; the one that loses least was taken"
                f" ({drop} pp on the calibration images)"
            )
        if not selection["thesis"]["fits"]:
            told.append(
                f"{network.name}: the thesis’ code does not fit into the {network.fmt.width} bits of some tensor’s"
                " words, so it is not in the comparison"
            )
    return told


def campaign(network: NetworkResults) -> str:
    """Which bit error rate each scheme holds."""
    parts = []
    for scheme, words in SCHEMES.items():
        outcome = network.outcome(scheme)
        if outcome is not None:
            held = held_rate(network, scheme)
            if not parts:
                held = f"a bit error rate of {held}" if outcome.held else "no bit error rate measured"
            parts.append(f"{held} {words}")
    trials = _range_text(network.outcome(scheme) for scheme in SCHEMES)
    meaning = f"up to there no trial of {trials} drops by over\u00a0{HELD_WITHIN_PP:g}\u00a0pp"
    return f"{network.name} holds {listed(parts)}: {meaning}"


def held_rate(network: NetworkResults, scheme: str) -> str:
    """The bit error rate that a scheme of the campaign holds."""
    held = network.outcome(scheme).held
    return f"{rate(held)}{' (the highest measured)' if held == network.campaign['ber'].max() else ''}"


def stored_words(network: NetworkResults) -> str:
    """Data and check bits of the words that most values are stored in."""
    use = word_uses(network.entries("chosen"))[0]
    thesis = word_uses(network.entries("thesis"))
    told = f"{network.name}: {_needs(use, network)}"
    if not thesis:
        return told
    ways = sorted({(way.k, way.n - way.k) for way in thesis if way.role == use.role})
    kept = listed([f"{bits(k)} with {check} check bits" for k, check in ways], "or")
    return f"{told}; the thesis keeps {kept}, which correct 1"


def frontier(network: NetworkResults) -> str:
    """What the candidates are expected to hold, and at what loss."""
    table = network.frontier
    line, chosen = table[table["scheme"] == "frontier"], table[table["scheme"] == "chosen"].iloc[0]
    expected = f"the choice is expected to hold {_expected(chosen['ber_held'])}"
    if line.empty:
        return f"{network.name}: no candidate is expected to hold any bit error rate tried"
    losses = line["layout_loss_pp"]
    if table["layout_loss_pp"].max() < _SMALLEST_LOSS:
        told = "without faults no candidate shown costs even 0.001 pp on the calibration images"
    elif len(line) == 1:
        told = f"one candidate holds most and loses least ({losses.iloc[0]:.3f} pp)"
    else:
        low, high = line.iloc[losses.argmin()], line.iloc[losses.argmax()]
        told = (
            f"{_expected(low['ber_held'])} is held at a loss of {low['layout_loss_pp']:.3f} pp without faults,"
            f" {_expected(high['ber_held'])} at {high['layout_loss_pp']:.3f} pp"
        )
    return f"{network.name}: {told}; {expected}"


def beside_frontier(network: NetworkResults) -> str:
    """What was measured, on other images than the expectations."""
    chosen, thesis = (network.outcome(scheme) for scheme in ("chosen", "thesis"))
    drops = f"On the other images the choice drops by {points(chosen.fault_free['drop_pp'])} pp without faults"
    if thesis is None:
        return drops
    return f"{drops}, the thesis’ by {points(thesis.fault_free['drop_pp'])} pp; in trials that held {rate(thesis.held)}"


def first_not_held(rows: pd.DataFrame, held: float) -> pd.DataFrame:
    """The trials at the lowest bit error rate above the one held; empty if none was measured."""
    above = rows[rows["ber"] > held]
    return above[above["ber"] == above["ber"].min()]


def _needs(use: WordUse, network: NetworkResults) -> str:
    what = _SPAN_WORDS.get(use.span) or _ROLE_WORDS[use.role]
    verb = "need" if use.span == "channel" else "needs"
    check, unused = use.n - use.k, network.fmt.width * (1 if use.span == "word" else 4) - use.n
    rest = f", {bits(unused)} unused" if unused else ""
    return f"{what} {verb} {bits(use.k)}, and {check} check bits{rest} correct {use.t} flips"


def _range_text(outcomes: Iterable[SchemeOutcome | None]) -> str:
    """The trials of schemes that hold a rate, from the fewest to the most; of all if none does."""
    found = [outcome for outcome in outcomes if outcome is not None]
    trials = sorted({outcome.trials for outcome in found if outcome.held} or {outcome.trials for outcome in found})
    return str(trials[0]) if len(trials) == 1 else f"{trials[0]} to {trials[-1]}"


def _held_range(results: Sequence[NetworkResults], scheme: str) -> str:
    outcomes = [network.outcome(scheme) for network in results]
    held = sorted({outcome.held for outcome in outcomes if outcome is not None})
    if len(held) <= 1:
        return rate(held[0]) if held else ""
    return f"{rate(held[0])} to {rate(held[-1])}" if held[0] else f"at most {rate(held[-1])}"


def _expected(ber: float) -> str:
    return f"{rate(ber)} or more" if ber >= BERS.max() else rate(ber)
