"""What codes do to words with which probability: against every pattern, against simulation, and of whole campaigns."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binom
from stored_schemes import CHOICE, FUSED, NEAREST, PLANS, at_rate
from torch import nn

from sparebits.campaign.word_counts import word_counts
from sparebits.codes.catalogue import named_code
from sparebits.codes.probabilities import nearest_error_bound, probability_not_corrected
from sparebits.decoding.bounded_distance import decoder_for
from sparebits.decoding.expected import expected_outcome
from sparebits.decoding.majority import decode_majority
from sparebits.decoding.maximum_likelihood import decode_nearest
from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan
from sparebits.schemes.coded import planned
from sparebits.schemes.hsiao import Hsiao
from sparebits.schemes.minifloats import repeated, truncate_only, with_secded
from sparebits.schemes.thesis import thesis_hamming, thesis_secded
from sparebits.schemes.unprotected import Unprotected

RATES = [1e-4, 0.01, 0.05, 0.15, 0.3]


def every_pattern(code) -> tuple[np.ndarray, np.ndarray]:
    """All error patterns of a code of up to 16 bits, and their weights."""
    patterns = np.arange(1 << code.n, dtype=np.uint32).astype(code.codewords().dtype)
    return patterns, np.bitwise_count(patterns).astype(int)


def likelihoods(weights: np.ndarray, n: int, p: float) -> np.ndarray:
    return p**weights * (1.0 - p) ** (n - weights)


# --- the nearest codeword is another one


@pytest.mark.parametrize(
    "name", ["hamming(7,4)", "secded(8,4)", "reed-muller(16,5)", "tabulated(16,8)", "bch(15,7)", "repetition(15,3)"]
)
def test_no_rate_has_more_wrong_or_undecided_words_than_the_bound(name):
    code = named_code(name)
    patterns, weights = every_pattern(code)
    to_others = np.bitwise_count(patterns[:, None] ^ code.codewords()[None, 1:]).min(axis=1)
    fails = to_others <= weights
    for p in (*RATES, 0.5):
        exact = likelihoods(weights, code.n, p)[fails].sum()
        bound = nearest_error_bound(code, p)
        assert exact <= bound * (1 + 1e-9)
        assert bound <= probability_not_corrected(code, p)
    # And it is of the size of what it bounds where errors are rare.
    assert nearest_error_bound(code, 1e-4) < 3 * likelihoods(weights, code.n, 1e-4)[fails].sum()


@pytest.mark.parametrize("name", ["hamming(15,11)", "golay(23,12)"])
def test_of_a_perfect_code_the_bound_is_exact(name):
    """Every pattern of more than t flips is nearer to another codeword."""
    code = named_code(name)
    for p in RATES:
        assert nearest_error_bound(code, p) == pytest.approx(probability_not_corrected(code, p), rel=1e-12)


def test_a_bound_needs_no_weights_and_no_flips_do_no_harm():
    unknown = named_code("extended-bch(128,43)")
    assert unknown.weight_distribution is None
    assert nearest_error_bound(unknown, 0.05) == probability_not_corrected(unknown, 0.05)
    assert nearest_error_bound(named_code("extended-bch(128,22)"), 0.0) == 0


@pytest.mark.parametrize(
    ("name", "p", "count"),
    [
        ("extended-bch(32,11)", 0.1, 100_000),
        ("reed-muller(32,6)", 0.15, 100_000),
        ("extended-bch(128,22)", 0.2, 800),
    ],
)
def test_simulated_words_fail_no_more_often_than_the_bound(name, p, count):
    code = named_code(name)
    data = np.random.default_rng(1).integers(0, 1 << code.k, count).astype(f"uint{16 if code.k < 17 else 32}")
    words = code.encode(data)
    bits = 8 * words.itemsize
    mask = ber_mask(5, PARAMETERS, count * (words.size // count), bits, p).reshape(words.shape)
    decoded = decode_nearest(code, words ^ mask)
    failed = decoded.data != data
    failed[decoded.detected] = True
    bound = nearest_error_bound(code, p)
    assert 0 < failed.sum() <= binom.isf(1e-6, count, bound)


def test_a_search_beyond_t_is_expected_to_restore_nearly_all_words():
    """In simulations of [128,22,48] words fail from 30 flips on, not from 24; the bound must see some of that."""
    code = named_code("extended-bch(128,22)")
    assert nearest_error_bound(code, 0.1) < 1e-3 * probability_not_corrected(code, 0.1)


# --- what becomes of a word


def outcomes_of_patterns(code, decoder: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By pattern whether a decoder undid flips, detected the word, and left it wrong unnoticed."""
    patterns, _ = every_pattern(code)
    decoded = decode_majority(code, patterns) if decoder == "majority" else decoder_for(code).decode(patterns)
    detected = np.zeros(len(patterns), dtype=bool)
    detected[decoded.detected] = True
    undone = (code.encode(decoded.data) != patterns) & ~detected
    assert undone.sum() == decoded.corrected_words
    return undone, detected, (decoded.data != 0) & ~detected


@pytest.mark.parametrize(
    ("name", "decoder"),
    [
        ("hamming(7,4)", "bounded distance"),
        ("hamming(12,8)", "bounded distance"),
        ("secded(13,8)", "bounded distance"),
        ("hsiao(13,8)", "bounded distance"),
        ("reed-muller(16,5)", "bounded distance"),
        ("tabulated(16,8)", "bounded distance"),
        ("extended-bch(16,7)", "bounded distance"),
        ("uncoded(6,6)", "majority"),
        ("repetition(9,3)", "majority"),
        ("repetition(15,3)", "majority"),
        ("repetition(15,5)", "majority"),
        ("repetition(7,1)", "majority"),
    ],
)
def test_outcomes_are_those_of_all_patterns(name, decoder):
    code = named_code(name)
    outcomes = outcomes_of_patterns(code, decoder)
    _, weights = every_pattern(code)
    for p in (*RATES, 0.5):
        found = expected_outcome(code, decoder, p)
        exact = [likelihoods(weights, code.n, p)[outcome].sum() for outcome in outcomes]
        np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-15)


def test_long_words_decoded_to_the_nearest_are_corrected_if_anything_flips():
    code = named_code("extended-bch(128,22)")
    found = expected_outcome(code, "maximum likelihood", 0.02)
    assert found.corrected == pytest.approx(1 - 0.98**128)
    # Of a million words less than one is wrong up to this rate.
    assert nearest_error_bound(code, 0.1) < 1e-6
    assert (found.detected, found.miscorrected) == (0, 0)


def test_outcomes_that_are_not_known_are_not_made_up():
    for name, decoder in (
        ("reed-muller(32,6)", "maximum likelihood"),
        ("sec-daec(16,11)", "bounded distance"),
        ("extended-bch(128,43)", "bounded distance"),
    ):
        assert expected_outcome(named_code(name), decoder, 0.01) is None


# --- counts of a campaign


@pytest.fixture(scope="module")
def parameters():
    """12,000 words, among them 100 channels of a BatchNorm."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(3, 100, 3), nn.BatchNorm2d(100), nn.Flatten(), nn.Linear(100, 88))
    for values in (model[1].weight.data, model[1].running_var):
        values.uniform_(0.5, 1.5)
    model[1].running_mean.normal_()
    return FlatParameters(model.eval(), model.state_dict())


SCHEMES = {
    "word": lambda p: planned("word", PLANS["word"], p),
    "fused": lambda p: planned("fused", PLANS["fused"], p),
    "repetition": lambda p: repeated("repetition", NEAREST, p),
    "SEC-DED": lambda p: with_secded("SEC-DED", PLANS["word"], p, "zero"),
    "thesis": lambda p: thesis_hamming("thesis", CHOICE, p),
    "thesis SEC-DED": lambda p: thesis_secded("thesis SEC-DED", CHOICE, p),
    "SEC-DED (72,64)": lambda p: Hsiao(p, name="SEC-DED (72,64)"),
}


def campaign_of(stored, ber: float, trials: int, labelled: float | None = None) -> pd.DataFrame:
    """The counts of campaign.csv, of memories really hit and read."""
    rows = []
    for trial in range(trials):
        reading = stored.read(at_rate(stored, ber, seed=100 + trial)[0])
        counts = {
            "corrected_words": reading.corrected_words,
            "detected": len(reading.detected),
            "miscorrected": stored.count_miscorrected(reading),
        }
        cell = {"scheme": stored.name, "fault_model": "ber", "target": "all", "ber": labelled or ber, "trial": trial}
        rows.append({**cell, **counts, "format": "binary32"})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_counts_agree_with_the_codes_and_a_wrong_rate_is_noticed(parameters, scheme):
    stored = SCHEMES[scheme](parameters)
    words = sum(count for _, _, count in stored.coded_words)
    for ber in (1e-3, 0.02):
        table = word_counts(campaign_of(stored, ber, 6), [stored])
        assert table["outcome"].tolist() == ["corrected", "detected", "miscorrected"]
        assert (table["trials"] == 6).all()
        assert (table["code_words"] == words).all()
        assert table.loc[0, "observed"] > 50
        assert (table["p_value"] > 1e-3).all(), table
        wrong = word_counts(campaign_of(stored, 1.1 * ber, 6, labelled=ber), [stored])
        assert wrong["p_value"].min() < (1e-8 if ber > 0.01 else 0.02), wrong


@pytest.mark.parametrize("ber", [0.02, 0.08, 0.2])
def test_searched_words_raise_no_alarm_at_any_rate(parameters, ber):
    """Even at 0.2, where one in thirty words of [128,22,48] is nearer to another codeword: weights are far more."""
    stored = planned("searched", Plan(PLANS["word"].roles | {"batchnorm": FUSED}), parameters)
    table = word_counts(campaign_of(stored, ber, 6), [stored])
    assert (table["p_value"] > 1e-3).all(), table


def test_counts_are_of_independent_flips_in_full_cells_alone(parameters):
    stored = SCHEMES["word"](parameters)
    table = campaign_of(stored, 0.01, 6)
    expected = word_counts(table, [stored])
    short = campaign_of(stored, 0.02, 5)
    others = [
        table.assign(target="kind weight"),
        table.assign(fault_model="burst, length 5", ber=np.nan),
        table.head(1).assign(ber=0.0),
        table.assign(scheme="another"),
    ]
    pd.testing.assert_frame_equal(word_counts(pd.concat([table, short, *others]), [stored]), expected)
    assert expected["ber"].unique().tolist() == [0.01]


def test_a_scheme_whose_only_cell_ended_early_is_not_counted(parameters):
    """It met its only rate 5 times, where others met it 6 times: it ended because of what happened to its words."""
    ended, full = SCHEMES["word"](parameters), SCHEMES["SEC-DED"](parameters)
    table = pd.concat([campaign_of(ended, 0.02, 5).assign(drop_pp=60.0), campaign_of(full, 0.02, 6).assign(drop_pp=0)])
    assert set(word_counts(table, [ended, full])["scheme"]) == {"SEC-DED"}


def test_schemes_without_code_words_of_known_outcome_have_no_rows(parameters):
    schemes = [
        Unprotected(parameters),
        truncate_only("bare", NEAREST, parameters),
        planned("near", NEAREST, parameters),
    ]
    table = word_counts(pd.concat([campaign_of(stored, 0.01, 2) for stored in schemes]), schemes)
    assert len(table) == 0
    assert {"scheme", "ber", "outcome", "observed", "expected", "p_value", "format"} <= set(table)


@pytest.mark.parametrize(("mean", "power"), [(0.3, 0.05), (4.0, 0.6), (2_000.0, 0.99)])
def test_p_values_are_as_seldom_small_as_they_say(parameters, mean, power):
    """Counts drawn from the truth: few p-values are below 5 %; of three times the truth most are."""
    stored = SCHEMES["thesis SEC-DED"](parameters)
    rates = np.geomspace(1e-6, 0.1, 400)
    of_words = stored.coded_words
    expected = [sum(count * expected_outcome(*word, ber).detected for *word, count in of_words) for ber in rates]
    ber = float(rates[np.searchsorted(expected, mean)])
    frame = campaign_of(stored, 0.0, 1, labelled=ber)
    random = np.random.default_rng(2)

    def p_values(factor: float) -> np.ndarray:
        found = []
        for _ in range(120):
            drawn = [
                random.binomial(n, min(1, factor * expected_outcome(*word, ber).detected)) for *word, n in of_words
            ]
            table = word_counts(frame.assign(detected=sum(drawn)), [stored])
            found.append(table.set_index("outcome").loc["detected", "p_value"])
        return np.array(found)

    right = p_values(1.0)
    assert (right < 0.05).sum() <= binom.isf(1e-4, 120, 0.05)
    assert right.max() <= 1
    assert (p_values(3.0) < 0.05).mean() > power
