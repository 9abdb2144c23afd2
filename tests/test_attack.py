"""Attacks: searches against brute force, ignorant flips by hand, forgeries as they are read, and chance."""

import numpy as np
import pandas as pd
import pytest
import torch

from sparebits.attack.attacks import IGNORANT, KNOWING, PROGRESSIVE, STRONGEST, flips_to_chance, run_attacks
from sparebits.attack.damage import DamageMeter, chance_hits, follow, rungs
from sparebits.attack.gains import best_flips, first_order_gains, strongest_bits
from sparebits.attack.ignorant import progressive_bit_search, strongest_bit_attack
from sparebits.attack.knowing import Forger, KnowingAttacker
from sparebits.attack.loss import CAP, AttackLoss
from sparebits.attack.steps import Step, count_code_words, count_flips, memory_after
from sparebits.campaign.journal import Journal
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator
from sparebits.faults.ber import CHECK_WORDS, PARAMETERS
from sparebits.parameters import FlatParameters, doubles_of, nearest_words
from sparebits.schemes.stored import Flip, Forgery, Reading, StoredNetwork
from sparebits.schemes.unprotected import Unprotected

ATTACKER, MEASURED = np.arange(30), np.arange(30, 80)


class Triplicated(StoredNetwork):
    """Every word and two copies of it out of band, read by the majority of each bit."""

    def __init__(self, parameters, name="triplicated"):
        words = parameters.golden
        super().__init__(
            name, "none", "copies", "majority", "none", {PARAMETERS: words.copy(), CHECK_WORDS: np.tile(words, 2)}
        )

    def read(self, memory):
        a, (b, c) = memory[PARAMETERS], memory[CHECK_WORDS].reshape(2, -1)
        words = a & b | a & c | b & c
        return Reading(words, 0, int(np.count_nonzero((a != b) | (a != c))), np.empty(0, dtype=np.int64))

    def forgeries(self, index):
        words = self.memory[PARAMETERS]
        return [
            Forgery(int(words[index]) ^ 1 << bit, (Flip(PARAMETERS, index, bit), Flip(CHECK_WORDS, index, bit)))
            for bit in range(8 * words.itemsize)
        ]


@pytest.fixture
def parameters(evaluator):
    """Of the small network."""
    return evaluator.parameters


@pytest.fixture
def loss(evaluator):
    """On the attacker's images."""
    return AttackLoss(evaluator, ATTACKER)


@pytest.fixture
def table(evaluator, golden):
    """Attacks on the unprotected and on the triplicated network, 2 seeds."""
    schemes = [Unprotected(evaluator.parameters), Triplicated(evaluator.parameters)]
    return run_attacks(evaluator, schemes, ATTACKER, MEASURED, golden, [0, 1], most_flips=40, attack_images=24)


def applied(words, steps):
    """Words with the flips of steps, each looked at by itself."""
    words = words.copy()
    for step in steps:
        for flip in step.flips:
            assert flip.plane == PARAMETERS
            words[flip.index] ^= words.dtype.type(1 << flip.bit)
    return words


def test_gradient_is_that_of_finite_differences_in_every_tensor(loss, parameters):
    gradient = loss.gradient(parameters.golden)
    values = doubles_of(parameters.golden, parameters.fmt)
    for tensor in parameters.tensors:
        index = tensor.start + int(np.abs(gradient[tensor.span]).argmax())
        moved = []
        for step in (1e-2, -1e-2):
            changed = values.copy()
            changed[index] += step
            moved.append(loss.measure(nearest_words(changed, parameters.fmt)).loss * len(ATTACKER))
        assert (moved[0] - moved[1]) / 2e-2 == pytest.approx(gradient[index], rel=0.1, abs=0.02), tensor.name


def test_gradient_leaves_the_model_as_it_was(loss, parameters):
    before = loss.measure(parameters.golden)
    loss.gradient(parameters.golden ^ parameters.golden.dtype.type(1 << 20))
    assert loss.measure(parameters.golden) == before
    assert not any(buffer.requires_grad for buffer in parameters.model.buffers())


def test_lost_images_count_by_their_prediction(loss, parameters, evaluator):
    words = parameters.golden.copy()
    scale = next(tensor for tensor in parameters.tensors if tensor.name == "scale")
    words[scale.span] = 0x7FC00000
    damage = loss.measure(words)
    predicted = evaluator.predict(words, ATTACKER)
    misses = np.count_nonzero(predicted != evaluator.images.labels[ATTACKER])
    assert damage.hits == len(ATTACKER) - misses
    assert damage.loss == pytest.approx(CAP * misses / len(ATTACKER))
    assert not loss.gradient(words).any()


def test_no_other_bit_of_a_word_gains_more_than_the_best(words, fmt):
    finite = words[np.isfinite(doubles_of(words, fmt))]
    gradient = np.random.default_rng(2).normal(size=len(finite))
    bits, gains = best_flips(finite, gradient, fmt)
    every = np.stack(
        [first_order_gains(gradient, finite, finite ^ finite.dtype.type(1 << bit), fmt) for bit in range(fmt.width)]
    )
    np.testing.assert_array_equal(gains, np.maximum(every.max(axis=0), 0))
    raises = gains > 0
    np.testing.assert_array_equal(every[bits, np.arange(len(finite))][raises], gains[raises])


def test_strongest_bit_is_the_highest_zero_of_the_exponent(words, fmt):
    for word, bit in zip(words.tolist(), strongest_bits(words, fmt).tolist(), strict=True):
        exponent = [place for place in range(fmt.mantissa_bits, fmt.sign_bit) if not word >> place & 1]
        assert bit == max(exponent, default=-1)


def test_strongest_bit_attack_goes_by_magnitude_of_gradient(loss, parameters):
    gradient = np.abs(loss.gradient(parameters.golden))
    steps = strongest_bit_attack(loss, parameters, 20)
    attacked = [step.index for step in steps]
    assert np.all(np.diff(gradient[attacked]) <= 0)
    assert np.delete(gradient, attacked).max() <= gradient[attacked[-1]]
    assert steps[0].flips == (
        Flip(PARAMETERS, attacked[0], int(strongest_bits(parameters.golden, parameters.fmt)[attacked[0]])),
    )


def test_first_progressive_flip_is_at_least_as_bad_as_any_of_a_sample(loss, parameters):
    first = progressive_bit_search(loss, parameters, 1)
    worst = loss.measure(applied(parameters.golden, first)).loss
    random = np.random.default_rng(5)
    for index, bit in zip(random.integers(0, len(parameters.golden), 300), random.integers(0, 32, 300), strict=True):
        other = applied(parameters.golden, [Step(index, (Flip(PARAMETERS, index, int(bit)),))])
        assert loss.measure(other).loss <= worst


def test_progressive_search_flips_each_word_once(loss, parameters):
    steps = progressive_bit_search(loss, parameters, 90)
    assert len(steps) == 90
    assert len({step.index for step in steps}) == 90
    assert steps[:60] == progressive_bit_search(loss, parameters, 60)


@pytest.mark.parametrize("search", [progressive_bit_search, strongest_bit_attack])
def test_ignorant_flips_on_the_unprotected_network_are_those_made_by_hand(search, loss, evaluator, golden):
    parameters = evaluator.parameters
    steps = search(loss, parameters, 5)
    row = DamageMeter(evaluator, golden, MEASURED).row(Unprotected(parameters), steps)
    predicted = evaluator.predict(applied(parameters.golden, steps), MEASURED)
    assert row["flips"] == row["code_words"] == 5
    assert row["hits"] == np.count_nonzero(predicted == evaluator.images.labels[MEASURED])


def test_ignorant_flips_do_no_harm_where_any_flip_is_corrected(table):
    ignorant = table[(table["scheme"] == "triplicated") & (table["knowledge"] == IGNORANT)]
    assert ignorant["flips"].max() == 40
    assert (ignorant["drop_pp"] == 0).all()
    assert flips_to_chance(ignorant)["flips_to_chance"].isna().all()


def test_knowing_attacker_spends_the_flips_of_its_forgeries_and_they_are_read(loss, parameters):
    scheme = Triplicated(parameters)
    steps = list(KnowingAttacker(Forger(scheme, parameters), loss, parameters).steps(9))
    assert 0 < count_flips(steps) == 2 * len(steps) <= 9
    expected = parameters.golden.copy()
    for step in steps:
        forgery = next(one for one in scheme.forgeries(step.index) if one.flips == step.flips)
        expected[step.index] = forgery.word
    np.testing.assert_array_equal(scheme.read(memory_after(scheme, steps)).words, expected)
    assert count_code_words(scheme, steps) == len(steps)


def test_knowing_attacker_stays_within_its_budget(loss, parameters):
    attacker = KnowingAttacker(Forger(Triplicated(parameters), parameters), loss, parameters)
    assert list(attacker.steps(1)) == []
    assert list(attacker.steps(3)) == list(attacker.steps(2))


def test_chance_is_reached_unprotected_and_in_pairs_of_flips_by_who_knows(table):
    needed = flips_to_chance(table).set_index(["scheme", "attack", "knowledge", "seed"]).sort_index()["flips_to_chance"]
    assert needed["unprotected"].notna().all()
    knowing = needed.xs(KNOWING, level="knowledge")
    assert (knowing["triplicated"] % 2 == 0).all()
    np.testing.assert_array_equal(knowing["triplicated"], 2 * knowing["unprotected"])
    progressive, strongest = (needed.loc["unprotected"].xs((name, IGNORANT)) for name in (PROGRESSIVE, STRONGEST))
    assert progressive.max() <= strongest.max()


def test_rows_say_when_chance_is_reached(table, evaluator):
    chance = chance_hits(evaluator.images.labels[MEASURED])
    np.testing.assert_array_equal(table["at_chance"], (table["hits"] <= chance).astype(int))
    assert (table["images"] == len(MEASURED)).all()
    assert (table["format"] == "binary32").all()
    for _, attack in table.groupby(["scheme", "attack", "knowledge", "seed"]):
        assert attack["flips"].iloc[0] == 0
        assert attack["flips"].is_monotonic_increasing
        assert attack["flips"].is_unique


def test_same_seeds_give_the_same_table(table, evaluator, golden):
    schemes = [Unprotected(evaluator.parameters), Triplicated(evaluator.parameters)]
    again = run_attacks(evaluator, schemes, ATTACKER, MEASURED, golden, [0, 1], most_flips=40, attack_images=24)
    pd.testing.assert_frame_equal(table, again)


def test_attacks_in_a_journal_are_not_run_again(table, evaluator, golden, tmp_path, monkeypatch):
    arguments = (ATTACKER, MEASURED, golden, [0, 1], 40, 24)
    schemes = [Unprotected(evaluator.parameters), Triplicated(evaluator.parameters)]
    run_attacks(evaluator, schemes, *arguments, journal=Journal(tmp_path / "attack.csv", {}))
    monkeypatch.setattr("sparebits.attack.attacks.follow", None)
    resumed = run_attacks(evaluator, schemes, *arguments, journal=Journal(tmp_path / "attack.csv", {}))
    pd.testing.assert_frame_equal(table, resumed)


def test_crossing_is_found_between_rungs(evaluator, golden):
    class Meter(DamageMeter):
        def row(self, scheme, steps):
            return {"flips": count_flips(steps), "at_chance": int(len(steps) >= 37)}

    steps = [Step(index, (Flip(PARAMETERS, index, 0),)) for index in range(100)]
    rows = follow(Meter(evaluator, golden, MEASURED), Unprotected(evaluator.parameters), steps)
    assert min(row["flips"] for row in rows if row["at_chance"]) == 37
    assert max(row["flips"] for row in rows) == 50
    rows = follow(Meter(evaluator, golden, MEASURED), Unprotected(evaluator.parameters), steps[:33])
    assert [row["flips"] for row in rows] == [0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 33]


def test_rungs_ascend():
    numbers = rungs()
    assert [next(numbers) for _ in range(13)] == [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150]


def test_images_that_attack_are_not_measured(evaluator, golden):
    schemes = [Unprotected(evaluator.parameters)]
    with pytest.raises(InputError, match="1 images are both"):
        run_attacks(evaluator, schemes, np.arange(31), MEASURED, golden, [0])


def test_a_network_at_chance_is_not_attacked(evaluator, golden):
    wrong = (golden + 1) % 5
    table = run_attacks(evaluator, [Unprotected(evaluator.parameters)], ATTACKER, MEASURED, wrong, [0])
    assert (table["flips"] == 0).all()
    assert len(table) == table[["attack", "knowledge"]].drop_duplicates().shape[0] > 1


def test_chance_is_the_most_frequent_class_within_its_interval():
    assert chance_hits(np.repeat(np.arange(10), 100)) == pytest.approx(120, abs=1)
    assert 0.5 * 40 < chance_hits(np.repeat([0, 1], 20)) < 0.7 * 40


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_formats_fall_as_well(dtype, evaluator, golden):
    model = evaluator.parameters.model
    model = model.double() if dtype == torch.float64 else model
    state = {name: value.to(dtype) for name, value in model.state_dict().items() if value.is_floating_point()}
    stored = Evaluator(FlatParameters(model, state), evaluator.images, evaluator.engine)
    found = run_attacks(stored, [Unprotected(stored.parameters)], ATTACKER, MEASURED, golden, [0], most_flips=40)
    progressive = flips_to_chance(found[found["attack"] == PROGRESSIVE])
    assert (progressive["flips_to_chance"] <= 10).all()
