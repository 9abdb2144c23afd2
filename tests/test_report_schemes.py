"""What the report says of many schemes: who holds what, alone and beside the others."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import findings, render, specs, write_network
from report_tables import MANY, campaign
from test_report_protection import section

from sparebits.errors import InputError
from sparebits.outcomes import advantage, best_published, named_schemes, scheme_group, scheme_outcome
from sparebits.report.charts.campaign import drop_by_rate
from sparebits.report.charts.labels import apart
from sparebits.report.charts.ranking import ranked_schemes
from sparebits.report.protection import findings as told_of
from sparebits.report.protection import tables
from sparebits.report.protection.ranking import gained, memory_text, ranking
from sparebits.report.results import OF_EXTENT, NetworkResults, read_results
from sparebits.schemes.registry import ENTRIES


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    write_network(folder, "alpha", depth=14, held=MANY)
    return folder


@pytest.fixture(scope="module")
def alpha(folder) -> NetworkResults:
    return read_results(folder, "alpha")


@pytest.fixture(scope="module")
def page(folder) -> str:
    return render(folder, ["alpha"])


def with_held(network: NetworkResults, **held: float) -> NetworkResults:
    """The same network where schemes hold other rates."""
    return replace(network, campaign=campaign(MANY | held))


# --- who holds what --------------------------------------------------------------------------------------------------


def test_every_scheme_belongs_to_a_group():
    groups = {entry.name: scheme_group(entry.name) for entry in ENTRIES}
    assert groups["chosen"] == groups["gentle"] == groups["chosen + range restriction"] == "ours"
    assert groups["bfloat16 + code"] == groups["int8 three times"] == "equal memory"
    assert groups["same-layout repetition"] == groups["unprotected"] == "unprotected and parts of ours"
    assert groups["SEC-DED (72,64)"] == groups["range restriction"] == scheme_group("CEP, median") == "published"


def test_the_best_published_scheme_takes_no_memory(alpha):
    # Replication holds 0.01 with another network's worth of memory; of the two at 1e-3 TMR is worse above it in no way.
    assert best_published(alpha.campaign) in ("in-place TMR", "thesis")
    assert best_published(alpha.campaign, extra_memory=True) == "replication c=2"
    better = with_held(alpha, thesis=1e-2)
    found = advantage(better.campaign)
    assert (found.held, found.rival, found.rival_held, found.ratio) == (5e-2, "thesis", 1e-2, pytest.approx(5))
    assert found.extra_bytes == 12
    assert not found.is_highest


def test_policies_that_nobody_published_are_no_rivals(alpha):
    variant = campaign({"thesis, median": 5e-2})
    assert best_published(pd.concat([alpha.campaign, variant])) == best_published(alpha.campaign)
    assert named_schemes(pd.concat([alpha.campaign, variant])) == named_schemes(alpha.campaign)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({"thesis": 1e-2}, "the chosen scheme holds 0.05, 5 times the best published scheme without extra memory"),
        ({"thesis": 5e-2}, "the chosen scheme holds 0.05, as much as the best published scheme without extra memory"),
        ({"thesis": 1e-1}, "the chosen scheme holds 0.05, only 0.5 times the best published scheme without extra"),
        ({"chosen": 1e-1, "thesis": 1e-2}, "holds 0.1, at least 10 times the best published scheme without extra"),
        (
            {"chosen": 0.0},
            "the chosen scheme holds no bit error rate measured; the best published scheme without extra",
        ),
    ],
)
def test_titles_tell_the_factor_whatever_it_is(alpha, held, told):
    assert told in gained(with_held(alpha, **held))


def test_a_rival_that_holds_more_is_named_with_its_memory(alpha):
    more = replace(alpha, campaign=campaign(MANY | {"replication c=2": 5e-2}))
    assert gained(more).endswith("; replication c=2 (+100 %, 0.05) holds as much or more")
    assert "as much or more" not in gained(alpha)


def test_nobody_holds_anything(alpha):
    nothing = replace(alpha, campaign=campaign(dict.fromkeys(MANY, 0.0)))
    found = advantage(nothing.campaign)
    assert (found.held, found.rival_held, found.ratio, found.is_highest) == (0.0, 0.0, None, False)
    told = gained(nothing)
    assert told.startswith("alpha: the chosen scheme holds no bit error rate measured; the best published scheme")
    assert told.endswith("holds none")


def test_only_the_chosen_scheme_holds_a_rate(alpha):
    alone = replace(alpha, campaign=campaign(dict.fromkeys(MANY, 0.0) | {"chosen": 1e-2}))
    assert math.isinf(advantage(alone.campaign).ratio)
    assert re.search(r"the chosen scheme holds 0\.01.* \(.*\) holds none$", gained(alone))


def test_no_published_scheme_fits(alpha):
    alone = replace(alpha, campaign=campaign({"chosen": 1e-2, "unprotected": 0.0, "SEC-DED (72,64)": 1e-4}))
    assert advantage(alone.campaign).rival is None
    assert gained(alone) == "alpha: the chosen scheme holds 0.01; no published scheme fits without extra memory"


def test_the_ranking_descends_and_tells_memory(alpha):
    rows = ranking(alpha)
    assert set(rows["scheme"]) == set(MANY)
    assert (rows["held"].diff().dropna() <= 0).all()
    memory = rows.set_index("scheme")["memory"]
    assert (memory["SEC-DED (72,64)"], memory["replication c=2"], memory["thesis"]) == ("+12.5 %", "+100 %", "")
    assert memory["chosen"] == "+0.3 %"
    assert memory_text(0.0012) == "< +0.01 %"
    # At the rates of the chosen scheme: the next one measured after 0.05 is 0.1; after 0.1 comes none.
    beyond = rows.set_index("scheme")["next_rate"]
    assert beyond["chosen"] == 0.1
    assert np.isnan(beyond["chosen + range restriction"])


def test_trials_are_those_of_the_scheme(alpha):
    longer = campaign({"chosen": 5e-2}, trials=299)
    both = pd.concat([longer, alpha.campaign[alpha.campaign["scheme"] != "chosen"]])
    assert scheme_outcome(both, "chosen").trials == 299
    assert scheme_outcome(both, "thesis").trials == 4
    rows = ranking(replace(alpha, campaign=both)).set_index("scheme")
    assert rows.loc["chosen", "shown"] == 5e-2
    assert rows.loc["thesis", "shown"] == 0
    assert "no trial of 4 to 299 drops" in told_of.campaign(replace(alpha, campaign=both))


def test_dots_are_filled_where_a_rate_is_shown(alpha):
    def filled(network: NetworkResults) -> list[dict]:
        rows = ranking(network)
        chart = ranked_schemes(rows, network.campaign["ber"], "").to_dict()
        return [layer for layer in chart["layer"] if layer["encoding"]["x"].get("field") == "shown_place"]

    assert not filled(alpha), "four trials show nothing"
    longer = pd.concat([campaign({"chosen": 5e-2}, trials=299), alpha.campaign.query("scheme != 'chosen'")])
    (dots,) = filled(replace(alpha, campaign=longer))
    assert dots["mark"]["filled"]


# --- all schemes in one chart ----------------------------------------------------------------------------------------


def test_all_schemes_are_drawn_and_named_once(page):
    (drawn,) = [spec for spec in specs(page) if "downwards" in json.dumps(spec)]
    rows = [row for rows in drawn["datasets"].values() for row in rows]
    assert {row["scheme"] for row in rows if "median" in row} == set(MANY)
    named = [row["scheme"] for row in rows if "name_place" in row and row.get("at_end") is not None]
    assert set(named) == set(MANY)
    assert all("trial" not in row for row in rows), "quantiles, not trials"


def test_policies_are_no_lines(alpha):
    table = pd.concat([alpha.campaign, campaign({"CEP, median": 1e-3})])
    chart = drop_by_rate(table, named_schemes(table), ["chosen"], "").to_dict()
    assert "CEP, median" not in json.dumps(chart)


@pytest.mark.parametrize("places", [[0.0], [0.0, 0.0, 0.0], [0.0, 0.1, 0.2, 5.0], [1.0, 3.0, 5.0]])
def test_names_stand_apart_in_order(places):
    moved = apart(np.array(places), 1.0)
    assert (np.diff(moved) >= 1 - 1e-9).all()
    assert np.mean(moved) == pytest.approx(np.mean(places))
    if (np.diff(places) >= 1).all():
        assert moved == pytest.approx(places)


def test_tables_of_other_faults_have_a_row_a_scheme(alpha):
    base = alpha.campaign[alpha.campaign["ber"] == 0.1]
    models = [f"burst, length {length}" for length in (2, 3, 5, 8)]
    struck = pd.concat([base.assign(fault_model=model, ber=float("nan")) for model in models])
    table = tables.other_faults(replace(alpha, other_faults=struck[struck["scheme"] != "gentle"]))
    assert [row[0] for row in table.rows] == [name for name in ranking(alpha)["scheme"] if name != "gentle"]
    assert [column.split("\n")[0] for column in table.columns] == ["Scheme", *models]
    cells = dict(zip((row[0] for row in table.rows), (row[1] for row in table.rows), strict=True))
    assert cells["chosen"] == "1 of 4\n+20.00 pp"
    assert cells["chosen + range restriction"] == "0 of 4\n+0.25 pp"


def test_the_best_policy_is_tabled(alpha):
    assert tables.policies(alpha) is None
    variants = campaign({"CEP, median": 1e-2, "CEP, keep": 0.0}).assign(policy="median")
    table = tables.policies(replace(alpha, campaign=pd.concat([alpha.campaign, variants])))
    assert table.rows == [["CEP", "as they are", "1e−4", "median of the tensor", "0.01"]]


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_has_a_section_for_each_question(page):
    for slug in ("protection", "under_faults", "ablation", "attack", "costs"):
        assert f'<section id="{slug}">' in page
    told = findings(page)
    assert any(title.startswith("alpha: the chosen scheme holds 0.05, 50 times the best published") for title in told)
    assert any(title.startswith("alpha is at chance after 20 flips") for title in told)
    assert "Of 39 comparisons" in section(page, "under_faults")


@pytest.mark.parametrize("table", ["attack", "costs", "ablation", "word_counts"])
def test_missing_tables_are_named(tmp_path, table):
    write_network(tmp_path, "alpha", depth=14)
    (tmp_path / "alpha" / f"{table}.csv").unlink()
    with pytest.raises(InputError, match=rf"alpha/{table}\.csv is missing"):
        read_results(tmp_path, "alpha")


def test_the_full_campaign_is_read_by_its_extent(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    with pytest.raises(InputError, match=r"campaign_full\.csv is missing"):
        read_results(tmp_path, "alpha", "_full")
    for table in OF_EXTENT:
        found = tmp_path / "alpha" / f"{table}.csv"
        full = pd.read_csv(found)
        if table == "campaign":
            full = campaign(MANY | {"chosen": 1e-1}).assign(format="binary32")
        full.to_csv(tmp_path / "alpha" / f"{table}_full.csv", index=False)
    assert read_results(tmp_path, "alpha").outcome("chosen").held == 5e-2
    assert read_results(tmp_path, "alpha", "_full").outcome("chosen").held == 1e-1
