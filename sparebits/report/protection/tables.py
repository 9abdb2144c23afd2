"""Tables on protection: what is held at which cost, what was chosen, and what decoding counted."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP
from sparebits.codes.catalogue import named_code
from sparebits.codes.probabilities import probability_not_corrected
from sparebits.outcomes import WordUse, best_published, named_schemes, word_uses
from sparebits.report.protection.findings import first_not_held
from sparebits.report.protection.ranking import memory_text, ranking
from sparebits.report.results import NetworkResults
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, percent, points, points_interval, rate
from sparebits.schemes.names import CHOSEN, GENTLE, base_name
from sparebits.statistics.intervals import exact_upper_bound
from sparebits.statistics.paired_images import drop_interval

_HELD_COLUMNS = [
    "Scheme",
    "Drop without faults",
    "Bit error rate held",
    f"Trials over {HELD_WITHIN_PP:g} pp there\nof all maps, at most (95 %)",
    "Worst drop there",
    "Next rate measured\ntrials over, worst drop",
    "Extra memory",
]
_SPANS = {"word": "one word", "channel": "four words of a channel", "fused": "four words of a channel"}
_POLICIES = {"keep": "as they are", "zero": "0", "median": "median of the tensor", "posterior mean": "posterior mean"}


def held(results: Sequence[NetworkResults]) -> Table:
    """What the schemes come to that matter most: ours, the best published one, the thesis' and none."""
    rows = []
    for network in results:
        published = [best_published(network.campaign), best_published(network.campaign, extra_memory=True)]
        schemes = dict.fromkeys([CHOSEN, GENTLE, *published, "thesis", "unprotected"])
        present = [scheme for scheme in schemes if network.outcome(scheme) is not None]
        rows += [[network.name, scheme, *_held_cells(network, scheme)] for scheme in present]
    return Table("What schemes cost without faults and hold under faults", ["Network", *_HELD_COLUMNS], rows, labels=2)


def all_held(network: NetworkResults) -> Table:
    """The same of every scheme, the one that holds most first."""
    rows = [[scheme, *_held_cells(network, scheme)] for scheme in ranking(network)["scheme"]]
    return Table(f"{network.name}: what every scheme costs without faults and holds under faults", _HELD_COLUMNS, rows)


def policies(network: NetworkResults) -> Table | None:
    """By scheme what the policy that holds most does for it; None where no scheme was measured with another one."""
    columns = ["Scheme", "As it was published", "holds", "Policy that holds most", "holds"]
    rows = []
    for scheme in named_schemes(network.campaign):
        variants = [name for name in network.campaign["scheme"].unique() if base_name(name) == scheme]
        if len(variants) > 1:
            held = {name: network.outcome(name).held for name in variants}
            best = max(variants, key=lambda name: (held[name], name == scheme))
            known = {name: _policy_of(network, name) for name in (scheme, best)}
            rows.append([scheme, known[scheme], rate(held[scheme]), known[best], rate(held[best])])
    return Table(f"{network.name}: schemes that detect, with other policies", columns, rows) if rows else None


def _policy_of(network: NetworkResults, scheme: str) -> str:
    policy = network.campaign.loc[network.campaign["scheme"] == scheme, "policy"].iloc[0]
    return _POLICIES.get(policy, policy)


def _held_cells(network: NetworkResults, scheme: str) -> list[str]:
    outcome = network.outcome(scheme)
    row = outcome.fault_free
    low, high = drop_interval(row["lost"], row["gained"], row["images"])
    fault_free = f"{points(row['drop_pp'])} pp\n{points_interval(float(low), float(high))}"
    memory = memory_text(outcome.extra_percent) or "none"
    there = [rate(outcome.held), MISSING, MISSING]
    if outcome.held:
        bound = percent(float(exact_upper_bound(0, outcome.trials)), 1)
        there[1:] = [f"0 of {outcome.trials}\n{bound}", f"{points(outcome.worst_drop_pp)} pp"]
    rows = network.campaign[network.campaign["scheme"] == scheme]
    beyond = first_not_held(rows, outcome.held)
    if beyond.empty:
        is_highest = outcome.held == network.campaign["ber"].max()
        none = "none, this is the highest" if is_highest else "none, it is lost without faults"
        return [fault_free, *there, none, memory]
    over = int((beyond["drop_pp"] > HELD_WITHIN_PP).sum())
    following = f"{rate(beyond['ber'].iloc[0])}\n{over} of {len(beyond)}, {points(beyond['drop_pp'].max())} pp"
    return [fault_free, *there, following, memory]


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


def other_faults(network: NetworkResults) -> Table | None:
    """The trials under other faults than independent flips of the whole network; None if there are none.

    A row a scheme and a column a fault: how many trials dropped by too much, and the worst of them.
    """
    trials = network.other_faults
    if trials.empty:
        return None
    struck = trials["fault_model"].where(trials["target"] == "all", trials["fault_model"] + " in " + trials["target"])
    trials = trials.assign(struck=struck.str.replace("_", " "))
    flips = trials.groupby("struck", sort=False)["flips"].agg(["min", "max"])
    columns = ["Scheme", *(f"{fault}\n{_flips(low, high)}" for fault, low, high in flips.itertuples())]
    faults = list(flips.index)
    ranked = [scheme for scheme in ranking(network)["scheme"] if scheme in set(trials["scheme"])]
    rows = []
    for scheme in ranked:
        own = trials[trials["scheme"] == scheme]
        rows.append([scheme, *(_fault_cell(own.loc[own["struck"] == fault, "drop_pp"]) for fault in faults)])
    title = f"{network.name}: trials over {HELD_WITHIN_PP:g} pp under other faults, and the worst drop"
    return Table(title, columns, rows)


def _flips(low: float, high: float) -> str:
    return f"{count(low)} flips" if low == high else f"{count(low)} to {count(high)} flips"


def _fault_cell(drops: pd.Series) -> str:
    if drops.empty:
        return MISSING
    over = int((drops > HELD_WITHIN_PP).sum())
    return f"{over} of {len(drops)}\n{points(drops.max())} pp"


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
