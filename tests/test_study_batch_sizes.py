"""Mini-batch sizes: images, faults, which images fail under which faults, and runs computed and drawn from that."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from sparebits.campaign.journal import Journal
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator
from sparebits.faults.targets import Target
from sparebits.report.studies import batch_sizes as report
from sparebits.statistics.clusters import clustered_rate, crossed_rate
from sparebits.statistics.intervals import clopper_pearson_interval
from sparebits.statistics.strata import stratified_rate
from sparebits.studies import failure_matrix
from sparebits.studies.altered_images import study_images, write_altered
from sparebits.studies.batch_runs import batch_shares, batch_sizes_up_to, draw_runs, run_variance
from sparebits.studies.batch_sizes import RANDOM, batch_size_table, groups_of, trend_table
from sparebits.studies.failure_matrix import draw_bit_faults, measure_failures
from sparebits.studies.held_faults import chosen_faults, fault_table, run_at_all_sizes

IMAGES = 256
COMPARED = (16, 32, 64)


@pytest.fixture
def study(evaluator, tmp_path):
    with study_images(evaluator.images, IMAGES, 5, tmp_path) as images:
        yield images


@pytest.fixture
def measured(evaluator, study):
    """An evaluator over the study's images, its faults, the golden classes and the matrix."""
    evaluator = Evaluator(evaluator.parameters, study.images, evaluator.engine)
    faults = draw_bit_faults(evaluator.parameters, Target(), 6, 2, seed=3)
    golden = evaluator.predict(evaluator.parameters.golden, study.indices)
    return evaluator, faults, golden, measure_failures(evaluator, faults, study, golden, 64)


# --- images ----------------------------------------------------------------------------------------------------------


def test_too_few_images_are_turned_and_shifted_and_the_first_copy_is_as_it_was(evaluator, study):
    originals = evaluator.images
    assert len(study.indices) == IMAGES
    assert study.altered == IMAGES - len(originals.labels)
    np.testing.assert_array_equal(np.sort(study.indices), np.arange(IMAGES))
    np.testing.assert_array_equal(study.labels, originals.labels[study.sources])
    np.testing.assert_array_equal(study.images.pixels[:80], originals.pixels)
    copies = study.images.pixels[80:160]
    assert (copies != originals.pixels).any(axis=(1, 2, 3)).all()


def test_alterations_depend_on_the_seed_and_the_copy_only(evaluator):
    pixels = evaluator.images.pixels

    def altered(copy, seed, count=80):
        target = np.empty((count, *pixels.shape[1:]), dtype=np.uint8)
        write_altered(target, pixels, copy, seed)
        return target

    np.testing.assert_array_equal(altered(1, 5), altered(1, 5))
    np.testing.assert_array_equal(altered(1, 5, 7), altered(1, 5)[:7])
    assert (altered(1, 5) != altered(2, 5)).any()
    assert (altered(1, 5) != altered(1, 6)).any()


def test_alteration_is_small_and_invents_no_brightness():
    pixels = np.zeros((40, 32, 48, 1), dtype=np.uint8)
    pixels[:, 12:20, 20:28] = 200
    target = np.empty_like(pixels)
    write_altered(target, pixels, 1, 1)
    assert target.max() <= 200
    rows, columns = (np.arange(side) for side in target.shape[1:3])
    weight = target[..., 0].astype(float)
    middles = [(weight.sum(axis=axis) @ at) / weight.sum(axis=(1, 2)) for axis, at in ((2, rows), (1, columns))]
    # A shift of up to 8 % of a side; the square lies in the middle of both.
    assert np.abs(middles[0] - 15.5).max() <= 0.08 * 32 + 0.5
    assert np.abs(middles[1] - 23.5).max() <= 0.08 * 48 + 0.5
    assert np.std(middles[0]) > 0.3
    # A turn keeps areas, also where height and width differ.
    np.testing.assert_allclose(weight.sum(axis=(1, 2)), 64 * 200, rtol=0.03)


def test_enough_images_are_taken_as_they_are_each_once(evaluator, tmp_path):
    with study_images(evaluator.images, 64, 5, tmp_path) as images:
        assert images.altered == 0
        assert len(set(images.indices)) == 64
        assert images.images is evaluator.images
    assert not list(tmp_path.iterdir())


# --- faults and the matrix -------------------------------------------------------------------------------------------


def test_every_bit_is_hit_without_repetition_and_fewer_are_the_first_of_more(evaluator):
    parameters = evaluator.parameters
    few, many = (draw_bit_faults(parameters, Target(), number, 2, seed=3) for number in (4, 9))
    assert np.bincount(many.bits).tolist() == [2] * 23 + [9] * 9
    for bit in range(32):
        words = many.indices[many.bits == bit]
        assert len(set(words)) == len(words)
        np.testing.assert_array_equal(few.indices[few.bits == bit], words[: (few.bits == bit).sum()])
    with pytest.raises(InputError, match="at least 2"):
        draw_bit_faults(parameters, Target(), 4, 1, seed=3)


def test_the_matrix_is_that_of_whole_runs(measured, study):
    evaluator, faults, golden, matrix = measured
    labels = study.labels
    assert matrix.failures.any()
    for number in range(0, len(faults.bits), 5):
        words = evaluator.parameters.golden.copy()
        faults.flips(evaluator.parameters)[number].apply(words)
        predicted = evaluator.predict(words, study.indices)
        np.testing.assert_array_equal(matrix.failures[number], predicted != golden)
        assert matrix.hits[number] == (predicted == labels).sum()


def test_finished_chunks_are_taken_from_the_journal(measured, study, tmp_path, monkeypatch):
    evaluator, faults, golden, matrix = measured
    monkeypatch.setattr(failure_matrix, "_CHUNK", 100)
    journal = Journal(tmp_path / "table.csv", {})
    measure_failures(evaluator, faults, study, golden, 64, journal)
    assert len(journal.entries) == 3
    again = Journal(tmp_path / "table.csv", {})
    monkeypatch.setattr(failure_matrix, "FaultRuns", None)
    found = measure_failures(evaluator, faults, study, golden, 64, again)
    np.testing.assert_array_equal(found.failures, matrix.failures)
    np.testing.assert_array_equal(found.hits, matrix.hits)


def test_held_faults_fail_alike_in_batches_of_every_size(measured, study):
    evaluator, faults, golden, matrix = measured
    held = run_at_all_sizes(evaluator, faults, study, golden, matrix, 48, COMPARED)
    assert held["differing"].eq(0).all()
    assert held["batch_size"].unique().tolist() == [1, 2, 4, 8, 16, 32, 64]
    assert held.groupby("fault")["first_failures"].nunique().eq(1).all()
    assert held.loc[held["batch_size"].isin(COMPARED), "images"].eq(IMAGES).all()
    assert held["failures"].gt(0).any()


def test_faults_to_hold_are_those_with_rates_nearest_to_the_wanted_ones():
    assert chosen_faults(np.array([0.0, 0.4, 0.9, 0.06, 0.55])) == [4, 3]
    assert chosen_faults(np.array([0.0, 0.3])) == [1, 0]


def test_every_fault_has_a_row_with_its_interval(measured):
    evaluator, faults, _, matrix = measured
    table = fault_table(evaluator, faults, matrix, 3)
    assert len(table) == len(faults.bits)
    np.testing.assert_array_equal(table["failures"], matrix.failures.sum(axis=1))
    assert (table["low"] <= table["failure_rate"]).all()
    assert (table["failure_rate"] <= table["high"]).all()
    flipped = table[(table["bit"] == 31) & (table["before"] != 0)]
    np.testing.assert_array_equal(flipped["before"], -flipped["after"])


# --- runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_variance_and_mean_are_those_of_all_draws_enumerated(batch_size):
    random = np.random.default_rng(batch_size)
    failures = random.random((3, 4)) < 0.5
    weights = np.array([0.5, 0.3, 0.2])
    shares = batch_shares(failures, batch_size)
    rates, chances = [], []
    for drawn in itertools.product(range(3), repeat=shares.shape[1]):
        rates.append(np.mean([shares[fault, batch] for batch, fault in enumerate(drawn)]))
        chances.append(np.prod(weights[list(drawn)]))
    mean = np.dot(chances, rates)
    variance = run_variance(shares, weights)
    assert mean == pytest.approx(weights @ failures.mean(axis=1))
    assert variance.total == pytest.approx(np.dot(chances, (np.array(rates) - mean) ** 2))
    assert variance.of_faults <= variance.total + 1e-12


def test_one_batch_holds_one_fault():
    failures = np.random.default_rng(1).random((5, 16)) < 0.3
    weights = np.full(5, 0.2)
    shares = batch_shares(failures, 16)
    variance = run_variance(shares, weights)
    assert variance.total == pytest.approx(failures.mean(axis=1).var())
    assert variance.of_faults == pytest.approx(variance.total)
    runs = draw_runs(shares, weights, 50, np.random.default_rng(2))
    assert set(runs) <= set(failures.mean(axis=1))


def test_drawn_runs_have_the_computed_mean_and_variance_and_follow_the_weights():
    failures = np.random.default_rng(1).random((6, 64)) < np.array([0, 0, 0, 0.1, 0.5, 0.9])[:, None]
    for weights in (np.full(6, 1 / 6), np.array([0.4, 0.2, 0.2, 0.1, 0.05, 0.05])):
        shares = batch_shares(failures, 8)
        runs = draw_runs(shares, weights, 20000, np.random.default_rng(2))
        assert runs.mean() == pytest.approx(weights @ failures.mean(axis=1), abs=0.004)
        assert runs.var() == pytest.approx(run_variance(shares, weights).total, rel=0.04)


def test_only_powers_of_two_of_images_have_equal_batches():
    assert batch_sizes_up_to(16) == [1, 2, 4, 8, 16]
    with pytest.raises(InputError, match="power of two"):
        batch_sizes_up_to(898)


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tables(measured, study):
    """study_batch_sizes.csv and those beside it."""
    evaluator, faults, golden, matrix = measured
    table, drawn = batch_size_table(groups_of(faults, matrix), matrix, 60, 3, len(evaluator.parameters.golden))
    held = run_at_all_sizes(evaluator, faults, study, golden, matrix, 48, COMPARED)
    return table.assign(altered=study.altered), trend_table(table, drawn, COMPARED), held


def test_the_rate_is_the_same_at_every_size_and_so_are_held_faults(tables, measured):
    table, _, _ = tables
    assert table.groupby("where")["failure_rate"].nunique().eq(1).all()
    held = table[table["regime"] == "held"]
    assert held.groupby("where")["expected_sd"].nunique().eq(1).all()
    whole = table[table["batch_size"] == IMAGES].pivot(index="where", columns="regime", values="expected_sd")
    np.testing.assert_allclose(whole["held"], whole["redrawn"])
    matrix = measured[3]
    rates = [matrix.failures[measured[1].bits == bit].mean() for bit in range(32)]
    everything = table.loc[table["where"] == RANDOM, "failure_rate"].iloc[0]
    assert everything == pytest.approx(np.mean(rates))


def test_larger_batches_scatter_more(tables):
    redrawn = tables[0].query(f"regime == 'redrawn' and where == '{RANDOM}'")
    assert redrawn["expected_sd"].iloc[-1] > 4 * redrawn["expected_sd"].iloc[0]
    assert redrawn["fault_share"].between(0, 1 + 1e-9).all()
    assert redrawn["design_effect"].iloc[0] == pytest.approx(1)


def test_the_same_seed_gives_the_same_tables_and_other_networks_other_runs(measured, tables):
    _, faults, _, matrix = measured
    groups = groups_of(faults, matrix)
    words = len(measured[0].parameters.golden)
    again, _ = batch_size_table(groups, matrix, 60, 3, words)
    pd.testing.assert_frame_equal(again, tables[0].drop(columns="altered"))
    other, _ = batch_size_table(groups, matrix, 60, 3, words + 1)
    assert (other["first_run"] != again["first_run"]).any()


def test_a_trend_is_found_where_there_is_one():
    sizes = [1, 2, 4, 8]
    table = pd.DataFrame({"batch_size": sizes, "where": "bit 9", "bit": 9, "regime": "redrawn"})
    table = table.assign(failure_rate=0.2, expected_sd=[0.01, 0.014, 0.02, 0.028], seed=1)
    random = np.random.default_rng(0)
    still = 0.2 + table["expected_sd"].to_numpy()[:, None] * random.standard_normal((4, 400))
    rising = still + 0.01 * np.arange(4)[:, None]
    flat, found = (trend_table(table, {"bit 9": runs}, (2, 4, 8)).iloc[0] for runs in (still, rising))
    assert flat["slope_low"] < 0 < flat["slope_high"]
    assert found["slope"] - flat["slope"] == pytest.approx(0.01)
    assert found["p_value"] < 1e-6 < flat["p_value"]
    # Of three alike in random order, two of three are in none.
    assert flat["not_monotonic_low"] < 2 / 3 < flat["not_monotonic_high"]
    ordered = 0.2 + 0.1 * np.arange(4)[:, None] + np.zeros((4, 5))
    assert trend_table(table, {"bit 9": ordered}, (2, 4, 8)).iloc[0]["not_monotonic"] == 0


# --- rates of clusters -----------------------------------------------------------------------------------------------


def test_faults_that_fail_wholly_or_never_are_trials():
    sizes = np.array([3, 4, 3, 2])
    fails = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    rate = crossed_rate(fails[:, None] * sizes, sizes)
    trials = stratified_rate([2], [10], [1])
    assert (rate.low, rate.high) == pytest.approx((trials.low, trials.high))
    low, high = clopper_pearson_interval(2, 10)
    assert rate.low <= low < high <= rate.high < high + 0.02


def test_without_a_failure_the_interval_is_that_of_faults():
    rate = crossed_rate(np.zeros((12, 5)), np.full(5, 8))
    assert (rate.rate, rate.low) == (0, 0)
    assert rate.high == pytest.approx(float(clopper_pearson_interval(0, 12)[1]))


def test_intervals_over_faults_and_clusters_hold_the_rate():
    random = np.random.default_rng(4)
    held = 0
    for _ in range(200):
        rates = np.where(random.random(24) < 0.3, 0.5, 0.0)
        # Images of one source share how easily they fail.
        easy = np.clip(random.normal(1, 0.3, 30), 0.2, 1.8)
        failures = random.binomial(6, np.clip(rates[:, None] * easy, 0, 1))
        rate = crossed_rate(failures, np.full(30, 6))
        held += rate.low <= 0.15 <= rate.high
    assert held >= 188


def test_strata_count_by_their_populations():
    failures = np.array([[4, 4], [4, 4], [0, 0], [0, 0]])
    strata = np.array([0, 0, 1, 1])
    even = crossed_rate(failures, [4, 4], strata)
    uneven = crossed_rate(failures, [4, 4], strata, [1, 3])
    assert (even.rate, uneven.rate) == (0.5, 0.25)
    assert even.low < 0.5 < even.high


def test_images_of_one_source_count_as_one():
    random = np.random.default_rng(2)
    sources = random.random(60) < 0.3
    alone = clustered_rate(sources.astype(float), np.ones(60))
    copied = clustered_rate(9.0 * sources, np.full(60, 9))
    mixed = clustered_rate(random.binomial(9, 0.3, 60), np.full(60, 9))
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))
    assert mixed.high - mixed.low < 0.7 * (copied.high - copied.low)


def test_what_is_no_rate_is_refused():
    with pytest.raises(InputError, match="2 faults"):
        crossed_rate([[1, 0]], [2, 2])
    with pytest.raises(InputError, match="between 0 and"):
        clustered_rate([3, 0], [2, 2])
    with pytest.raises(InputError, match="at least 2"):
        clustered_rate([1], [2])


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_says_what_the_tables_do(tables):
    network = {"small": tables[0]}, {"small": tables[1]}, {"small": tables[2]}
    section = report.section(*network)
    for figure in section.panels:
        json.dumps(figure.chart.to_dict(), allow_nan=False)
    text = report.answer(*network)
    made = int(tables[2]["images"].sum())
    assert text.startswith(f"No: with a fault held, none of {made:,} predictions")
    assert "16, 8 or 4 faults" in text
    differing = tables[2].assign(differing=[7, *[0] * (len(tables[2]) - 1)])
    assert report.answer(*network[:2], {"small": differing}).startswith(f"Hardly: with a fault held, 7 of {made:,}")
    assert "shifts and rotations of 80" in report.trials(network[0])
