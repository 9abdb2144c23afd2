"""Networks in codes of their own words: what is kept, corrected, detected, counted, and what attackers can do."""

import numpy as np
import pytest
import torch
from protected_models import plan
from stored_schemes import (
    CHOICE,
    CORRECTING,
    PLANNED,
    SCHEMES,
    UNCODED,
    at_rate,
    changed,
    code_words_of,
    hit,
    places_of,
    trained,
)

from sparebits.faults.ber import METADATA, PARAMETERS
from sparebits.formats import FORMATS
from sparebits.parameters import FlatParameters, doubles_of, nearest_words, parameter_tensors, values_of
from sparebits.protection.default_plan import default_plan
from sparebits.protection.encoding import quantise_group
from sparebits.protection.plan import Plan, RolePlan
from sparebits.protection.records import metadata_words
from sparebits.schemes.bfloat16_code import bfloat16_with_code
from sparebits.schemes.coded import planned
from sparebits.schemes.minifloats import repeated, truncate_only, with_policy
from sparebits.schemes.names import POLICIES
from sparebits.schemes.thesis import thesis_hamming

BINARY32 = FORMATS["float32"]
CORRECTED_FLIPS = {
    "word": {32: 5},
    "channel": {32: 5, 128: 15},
    "fused": {32: 5, 128: 21},
    "nearest": {32: 7, 128: 23},
}
"""By plan and bits of a code word, t = (d - 1) // 2 of the published distances 12, 32, 44, 16 and 48."""


@pytest.fixture
def parameters(small_network):
    return trained(small_network())


@pytest.fixture(params=SCHEMES)
def stored(request, parameters):
    """Each scheme."""
    return SCHEMES[request.param](parameters)


@pytest.fixture(params=CORRECTING)
def correcting(request, parameters):
    """Each scheme that corrects any single flip."""
    return CORRECTING[request.param](parameters)


@pytest.fixture(params=PLANNED)
def spanning(request, parameters):
    """A plan for each span, and one with nearest-codeword decoders."""
    return PLANNED[request.param](parameters)


def in_format(small_network, fmt):
    model = small_network().to(torch.float64 if fmt.dtype == "float64" else torch.float32)
    tensors = parameter_tensors(model)
    random = np.random.default_rng(3)
    state = {}
    for tensor in tensors:
        values = random.normal(0, 0.2, tensor.values)
        values = np.abs(values) + 0.1 if tensor.kind == "running_var" else values
        state[tensor.name] = values_of(nearest_words(values, fmt), fmt).view(tensor.shape)
    return FlatParameters(model, state)


def kept_by_layouts(stored, parameters):
    """The network's words as the layouts keep them, no code involved."""
    spans, kept = {tensor.name: tensor.span for tensor in parameters.tensors}, np.empty_like(parameters.golden)
    for group in stored.scheme.groups:
        parts = quantise_group(group, [parameters.golden[spans[name]] for name in group.tensors])
        for name, part in zip(group.tensors, parts, strict=True):
            kept[spans[name]] = part
    return kept


def test_without_faults_the_layouts_values_are_read(stored, parameters):
    reading = stored.read(stored.memory)
    is_raw = stored.name == "unprotected"
    expected = parameters.golden if is_raw else kept_by_layouts(stored, parameters)
    np.testing.assert_array_equal(stored.clean, expected)
    np.testing.assert_array_equal(reading.words, expected)
    assert (reading.corrected_bits, reading.corrected_words, len(reading.detected)) == (0, 0, 0)
    assert stored.count_miscorrected(reading) == 0
    assert stored.memory[PARAMETERS].dtype == reading.words.dtype == np.uint32
    assert len(stored.memory[PARAMETERS]) == len(parameters.golden)


def test_memory_is_not_written_to_and_decoding_repeats(stored):
    memory, _ = at_rate(stored, 0.1)
    before = {plane: words.copy() for plane, words in memory.items()}
    for words in memory.values():
        words.flags.writeable = False
    first, second = stored.read(memory), stored.read(memory)
    for plane, words in memory.items():
        np.testing.assert_array_equal(words, before[plane])
    np.testing.assert_array_equal(first.words, second.words)
    np.testing.assert_array_equal(first.detected, second.detected)
    assert not any(words.flags.writeable for words in stored.memory.values())
    assert first.detected.dtype == np.int64
    assert (np.diff(first.detected) > 0).all()


def test_only_metadata_is_memory_beyond_the_networks_own(stored, parameters):
    assert set(stored.memory) <= {PARAMETERS, METADATA}
    # Base and median of a layout are three times two words; the network has ten tensors, three of them weights.
    expected = {"fused": 8, "nearest": 8, "truncate-only": 8, "repetition": 8, "int8 three times": 3}
    expected |= dict.fromkeys(("word", "channel", "SEC-DED"), 10)
    assert stored.extra_bytes == 24 * expected.get(stored.name, 0)
    assert stored.stored_bits == 32 * len(parameters.golden) + 8 * stored.extra_bytes
    if METADATA in stored.memory:
        recorded = [group for group in stored.scheme.groups if stored.name != "int8 three times" or group.code.k == 8]
        np.testing.assert_array_equal(stored.memory[METADATA], metadata_words(recorded))


def test_records_are_kept_of_what_decoding_needs_to_know(parameters):
    for policy in POLICIES:
        is_median = policy == "median"
        # Forced layouts have no base, a window of all exponents has only the base 0.
        assert thesis_hamming("t", CHOICE, parameters, policy).extra_bytes == (12 * 10 if is_median else 0)
        assert bfloat16_with_code("b", parameters, policy).extra_bytes == (24 * 10 if is_median else 0)
    long = RolePlan(4, "extended-bch(32,21)", "zero")
    stored = planned("long", Plan({"weights": long, "batchnorm": long, "other": long}), parameters)
    assert stored.extra_bytes == 36 * 10  # medians of 21 bits are split


def test_every_single_flip_is_corrected_and_counted(correcting):
    # In each round at most one flip in every code word.
    numbers, count = correcting.code_word_of, len(correcting.clean)
    rounds = np.array([np.count_nonzero(numbers[:index] == number) for index, number in enumerate(numbers)])
    lengths = np.array([correcting.group_at(index).code.n for index in range(count)])
    for number in range(int(rounds.max()) + 1):
        for bit in range(32):
            chosen = np.flatnonzero(rounds == number)
            reading = correcting.read(hit(correcting, [(PARAMETERS, index, bit) for index in chosen]))
            np.testing.assert_array_equal(reading.words, correcting.clean)
            coded = np.count_nonzero(bit + 32 * number < lengths[chosen])
            assert (reading.corrected_bits, reading.corrected_words, len(reading.detected)) == (coded, coded, 0)


@pytest.mark.parametrize("scheme", [*PLANNED, "int8 three times"])
def test_every_flip_of_metadata_is_corrected_and_counted(parameters, scheme):
    stored = CORRECTING[scheme](parameters)
    words = len(stored.memory[METADATA]) // 3
    for copy in range(3):
        for bit in range(32):
            flips = [(METADATA, index, bit) for index in range(copy * words, (copy + 1) * words)]
            reading = stored.read(hit(stored, flips))
            np.testing.assert_array_equal(reading.words, stored.clean)
            assert (reading.corrected_bits, reading.corrected_words, len(reading.detected)) == (words, 0, 0)
    for seed in range(5):
        metadata = at_rate(stored, 0.05, seed)[0][METADATA]
        reading = stored.read({PARAMETERS: stored.memory[PARAMETERS], METADATA: metadata})
        np.testing.assert_array_equal(reading.words, stored.clean)
        assert reading.corrected_bits == np.bitwise_count(metadata ^ stored.memory[METADATA]).sum() > 0


@pytest.mark.parametrize("scheme", [planned, truncate_only, repeated])
def test_every_format_is_stored_and_read_back(fmt, small_network, scheme):
    parameters = in_format(small_network, fmt)
    chosen = default_plan(fmt)
    stored = scheme("x", chosen, parameters)
    np.testing.assert_array_equal(stored.clean, kept_by_layouts(stored, parameters))
    values, kept = doubles_of(parameters.golden, fmt), doubles_of(stored.clean, fmt)
    assert np.abs(kept - values).max() < np.abs(values).max() / (4 if fmt.width == 8 else 8)
    if scheme is planned:
        memory, flips = at_rate(stored, 3e-3)
        reading = stored.read(memory)
        np.testing.assert_array_equal(reading.words, stored.clean)
        assert reading.corrected_bits == flips


def test_t_flips_in_every_code_word_are_corrected(spanning):
    random = np.random.default_rng(4)
    flips = []
    for number in code_words_of(spanning):
        places = places_of(spanning, number)
        t = CORRECTED_FLIPS[spanning.name][len(places)]
        flips += [places[at] for at in random.choice(len(places), t, replace=False)]
    reading = spanning.read(hit(spanning, flips))
    np.testing.assert_array_equal(reading.words, spanning.clean)
    assert (reading.corrected_bits, len(reading.detected)) == (len(flips), 0)
    assert reading.corrected_words == len(code_words_of(spanning))


@pytest.mark.parametrize("scheme", ["word", "channel", "fused", "thesis SEC-DED", "SEC-DED", "bfloat16 + code"])
def test_a_code_word_beyond_repair_is_told_by_its_number(parameters, scheme):
    stored = CORRECTING[scheme](parameters)
    random = np.random.default_rng(5)
    numbers = stored.code_word_of
    assert len(numbers) == len(stored.clean)
    assert set(numbers.tolist()) == set(code_words_of(stored))
    for number in code_words_of(stored)[::3]:
        places = places_of(stored, number)
        # Of these codes, of even distance, always: one more than can be corrected.
        beyond = stored.group_at(places[0][1]).code.t + 1
        chosen = random.choice(len(places), beyond, replace=False)
        reading = stored.read(hit(stored, [places[at] for at in chosen]))
        assert reading.detected.tolist() == [number]
        assert (reading.corrected_bits, reading.corrected_words) == (0, 0)
        assert set(numbers[changed(reading, stored)].tolist()) <= {number}
        assert stored.count_miscorrected(reading) == 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("span", ["word", "channel", "fused"])
def test_words_beyond_repair_become_what_the_policy_says(parameters, span, policy):
    stored = planned("x", with_policy(plan(span), policy), parameters)
    by_positions = {}
    for kind in ("check", "data"):
        flips = []
        for number in code_words_of(stored):
            places = places_of(stored, number)
            code = stored.group_at(places[0][1]).code
            positions = code.check_positions if kind == "check" else code.data_positions
            flips += [places[positions[at]] for at in np.linspace(0, len(positions) - 1, code.t + 1).astype(int)]
        reading = stored.read(hit(stored, flips))
        assert reading.detected.tolist() == list(code_words_of(stored))
        by_positions[kind] = reading.words
    by_check_bits = by_positions["check"]
    for tensor in parameters.tensors:
        clean, read = (doubles_of(words[tensor.span], BINARY32) for words in (stored.clean, by_check_bits))
        is_joint = span != "word" and tensor.role == "batchnorm"
        is_constant = span == "fused" and tensor.kind in ("running_mean", "running_var")
        if policy == "keep":
            np.testing.assert_array_equal(read, clean)
            if not is_constant:
                assert (by_positions["data"][tensor.span] != stored.clean[tensor.span]).any()
        elif is_constant:
            np.testing.assert_array_equal(read, clean)
        elif policy == "zero":
            assert not read.any()
        elif policy == "median" or is_joint:
            assert (read == np.quantile(clean, 0.5, method="lower")).all()
        else:
            assert np.isfinite(read).all()
            assert np.abs(read).max() <= 2 * np.abs(clean).max()


def test_posterior_means_are_nearer_than_any_other_policy(parameters):
    errors = {}
    for policy in POLICIES:
        stored = planned("x", with_policy(plan("word"), policy), parameters)
        reading = stored.read(at_rate(stored, 0.15)[0])
        beyond = np.isin(stored.code_word_of, reading.detected)
        assert beyond.any()
        read, clean = (doubles_of(words[beyond], BINARY32) for words in (reading.words, stored.clean))
        errors[policy] = np.mean((read - clean) ** 2)
    assert errors["posterior mean"] < min(errors[policy] for policy in POLICIES if policy != "posterior mean")


def test_another_tensors_metadata_gives_another_network(parameters):
    stored = PLANNED["word"](parameters)
    copies = stored.memory[METADATA].reshape(3, -1).copy()
    copies[:, [0, 2]] = copies[:, [2, 0]]  # bases of the first two tensors
    reading = stored.read({**stored.memory, METADATA: copies.reshape(-1)})
    assert set(changed(reading, stored)) <= set(range(parameters.tensors[1].span.stop))
    assert len(changed(reading, stored)) > 0


def test_what_is_read_wrong_was_detected_or_is_counted(correcting):
    for ber in (0.02, 0.2):
        reading = correcting.read(at_rate(correcting, ber)[0])
        wrong = set(correcting.code_word_of[changed(reading, correcting)].tolist())
        assert correcting.count_miscorrected(reading) == len(wrong - set(reading.detected.tolist()))


def test_forged_words_are_counted_beside_detected_and_corrected_ones(spanning, parameters):
    scale_of_norm = next(tensor for tensor in parameters.tensors if tensor.name == "norm.weight")
    forged = {0, 70, 150, int(spanning.code_word_of[scale_of_norm.start + 1])}
    flips, beyond = [], []
    for number in code_words_of(spanning):
        places = places_of(spanning, number)
        code = spanning.group_at(places[0][1]).code
        if number in forged:
            flips += spanning.forgeries(places[0][1])[0].flips
        else:
            is_beyond = number % 3 == 1 and spanning.name != "nearest"
            beyond += [number] * is_beyond
            flips += places[: code.t + is_beyond]
    reading = spanning.read(hit(spanning, flips))
    assert reading.detected.tolist() == beyond
    assert spanning.count_miscorrected(reading) == len(forged)


@pytest.mark.parametrize("scheme", UNCODED)
def test_without_a_code_nothing_is_counted(parameters, scheme):
    stored = UNCODED[scheme](parameters)
    memory, _ = at_rate(stored, 0.1)
    reading = stored.read({**stored.memory, PARAMETERS: memory[PARAMETERS]})
    assert len(changed(reading, stored)) > 0
    assert (reading.corrected_bits, reading.corrected_words, len(reading.detected)) == (0, 0, 0)
    assert stored.count_miscorrected(reading) == 0
    assert stored.code_word_of is None
    assert stored.coded_words == []
    assert stored.code == "none"


def test_code_words_are_counted_by_code(spanning):
    counts = {code.n: 0 for code, _, _ in spanning.coded_words}
    for code, _, count in spanning.coded_words:
        counts[code.n] += count
    values = len(spanning.clean)
    assert counts == ({32: values} if spanning.name == "word" else {32: values - 16, 128: 4})
