"""Predictions for networks that are not measured: bounds that hold, and costs that are those of measured networks."""

import numpy as np
import pandas as pd
import pytest

from sparebits.codes.catalogue import best_code, named_code
from sparebits.large_networks import Words, predict, repeated_error_bound, words_of_architecture

COSTS = pd.DataFrame(
    {
        "role": "weights",
        "policy": "posterior mean",
        "fraction": np.repeat([1e-3, 1e-2, 1e-1], 2),
        "expected_loss_pp": [0.1, 0.3, 1.0, 1.0, 8.0, 12.0],
    }
)


@pytest.mark.parametrize(
    ("architecture", "values", "channels"), [("resnet50", 25_610_152, 26_560), ("mobilenet_v3_small", 2_554_968, 6_056)]
)
def test_words_are_those_of_torchvision(architecture, values, channels):
    words = words_of_architecture(f"torchvision:{architecture}")
    assert (words.values, words.channels) == (values, channels)
    assert words.weights == values - 4 * channels


def test_a_larger_network_fails_more_often_and_a_higher_rate_too():
    small, large = (Words(10**6 * n, 10**6 * n, 1000 * n, 60 * n) for n in (1, 10))
    rates = [0.01, 0.03, 0.05, 0.08, 0.1]
    a, b = (predict("n", words, rates, [COSTS]) for words in (small, large))
    assert (b["collapse"] >= a["collapse"]).all()
    assert a["collapse"].is_monotonic_increasing
    assert (a["collapse"] <= 1).all()
    # What fails rarely fails ten times as often in ten times as many words.
    assert b["batchnorm_fails"][2] == pytest.approx(10 * a["batchnorm_fails"][2], rel=1e-3)
    assert a["weights_beyond"].to_list() == b["weights_beyond"].to_list()


def test_the_loss_is_the_costliest_network_s_between_its_measured_fractions():
    row = predict("n", Words(1, 1, 1, 1), [0.08], [COSTS, COSTS.assign(expected_loss_pp=0.0)]).iloc[0]
    share = row["weights_beyond"]
    assert 1e-3 < share < 1e-2
    assert row["weights_loss_pp"] == pytest.approx(0.2 + (share - 1e-3) / 9e-3 * 0.8)


def test_the_bound_of_repeated_words_is_above_what_decoding_the_copies_gets_wrong():
    code, p = best_code(16, 8), 0.2
    random = np.random.default_rng(1)
    codewords = code.codewords()
    sent = random.integers(0, 256, 4000)
    flips = np.packbits(random.random((4000, 3, 16)) < p, axis=2, bitorder="little").view("<u2")[..., 0]
    received = codewords[sent][:, None] ^ flips
    distances = np.bitwise_count(received[:, :, None] ^ codewords).astype(int).sum(axis=1)
    wrong = (distances.argmin(axis=1) != sent).mean()
    assert 0.005 < wrong < repeated_error_bound(code, 3, p)


def test_the_bound_is_no_more_than_1():
    assert repeated_error_bound(named_code("extended-bch(32,11)"), 3, 0.45) == 1
