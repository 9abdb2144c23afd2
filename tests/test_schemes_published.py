"""Published schemes: what they give up, what every flip does, what detected words become, and what attackers can do."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

from sparebits.errors import InputError
from sparebits.faults.ber import CHECK_WORDS, PARAMETERS, ber_mask
from sparebits.formats import FORMATS
from sparebits.parameters import doubles_of, named_tensors, nearest_words
from sparebits.schemes.cep import CEP
from sparebits.schemes.hsiao import Hsiao
from sparebits.schemes.mset import MSET
from sparebits.schemes.names import POLICIES
from sparebits.schemes.parity_zero import ParityZero
from sparebits.schemes.replacement import lower_median
from sparebits.schemes.replication import Replication
from sparebits.schemes.wot import WotLike

BINARY32 = FORMATS["float32"]
DETECTING = {
    "parity-zero": ParityZero,
    "CEP": CEP,
    "SEC-DED (72,64)": Hsiao,
    "WOT-like": WotLike,
    "replication c=1": lambda parameters, *policy: Replication(parameters, *policy, copies=1),
}
SCHEMES = DETECTING | {
    "MSET": MSET,
    "replication c=2": Replication,
    "replication c=4": lambda parameters: Replication(parameters, copies=4),
}
PUBLISHED = {
    "parity-zero": "zero",
    "CEP": "zero",
    "SEC-DED (72,64)": "keep",
    "WOT-like": "keep",
    "replication c=1": "keep",
}


@pytest.fixture(params=SCHEMES)
def scheme(request):
    """The name of each scheme."""
    return request.param


@pytest.fixture(params=DETECTING)
def detecting(request):
    """The name of each scheme that detects."""
    return request.param


def parameters_of(words, fmt=BINARY32, sizes=None):
    sizes = sizes or [len(words)]
    tensors = named_tensors({f"t{number}.weight": (size,) for number, size in enumerate(sizes)})
    return SimpleNamespace(golden=words, tensors=tensors, fmt=fmt)


def weights(count, fmt=BINARY32, seed=5, scale=0.05):
    """Words of normally distributed values."""
    return nearest_words(np.random.default_rng(seed).normal(0, scale, count), fmt)


def build(scheme, parameters):
    """The scheme, or a skipped test where it has no definition for the format."""
    if scheme == "CEP" and parameters.fmt is not BINARY32:
        pytest.skip("binary32 only")
    return SCHEMES[scheme](parameters)


def hit(stored, flips):
    """A copy of the memory with some bits flipped."""
    memory = {plane: words.copy() for plane, words in stored.memory.items()}
    for plane, index, bit in flips:
        memory[plane][index] ^= memory[plane].dtype.type(1 << bit)
    return memory


def all_flips(stored):
    for plane, words in stored.memory.items():
        yield from ((plane, index, bit) for index in range(len(words)) for bit in range(8 * words.itemsize))


def at_rate(stored, ber, seed=1):
    """A memory hit everywhere."""
    return {
        plane: words ^ ber_mask(seed, plane, len(words), 8 * words.itemsize, ber)
        for plane, words in stored.memory.items()
    }


def changed(reading, stored):
    """What is read wrong: the XOR with the clean word, by index."""
    differing = np.flatnonzero(reading.words != stored.clean)
    return {int(index): int(reading.words[index] ^ stored.clean[index]) for index in differing}


def given_up(scheme, fmt, count):
    """Bits that the definition reads as zero, (count,)."""
    masks = np.zeros(count, dtype=fmt.word_dtype)
    if scheme == "WOT-like":
        per = 64 // fmt.width
        for first in range(0, count, per):
            values = min(per, count - first)
            for check in range(7):
                masks[first + check % values] |= fmt.word_dtype.type(1 << check // values)
    else:
        masks[:] = {"parity-zero": 0b1, "MSET": 0b11, "CEP": 0xFF}.get(scheme, 0)
    return masks


@pytest.mark.parametrize("count", [1, 2, 3, 190])
def test_nothing_is_lost_but_the_bits_given_up(scheme, fmt, adversarial, count):
    words = np.resize(adversarial, count)
    stored = build(scheme, parameters_of(words, fmt))
    reading = stored.read(stored.memory)
    np.testing.assert_array_equal(reading.words, words & ~given_up(scheme, fmt, count))
    np.testing.assert_array_equal(stored.clean, reading.words)
    assert (reading.corrected_bits, reading.corrected_words, len(reading.detected)) == (0, 0, 0)
    assert stored.memory[PARAMETERS].dtype == reading.words.dtype == fmt.word_dtype
    assert stored.count_miscorrected(reading) == 0


def test_network_of_every_kind_of_tensor_is_read_back(scheme, random_network):
    stored = build(scheme, random_network)
    kept = ~given_up(scheme, random_network.fmt, len(stored.clean))
    np.testing.assert_array_equal(stored.read(stored.memory).words, random_network.golden & kept)


def test_memory_is_counted(scheme, fmt):
    stored = build(scheme, parameters_of(weights(1000, fmt), fmt))
    kept = 1 + fmt.exponent_bits + min(7, fmt.mantissa_bits)
    extra_bits = {
        "SEC-DED (72,64)": 1000 * fmt.width // 8,
        "replication c=1": 1000 * kept,
        "replication c=2": 2 * 1000 * kept,
        "replication c=4": 4 * 1000 * kept,
    }.get(scheme, 0)
    assert stored.extra_bytes == extra_bits // 8
    assert stored.stored_bits == 1000 * fmt.width + extra_bits


def test_odd_binary32_networks_have_a_byte_for_the_last_value():
    assert Hsiao(parameters_of(weights(9))).extra_bytes == 5


@pytest.mark.parametrize("dropped", [0, 5, 13, 15, 16, 23])
@pytest.mark.parametrize("copies", [1, 2, 4])
def test_copies_of_any_width_vote(dropped, copies):
    stored = Replication(parameters_of(weights(7)), copies=copies, dropped=dropped)
    assert stored.extra_bytes == copies * -(-7 * (32 - dropped) // 8)
    flips = [(PARAMETERS, 3, bit) for bit in range(32)]
    wrong = changed(stored.read(hit(stored, flips)), stored)
    assert wrong == ({} if copies > 1 and dropped == 0 else {3: (1 << (32 if copies == 1 else dropped)) - 1})


def test_memory_is_not_written_to_and_decoding_repeats(scheme):
    stored = build(scheme, parameters_of(weights(999), sizes=[500, 499]))
    memory = at_rate(stored, 0.02)
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


def test_every_single_flip_does_what_the_definition_says(scheme, fmt):
    stored = build(scheme, parameters_of(weights(9, fmt), fmt))
    top = fmt.width - 2
    dropped = fmt.mantissa_bits - 7
    for plane, index, bit in all_flips(stored):
        reading = stored.read(hit(stored, [(plane, index, bit)]))
        wrong, detected = changed(reading, stored), reading.detected.tolist()
        if scheme == "parity-zero":
            assert detected == [index]
            assert reading.words[index] == 0
            assert set(wrong) <= {index}
        elif scheme == "MSET":
            is_copied = bit in (top, 1, 0)
            assert wrong == ({} if is_copied else {index: 1 << bit})
            assert (reading.corrected_bits, reading.corrected_words) == (is_copied, is_copied)
        elif scheme == "CEP":
            chunk = bit if bit < 8 else (bit - 8) // 3
            assert detected == [index]
            assert reading.words[index] == stored.clean[index] & ~np.uint32(0b111 << 8 + 3 * chunk)
            assert set(wrong) <= {index}
        elif scheme in ("SEC-DED (72,64)", "WOT-like"):
            assert (wrong, detected) == ({}, [])
            assert (reading.corrected_bits, reading.corrected_words) == (1, 1)
        elif scheme == "replication c=1":
            is_compared = plane == CHECK_WORDS or bit >= dropped
            assert len(detected) == is_compared or _is_padding(stored, plane, index, bit)
            assert wrong == ({index: 1 << bit} if plane == PARAMETERS else {})
        else:
            is_low = plane == PARAMETERS and bit < dropped
            assert wrong == ({index: 1 << bit} if is_low else {})
            assert detected == []
            assert reading.corrected_bits == (not is_low and not _is_padding(stored, plane, index, bit))


def _is_padding(stored, plane, index, bit):
    """Whether a bit of the copies fills up the last byte of one."""
    per_copy = len(stored.memory[CHECK_WORDS]) // stored.copies
    used = len(stored.clean) * (8 * stored.clean.itemsize - stored.dropped)
    return plane == CHECK_WORDS and 8 * (index % per_copy) + bit >= used


def test_two_flips_in_a_word_pass_its_parity():
    stored = ParityZero(parameters_of(weights(3)))
    for first, second in combinations(range(32), 2):
        reading = stored.read(hit(stored, [(PARAMETERS, 1, first), (PARAMETERS, 1, second)]))
        assert changed(reading, stored) == {1: (1 << first | 1 << second) & ~1}
        assert len(reading.detected) == 0
        assert stored.count_miscorrected(reading) == 1


def test_two_flips_pass_the_parity_of_a_chunk_but_not_of_two():
    stored = CEP(parameters_of(weights(3)))
    chunk_of = [*range(8), *(chunk for chunk in range(8) for _ in range(3))]
    for first, second in combinations(range(32), 2):
        reading = stored.read(hit(stored, [(PARAMETERS, 1, first), (PARAMETERS, 1, second)]))
        if chunk_of[first] == chunk_of[second]:
            assert changed(reading, stored) == {1: (1 << first | 1 << second) & ~0xFF}
            assert len(reading.detected) == 0
        else:
            zeroed = sum(0b111 << 8 + 3 * chunk_of[bit] for bit in (first, second))
            assert reading.words[1] == stored.clean[1] & ~np.uint32(zeroed)
            assert reading.detected.tolist() == [1]


def test_two_of_three_copies_of_the_top_bit_outvote_the_third(fmt):
    stored = MSET(parameters_of(weights(3, fmt), fmt))
    for two in combinations((fmt.width - 2, 1, 0), 2):
        assert changed(stored.read(hit(stored, [(PARAMETERS, 1, bit) for bit in two])), stored) == {
            1: 1 << fmt.width - 2
        }


@pytest.mark.parametrize("scheme", ["SEC-DED (72,64)", "WOT-like"])
@pytest.mark.parametrize("dtype", FORMATS)
def test_two_flips_in_a_code_word_are_always_detected(scheme, dtype):
    fmt = FORMATS[dtype]
    per = 64 // fmt.width
    places = [(PARAMETERS, place // fmt.width, place % fmt.width) for place in range(64)]
    places += [(CHECK_WORDS, 0, bit) for bit in range(8)] if scheme == "SEC-DED (72,64)" else []
    pairs = list(combinations(places, 2))
    stored = SCHEMES[scheme](parameters_of(weights(per * len(pairs), fmt), fmt))
    flips = [
        (plane, index + number * (per if plane == PARAMETERS else 1), bit)
        for number, pair in enumerate(pairs)
        for plane, index, bit in pair
    ]
    reading = stored.read(hit(stored, flips))
    assert reading.detected.tolist() == list(range(len(pairs)))
    assert reading.corrected_bits == stored.count_miscorrected(reading) == 0


@pytest.mark.parametrize("copies", [2, 4])
def test_as_many_copies_as_the_majority_needs_decide(copies):
    stored = Replication(parameters_of(weights(5)), copies=copies)
    places = [(PARAMETERS, 2, 30)] + [(CHECK_WORDS, copy * 10 + 5, 6) for copy in range(copies)]
    for count in range(1, copies + 2):
        for flips in combinations(places, count):
            wrong = changed(stored.read(hit(stored, flips)), stored)
            assert wrong == ({2: 1 << 30} if count > copies / 2 else {})


def test_what_is_read_wrong_was_detected_or_is_counted(scheme):
    stored = build(scheme, parameters_of(weights(20_001), sizes=[20_000, 1]))
    reading = stored.read(at_rate(stored, 0.01))
    code_words = {int(stored.code_word_of[index]) for index in changed(reading, stored)}
    assert stored.count_miscorrected(reading) == len(code_words - set(reading.detected.tolist()))
    assert stored.policy == PUBLISHED.get(scheme, "none")
    assert (len(reading.detected) > 0) == (scheme in DETECTING)


def _detected_values(stored, reading):
    return np.isin(stored.code_word_of, reading.detected)


def test_detected_words_are_kept_zeroed_or_become_the_median_of_their_tensor(detecting):
    sizes = [3000, 7, 2001]
    parameters = parameters_of(weights(sum(sizes)), sizes=sizes)
    by_policy = {policy: DETECTING[detecting](parameters, policy) for policy in POLICIES}
    memory = at_rate(by_policy["keep"], 3e-3)
    readings = {policy: stored.read(memory) for policy, stored in by_policy.items()}
    kept = readings["keep"].words
    is_detected = _detected_values(by_policy["keep"], readings["keep"])
    assert is_detected.any()
    for policy, reading in readings.items():
        np.testing.assert_array_equal(reading.detected, readings["keep"].detected)
        np.testing.assert_array_equal(reading.words[~is_detected], kept[~is_detected])
        assert by_policy[policy].policy == policy
    own = memory[PARAMETERS] & ~given_up(detecting, BINARY32, sum(sizes))
    np.testing.assert_array_equal(kept[is_detected], own[is_detected])
    if detecting != "CEP":
        assert not readings["zero"].words[is_detected].any()
    for tensor in parameters.tensors:
        trusted = kept[tensor.span][~is_detected[tensor.span]].view(np.float32)
        own = readings["median"].words[tensor.span][is_detected[tensor.span]]
        assert (own.view(np.float32) == np.quantile(trusted, 0.5, method="lower")).all()


def test_median_orders_all_words_by_value(fmt, adversarial):
    values = doubles_of(adversarial, fmt)
    finite = adversarial[np.isfinite(values)]
    expected = np.sort(doubles_of(finite, fmt))[(len(finite) - 1) // 2]
    assert doubles_of(np.array([lower_median(finite, fmt)], dtype=fmt.word_dtype), fmt)[0] == expected
    assert lower_median(finite[:0], fmt) == 0
    bit = fmt.word_dtype.type(1 << fmt.sign_bit)
    assert lower_median(np.array([0, bit], dtype=fmt.word_dtype), fmt) == bit


@pytest.mark.parametrize("dtype", FORMATS)
def test_posterior_mean_is_nearer_than_any_other_policy(detecting, dtype):
    fmt = FORMATS[dtype]
    if detecting == "CEP" and fmt is not BINARY32:
        pytest.skip("binary32 only")
    words = weights(30_000, fmt)
    errors = {}
    for policy in POLICIES:
        stored = DETECTING[detecting](parameters_of(words, fmt), policy)
        # Flips of sign and exponent, where they matter, and not so many that enormous words go undetected.
        memory = {plane: own.copy() for plane, own in stored.memory.items()}
        for number in range(0, 30_000, 300):
            bits = (fmt.mantissa_bits + number // 300 % (1 + fmt.exponent_bits), fmt.mantissa_bits - 1)
            for bit in bits if detecting in ("SEC-DED (72,64)", "WOT-like") else bits[:1]:
                memory[PARAMETERS][number] ^= fmt.word_dtype.type(1 << bit)
        reading = stored.read(memory)
        assert len(reading.detected) == 100
        is_detected = _detected_values(stored, reading)
        read, true = (doubles_of(own[is_detected], fmt) for own in (reading.words, stored.clean))
        with np.errstate(invalid="ignore", over="ignore"):
            errors[policy] = np.nan_to_num(np.sqrt(np.mean((read - true) ** 2)), nan=np.inf)
    assert errors["posterior mean"] < errors["zero"]
    assert errors["posterior mean"] < errors["median"]
    assert errors["posterior mean"] < errors["keep"]


def test_posterior_mean_weighs_the_candidates_by_their_fields():
    # Of 0.75 with any bit flipped, the tensor's other words, all in [0.5, 1), allow only changes of the mantissa; that
    # of the parity bit counts as one more candidate, the word as it is.
    words = np.full(100_000, np.float32(0.75).view(np.uint32))
    stored = ParityZero(parameters_of(words), "posterior mean")
    read = stored.read(hit(stored, [(PARAMETERS, 7, 0)])).words[7].view(np.float32)
    flips = [0.75 + (-1 if bit == 22 else 1) * 2.0 ** (bit - 24) for bit in range(1, 23)]
    assert read == pytest.approx(np.mean([0.75, *flips]), rel=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("place", ["first", "last"])
def test_posterior_mean_is_over_all_that_the_fewest_flips_explain(detecting, place, dtype):
    fmt, count = FORMATS[dtype], 20_001
    fewest = 1 if detecting in ("parity-zero", "CEP") else 2
    if detecting == "CEP" and fmt is not BINARY32:
        pytest.skip("binary32 only")
    # All in [0.5, 1): a candidate counts if it is, too, as next to nothing is left for the others.
    random = np.random.default_rng(2)
    words = nearest_words(random.uniform(0.51, 0.99, count), fmt)
    stored = DETECTING[detecting](parameters_of(words, fmt), "posterior mean")
    per = np.count_nonzero(stored.code_word_of == 0)
    first, own = (0, words[:per]) if place == "first" else (count - 1, words[-1:])
    alone = DETECTING[detecting](parameters_of(own, fmt), "keep")
    for _ in range(5):
        bits = random.choice(np.arange(fmt.mantissa_bits - 3, fmt.mantissa_bits), fewest, replace=False)
        at = random.integers(len(own), size=fewest)
        flips = [(PARAMETERS, int(index), int(bit)) for index, bit in zip(at, bits, strict=True)]
        candidates = []
        for undone in combinations(all_flips(alone), fewest):
            reading = alone.read(hit(alone, set(flips) ^ set(undone)))
            if not len(reading.detected) and not reading.corrected_bits:
                candidates.append(reading.words)
        read = stored.read(hit(stored, [(plane, first + index, bit) for plane, index, bit in flips])).words
        for index in range(len(own)):
            values = doubles_of(np.array([candidate[index] for candidate in candidates]), fmt)
            expected = np.mean([value for value in values if 0.5 <= value < 1])
            result = doubles_of(read[first + index : first + index + 1], fmt)[0]
            assert result == pytest.approx(expected, rel=1e-4 if fmt is BINARY32 else 1e-3)


def test_several_mismatching_chunks_make_the_word_the_median():
    words = weights(9)
    stored = CEP(parameters_of(words), "posterior mean")
    flips = [(PARAMETERS, 4, 9), (PARAMETERS, 4, 12)]
    trusted = np.delete(stored.clean, 4).view(np.float32)
    read = stored.read(hit(stored, flips)).words[4:5].view(np.float32)[0]
    assert read == np.quantile(trusted, 0.5, method="lower")


def test_posterior_mean_undoes_a_flip_that_only_one_original_explains():
    words = np.full(100_000, np.float32(0.75).view(np.uint32))
    stored = Replication(parameters_of(words), "posterior mean", copies=1)
    reading = stored.read(hit(stored, [(PARAMETERS, 7, 31), (PARAMETERS, 7, 28)]))
    assert reading.words[7].view(np.float32) == pytest.approx(0.75, rel=1e-4)
    assert reading.detected.tolist() == [7]


def test_candidates_beyond_all_that_was_read_make_the_word_the_median():
    # Both the original and the copy are enormous, or not finite.
    words = np.full(9, np.float32(0.75).view(np.uint32))
    words[4] = np.float32(1e38).view(np.uint32)
    stored = Replication(parameters_of(words), "posterior mean", copies=1)
    for flips in ([(PARAMETERS, 4, 20)], [(PARAMETERS, 4, bit) for bit in range(20, 26)]):
        assert stored.read(hit(stored, flips)).words[4] == words[0]


def test_tensor_of_nothing_but_detected_words_becomes_zero(detecting):
    for policy in ("median", "posterior mean"):
        stored = DETECTING[detecting](parameters_of(weights(2), sizes=[1, 1]), policy)
        flips = [(PARAMETERS, 0, 30), (PARAMETERS, 1, 29)]
        reading = stored.read(hit(stored, flips))
        assert len(reading.detected) == int(stored.code_word_of[-1]) + 1
        assert reading.words.tolist() == [0, 0]


def test_forgeries_are_read_as_they_say_and_nobody_is_told(scheme, fmt, words):
    stored = build(scheme, parameters_of(np.resize(words, 9), fmt))
    read_bits = ~given_up(scheme, fmt, 9)
    for index in (0, 3, 8):
        forgeries = stored.forgeries(index)
        reached = 0
        for forgery in forgeries:
            assert len(set(forgery.flips)) == len(forgery.flips)
            reading = stored.read(hit(stored, forgery.flips))
            assert int(reading.words[index]) == forgery.word != int(stored.clean[index])
            assert stored.code_word_of[index] not in reading.detected
            reached |= forgery.word ^ int(stored.clean[index])
        assert reached == int(read_bits[index])
        assert len({forgery.word for forgery in forgeries}) == len(forgeries)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_forgeries_of_a_bit_take_the_flips_that_the_code_promises(scheme):
    stored = SCHEMES[scheme](parameters_of(weights(8)))
    word = int(stored.clean[5])
    flips = {forgery.word ^ word: len(forgery.flips) for forgery in stored.forgeries(5)}
    needed = {
        "parity-zero": lambda bit: 2,
        "MSET": lambda bit: 2 if bit == 30 else 1,
        "CEP": lambda bit: 2,
        "SEC-DED (72,64)": lambda bit: 3,
        "WOT-like": lambda bit: 3,
        "replication c=1": lambda bit: 1 if bit < 16 else 2,
        "replication c=2": lambda bit: 1 if bit < 16 else 2,
        "replication c=4": lambda bit: 1 if bit < 16 else 3,
    }[scheme]
    lowest = {"parity-zero": 1, "MSET": 2, "CEP": 8, "WOT-like": 3}.get(scheme, 0)
    assert {bit: flips[1 << bit] for bit in range(lowest, 32)} == {bit: needed(bit) for bit in range(lowest, 32)}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_names(scheme):
    parameters = parameters_of(weights(8))
    assert SCHEMES[scheme](parameters).name == scheme
    if scheme in DETECTING:
        other = "median"
        assert DETECTING[scheme](parameters, other).name == f"{scheme}, {other}"
        assert DETECTING[scheme](parameters, PUBLISHED[scheme]).name == scheme
        with pytest.raises(InputError, match=r"no policy 'mode'.*choose one of keep"):
            DETECTING[scheme](parameters, "mode")


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="binary32, not for binary16"):
        CEP(parameters_of(weights(8, FORMATS["float16"]), FORMATS["float16"]))
    with pytest.raises(InputError, match="1, 2 or 4 copies"):
        Replication(parameters_of(weights(8)), copies=3)
    with pytest.raises(InputError, match="0 to 23 bits"):
        Replication(parameters_of(weights(8)), dropped=24)
