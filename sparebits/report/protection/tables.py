"""Tables on protection: what is held at which cost, what was chosen, and what decoding counted."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.codes.catalogue import named_code
from sparebits.codes.probabilities import probability_not_corrected
from sparebits.outcomes import WordUse, word_uses
from sparebits.report.protection.findings import SCHEMES, first_not_held
from sparebits.report.results import NetworkResults
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, percent, points, points_interval, rate
from sparebits.statistics.intervals import exact_upper_bound, wilson_interval
from sparebits.statistics.paired_images import drop_interval

_SPANS = {"word": "one word", "channel": "four words of a channel", "fused": "four words of a channel"}
_POLICIES = {"keep": "as they are", "zero": "0", "median": "median of the tensor", "posterior mean": "posterior mean"}


def held(results: Sequence[NetworkResults]) -> Table:
    """By scheme the drop without faults, the bit error rate held, and what happens at the next one."""
    columns = [
        "Network",
        "Scheme",
        "Drop without faults",
        "Bit error rate held",
        f"Trials over {HELD_WITHIN_PP:g} pp there\nof all maps, at most (95 %)",
        "Worst drop there",
        "Next rate measured\ntrials over, worst drop",
    ]
    rows = [
        [network.name, scheme, *_held_cells(network, scheme)]
        for network in results
        for scheme in SCHEMES
        if network.outcome(scheme) is not None
    ]
    return Table("What each scheme costs without faults and holds under faults", columns, rows, labels=2)


def _held_cells(network: NetworkResults, scheme: str) -> list[str]:
    outcome = network.outcome(scheme)
    row = outcome.fault_free
    low, high = drop_interval(row["lost"], row["gained"], row["images"])
    fault_free = f"{points(row['drop_pp'])} pp\n{points_interval(float(low), float(high))}"
    none = f"0 of {outcome.trials}\n{percent(float(exact_upper_bound(0, outcome.trials)), 1)}"
    worst = f"{points(outcome.worst_drop_pp)} pp"
    there = [rate(outcome.held), *((none, worst) if outcome.held else (MISSING, MISSING))]
    rows = network.campaign[network.campaign["scheme"] == scheme]
    beyond = first_not_held(rows, outcome.held)
    if beyond.empty:
        is_highest = outcome.held == network.campaign["ber"].max()
        return [fault_free, *there, "none, this is the highest" if is_highest else "none, it is lost without faults"]
    over = int((beyond["drop_pp"] > HELD_WITHIN_PP).sum())
    following = f"{rate(beyond['ber'].iloc[0])}\n{over} of {len(beyond)}, {points(beyond['drop_pp'].max())} pp"
    return [fault_free, *there, following]


def comparison(network: NetworkResults) -> Table:
    """How much more than the chosen scheme each other one drops, paired by fault map."""
    columns = ["Bit error rate", "Scheme", "Paired trials", "Drops more than chosen\nmean [95 %]", "p (Holm)"]
    rows = []
    for row in network.comparison.sort_values("ber", kind="stable").itertuples():
        interval = "" if pd.isna(row.low) else f"\n{points_interval(row.low, row.high)}"
        p_value = f"{row.p_holm:.3f}" if row.p_holm >= 0.001 else "< 0.001"
        cells = [count(row.trials), f"{points(row.difference_pp)} pp{interval}", p_value]
        rows.append([rate(row.ber), row.scheme, *cells])
    return Table(
        f"{network.name}: the other schemes beside the chosen one, fault map by fault map", columns, rows, labels=2
    )


def other_faults(results: Sequence[NetworkResults]) -> Table | None:
    """The trials under other faults than independent flips of the whole network; None if there are none."""
    columns = [
        "Network",
        "Faults",
        "Scheme",
        "Trials",
        "Flips",
        f"Trials over {HELD_WITHIN_PP:g} pp",
        "Median drop",
        "Worst drop",
    ]
    rows = []
    for network in results:
        for (model, target, scheme), trials in network.other_faults.groupby(
            ["fault_model", "target", "scheme"], sort=False
        ):
            over = int((trials["drop_pp"] > HELD_WITHIN_PP).sum())
            low, high = (float(bound) for bound in wilson_interval(over, len(trials)))
            share = f"{over}\n{percent(over / len(trials), 0)} [{100 * low:.0f}, {100 * high:.0f}]"
            drops = [f"{points(drop)} pp" for drop in (trials["drop_pp"].median(), trials["drop_pp"].max())]
            struck = model if target == "all" else f"{model}\nin {target}"
            rows.append(
                [network.name, struck, scheme, count(len(trials)), _median_and_range(trials["flips"]), share, *drops]
            )
    return Table("Other faults, the same for every scheme", columns, rows, labels=3) if rows else None


def chosen(results: Sequence[NetworkResults]) -> Table:
    """Layout and code of each role, chosen and the thesis'; roles that are kept alike share a row."""
    columns = ["Network", "Scheme", "Role", "Layouts", "Code word", "Words beyond repair", "[n,\u00a0k,\u00a0d]"]
    rows = []
    for network in results:
        for scheme in ("chosen", "thesis"):
            alike: dict[WordUse, list[str]] = {}
            for use in word_uses(network.entries(scheme)):
                alike.setdefault(replace(use, role=""), []).append(use.role)
            for use, roles in alike.items():
                cells = [
                    "\n".join(use.layouts),
                    f"{_SPANS[use.span]}\n{use.code}",
                    f"{_POLICIES[use.policy]}\n{use.decoder} decoder",
                    f"{use.size}\ncorrects {use.t}",
                ]
                rows.append([network.name, scheme, "\n".join(roles), *cells])
    return Table("Layouts and codes by role", columns, rows, labels=6)


def counts(network: NetworkResults) -> Table:
    """What decoding found in the trials of the chosen scheme, beside the code words that exactly computed fail."""
    columns = ["Bit error rate", "Trials", "Flips", "Corrected bits", "Detected words", "Miscorrected words"]
    columns.append("Detected or miscorrected\nmean of trials / expected")
    trials = network.campaign[(network.campaign["scheme"] == "chosen") & (network.campaign["ber"] > 0)]
    rows = []
    for ber, of_rate in trials.groupby("ber"):
        cells = [_median_and_range(of_rate[column]) for column in ("flips", "corrected", "detected", "miscorrected")]
        failed = (of_rate["detected"] + of_rate["miscorrected"]).mean()
        rows.append(
            [rate(ber), count(len(of_rate)), *cells, f"{_mean(failed)} / {_mean(expected_failures(network, ber))}"]
        )
    return Table(f"{network.name}: what decoding found, by bit error rate (chosen scheme)", columns, rows)


def expected_failures(network: NetworkResults, ber: float) -> float:
    """Code words of the chosen scheme that get more flips than their code corrects, in the mean."""
    values = network.tensors.set_index("tensor")["values"]
    failures = 0.0
    for entry in network.entries("chosen"):
        code_words = values[entry["tensor"]] / (1 if entry["span"] == "word" else 4)
        failures += code_words * probability_not_corrected(named_code(entry["code_name"]), ber)
    return failures


def _median_and_range(numbers: pd.Series) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return count(low) if low == high else f"{count(numbers.median())}\n{count(low)} to {count(high)}"


def _mean(number: float) -> str:
    if 0 < number < 0.005:
        return "< 0.01"
    return f"{number:,.2f}" if number < 1 else f"{number:,.1f}"
