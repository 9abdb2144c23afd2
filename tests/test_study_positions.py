"""Size against position: rules that go by size, by bit or by neither are told apart."""

import numpy as np
import pandas as pd
import pytest
from study_campaign import by_rule, run_campaign

from sparebits.formats import FORMATS
from sparebits.report.studies import positions as report
from sparebits.statistics.failure_curves import FailureCurve
from sparebits.studies import positions
from sparebits.studies.activation_curves import comparable_networks, compare_activations, networks_needed
from sparebits.studies.fault_plan import POSITION, FaultCounts, faults_for
from sparebits.studies.positions import (
    position_curves,
    position_rates,
    position_tests,
    size_classes,
    sized,
)
from sparebits.studies.value_changes import CHOSEN, SAME, chosen_changes, run_changes, same_changes, tensor_sizes

COUNTS = FaultCounts(part=2, position=80, transient=2, mantissa=20, layers=12, activations=12, changes=600)
FMT = FORMATS["float32"]


_KEPT: list[tuple] = []
"""The trials of a network that is always the same."""


@pytest.fixture
def trials(evaluator, golden):
    """Flips and changes of a small network, and the root mean squares of its tensors."""
    if not _KEPT:
        parameters = evaluator.parameters
        flips = faults_for(run_campaign(evaluator, golden, COUNTS), POSITION)
        random = np.random.default_rng(1)
        upper = flips[flips["bit"] >= FMT.mantissa_bits]
        plans = {SAME: same_changes(parameters, upper, random), CHOSEN: chosen_changes(parameters, 600, random)}
        plan = pd.concat([part.assign(source=source) for source, part in plans.items()], ignore_index=True)
        _KEPT.append((flips, run_changes(evaluator, plan, golden, np.arange(40), 64), tensor_sizes(parameters)))
    return _KEPT[0]


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(positions, "CURVE_RESAMPLES", 60)


def ruled(trials, of_flips, of_changes) -> tuple[pd.DataFrame, pd.DataFrame]:
    flips, changes, units = trials
    flips, changes = (sized(part, units, 1.2) for part in (flips, changes))
    return tuple(
        sized(by_rule(part, rule, seed), units, 1.2)
        for part, rule, seed in ((flips, of_flips, 1), (changes, of_changes, 2))
    )


def by_size(trials: pd.DataFrame) -> pd.Series:
    curve = FailureCurve(0.8, 0.0, 4.0, 0.0)
    return pd.Series(curve.rates(trials["of tensor"].fillna(-9).to_numpy()), trials.index)


def by_bit(trials: pd.DataFrame) -> pd.Series:
    return trials["bit"].isin([25, 26, 28, 31]) * 0.8


def never(trials: pd.DataFrame) -> pd.Series:
    return 0.0 * trials["after"]


def test_sizes_are_what_the_flip_does(trials):
    flips, _, units = trials
    found = sized(flips, units, 1.2)
    signs = found[found["bit"] == 31]
    np.testing.assert_allclose(signs["of value"], np.log10(2))
    one = found.iloc[5]
    change = abs(one["after"] - one["before"])
    assert one["absolute"] == pytest.approx(np.log10(change))
    assert one["of tensor"] == pytest.approx(np.log10(change / units[one["tensor"]]))
    unknown = ~np.isfinite(found["after"] - found["before"])
    assert (found["absolute"].isna() == unknown).all()
    assert (found["of value"].isna() == (unknown | (found["before"] == 0))).all()
    assert (found["of tensor"].isna() == (unknown | (found["tensor"].map(units) == 0))).all()


def test_failures_by_size_leave_nothing_to_the_bit(trials):
    flips, changes = ruled(trials, by_size, by_size)
    tests = position_tests(flips, changes, FMT).set_index("question")
    assert tests.loc["bit beyond size", "p_value"] > 0.01
    assert tests.loc["size beyond bit", "p_value"] < 0.01
    same = tests.loc["flip against same change"]
    assert same["low"] < 0 < same["high"]
    assert same["p_value"] > 0.01
    odds = tests.loc["exponent against mantissa and sign"]
    assert odds["low"] < 1 < odds["high"]
    curves = position_curves(flips, changes, np.random.default_rng(1)).set_index(["source", "by"])
    chosen = curves.loc[(CHOSEN, "of tensor")]
    assert chosen["middle_low"] < 0 < chosen["middle_high"]
    assert chosen["plateau_low"] < 0.8 < chosen["plateau_high"]
    assert curves["explained"].xs(CHOSEN).idxmax() == "of tensor"


def test_failures_by_bit_are_told_from_size(trials):
    flips, changes = ruled(trials, by_bit, never)
    tests = position_tests(flips, changes, FMT).set_index("question")
    assert tests.loc["bit beyond size", "p_value"] < 0.001
    assert tests.loc["flip against same change", "low"] > 0
    assert tests.loc["flip against same change", "p_value"] < 0.001
    curves = position_curves(flips, changes, np.random.default_rng(1))
    assert curves.loc[(curves["source"] == "flip"), :].set_index("by")["explained"].idxmax() == "bit"
    # Of changes none fails, so there is no curve; it is said, not made up.
    assert curves[curves["source"] == CHOSEN]["plateau"].isna().all()


def test_fields_weigh_their_bits_alike(trials):
    flips, changes = ruled(trials, by_bit, never)
    rates = position_rates(flips, changes, FMT, np.random.default_rng(1))
    fields = rates[rates["by"] == "field"].set_index("value")
    bits = rates[(rates["by"] == "bit") & (rates["source"] == "flip")].set_index("value")["rate"]
    assert fields.loc["exponent", "rate"] == pytest.approx(np.mean([bits[str(bit)] for bit in range(23, 31)]))
    assert fields.loc["sign", "rate"] == pytest.approx(bits["31"])
    assert fields.loc["all", "rate"] == pytest.approx((bits["31"] + 8 * fields.loc["exponent", "rate"]) / 32)
    assert fields.loc["mantissa", "failures"] == 0
    sizes = rates[(rates["source"] == CHOSEN) & (rates["by"] == "of tensor")]
    assert sizes["trials"].sum() == (changes["source"] == CHOSEN).sum()
    assert sizes["from_size"].min() >= -2.25


def test_classes_of_size_are_half_decades_and_end_open():
    logs = pd.DataFrame({"of tensor": [-30.0, -2.6, -0.01, 0.0, 0.49, 2.99, 37.0]})
    assert size_classes(logs).tolist() == [-6, -6, -1, 0, 0, 5, 6]


def study(trials, of_flips, of_changes, activation: str = "relu") -> tuple[pd.DataFrame, ...]:
    about = {"architecture": "LeNet5", "activation": activation, "seed": 1, "format": FMT.name}
    flips, changes = ruled(trials, of_flips, of_changes)
    random = np.random.default_rng(1)
    tables = position_rates(flips, changes, FMT, random), position_curves(flips, changes, random)
    return tuple(table.assign(**about) for table in (*tables, position_tests(flips, changes, FMT)))


def tolerant(trials: pd.DataFrame) -> pd.Series:
    curve = FailureCurve(0.3, 1.5, 4.0, 0.0)
    return pd.Series(curve.rates(trials["of tensor"].fillna(-9).to_numpy()), trials.index)


def test_activations_with_other_curves_are_told_apart_and_equal_ones_are_not(trials):
    plain, other = study(trials, by_size, by_size), study(trials, tolerant, tolerant, "tanh")
    alone = study(trials, by_size, by_size)
    tables, curves = ({"a": plain[part], "b": other[part], "c": alone[part]} for part in (0, 1))
    # The third has the activation of the first, so that it does not stand for another one.
    assert comparable_networks(tables) == [["a", "b"]]
    row = compare_activations(tables, curves).iloc[0]
    assert row["p_holm"] < 0.001
    assert row["times_low"] > 1
    assert row["plateau_low"] < -0.5 < row["plateau_high"]
    tables["c"] = tables["c"].assign(activation="tanh")
    same = compare_activations({name: tables[name] for name in "ac"}, curves).iloc[0]
    assert same["p_value"] == pytest.approx(1)
    assert same["times"] == pytest.approx(1)


def test_networks_needed_for_a_rank_test():
    assert networks_needed(0.95) == 4
    assert networks_needed(0.99) == 5


def test_the_answer_says_what_the_tables_say(trials):
    def told(*networks) -> str:
        mappings = [{name: tables[part] for name, tables in zip("abc", networks, strict=False)} for part in range(3)]
        section = report.section(*mappings)
        for figure in (*section.figures, *section.panels):
            assert figure.chart.to_dict()["title"]
        assert "flips" in report.trials(mappings[0])
        return report.answer(*mappings)

    by_sizes = told(study(trials, by_size, by_size), study(trials, tolerant, tolerant, "tanh"))
    assert "finds no difference" in by_sizes
    assert "with tanh failures begin at" in by_sizes
    by_bits = told(study(trials, by_bit, never))
    assert "a difference only in a" in by_bits
    assert "surely only in a" in by_bits
    assert "No two of these networks differ in their activation only" in by_bits
    never_told = told(study(trials, never, never))
    assert "No change of a value, however large, failed." in never_told
    assert "nan" not in (by_sizes + by_bits + never_told).lower()
