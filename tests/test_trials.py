"""One trial of a scheme: what is hit in which memory, what is run again and what is known already."""

import numpy as np
import pandas as pd
import pytest
from stored_schemes import PLANS

from sparebits.faults.ber import CHECK_WORDS, METADATA, PARAMETERS, count_flips, map_hash
from sparebits.faults.models import model_from_dict
from sparebits.faults.rates import BitErrorRate
from sparebits.faults.sites import whole_memory
from sparebits.faults.targets import Target, target_from_dict
from sparebits.schemes.clipping import clippable_modules, clipped
from sparebits.schemes.coded import planned
from sparebits.schemes.hsiao import Hsiao
from sparebits.schemes.range_restriction import RangeRestricted, calibrate
from sparebits.schemes.stored import Reading, StoredNetwork
from sparebits.schemes.unprotected import Unprotected
from sparebits.selection.trials import SchemeTrials, run_trials

SEED, INDICES = 11, np.arange(80)


class Recording(StoredNetwork):
    """Words, check words and metadata; remembers what was read, and reads the words as they were stored."""

    def __init__(self, parameters, name="recording"):
        self.hits: list[dict] = []
        check, metadata = np.arange(3_000, dtype=np.uint8) % 7, np.arange(500, dtype=np.uint32)
        memory = {PARAMETERS: parameters.golden, CHECK_WORDS: check.astype(np.uint8), METADATA: metadata}
        super().__init__(name, "raw", "none", "none", "none", memory)

    def read(self, memory):
        self.hits.append({plane: words ^ self.memory[plane] for plane, words in memory.items()})
        return Reading(self.memory[PARAMETERS], 0, 0, np.empty(0, dtype=np.int64))

    def forgeries(self, index):
        return []


@pytest.fixture
def recording(evaluator):
    """A scheme with all three planes."""
    return Recording(evaluator.parameters)


@pytest.fixture
def trials(evaluator, golden):
    """Over all images."""
    return SchemeTrials(evaluator, golden, INDICES)


def site_of(evaluator, entry="all"):
    return target_from_dict(entry).resolve(evaluator.parameters.tensors, evaluator.parameters.fmt)


def masks_of(trials, scheme, model, site, seed=SEED) -> tuple[dict, dict]:
    """What was flipped in each plane in a trial, and its row."""
    scheme.hits.clear()
    row = trials.run(scheme, model_from_dict(model), site, seed)
    return scheme.hits[0], row


RATES = [
    {"model": "ber", "ber": 0.02},
    {"model": "asymmetric", "p10": 0.04, "p01": 0.01},
    {"model": "accumulating_stuck_at", "rate": 0.001, "intervals": 60},
]
COUNTED = [
    {"model": "burst", "length": 8},
    {"model": "single_bit"},
    {"model": "stuck_at", "count": 60, "value": 1},
    {"model": "wiped_words", "words": 16},
]


@pytest.mark.parametrize("model", RATES, ids=lambda model: model["model"])
def test_faults_of_a_rate_hit_everything_that_is_stored(trials, evaluator, recording, model):
    masks, row = masks_of(trials, recording, model, site_of(evaluator))
    flips = {plane: int(np.bitwise_count(mask).sum()) for plane, mask in masks.items()}
    assert set(flips) == {PARAMETERS, CHECK_WORDS, METADATA}
    for plane, count in flips.items():
        bits = 8 * recording.memory[plane].nbytes
        assert 0.003 < count / bits < 0.06, plane
    assert row["flips"] == sum(flips.values())
    assert row["map_hash"] == map_hash(masks[PARAMETERS])


@pytest.mark.parametrize("model", RATES, ids=lambda model: model["model"])
def test_each_memory_has_a_map_of_its_own_by_plane_and_seed(trials, evaluator, recording, model):
    masks, _ = masks_of(trials, recording, model, site_of(evaluator))
    fault = model_from_dict(model)
    for plane, words in recording.memory.items():
        assert np.array_equal(masks[plane], fault.mask(words, whole_memory(words), SEED, plane))
    again, _ = masks_of(trials, recording, model, site_of(evaluator))
    other, _ = masks_of(trials, recording, model, site_of(evaluator), SEED + 1)
    for plane in masks:
        assert np.array_equal(masks[plane], again[plane])
        assert not np.array_equal(masks[plane], other[plane])
    # The 64-bit halves of the planes do not repeat each other.
    few = min(map(len, masks.values()))
    assert not np.array_equal(masks[PARAMETERS][:few] & 0xFF, masks[METADATA][:few] & 0xFF)


@pytest.mark.parametrize("model", COUNTED, ids=lambda model: model["model"])
def test_other_faults_hit_the_networks_words_alone(trials, evaluator, recording, model):
    masks, row = masks_of(trials, recording, model, site_of(evaluator))
    assert masks[PARAMETERS].any()
    assert not masks[CHECK_WORDS].any()
    assert not masks[METADATA].any()
    assert row["flips"] == count_flips(masks[PARAMETERS])


@pytest.mark.parametrize("target", [{"kind": "weight"}, {"layer": "linear"}, {"bits": [0, 30]}, {"bits": [31, 31]}])
@pytest.mark.parametrize("model", RATES[:2], ids=lambda model: model["model"])
def test_faults_in_a_target_hit_the_networks_words_alone(trials, evaluator, recording, model, target):
    site = site_of(evaluator, target)
    masks, _ = masks_of(trials, recording, model, site)
    assert masks[PARAMETERS].any()
    assert np.array_equal(site.restrict(masks[PARAMETERS]), masks[PARAMETERS])
    assert not masks[CHECK_WORDS].any()
    assert not masks[METADATA].any()


def test_a_target_that_covers_everything_is_the_whole_network(trials, evaluator, recording):
    masks, _ = masks_of(trials, recording, RATES[0], site_of(evaluator, {"bits": [0, 31]}))
    assert masks[METADATA].any()


def test_the_networks_words_meet_the_same_faults_whatever_else_is_stored(trials, evaluator, recording):
    masks, row = masks_of(trials, recording, RATES[0], site_of(evaluator))
    bare = trials.run(Unprotected(evaluator.parameters), BitErrorRate(0.02), site_of(evaluator), SEED)
    assert bare["map_hash"] == row["map_hash"]
    assert bare["flips"] == count_flips(masks[PARAMETERS]) < row["flips"]


def test_memory_is_not_written_to_and_every_column_is_plain(trials, evaluator, recording):
    before = {plane: words.copy() for plane, words in recording.memory.items()}
    _, row = masks_of(trials, recording, RATES[0], site_of(evaluator))
    assert all(np.array_equal(words, before[plane]) for plane, words in recording.memory.items())
    assert {type(value) for value in row.values()} <= {int, float, str}
    assert row["stored_bits"] == 8 * sum(words.nbytes for words in before.values())
    assert row["extra_bytes"] == 3_000 + 4 * 500


# --- what is run


@pytest.fixture
def runs(evaluator, monkeypatch):
    """Words of each run of the network."""
    found, measured = [], evaluator.predict_with_margins

    def counted(words, *arguments):
        found.append(words.copy())
        return measured(words, *arguments)

    monkeypatch.setattr(evaluator, "predict_with_margins", counted)
    return found


def test_words_read_as_if_untouched_are_not_run_again(evaluator, golden, runs):
    """t = 5 of 32 bits and 21 of 128: at this rate every flip is corrected."""
    stored = planned("chosen", PLANS["fused"], evaluator.parameters)
    table = run_trials(evaluator, [stored], [0.0, 1e-3, 2e-3], 6, SEED, golden, INDICES)
    assert (table.loc[table["ber"] > 0, "flips"] > 0).all()
    # The golden network for its margins, and what the scheme reads untouched.
    assert len(runs) == 2
    assert np.array_equal(runs[1], stored.clean)
    outcome = table.drop(columns=["ber", "trial", "seed", "map_hash", "flips", "corrected", "corrected_words"])
    assert len(outcome.drop_duplicates()) == 1


def test_words_that_differ_are_run_each_time(evaluator, golden, runs):
    bare = Unprotected(evaluator.parameters)
    table = run_trials(evaluator, [bare], [0.0, 0.01], 5, SEED, golden, INDICES)
    assert len(runs) == 2 + 5
    assert [map_hash(words ^ bare.clean) for words in runs[2:]] == table.loc[table["ber"] > 0, "map_hash"].tolist()


def test_known_outcomes_are_those_of_a_run(evaluator, golden):
    """Trial by trial what a campaign of its own says, whichever schemes came before."""
    parameters = evaluator.parameters
    schemes = [Unprotected(parameters), planned("chosen", PLANS["fused"], parameters), Hsiao(parameters)]
    together = run_trials(evaluator, schemes, [0.0, 1e-3, 0.03], 3, SEED, golden, INDICES)
    for scheme in schemes:
        for (ber, trial), row in together[together["scheme"] == scheme.name].set_index(["ber", "trial"]).iterrows():
            alone = SchemeTrials(evaluator, golden, INDICES).run(
                scheme, BitErrorRate(ber), Target().resolve(parameters.tensors, parameters.fmt), SEED + trial
            )
            assert row.drop("scheme").to_dict() == pytest.approx(alone)


def test_schemes_do_not_take_over_each_others_outcomes(evaluator, golden, runs):
    coarse = planned("coarse", PLANS["nearest"], evaluator.parameters)
    fine = planned("fine", PLANS["word"], evaluator.parameters)
    table = run_trials(evaluator, [coarse, fine], [0.0, 1e-3], 2, SEED, golden, INDICES)
    assert len(runs) == 3
    # Six bits a weight move the network further than eleven.
    assert table.groupby("scheme")["expected_loss_pp"].nunique().max() == 1
    loss = table.groupby("scheme")["expected_loss_pp"].first()
    assert loss["coarse"] > loss["fine"]


def test_bounds_that_were_hit_are_run_again_and_others_are_not(evaluator, golden, runs):
    """Of range restriction the words alone do not say what inference does."""
    bounds = calibrate(evaluator, INDICES)

    class Loosened(RangeRestricted):
        loose = False

        def read(self, memory):
            reading = super().read(memory)
            wider = reading.bounds * 3 if self.loose else reading.bounds
            return Reading(reading.words, 0, 0, reading.detected, wider)

    stored = Loosened("clipped", planned("inner", PLANS["fused"], evaluator.parameters), bounds)
    trials = SchemeTrials(evaluator, golden, INDICES)
    site = site_of(evaluator)
    trials.run(stored, BitErrorRate(0.0), site, SEED)
    trials.run(stored, BitErrorRate(1e-4), site, SEED)
    assert len(runs) == 2
    stored.loose = True
    trials.run(stored, BitErrorRate(1e-4), site, SEED)
    assert len(runs) == 3


def test_clipping_is_that_of_the_reading(evaluator, golden):
    """Outcomes under faults are those of a run by hand with the bounds in place."""
    parameters = evaluator.parameters
    stored = RangeRestricted("clipped", Unprotected(parameters), calibrate(evaluator, INDICES))
    site = site_of(evaluator)
    row = SchemeTrials(evaluator, golden, INDICES).run(stored, BitErrorRate(0.01), site, SEED)
    mask = BitErrorRate(0.01).mask(parameters.golden, site, SEED, PARAMETERS)
    bounds = stored.read(stored.memory).bounds
    with clipped(parameters.model, clippable_modules(parameters.model), bounds):
        predicted = evaluator.predict(parameters.golden ^ mask, INDICES)
    assert row["hits"] == (predicted == evaluator.images.labels).sum()
    bare = evaluator.predict(parameters.golden ^ mask, INDICES)
    assert (bare != predicted).any()


def test_rows_say_what_each_scheme_corrected(evaluator, golden):
    parameters = evaluator.parameters
    table = run_trials(
        evaluator, [planned("chosen", PLANS["word"], parameters), Hsiao(parameters)], [1e-3], 4, SEED, golden, INDICES
    )
    assert isinstance(table, pd.DataFrame)
    assert (table["corrected_words"] <= table["corrected"]).all()
    assert (table["corrected_words"] > 0).any()
    assert (table["corrected"] <= table["flips"] + table["detected"] + table["miscorrected"]).all()
