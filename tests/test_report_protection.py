"""The report's part on protection, on networks whose schemes hold known bit error rates."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from report_pages import HELD, findings, render, specs, write_network

from sparebits.codes.catalogue import named_code
from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.outcomes import shown_held
from sparebits.protection.plan import RolePlan
from sparebits.report.charts.frontier import held_by_loss
from sparebits.report.charts.stored_words import stored_bits
from sparebits.report.protection import findings as told_of
from sparebits.report.protection.tables import expected_failures
from sparebits.report.results import read_results
from sparebits.report.wording import rate
from sparebits.summary import network_metrics


def section(page: str, slug: str) -> str:
    """The words of a section."""
    text = re.search(rf'<section id="{slug}">(.*?)</section>', page, re.S)[1]
    text = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    return re.sub(" +", " ", unescape(re.sub(r"<[^>]+>|\s+", " ", text)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("protected")
    write_network(folder, "alpha", depth=14)
    fused = RolePlan(4, "extended-bch(128,22)", "median", "fused")
    write_network(folder, "beta", depth=17, held={"chosen": 1e-1, "thesis": 1e-2, "unprotected": 0.0}, batchnorm=fused)
    write_network(folder, "gamma", depth=14, batchnorm=RolePlan(4, "extended-bch(128,43)", "median", "channel"))
    return folder


@pytest.fixture(scope="module")
def page(folder) -> str:
    return render(folder, ["alpha", "beta"])


# --- what is held ----------------------------------------------------------------------------------------------------


def test_titles_tell_the_rates_that_are_held(page):
    told = findings(page)
    held = "alpha holds a bit error rate of 0.05 as chosen, 1e−3 by the thesis’ code and none unprotected"
    assert f"{held}: up to there no trial of 4 drops by over\u00a01\u00a0pp" in told
    highest = "beta holds a bit error rate of 0.1 (the highest measured) as chosen, 0.01 by the thesis’ code and none"
    assert any(title.startswith(highest) for title in told)
    headline = "the networks hold a bit error rate of 0.05 to 0.1; with the thesis’ code 1e−3 to 0.01, unprotected none"
    assert headline in re.search(r'class="headline">(.*?)</p>', page)[1]


def test_few_trials_are_said_to_prove_little(page):
    # 1 - 0.05^(1/4) = 0.5271.
    text = section(page, "protection")
    assert "4 trials without such a drop do not prove that there is none" in text
    assert "at most 52.7 % of all fault maps" in text


def test_table_tells_what_comes_after_the_rate_held(page):
    text = section(page, "protection")
    # 1 of 400 images lost without faults; at 0.1 one trial of four lost 80.
    assert re.search(
        r"alpha chosen \+0\.25 pp \[\S+ \S+\] 0\.05 0 of 4 52\.7 % \+0\.25 pp 0\.1 1 of 4, \+20\.00 pp \+0\.3 %", text
    )
    assert re.search(r"alpha unprotected 0\.00 pp \[\S+ \S+\] none – – 1e−4 1 of 4, \+20\.00 pp none", text)
    assert "none, this is the highest" in text


def test_expected_failures_are_binomial(folder):
    network = read_results(folder, "alpha")
    # Every one of the 103 values is a word of the [32,6,16] code, which corrects 7 flips.
    assert network.parameters == 40 + 4 * 4 + 51
    tail = 1.3908e-4  # P(Binomial(32, 0.05) > 7)
    assert expected_failures(network, 0.05) == pytest.approx(network.parameters * tail, rel=1e-3)


def test_a_channel_counts_as_one_code_word(folder):
    network = read_results(folder, "beta")
    words = network.parameters - 16
    # Under so many flips every code word fails: 91 single ones and 4 channels.
    assert expected_failures(network, 0.5) == pytest.approx(words + 4, rel=1e-2)


def test_the_dashed_line_is_where_drops_count_as_held(page):
    drawn = [spec for spec in specs(page) if "downwards" in json.dumps(spec)]
    assert drawn
    for spec in drawn:
        levels = [row["y"] for rows in spec["datasets"].values() for row in rows if "y" in row]
        assert levels == [1.0]


# --- exceptions are told ---------------------------------------------------------------------------------------------


def test_a_choice_beyond_the_tolerance_is_told(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    assert told_of.notes([read_results(tmp_path, "alpha")]) == []
    path = tmp_path / "alpha" / "selection.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"within_tolerance": False}), encoding="utf-8")
    (note,) = told_of.notes([read_results(tmp_path, "alpha")])
    assert note.startswith("alpha: no candidate stays within the selection’s tolerance of 0.5 pp without faults")


def test_a_thesis_code_that_does_not_fit_is_told(tmp_path):
    write_network(tmp_path, "half", depth=-1, floor_place=0, dtype="float16")
    page = render(tmp_path, ["half"])
    assert "half: the thesis’ code does not fit into the 16 bits" in section(page, "protection")
    assert "the thesis’ code does not fit" in re.search(r'class="headline">(.*?)</p>', page)[1]
    assert " thesis " not in section(page, "stored_words").partition("Layouts and codes by role")[2]


def test_a_scheme_that_holds_nothing(tmp_path):
    write_network(tmp_path, "alpha", depth=14, held=dict.fromkeys(HELD, 0.0))
    network = read_results(tmp_path, "alpha")
    assert told_of.campaign(network).startswith("alpha holds no bit error rate measured as chosen, none by the thesis’")
    assert "alpha holds no bit error rate measured; with the thesis’ code none" in told_of.headline([network])


def test_a_scheme_that_is_lost_without_faults(tmp_path):
    """It was never hit, so it holds nothing, and the bound of the others is by their own trials."""
    write_network(tmp_path, "alpha", depth=14)
    path = tmp_path / "alpha" / "campaign.csv"
    table = pd.read_csv(path)
    thesis = table["scheme"] == "thesis"
    table.loc[thesis, ["drop_pp", "lost"]] = [30.0, 120]
    table[~thesis | (table["ber"] == 0)].to_csv(path, index=False)
    page = render(tmp_path, ["alpha"])
    assert any("0.05 as chosen, none by the thesis’ code" in title for title in findings(page))
    text = section(page, "protection")
    assert re.search(r"alpha thesis \+30\.00 pp \[\S+ \S+\] none – – none, it is lost without faults", text)
    assert network_metrics(tmp_path / "alpha")["thesis_ber_held"] == 0


def test_incomplete_selections_are_named(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    path = tmp_path / "alpha" / "selection.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"selection\.json is not JSON"):
        read_results(tmp_path, "alpha")
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"selection\.json lacks ber, tolerance_pp"):
        read_results(tmp_path, "alpha")
    path.unlink()
    with pytest.raises(InputError, match=r"selection\.json is missing"):
        read_results(tmp_path, "alpha")


# --- stored words ----------------------------------------------------------------------------------------------------


def cells_of(folder: Path, network: str) -> pd.DataFrame:
    results = read_results(folder, network)
    entries = {scheme: results.entries(scheme) for scheme in ("chosen", "thesis")}
    return stored_bits(entries, results.tensors, results.fmt)


def test_bits_stand_where_the_code_puts_them(folder):
    cells = cells_of(folder, "alpha")
    weights = cells[cells["row"].str.startswith("chosen: weights")].set_index("bit")
    # Reed-Muller codes have their data at bit 0 and the powers of two.
    data = weights[weights["stored_class"] != "check bit"]
    assert sorted(data.index) == list(named_code("reed-muller(32,6)").data_positions) == [0, 1, 2, 4, 8, 16]
    assert data["holds"].sort_index(ascending=False).to_list() == [
        "sign",
        *("exponent 2", "exponent 1", "exponent 0"),
        *("mantissa 1", "mantissa 0"),
    ]


@pytest.mark.parametrize("network", ["alpha", "beta", "gamma"])
def test_every_bit_of_every_value_is_shown_once(folder, network):
    cells, results = cells_of(folder, network), read_results(folder, network)
    for scheme in ("chosen", "thesis"):
        shown = 0
        for row, bits in cells[cells["row"].str.startswith(scheme)].groupby("row"):
            assert sorted(bits["bit"]) == list(range(results.fmt.width))
            shown += int(re.search(r"\|([\d,]+) (values|channels)", row)[1].replace(",", ""))
        assert shown == results.parameters


def test_scale_and_shift_share_four_words(folder):
    cells = cells_of(folder, "beta")
    channel = cells[cells["row"].str.contains("scale and shift")]
    assert channel["row"].nunique() == 4
    kinds = channel["stored_class"].value_counts()
    # 22 data bits in 128: scale and shift with a sign, 4 exponent and 6 mantissa bits each.
    assert (kinds["sign"], kinds["exponent"], kinds["mantissa"], kinds["check bit"]) == (2, 8, 12, 106)


def test_four_values_of_a_channel_share_a_code_word(folder):
    cells = cells_of(folder, "gamma")
    channel = cells[cells["row"].str.contains("batchnorm") & cells["row"].str.startswith("chosen")]
    assert channel["row"].nunique() == 4
    # 11 + 11 + 11 + 10 data bits, the last, a variance, without a sign.
    kinds = channel["stored_class"].value_counts()
    assert (kinds["sign"], kinds["exponent"], kinds["mantissa"], kinds["check bit"]) == (3, 16, 24, 85)


def test_thesis_words_leave_bits_unused(folder):
    cells = cells_of(folder, "alpha")
    counts = cells[cells["row"].str.startswith("thesis")].groupby("row")["stored_class"].value_counts()
    for row in counts.index.get_level_values("row").unique():
        n, k = map(int, re.search(r"\[(\d+),(\d+),", row).groups())
        assert counts[row]["unused"] == FORMATS["float32"].width - n
        assert counts[row]["check bit"] == n - k


def test_titles_tell_data_and_check_bits(page):
    # Floor 0x70 forces 4 bits and depth 14 frees 15: 13 remain.
    chosen = "alpha: a weight needs 6 bits, and 26 check bits correct 7 flips"
    thesis = "the thesis keeps 13 bits with 5 check bits, which correct 1"
    assert f"{chosen}; {thesis}" in findings(page)


# --- the frontier ----------------------------------------------------------------------------------------------------


def test_the_frontier_is_told_by_its_ends(page):
    ends = "alpha: 0.02 is held at a loss of 0.000 pp without faults, 0.08 at 0.250 pp"
    assert f"{ends}; the choice is expected to hold 0.08" in findings(page)


def test_candidates_that_lose_nothing_are_not_said_to_trade(folder):
    network = read_results(folder, "alpha")
    lossless = replace(network, frontier=network.frontier.assign(layout_loss_pp=0.0, ber_held=0.2))
    assert told_of.frontier(lossless) == (
        "alpha: without faults no candidate shown costs even 0.001 pp on the calibration images; the choice is "
        "expected to hold 0.2 or more"
    )


def test_labels_of_close_candidates_keep_apart():
    names = ["reed-muller(32,6)", "tabulated(32,7)", "tabulated(32,8)", "extended-bch(32,11)"]
    close = [(f"weights {name}", 0.0, held) for name, held in zip(names, (0.1, 0.1, 0.099, 0.001), strict=True)]
    others = [("frontier", 0.0, 0.1), ("chosen", 0.0, 0.1)]
    frontier = pd.DataFrame(close + others, columns=["scheme", "layout_loss_pp", "ber_held"])
    drawn = held_by_loss(frontier, 0.05, "", "").to_dict()
    labels = {row["label"]: row for rows in drawn["datasets"].values() for row in rows if "label" in row}
    assert set(labels) == {"[32,6,16], [32,7,14]", "[32,8,13]", "[32,11,12]"}
    assert labels["[32,8,13]"]["label_y"] < 0.9 * labels["[32,6,16], [32,7,14]"]["label_y"]
    assert labels["[32,11,12]"]["label_y"] == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("ber", "told"), [(0, "none"), (1e-6, "1e−6"), (2.5e-4, "2.5e−4"), (0.01, "0.01"), (0.0893, "0.089"), (0.2, "0.2")]
)
def test_rates_are_short(ber, told):
    assert rate(ber) == told


# --- other faults and comparisons ------------------------------------------------------------------------------------


def test_schemes_are_compared_fault_map_by_fault_map(page):
    text = section(page, "under_faults")
    assert "alpha: the other schemes beside the chosen one, fault map by fault map" in text
    # Unprotected loses 80 of 400 images in one of four maps at 1e-4; chosen one image in each of the four.
    assert re.search(r"1e−4 unprotected 4 \+4\.75 pp \[\S+ \S+\] 1\.000", text)


def test_other_faults_are_tabled_and_change_nothing_that_is_held(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    path = tmp_path / "alpha" / "campaign.csv"
    table = pd.read_csv(path)
    before = network_metrics(tmp_path / "alpha")
    bursts = table[table["ber"] == 0.1].assign(fault_model="burst, length 8", ber=float("nan"), flips=8)
    local = table[table["ber"] == 0.1].assign(target="kind bias", ber=1e-4)
    pd.concat([table, bursts, local]).to_csv(path, index=False)
    assert network_metrics(tmp_path / "alpha") == before
    page = render(tmp_path, ["alpha"])
    text = section(page, "under_faults")
    assert "alpha: trials over 1 pp under other faults, and the worst drop" in text
    assert "Scheme burst, length 8 8 flips ber in kind bias 10,000 flips" in text
    assert "chosen 1 of 4 +20.00 pp 1 of 4 +20.00 pp" in text
    assert "alpha holds a bit error rate of 0.05 as chosen" in text


def test_299_trials_without_a_drop_show_that_a_rate_is_held():
    trials = pd.DataFrame({"scheme": "chosen", "fault_model": "ber", "target": "all", "drop_pp": 0.5}, index=range(598))
    trials["ber"] = [1e-3] * 299 + [1e-2] * 299
    assert shown_held(trials, "chosen") == 1e-2
    assert shown_held(trials.iloc[:-1], "chosen") == 1e-3
    assert shown_held(trials.assign(drop_pp=[1.5] + 597 * [0.0]), "chosen") == 0
    assert shown_held(trials.assign(target="kind bias"), "chosen") == 0
