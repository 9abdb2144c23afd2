"""Several values in one code word: what is stored where, what flips do, and which codewords are near."""

import numpy as np
import pytest
import torch
from protected_models import with_values
from stored_schemes import at_rate, hit

from sparebits.codes.catalogue import named_code
from sparebits.decoding.near_codewords import codewords_near
from sparebits.errors import InputError
from sparebits.faults.ber import METADATA, PARAMETERS
from sparebits.parameters import FlatParameters, doubles_of
from sparebits.protection.plan import Plan, RolePlan
from sparebits.schemes.joined_words import JoinedWords

FOURS = RolePlan(3, "extended-bch(64,36)", "median")
PAIRS = RolePlan(3, "reed-muller(32,16)", "posterior mean")
CHANNELS = RolePlan(3, "extended-bch(128,43)", "posterior mean", "fused")
PLANS = {
    "fours": Plan({"weights": FOURS, "batchnorm": CHANNELS, "other": FOURS}),
    "pairs": Plan(
        {"weights": PAIRS, "batchnorm": RolePlan(3, "extended-bch(64,24)", "median", "fused"), "other": PAIRS}
    ),
    "channel": Plan(
        {"weights": FOURS, "batchnorm": RolePlan(3, "extended-bch(64,36)", "zero", "channel"), "other": PAIRS}
    ),
}


@pytest.fixture(params=["float16", "bfloat16"])
def parameters(request, small_network):
    """Of a small network as if trained, its 5 x 4 linear weights and odd biases among them."""
    model = with_values(small_network())
    generator = torch.Generator().manual_seed(2)
    for name, values in model.named_parameters():
        if "norm" not in name:
            values.data.copy_(torch.randn(values.shape, generator=generator) * 0.2)
    dtype = getattr(torch, request.param)
    state = {name: value.to(dtype) for name, value in model.state_dict().items() if value.is_floating_point()}
    return FlatParameters(model, state)


@pytest.fixture(params=list(PLANS))
def stored(request, parameters):
    return JoinedWords(request.param, PLANS[request.param], parameters)


def flips_of(stored, number, random, count):
    """So many different stored bits of a code word (plane, index, bit)."""
    places = np.flatnonzero(stored.code_word_of == number)
    width = 8 * stored.clean.itemsize
    chosen = random.choice(len(places) * width, count, replace=False)
    return [(PARAMETERS, int(places[one // width]), int(one % width)) for one in chosen]


def test_values_are_kept_to_half_a_step_and_stored_in_the_networks_memory(stored, parameters):
    assert stored.memory[PARAMETERS].nbytes == parameters.golden.nbytes
    assert stored.extra_bytes == stored.memory[METADATA].nbytes
    before, after = doubles_of(parameters.golden, parameters.fmt), doubles_of(stored.clean, parameters.fmt)
    weights = np.concatenate([np.arange(t.start, t.span.stop) for t in parameters.tensors if t.role == "weights"])
    largest = np.abs(before[weights]).max()
    assert np.abs(after - before)[weights].max() <= largest / 16


def test_every_word_belongs_to_one_code_word_which_it_fills(stored):
    width = 8 * stored.clean.itemsize
    sizes = np.bincount(stored.code_word_of)
    expected = [code.n // width for code, _, count in stored.coded_words for _ in range(count)]
    assert sizes.tolist() == expected
    assert sum(expected) == len(stored.clean)


def test_leftovers_have_code_words_of_their_own(parameters):
    stored = JoinedWords("x", PLANS["fours"], parameters)
    codes = {tensor.name: stored.code_word_of[tensor.span] for tensor in parameters.tensors}
    # Five biases: four in a code word of 64 bits, one in a word of 16; the scalar is alone.
    assert np.bincount(np.unique(codes["linear.bias"], return_inverse=True)[1]).tolist() == [4, 1]
    lengths = {code.n for code, _, count in stored.coded_words if count}
    assert lengths == {16, 64, 128}


def test_up_to_t_flips_in_every_code_word_are_corrected_and_counted(stored):
    random = np.random.default_rng(4)
    numbers = range(int(stored.code_word_of.max()) + 1)
    reach = [code.t for code, _, count in stored.coded_words for _ in range(count)]
    flips = [flip for number in numbers for flip in flips_of(stored, number, random, reach[number])]
    reading = stored.read(hit(stored, flips))
    np.testing.assert_array_equal(reading.words, stored.clean)
    assert (reading.corrected_bits, len(reading.detected)) == (len(flips), 0)
    assert reading.corrected_words == sum(t > 0 for t in reach)


def test_flips_of_metadata_are_corrected_and_counted(stored):
    mask = np.random.default_rng(5).integers(0, 1 << 32, len(stored.memory[METADATA]), dtype=np.uint32)
    mask[len(mask) // 6 :] = 0
    memory = {**stored.memory, METADATA: stored.memory[METADATA] ^ mask}
    reading = stored.read(memory)
    np.testing.assert_array_equal(reading.words, stored.clean)
    assert reading.corrected_bits == int(np.bitwise_count(mask).sum()) > 0


def test_one_flip_too_many_is_detected_and_its_values_become_what_the_policy_says(parameters):
    random = np.random.default_rng(6)
    for policy in ("keep", "zero", "median"):
        word = RolePlan(3, "extended-bch(64,36)", policy)
        stored = JoinedWords(policy, Plan({"weights": word, "batchnorm": CHANNELS, "other": word}), parameters)
        weight = next(tensor for tensor in parameters.tensors if tensor.name == "conv.weight")
        number = int(stored.code_word_of[weight.start])
        while True:
            reading = stored.read(hit(stored, flips_of(stored, number, random, 6)))
            if len(reading.detected):
                break
        assert reading.detected.tolist() == [number]
        own = stored.code_word_of == number
        np.testing.assert_array_equal(reading.words[~own], stored.clean[~own])
        found = doubles_of(reading.words[own], parameters.fmt)
        others = doubles_of(stored.clean[weight.span][4:], parameters.fmt)
        expected = {"zero": 0.0, "median": np.sort(others)[(len(others) - 1) // 2]}
        if policy in expected:
            assert (found == expected[policy]).all()


def test_a_posterior_mean_is_nearer_than_the_median(parameters):
    errors = {}
    for policy in ("median", "posterior mean"):
        word = RolePlan(3, "extended-bch(64,36)", policy)
        stored = JoinedWords(policy, Plan({"weights": word, "batchnorm": CHANNELS, "other": word}), parameters)
        random, total = np.random.default_rng(7), 0.0
        for number in range(20):
            reading = stored.read(hit(stored, flips_of(stored, number, random, 6)))
            wrong = doubles_of(reading.words, parameters.fmt) - doubles_of(stored.clean, parameters.fmt)
            total += float((wrong**2).sum())
        errors[policy] = total
    assert errors["posterior mean"] < errors["median"] / 4


def test_a_fused_batchnorm_computes_the_same_from_constants(parameters):
    stored = JoinedWords("x", PLANS["fours"], parameters)
    by_name = {tensor.name: tensor.span for tensor in parameters.tensors}
    clean = {name: doubles_of(stored.clean[span], parameters.fmt) for name, span in by_name.items()}
    plain = {name: doubles_of(parameters.golden[span], parameters.fmt) for name, span in by_name.items()}
    scale = plain["norm.weight"] / np.sqrt(plain["norm.running_var"] + 1e-5)
    assert (clean["norm.running_mean"] == 0).all()
    assert np.abs(clean["norm.running_var"] - 1).max() < 1e-2
    np.testing.assert_allclose(clean["norm.weight"], scale, rtol=2**-6)
    shift = plain["norm.bias"] - plain["norm.running_mean"] * scale
    np.testing.assert_allclose(clean["norm.bias"], shift, atol=np.abs(shift).max() / 32)
    hit_everywhere, _ = at_rate(stored, 0.05)
    mean = by_name["norm.running_mean"]
    np.testing.assert_array_equal(stored.read(hit_everywhere).words[mean], stored.clean[mean])


def test_forgeries_make_the_word_they_promise_and_nothing_else(stored, parameters):
    for index in (0, 5, len(stored.clean) - 1):
        forgeries = stored.forgeries(index)
        for forgery in forgeries[:: max(1, len(forgeries) // 5)]:
            reading = stored.read(hit(stored, forgery.flips))
            assert len(reading.detected) == 0
            assert reading.words[index] == forgery.word != stored.clean[index]
            assert np.count_nonzero(reading.words != stored.clean) == 1


def test_plans_that_do_not_fit_are_refused(parameters):
    for code in ("extended-bch(15,7)", "secded(22,16)"):
        with pytest.raises(InputError):
            JoinedWords(
                "x", Plan({"weights": RolePlan(3, code, "zero"), "batchnorm": CHANNELS, "other": FOURS}), parameters
            )
    with pytest.raises(InputError, match="role weights"):
        JoinedWords("x", Plan({"batchnorm": CHANNELS, "other": FOURS}), parameters)


@pytest.mark.parametrize(
    ("name", "beyond"), [("extended-bch(16,7)", 1), ("extended-bch(16,7)", 2), ("tabulated(32,8)", 2)]
)
def test_all_codewords_near_a_word_are_found(name, beyond):
    code = named_code(name)
    codewords, random = code.codewords(), np.random.default_rng(8)
    words = random.integers(0, 1 << code.n, 4000, dtype=np.uint64).astype(codewords.dtype)
    distances = np.bitwise_count(words[:, None] ^ codewords)
    words = words[distances.min(axis=1) > code.t][:60]
    distances = np.bitwise_count(words[:, None] ^ codewords)
    found = codewords_near(code, words, beyond)
    rows, data = np.nonzero(distances <= code.t + beyond)
    assert len(rows) > 0
    assert found.rows.tolist() == rows.tolist()
    assert found.data.tolist() == data.tolist()
    assert found.distances.tolist() == distances[rows, data].tolist()


def test_the_codeword_itself_is_found_beyond_t_in_long_codes():
    random = np.random.default_rng(9)
    for name in ("extended-bch(64,36)", "extended-bch(128,43)"):
        code = named_code(name)
        data = random.integers(0, 1 << code.k, 3, dtype=np.uint64)
        words = code.encode(data).reshape(3, -1).copy()
        for row, flips in zip(words, (1, 1, 2), strict=True):
            for bit in random.choice(code.n, code.t + flips, replace=False).tolist():
                row[bit // 64] ^= np.uint64(1 << bit % 64)
        found = codewords_near(code, words if code.n > 64 else words[:, 0], 2)
        for row in range(3):
            assert data[row] in found.data[found.rows == row]
    assert len(codewords_near(code, words[:0], 2).rows) == 0
