"""The report's part on codes over many words, on tables whose answers are known."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import vl_convert
from report_pages import MEASURED, encodings, findings, render, specs, write_network
from report_tables import DAMAGE, FAILED_BLOCKS, INNER, block_failures, inner_words, restoration, scrub_times
from test_report_protection import section

from sparebits.errors import InputError
from sparebits.long_codes.modes import MEANT_FOR
from sparebits.report.charts.block_failures import FLOOR, above_floor
from sparebits.report.charts.restoration import restored_by_rate
from sparebits.report.charts.style import NETWORK_COLOURS, SCHEME_COLOURS
from sparebits.report.many_words import findings as told_of
from sparebits.report.many_words import sections, tables
from sparebits.report.many_words.measurements import read_measurements
from sparebits.report.many_words.restored import by_rate
from sparebits.report.parts import Figure
from sparebits.report.results import NetworkResults, read_results
from sparebits.report.wording import probability


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("restored")
    write_network(folder, "alpha", depth=14)
    return folder


@pytest.fixture(scope="module")
def alpha(folder) -> NetworkResults:
    return read_results(folder, "alpha")


@pytest.fixture(scope="module")
def page(folder) -> str:
    return render(folder, ["alpha"])


def restored(network: NetworkResults, *absent: str, failing: dict[str, int] | None = None, **damage) -> NetworkResults:
    """The network with other damage to schemes, and without those that are absent."""
    schemes = {name: by_rate for name, by_rate in (DAMAGE | damage).items() if name not in absent}
    return replace(network, restoration=restoration(schemes, failing))


def rows_of(chart: dict, column: str) -> list[dict]:
    """Rows of a chart's data that have a column."""
    return [row for rows in chart["datasets"].values() for row in rows if column in row]


def assert_is_drawn(figure: Figure) -> None:
    """Its specification is valid, which Altair checks, and what Vega draws of it has no missing numbers."""
    svg = vl_convert.vegalite_to_svg(figure.chart.to_dict())
    assert svg.count("<path") > 10
    assert "NaN" not in svg
    assert "undefined" not in svg


# --- what is restored ------------------------------------------------------------------------------------------------


def test_titles_tell_in_how_many_maps_every_word_was_restored(page):
    assert (
        "alpha: block mode restored every word in 20 of 20 fault maps at a bit error rate of 0.12, nested in 20 of 20"
        " at 0.1 and nested-word in 20 of 20 at 0.08; the chosen code of single words 99.20 % of words at 0.05"
    ) in findings(page)
    assert (
        "alpha: block mode drops by at most +0.25 pp in 20 fault maps at a bit error rate of 0.12, nested by +0.25 pp"
        " in 20 at 0.1 and nested-word by +0.25 pp in 20 at 0.08; the chosen code of single words by up to +5.00 pp in"
        " 4 at 0.12"
    ) in findings(page)


def test_maps_that_were_not_restored_are_told(alpha):
    failing = restored(alpha, failing={"block": 3, "nested-word": 20})
    told = told_of.restored(failing)
    assert "block mode restored every word in 17 of 20 fault maps" in told
    assert "nested in 20 of 20 at 0.1 and nested-word in 0 of 20 at 0.08" in told
    # 1 of 400 images without faults and 4 more.
    assert "block mode drops by at most +1.25 pp in 20 fault maps" in told_of.accuracy(failing)
    cells = {row[1]: row[2:] for row in tables.own([failing]).rows}
    # Clopper and Pearson, one-sided: 3 of 20 give 34.4 %, none of 20 gives 1 - 0.05^(1/20).
    assert cells["block"] == ["0.12", "20", "17", "34.4 %", "99.0000 %", "+1.25 pp", "+0.3 %"]
    assert cells["nested"] == ["0.1", "20", "20", "13.9 %", "all", "+0.25 pp", "+0.3 %"]
    assert cells["nested-word"][2:4] == ["0", "100.0 %"]
    assert cells["word"] == ["0.05", "4", "0", "100.0 %", "99.2000 %", "+0.25 pp", "+0.3 %"]


def test_a_single_word_in_a_million_is_not_all(alpha):
    table = alpha.restoration.assign(words=1_000_000_000)
    table["restored_words"] = table["words"] - (table["scheme"] == "block")
    almost = replace(alpha, restoration=table)
    assert "block mode restored every word in 0 of 20" in told_of.restored(almost)
    cells = {row[1]: row for row in tables.own([almost]).rows}
    assert cells["block"][6] == "> 99.9999 %"


def test_schemes_that_are_absent_are_not_told_of(alpha):
    without = restored(alpha, "nested-word", "in-place TMR")
    told = told_of.restored(without)
    assert "nested in 20 of 20 at 0.1; the chosen code" in told
    assert "nested-word" not in told
    panels = sections.many_words([without]).panels
    for figure in panels:
        assert_is_drawn(figure)
        storages = {row["storage"] for row in rows_of(figure.chart.to_dict(), "storage")}
        assert storages == {"block", "nested", "word", "unprotected"}
    assert [row[1] for row in tables.own([without]).rows] == ["block", "nested", "word"]
    assert told_of.facts([without], MEASURED)["notes"] == ["alpha was not stored in nested-word mode"]
    assert told_of.facts([alpha], MEASURED)["notes"] == []


def test_a_mode_that_is_lost_before_its_rate(alpha):
    lost = restored(alpha, block={1e-2: (0, 1), 5e-2: (900, 320)})
    told = told_of.restored(lost)
    assert told.startswith("alpha: nested mode restored every word in 20 of 20 fault maps at a bit error rate of 0.1 ")
    assert "; block mode is lost at 0.05, before 0.12; " in told
    cells = {row[1]: row[2:] for row in tables.own([lost]).rows}
    assert cells["block"] == ["0.12\nlost at 0.05", "0", "–", "–", "–", "–", "+0.3 %"]
    for figure in sections.many_words([lost]).panels:
        assert_is_drawn(figure)


def test_words_of_16_bits_have_rates_of_their_own(alpha):
    half = replace(alpha, tensors=alpha.tensors.assign(format="binary16"))
    modes = {"nested": {0.07: (0, 1), 0.12: (800, 320)}, "block": {0.07: (0, 1), 0.09: (2, 1), 0.12: (800, 320)}}
    network = restored(half, "nested-word", **modes)
    assert told_of.restored(network).startswith(
        "alpha: block mode restored every word in 0 of 4 fault maps at a bit error rate of 0.09 and nested in 4 of 4 at"
        " 0.07; "
    )
    rings = by_rate(network).query("is_own")[["storage", "ber"]].to_numpy().tolist()
    assert rings == [["block", 0.09], ["nested", 0.07]]
    (note,) = told_of.facts([network], MEASURED)["notes"]
    assert note == "alpha was not stored in nested-word mode, which is for words of 32 bits"
    # Rates that no mode of these words is meant for.
    other = restored(half, "nested-word")
    assert "alpha: block mode was not measured at 0.09; nested mode was not measured at 0.07; " in told_of.restored(
        other
    )
    assert tables.own([other]).rows[0][2:4] == ["0.09\nnot measured", "0"]


def test_networks_without_any_mode_or_chosen_code(alpha):
    modes = restored(alpha, "chosen")
    assert told_of.restored(modes).endswith("nested-word in 20 of 20 at 0.08")
    assert "word" not in [row[1] for row in tables.own([modes]).rows]
    alone = restored(alpha, *MEANT_FOR)
    assert told_of.restored(alone).startswith("alpha: no code over many words was measured; the chosen code")
    assert told_of.accuracy(alone) == "alpha: no code over many words was measured"


def test_single_words_that_are_lost_are_told_so(alpha):
    lost = restored(alpha, chosen={1e-2: (0, 1), 8e-2: (800, 320)})
    assert told_of.accuracy(lost).endswith("; the chosen code of single words is lost at 0.08")
    # 0.05, which the code was chosen for, was not measured.
    assert told_of.restored(lost).endswith("; the chosen code of single words 100.00 % of words at 0.01")


def test_trials_are_drawn_as_median_and_spread(alpha):
    rows = by_rate(restored(alpha, failing={"block": 3})).set_index(["storage", "ber"])
    block = rows.loc["block", 0.12]
    assert (block["trials"], block["wholly"], block["is_own"]) == (20, 17, True)
    assert (block["restored_low"], block["restored"], block["restored_high"]) == (0.99, 1.0, 1.0)
    assert (block["percent_low"], block["percent"], block["percent_high"]) == (93.75, 94.75, 94.75)
    assert not rows.loc["block", 0.1]["is_own"]
    # Modes first, the one for the highest rate before the others; the unprotected network last.
    assert list(dict.fromkeys(rows.index.get_level_values("storage"))) == [
        *("block", "nested", "nested-word", "word", "in-place TMR", "unprotected"),
    ]


def test_all_words_stand_above_any_share_of_them(alpha):
    chart = restored_by_rate(by_rate(restored(alpha, failing={"block": 3})), "").to_dict()
    drawn = {(row["storage"], row["ber"]): row for row in rows_of(chart, "place")}
    # 0.8 % of words not restored are 2.097 decades; the smallest share, 0.8 %, leaves room for 99 % below "all".
    assert drawn["word", 0.05]["place"] == pytest.approx(2.0969)
    assert drawn["block", 0.12]["place"] == 3
    assert drawn["block", 0.12]["place_low"] == pytest.approx(2)
    assert drawn["block", 0.16]["place"] == pytest.approx(-np.log10(0.9), abs=1e-4)
    axes = [layer["encoding"]["y"].get("axis", {}) for layer in chart["layer"]]
    (labels,) = {axis["labelExpr"] for axis in axes if axis}
    assert labels == '["0 %", "90 %", "99 %", "all"][datum.value]'


# --- how often blocks fail -------------------------------------------------------------------------------------------


def test_no_failure_is_told_with_its_bound_and_what_is_computed(page):
    # 1 - 0.025^(1/3000).
    bound = "95 % interval up to 1.2e−3"
    assert (
        f"None of 3,000 blocks in block mode failed at a bit error rate of 0.12 ({bound}), none of 3,000 in nested mode"
        f" at 0.1 ({bound}, computed: 1.1e−49) and none of 3,000 in nested-word mode at 0.08 ({bound}, computed:"
        " at most 1.9e−27)"
    ) in findings(page)


def test_failed_blocks_and_unnoticed_ones_are_told():
    failed = FAILED_BLOCKS | {("block", 11): {0.12: 3, 0.16: 300}}
    some = replace(MEASURED, block_failures=block_failures(failed, wrong=2))
    told = told_of.block_failures(some)
    # Clopper and Pearson: 3 of 3,000 is 1e-3 [2.1e-4, 2.9e-3].
    assert told.startswith("3 of 3,000 blocks in block mode failed at a bit error rate of 0.12 (95 % interval [2.1e−4,")
    assert " 2.9e−3], 2 of them unnoticed), none of 3,000 in nested mode" in told
    (row,) = [row for row in tables.blocks(some).rows if row[:3] == ["block", "11", "0.12"]]
    assert row[3:6] == ["3,000", "3", "2"]
    (figure,) = sections.block_failures(some).figures
    assert_is_drawn(figure)
    (drawn,) = {
        (row["failed"], row["rate"])
        for row in rows_of(figure.chart.to_dict(), "failed")
        if (row["storage"], row["ber"]) == ("block, 11 data bits", 0.12)
    }
    assert drawn == (3, 0.001)


def test_computed_probabilities_that_vanish_are_bounds():
    vanished = {ber: (erased, wrong, 0.0, 1e-310) for ber, (erased, wrong, _, _) in INNER.items()}
    none = replace(MEASURED, inner_words=inner_words(vanished))
    assert "computed: < 1e−300) and none of 3,000 in nested-word mode" in told_of.block_failures(none)
    assert "computed: at most < 1e−300" not in told_of.block_failures(none)
    (figure,) = sections.block_failures(none).figures
    assert_is_drawn(figure)
    assert not rows_of(figure.chart.to_dict(), "probability")


def test_modes_that_were_not_measured_at_their_rate():
    missing = {(mode, bits): {0.16: 300} for mode, bits in FAILED_BLOCKS}
    nothing = replace(MEASURED, block_failures=block_failures(missing))
    assert told_of.block_failures(nothing) == "No block was measured at the rate that its mode is meant for"
    alone = replace(MEASURED, block_failures=block_failures({("block", 11): FAILED_BLOCKS["block", 11]}))
    assert "nested" not in told_of.block_failures(alone)
    (figure,) = sections.block_failures(alone).figures
    assert_is_drawn(figure)
    # Without blocks of 10 bits there is one block mode, and one capacity.
    assert {row["storage"] for row in rows_of(figure.chart.to_dict(), "blocks")} == {"block"}


def test_blocks_that_never_failed_are_drawn_at_the_end_of_their_interval():
    (figure,) = sections.block_failures(MEASURED).figures
    assert_is_drawn(figure)
    spec = figure.chart.to_dict()
    rates = [layer for layer in spec["layer"] if layer["encoding"].get("y", {}).get("field") == "rate"]
    data = spec["datasets"]
    assert rates
    assert all(row["rate"] > 0 for layer in rates for row in data[layer["data"]["name"]])
    hollow = [layer for layer in spec["layer"] if layer["mark"].get("fill") == "white"]
    assert len(hollow) == 4
    for layer in hollow:
        assert layer["encoding"]["y"]["field"] == "high"
        assert {row["failed"] for row in data[layer["data"]["name"]]} == {0}
    heads = [layer for layer in spec["layer"] if layer["mark"].get("shape") == "triangle-down"]
    assert len(heads) == 4


def test_capacities_are_lines_with_names(page):
    (spec,) = [spec for spec in specs(page) if rows_of(spec, "blocks")]
    names = {row["name"]: row["ber"] for row in rows_of(spec, "name") if "code of rate" in row["name"]}
    assert names == {
        "no code of rate 10/32 restores all beyond 0.183": pytest.approx(0.18341914),
        "no code of rate 11/32 restores all beyond 0.169": pytest.approx(0.16936495),
    }
    (x,) = {tuple(content["scale"]["domain"]) for channel, content in encodings(spec) if channel == "x"}
    assert x[0] < min(MEANT_FOR.values())
    assert x[1] > 0.18341914


def test_computed_lines_end_where_they_leave_the_floor():
    bers, probabilities = np.array([0.12, 0.1, 0.11, 0.05]), np.array([1 + 1e-14, 1e-24, 1e-6, 0.0])
    line = above_floor(bers, probabilities)
    # From 1e-24 to 1e-6 in 0.01: 1e-12 at two thirds.
    assert line["ber"].to_list() == pytest.approx([0.1 + 0.02 / 3, 0.11, 0.12])
    assert line["probability"].to_list() == pytest.approx([FLOOR, 1e-6, 1.0])
    assert above_floor(bers, np.zeros(4)).empty
    assert above_floor(np.array([0.1, 0.2]), np.array([0.5, 1.0]))["ber"].to_list() == [0.1, 0.2]
    after_nothing = above_floor(np.array([0.1, 0.2]), np.array([0.0, 1.0]))
    assert after_nothing["probability"].iloc[0] == FLOOR
    assert 0.1 < after_nothing["ber"].iloc[0] < 0.2


def test_inner_words_stand_beside_what_is_exact(page):
    text = section(page, "block_failures")
    # 12.14 % of 100,000 are 12,140: [0.1194, 0.1234] by Clopper and Pearson.
    assert re.search(r"0\.1 100,000 0\.121 \[0\.119, 0\.123\] 0\.121 0\.0186 \[0\.0178, 0\.0195\] 0\.0186", text)
    assert "Of 12 such intervals 12 hold the exact probability" in text
    assert re.search(r"0\.1 1\.1e−49 1\.1e−49 1\.1e−40 0\.999", text)
    off = inner_words()
    off.loc[2, "exact_wrong"] = 0.03
    assert told_of.inner_agreement(replace(MEASURED, inner_words=off)).startswith("Of 12 such intervals 11 hold")


@pytest.mark.parametrize(
    ("p", "told"),
    [(0, "0"), (1.1e-49, "1.1e−49"), (1e-3, "1e−3"), (0.02, "0.02"), (0.9975, "0.998"), (0.99999, "> 0.999")],
)
def test_probabilities_are_short(p, told):
    assert probability(p) == told
    assert probability(1 + 1e-12) == "1"


# --- how long scrubbing takes ----------------------------------------------------------------------------------------


def test_times_are_told_for_a_large_network(page):
    # Microseconds a word, without flips: 0.1, 2 and 1, and ten times the bit error rate more.
    assert (
        "Scrubbing 25 million words takes 4.5 s in word mode at a bit error rate of 0.08, 110 s in block mode at 0.12"
        " and 50 s in nested mode at 0.1; reading the file takes 0.25 s"
    ) in findings(page)
    text = section(page, "scrub_times")
    assert "Measured once by benchmarks/scrub.py, not by this run: a machine of 2 cores, 2 threads." in text
    assert "block 25,000,000 0.12 110 s 2.27e+05 0.25 s 200 MiB 0" in text


def test_times_of_what_was_measured():
    small = scrub_times((1_000, 400_000))
    small = small[(small["mode"] != "nested") & ((small["mode"] != "block") | (small["ber"] == 0))]
    few = replace(MEASURED, scrub_times=small)
    assert told_of.scrub_times(few) == (
        "Scrubbing 400,000 words takes 0.072 s in word mode at a bit error rate of 0.08 and 0.8 s in block mode without"
        " flips; reading the file takes 0.004 s"
    )
    (figure,) = sections.scrub_times(few).figures
    assert_is_drawn(figure)
    one = replace(MEASURED, scrub_times=small[small["words"] == 1_000])
    assert_is_drawn(sections.scrub_times(one).figures[0])


def test_lines_of_times_have_names_that_stand_apart_within_the_chart():
    more = [MEASURED.scrub_times.assign(ber=lambda rows, ber=ber: rows["ber"] + ber) for ber in (0, 1e-3)]
    (figure,) = sections.scrub_times(replace(MEASURED, scrub_times=pd.concat(more))).figures
    assert_is_drawn(figure)
    spec = figure.chart.to_dict()
    names = pd.DataFrame(rows_of(spec, "level")).drop_duplicates()
    assert len(names) == 19
    assert {"word, no flips", "block, 0.12", "block, 0.121", "nested, 1e−3", "reading the file"} <= set(names["name"])
    levels = np.sort(np.log10(names["level"]))
    (low, high), *_ = [content["scale"]["domain"] for channel, content in encodings(spec) if channel == "y"]
    # 360 pixels high, 15 from name to name.
    assert np.diff(levels).min() > 14 / 360 * np.log10(high / low)
    assert levels.max() <= np.log10(high) + 1e-9


# --- tables that are wrong -------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    files = {name: tmp_path / f"{name}.csv" for name in ("block_failures", "inner_words", "scrub_times")}
    for name, path in files.items():
        getattr(MEASURED, name).to_csv(path, index=False)
    return files


def test_tables_are_read_as_they_were_written(files):
    found = read_measurements(**files)
    for name in files:
        pd.testing.assert_frame_equal(getattr(found, name), getattr(MEASURED, name))
    assert (found.machine, found.threads) == ("a machine of 2 cores", 2)


@pytest.mark.parametrize("table", ["block_failures", "inner_words", "scrub_times"])
def test_missing_tables_and_columns_are_named(files, table):
    last = pd.read_csv(files[table]).columns[-1]
    pd.read_csv(files[table]).drop(columns=last).to_csv(files[table], index=False)
    with pytest.raises(InputError, match=rf"{table}\.csv lacks the columns {last}"):
        read_measurements(**files)
    files[table].unlink()
    with pytest.raises(InputError, match=rf"{table}\.csv is missing"):
        read_measurements(**files)


def test_times_of_two_machines_are_refused(files):
    for column, other in (("machine", "another"), ("threads", 4)):
        two = pd.concat([scrub_times(), scrub_times().assign(**{column: other})])
        two.to_csv(files["scrub_times"], index=False)
        with pytest.raises(InputError, match="several machines or numbers of threads"):
            read_measurements(**files)


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_tells_of_codes_over_many_words(page):
    places = [page.index(f'<section id="{slug}">') for slug in ("costs", "many_words", "block_failures", "scrub_times")]
    assert places == sorted(places)
    text = section(page, "many_words")
    for words in ("LDPC code", "up to 768 words", "outer Reed–Solomon code", "24 bytes a tensor", "as if nothing had"):
        assert words in text
    assert "alpha block 0.12 20 20 13.9 % all +0.25 pp +0.3 %" in text
    assert "computed, not measured, from the exact probabilities of inner words" in section(page, "block_failures")


def test_ways_to_store_words_keep_their_colours(page):
    colours: dict[str, set[str]] = {}
    for channel, content in encodings(specs(page)):
        if (channel, content["field"]) == ("color", "storage") and content["scale"]:
            for name, colour in zip(content["scale"]["domain"], content["scale"]["range"], strict=True):
                colours.setdefault(name.partition(",")[0], set()).add(colour)
    assert set(colours) == {"block", "nested", "nested-word", "word", "in-place TMR", "unprotected"}
    assert all(len(found) == 1 for found in colours.values())
    assert colours["word"] == {SCHEME_COLOURS["ours"]}
    assert colours["in-place TMR"] == {SCHEME_COLOURS["published"]}
    every = [colour for found in colours.values() for colour in found]
    assert len(set(every)) == len(every)
    assert not set(every) & set(NETWORK_COLOURS)
