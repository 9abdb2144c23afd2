"""The report's part on single faults, on faults whose outcomes are known."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import IMAGES, encodings, fault_rows, findings, render, specs, transient, write_network

from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.report.charts.faults import failures_by_layer
from sparebits.report.charts.style import colour_scale
from sparebits.report.faults import findings as told_of
from sparebits.report.faults import rates, tables
from sparebits.report.results import NetworkResults, read_results
from sparebits.statistics.intervals import wilson_interval

# Of 30 trials each, bit 30 is critical in 12, every other bit in none; a prediction changes under 2 more of bit 30.
BITS = [{"bit": bit, "masked": 30} for bit in range(32) if bit != 30]
BITS.append({"bit": 30, "masked": 16, "sdc": 2, "critical": 8, "nan": 4})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("struck")
    write_network(folder, "alpha", depth=14)
    return folder


@pytest.fixture(scope="module")
def alpha(folder) -> NetworkResults:
    return read_results(folder, "alpha")


@pytest.fixture(scope="module")
def page(folder) -> str:
    return render(folder, ["alpha"])


def struck(network: NetworkResults, groups: list[dict]) -> NetworkResults:
    return replace(network, faults=fault_rows(groups))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def section(page: str) -> str:
    """The words of the section."""
    text = re.search(r'<section id="faults">(.*?)</section>', page, re.S)[1]
    text = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    return plain(re.sub("[ \n]+", " ", unescape(re.sub(r"<[^>]+>", " ", text))))


# --- bits ------------------------------------------------------------------------------------------------------------


def test_a_bit_that_stands_out_is_named(alpha):
    # Wilson: 12 of 30 is 40 % [24.6, 57.7], 0 of 930 is 0 % [0, 0.41].
    assert plain(told_of.by_bit(struck(alpha, BITS))) == (
        "alpha, persistent faults: critical are 40 % [25, 58] of the flips of bit 30 and 0.0 % [0.0, 0.4] of all other"
        " bits"
    )


def test_several_bits_stand_out_one_after_another(alpha):
    several = [group if group["bit"] != 29 else {"bit": 29, "masked": 22, "critical": 8} for group in BITS]
    told = plain(told_of.by_bit(struck(alpha, several)))
    # 8 of 30 is 26.7 % [14.2, 44.4].
    assert "40 % [25, 58] of the flips of bit 30, 27 % [14, 44] of bit 29 and 0.0 % [0.0, 0.4] of all other" in told
    many = [group for group in BITS if group["bit"] < 26]
    many += [{"bit": bit, "masked": 12, "critical": 18} for bit in range(26, 31)]
    many.append({"bit": 31, "masked": 6, "critical": 24})
    told = plain(told_of.by_bit(struck(alpha, many)))
    assert "critical are 60 % to 80 % of the flips of bits 31–26 and 0.0 %" in told


def test_bad_luck_of_few_trials_is_no_finding(alpha):
    """One critical fault in the only trial of a bit, among 31 bits of which few fail."""
    unlucky = [{"bit": 31, "critical": 1}, *({"bit": bit, "masked": 29, "critical": 1} for bit in range(31))]
    groups = rates.by_bit(struck(alpha, unlucky), "parameters")
    assert told_of.standing_out(groups, "critical") == []
    # 32 of 931.
    assert plain(told_of.by_bit(struck(alpha, unlucky))) == (
        "alpha, persistent faults: no bit stands out, 3.4 % [2.4, 4.8] of all trials are critical"
    )


def test_chance_alone_makes_no_bit_stand_out(alpha):
    """Among 32 bits with one and the same rate some 95 % intervals lie far apart, and yet nothing is claimed."""
    random = np.random.default_rng(3)
    claims = 0
    for _ in range(100):
        critical = random.binomial(40, 0.1, size=32)
        groups = pd.DataFrame({"bit": range(32), "trials": 40, "changed": critical, "critical": critical})
        claims += bool(told_of.standing_out(groups, "critical"))
    assert claims <= 5


def test_changed_predictions_are_told_where_none_is_critical(alpha):
    groups = [{"bit": bit, "masked": 30} for bit in range(31)] + [{"bit": 31, "masked": 15, "sdc": 15}]
    told = plain(told_of.by_bit(struck(alpha, groups)))
    assert "predictions change under 50 % [33, 67] of the flips of bit 31 and 0.0 %" in told
    assert told.endswith("no bit stands out as critical")


def test_no_failure_at_all_is_told_with_its_bound(alpha):
    # 3.841 / (320 + 3.841) = 1.19 %.
    told = plain(told_of.by_bit(struck(alpha, [{"bit": bit, "masked": 10} for bit in range(32)])))
    assert told == "alpha, persistent faults: none of 320 changes a prediction, 0.0 % [0.0, 1.2]"


def test_bits_are_counted_over_faults_that_are_uniform_over_bits(alpha):
    unfit = {"bit": 30, "critical": 20}
    others = [
        unfit | {"strata": "layer_type"},
        unfit | {"target": "kind bias"},
        unfit | {"fault_model": "burst"},
        transient("ReLU", **unfit),
    ]
    groups = rates.by_bit(struck(alpha, [{"bit": 30, "masked": 5}, *others]), "parameters")
    assert groups.to_dict("records") == [{"bit": 30, "trials": 5, "changed": 0, "critical": 0, "nan": 0}]


# --- layers and layer types ------------------------------------------------------------------------------------------


def layers(*groups: tuple[str, str, int, int]) -> list[dict]:
    columns = ("tensor", "layer_type", "masked", "critical")
    return [dict(zip(columns, group, strict=True)) for group in groups]


def test_layers_stand_in_the_order_of_the_network(alpha):
    shuffled = layers(("3.bias", "Linear", 9, 1), ("1.running_var", "BatchNorm2d", 1, 0), ("0.weight", "Conv2d", 4, 1))
    groups = rates.by_layer(struck(alpha, shuffled))
    assert groups["layer"].to_list() == ["0", "1", "3"]
    assert groups["place"].to_list() == [1, 2, 3]
    assert groups["layer_type"].to_list() == ["Conv2d", "BatchNorm2d", "Linear"]
    assert groups[["trials", "critical"]].to_numpy().tolist() == [[5, 1], [1, 0], [10, 1]]


def test_a_spared_layer_keeps_its_place(alpha):
    groups = rates.by_layer(struck(alpha, layers(("3.bias", "Linear", 9, 1), ("0.weight", "Conv2d", 4, 1))))
    assert groups["place"].to_list() == [1, 3]


def test_layers_that_do_not_differ_clearly_are_not_told_apart(alpha):
    alike = layers(("0.weight", "Conv2d", 7, 3), ("1.weight", "BatchNorm2d", 9, 1), ("3.weight", "Linear", 18, 2))
    assert told_of.by_layer(struck(alpha, alike)) == (
        "alpha, persistent faults: no layer stands out in 10 to 20 trials each"
    )


def test_a_layer_that_stands_out_is_named(alpha):
    groups = layers(("0.weight", "Conv2d", 60, 40), ("1.weight", "BatchNorm2d", 99, 1), ("3.weight", "Linear", 99, 1))
    # 40 of 100 is 40 % [30.9, 49.8]; 2 of 200 is 1 % [0.3, 3.6].
    assert plain(told_of.by_layer(struck(alpha, groups))) == (
        "alpha, persistent faults: critical are 40 % [31, 50] of the faults in 0 and 1.0 % [0.3, 3.6] in all other"
        " layers"
    )


def test_layer_types_pool_strata_and_tell_both_persistences(alpha):
    groups = layers(("0.weight", "Conv2d", 60, 40), ("3.weight", "Linear", 50, 0))
    groups.append({"tensor": "3.weight", "layer_type": "Linear", "strata": "layer_type", "masked": 50})
    groups += [transient("Conv2d", masked=20), transient("ReLU", masked=19, critical=1)]
    network = struck(alpha, groups)
    assert rates.by_layer_type(network, "parameters")["trials"].to_list() == [100, 100]
    # 0 of 100: 3.7 %.
    assert plain(told_of.by_layer_type(network)) == (
        "alpha, persistent faults: critical are 40 % [31, 50] of the faults in Conv2d and 0.0 % [0.0, 3.7] in Linear;"
        " transient faults: no layer type stands out in 20 trials each"
    )


def test_one_sentence_tells_what_holds_for_both(alpha):
    groups = layers(("0.weight", "Conv2d", 5, 1), ("3.weight", "Linear", 5, 1))
    groups += [transient("Conv2d", masked=5, critical=1), transient("ReLU", masked=5, critical=1)]
    assert told_of.by_layer_type(struck(alpha, groups)) == (
        "alpha, persistent and transient faults: no layer type stands out in 6 trials each"
    )


def test_a_fault_drawn_twice_counts_once(alpha):
    network = struck(alpha, layers(("0.weight", "Conv2d", 5, 1)))
    again = network.faults.assign(injection="layer types", strata="layer_type", trial=network.faults["trial"] + 100)
    doubled = replace(network, faults=pd.concat([network.faults, again]))
    assert rates.by_layer_type(doubled, "parameters")["trials"].to_list() == [6]


# --- charts ----------------------------------------------------------------------------------------------------------


def rows_of(spec: dict, column: str) -> pd.DataFrame:
    (rows,) = [rows for rows in spec["datasets"].values() if column in rows[0] and "share" in rows[0]]
    return pd.DataFrame(rows)


def specs_with(page: str, axis: str) -> list[dict]:
    return [spec for spec in specs(page) if axis in json.dumps(spec)]


def test_charts_hold_counts_with_wilson_intervals(alpha, page):
    (drawn,) = specs_with(page, '"Flipped bit"')
    rows = rows_of(drawn, "bit")
    assert len(rows) == 32 * 2 * 2
    for where, persistence in rates.PERSISTENCE.items():
        groups = rates.by_bit(alpha, where).set_index("bit")
        for measure, words in rates.MEASURES.items():
            shown = rows[(rows["persistence"] == persistence) & (rows["measure"] == words)].set_index("bit")
            assert (shown["failures"] == groups[measure]).all()
            assert (shown["trials"] == groups["trials"]).all()
            low, high = wilson_interval(groups[measure], groups["trials"])
            assert shown["low"].to_numpy() == pytest.approx(100 * low)
            assert shown["high"].to_numpy() == pytest.approx(100 * high)
    assert {"sign", "exponent", "mantissa"} <= {row.get("name") for data in drawn["datasets"].values() for row in data}


def test_series_of_a_bit_stand_side_by_side_within_it(page):
    (drawn,) = specs_with(page, '"Flipped bit"')
    rows = rows_of(drawn, "bit")
    assert ((rows["left"] - rows["bit"]).abs() < 0.5).all()
    assert not rows.duplicated("left").any()


def test_the_axis_of_bits_is_not_widened_to_zero(page):
    """Vega would make of a domain from 31.5 down to -0.5 nothing but 0."""
    (drawn,) = specs_with(page, '"Flipped bit"')
    scales = [content["scale"] for channel, content in encodings(drawn) if content["field"] == "left"]
    assert scales
    assert all(scale["domain"] == [31.5, -0.5] and scale["zero"] is False for scale in scales)


def test_intervals_are_drawn_in_every_chart_of_faults(page):
    drawn = specs_with(page, "Share of trials (%)")
    assert len(drawn) == 3
    for spec in drawn:
        assert {"low", "high"} <= set(re.findall(r'"field": "(\w+)"', json.dumps(spec)))


def many_layers(names: list[str]) -> dict:
    shares = pd.DataFrame(
        {"layer": names, "layer_type": "Conv2d", "place": range(1, len(names) + 1), "measure": "critical"}
    )
    return failures_by_layer(shares.assign(failures=0, trials=5, share=0.0, low=0.0, high=43.0), names, "").to_dict()


def test_few_layers_are_named_at_the_axis_and_many_by_their_modules():
    few = json.dumps(many_layers([f"conv{place}" for place in range(8)]))
    assert all(rf"\"conv{place}\"" in few for place in range(8))
    names = ["stem", *(f"features.{place // 10}.{place}" for place in range(113)), "classifier"]
    named = [row["name"] for rows in many_layers(names)["datasets"].values() for row in rows if "name" in row]
    # "features" holds nearly all, so its parts are named; stem and classifier are too narrow.
    assert named == [f"features.{part}" for part in range(11)]


def test_layer_types_keep_their_colours():
    alone = colour_scale("layer_type", ["Linear"]).to_dict()
    among = colour_scale("layer_type", ["Conv2d", "Mystery", "Linear"]).to_dict()
    assert alone["range"][0] == among["range"][2]
    assert len(set(among["range"])) == 3


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_other_formats(tmp_path, dtype):
    write_network(tmp_path, "only", depth=2, dtype=dtype)
    (drawn,) = specs_with(render(tmp_path, ["only"]), '"Flipped bit"')
    assert set(rows_of(drawn, "bit")["bit"]) == set(range(FORMATS[dtype].width))


# --- the page --------------------------------------------------------------------------------------------------------


def with_faults(folder: Path, groups: list[dict]) -> str:
    write_network(folder, "alpha", depth=14)
    fault_rows(groups).assign(format="binary32").to_csv(folder / "alpha" / "faults.csv", index=False)
    return render(folder, ["alpha"])


def test_the_section_follows_protection(page):
    slugs = re.findall(r'<section id="(\w+)">', page)
    start = slugs.index("protection")
    before = ["under_faults", "ablation", "attack", "costs", "many_words", "block_failures", "scrub_times"]
    assert slugs[start + 1 : start + 9] == [*before, "faults"]
    assert slugs[slugs.index("faults") + 1] == "stored_words"


def test_caption_tells_trials_and_margin(page):
    # 600 trials: at most 1.96 / (2 sqrt(603.84)) = 3.99 pp.
    text = section(page)
    assert f"each trial runs {IMAGES} images" in text
    assert "600 trials of parameters, which leaves" in text
    assert "a margin of error of at most ±4.0 pp (95 %)" in text
    assert "600 of activations, ±4.0 pp" in text
    assert "Injections by layer type drew uniformly within each" in text


def test_table_tells_every_outcome_of_an_injection(alpha):
    multiple = {"fault_model": "burst", "target": "kind bias", "injection": "bursts", "masked": 2}
    network = struck(alpha, [{"masked": 6, "sdc": 2, "critical": 1, "nan": 1}, multiple])
    # A trial of several flips has a row for each.
    bursts = network.faults[network.faults["injection"] == "bursts"]
    network = replace(network, faults=pd.concat([network.faults, bursts]))
    rows = tables.outcomes([network]).rows
    assert [row[:4] for row in rows] == [
        ["alpha", f"persistent\non {IMAGES} images", "parameters\nall bits", "10"],
        ["alpha", f"persistent\non {IMAGES} images", "bursts\nburst, kind bias", "2"],
    ]
    # Wilson, of 10: 6 and 2.
    assert rows[0][4:6] == ["60.0 %\n[31.27, 83.18]", "20.0 %\n[5.67, 50.98]"]
    assert [cell.split("\n")[0] for cell in rows[0][6:]] == ["10.0 %", "10.0 %", "20.0 %"]


def test_details_tell_failures_by_layer_type(alpha):
    rows = tables.by_layer_type(struck(alpha, [{"masked": 5, "nan": 5}, transient("ReLU", masked=3, sdc=1)])).rows
    assert [[cell.split("\n")[0] for cell in row] for row in rows] == [
        ["persistent", "Conv2d", "10", "50.0 %", "50.0 %", "50.0 %"],
        ["transient", "ReLU", "4", "25.0 %", "0.0 %", "0.0 %"],
    ]


def test_faults_in_parameters_alone(tmp_path):
    page = with_faults(tmp_path, [{"masked": 5, "critical": 1}])
    assert "transient" not in section(page)
    assert "alpha, persistent faults: all are in 0, 17 % [3, 56] are critical" in map(plain, findings(page))


def test_faults_in_activations_alone(tmp_path):
    text = section(with_faults(tmp_path, [transient("ReLU", masked=5, critical=1)]))
    assert "without replacement: 6 of activations" in text
    assert "persistent" not in text


def test_faults_of_several_bits_alone(tmp_path):
    page = with_faults(tmp_path, [{"masked": 5, "critical": 1, "fault_model": "burst"}])
    assert "Share of trials" not in page
    assert "burst, all bits" in section(page)


# --- wrong tables ----------------------------------------------------------------------------------------------------


def test_wrong_tables_are_told(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    path = tmp_path / "alpha" / "faults.csv"
    table = pd.read_csv(path, keep_default_na=False)
    for column, value in (("outcome", "fine"), ("outcome", ""), ("where", "somewhere"), ("tensor", "2.weight")):
        table.assign(**{column: value}).to_csv(path, index=False)
        with pytest.raises(InputError, match=rf"faults\.csv has the {column} {value}, which"):
            read_results(tmp_path, "alpha")
    table.drop(columns=["strata", "image"]).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"faults\.csv lacks the columns strata, image"):
        read_results(tmp_path, "alpha")
    path.unlink()
    with pytest.raises(InputError, match=r"faults\.csv is missing"):
        read_results(tmp_path, "alpha")


def test_the_outcome_nan_is_no_missing_number(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    fault_rows([{"masked": 1, "nan": 3}]).to_csv(tmp_path / "alpha" / "faults.csv", index=False)
    assert read_results(tmp_path, "alpha").faults["outcome"].value_counts()["nan"] == 3
