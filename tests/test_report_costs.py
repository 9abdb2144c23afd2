"""What the report says of what parts contribute, of attacks, of costs and of counted code words."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from report_pages import render, specs, write_network
from report_tables import MANY, PARTS, ablation, attack, costs, word_counts
from test_report_protection import section

from sparebits.outcomes import best_published
from sparebits.report.protection.ablation import contributes_most, contributions
from sparebits.report.protection.attack import flips_text, flips_to_chance, resists, withstood
from sparebits.report.protection.costs import resilience_and_cost
from sparebits.report.protection.decoding import agreement, word_table
from sparebits.report.protection.ranking import ranking
from sparebits.report.protection.sections import attack as attack_section
from sparebits.report.results import NetworkResults, read_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    write_network(folder, "alpha", depth=14, held=MANY)
    return folder


@pytest.fixture(scope="module")
def alpha(folder) -> NetworkResults:
    return read_results(folder, "alpha")


@pytest.fixture(scope="module")
def page(folder) -> str:
    return render(folder, ["alpha"])


# --- what contributes ------------------------------------------------------------------------------------------------


def with_parts(network: NetworkResults, changed: dict) -> NetworkResults:
    return replace(network, ablation=ablation(PARTS | changed))


def test_parts_are_told_by_what_is_held_without_them(alpha):
    full, parts = contributions(alpha)
    assert full == 5e-2
    assert {part.name: (part.held, pytest.approx(part.factor)) for part in parts} == {
        "code": (1e-4, 500),
        "layout": (1e-2, 5),
        "policy": (1e-2, 5),
    }
    assert contributes_most(alpha) == (
        "alpha holds 0.05 with layout, code and policy; without the code 1e−4 (500 times less); with the thesis’ layout"
        " or with detected words kept 0.01 (5 times less): the code contributes most"
    )


def test_what_is_held_without_a_part_may_be_nothing_the_same_or_more(alpha):
    best = ("minifloat", "best code", "posterior mean")
    changes = {("minifloat", "none", "none"): 0.0, ("minifloat", "best code", "keep"): 5e-2}
    told = contributes_most(with_parts(alpha, changes | {("forced", "best code", "median"): 1e-1}))
    assert "without the code none (over 500 times less)" in told
    assert "with the thesis’ layout 0.1, which is more" in told
    assert "with detected words kept the same" in told
    same = {parts: 5e-2 for parts in PARTS if parts[0] != "raw"}
    assert contributes_most(with_parts(alpha, same)).endswith("none of the three makes a difference at these rates")
    highest = contributes_most(with_parts(alpha, {best: 1e-1}))
    assert "holds 0.1 or more" in highest
    assert "(at least 1,000 times less)" in highest


def test_an_ablation_that_holds_nothing(alpha):
    assert "together hold none of the rates" in contributes_most(with_parts(alpha, dict.fromkeys(PARTS, 0.0)))


def test_the_map_has_a_cell_for_every_combination(page):
    (drawn,) = [spec for spec in specs(page) if "What a detected word becomes" in json.dumps(spec)]
    cells = {
        (row["layout"], row["code"], row["policy"]): row["text"]
        for rows in drawn["datasets"].values()
        for row in rows
        if "policy" in row
    }
    assert len(cells) == 3 * (2 + 2 * 4)
    assert cells["raw", "none", "none"] == "none"
    assert cells["raw", "SEC-DED", "keep"] == "–"
    assert cells["minifloat", "best code", "posterior mean"] == "0.05"


# --- under attack ----------------------------------------------------------------------------------------------------


def test_flips_to_chance_are_the_first_at_chance(alpha):
    table = attack(["chosen", "unprotected"], {"chosen": 300, "unprotected": 3})
    runs = flips_to_chance(replace(alpha, attack=table))
    runs = runs.set_index(["scheme", "attack", "knowledge", "seed"])["flips"].sort_index()
    assert list(runs["chosen", "progressive bit search", "knowing"]) == [299, 300, 301]
    assert list(runs["chosen", "strongest bit", "ignorant"]) == [598, 600, 602]
    assert list(runs["unprotected", "progressive bit search", "knowing"]) == [2, 3, 4]


def test_titles_tell_the_median_of_the_worst_attack(alpha):
    rival = best_published(alpha.campaign)
    under = replace(alpha, attack=attack(MANY, {"chosen": 300, "unprotected": 1, rival: 12}))
    assert resists(under) == (
        f"alpha is at chance after 300 flips with the chosen scheme, 12 flips with {rival} and 1 flip unprotected"
    )
    others = attack(MANY, {"chosen": 300, "gentle": 700})
    assert resists(replace(alpha, attack=others)).endswith("and 700 flips with gentle, which withstands most")


def drawn(network: NetworkResults) -> str:
    """The chart of flips to chance."""
    (panel,) = attack_section([network]).panels
    return json.dumps(panel.chart.to_dict())


def test_attacks_that_never_reach_chance(alpha):
    never = replace(alpha, attack=attack(MANY, {"chosen": math.inf, "thesis": 900}))
    worst = withstood(flips_to_chance(never))
    assert worst.index[0] == "chosen"
    assert flips_text(worst.loc["chosen"]) == "> 1,000"
    assert resists(never).startswith("alpha is at chance after more than 1,000 flips with the chosen scheme")
    assert '">1,000"' in drawn(never)
    nobody = replace(alpha, attack=attack(MANY, dict.fromkeys(MANY, math.inf)))
    assert not re.search("NaN|Infinity", drawn(nobody))


def test_of_an_even_number_of_runs_the_lower_middle_counts(alpha):
    table = attack(["chosen"], {"chosen": 300})
    two = table[(table["seed"] < 2) & (table["knowledge"] == "knowing")]
    stuck = two.assign(at_chance=two["at_chance"].where(two["seed"] == 0, 0))
    assert withstood(flips_to_chance(replace(alpha, attack=stuck))).loc["chosen", "flips"] == 299


def test_schemes_that_were_not_attacked_are_left_out(alpha):
    some = replace(alpha, attack=attack(["unprotected"], {"unprotected": 4}))
    assert resists(some) == "alpha is at chance after 4 flips unprotected"
    rows = {row[0]: row[-1] for row in resilience_and_cost(some).rows}
    assert (rows["unprotected"], rows["chosen"]) == ("4", "–")


# --- costs and counts ------------------------------------------------------------------------------------------------


def test_resilience_and_cost_stand_in_one_table(alpha, page):
    rows = {row[0]: row[1:] for row in resilience_and_cost(alpha).rows}
    assert list(rows) == list(ranking(alpha)["scheme"])
    assert rows["chosen"] == ["0.05", "+0.25 pp", "+0.3 %", "147", "40 %", "1,234", "5.2", "20"]
    assert rows["unprotected"] == ["none", "0.00 pp", "none", "none", "0 %", "none", "none", "20"]
    assert re.search(r"chosen 0\.05 \+0\.25 pp \+0\.3 % 147 40 % 1,234 5\.2 20", section(page, "costs"))


def test_a_scheme_without_known_costs_has_dashes(alpha):
    known = costs([name for name in MANY if name != "CEP"])
    rows = {row[0]: row for row in resilience_and_cost(replace(alpha, costs=known)).rows}
    assert rows["CEP"][4:8] == ["–"] * 4


def test_small_p_values_are_counted_beside_what_is_expected(alpha):
    counts = word_counts(MANY, (0.5, 0.009, 0.01))
    told = agreement([replace(alpha, word_counts=counts), replace(alpha, word_counts=word_counts(MANY))])
    schemes = len(counts) // 3
    assert told.startswith(f"Of {6 * schemes} comparisons of counted code words")
    assert f"{schemes} have a p below 0.01; were all probabilities right, up to {0.06 * schemes:.0f} would" in told
    first = word_table(replace(alpha, word_counts=counts)).rows[0]
    assert first[1:] == ["1e−3", "4", "103", "120 / 118\np 0.500", "3 / 2.50\np 0.009", "0 / 1e−3\np 0.010"]


def test_a_network_without_counted_words(alpha):
    empty = replace(alpha, word_counts=alpha.word_counts.iloc[:0])
    assert word_table(empty) is None
    assert agreement([empty]).startswith("No scheme")
