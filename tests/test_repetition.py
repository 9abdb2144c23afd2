"""Repetition codes: every minority of copies is outvoted, counts are those of the obvious vote, words come back."""

import numpy as np
import pytest

from sparebits.choices import Choice
from sparebits.codes.catalogue import COMPARED_WITH, best_code, code_names, code_sizes, named_code
from sparebits.codes.packing import pack, packed_dtype
from sparebits.codes.repetition import repetition_code
from sparebits.decoding.majority import decode_majority
from sparebits.decoding.maximum_likelihood import decode_nearest
from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.parameters import nearest_words, parameter_tensors
from sparebits.protection.encoding import protect_words, quantise_group, recover_words, repair_words
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.plan import Plan, RolePlan
from sparebits.protection.thesis import forced_scheme
from sparebits.schemes.force_only import uncoded

NAMES = [
    "uncoded(1,1)",
    "uncoded(8,8)",
    "uncoded(13,13)",
    "uncoded(64,64)",
    "repetition(3,1)",
    "repetition(30,6)",
    "repetition(30,10)",
    "repetition(63,21)",
    "repetition(66,22)",
    "repetition(87,29)",
    "repetition(110,22)",
    "repetition(124,4)",
    "repetition(126,42)",
]
BINARY32 = FORMATS["float32"]


def sent(code, count: int, seed: int = 1) -> np.ndarray:
    """Random data bits (count, k)."""
    return np.random.default_rng(seed).integers(0, 2, (count, code.k), dtype=np.uint8)


def vote(bits: np.ndarray, code) -> tuple[np.ndarray, np.ndarray]:
    """Data bits (N, k) by counting copies of received bits (N, n), and how many copies were outvoted (N,)."""
    copies = bits.reshape(len(bits), code.n // code.k, code.k).astype(int)
    data = (2 * copies.sum(axis=1) > copies.shape[1]).astype(np.uint8)
    return data, (copies != data[:, None]).sum(axis=(1, 2))


# --- the codes


@pytest.mark.parametrize("name", NAMES)
def test_one_copy_stands_behind_the_other(name):
    code = named_code(name)
    data = sent(code, 200)
    words = code.encode(pack(data))
    assert np.array_equal(words, pack(np.tile(data, code.n // code.k)))
    assert code.d == code.n // code.k


@pytest.mark.parametrize("copies", [0, 2, 4, -1])
def test_votes_that_could_tie_are_refused(copies):
    with pytest.raises(InputError, match="odd number of copies"):
        repetition_code(5, copies)


def test_what_codes_are_compared_with_is_no_candidate():
    compared = [f"{family}({n},{k})" for family, sizes in COMPARED_WITH.items() for n, k in sizes]
    assert len(set(compared)) == len(compared)
    assert not set(compared) & set(code_names())
    # Unless a real code has the same size.
    assert (30, 6) not in code_sizes()
    with pytest.raises(InputError, match="no code with n = 30 and k = 6"):
        best_code(30, 6)
    for name in ("uncoded(6,6)", "repetition(30,6)", "checked-copies(32,8)"):
        assert named_code(name).name == name
    with pytest.raises(InputError, match="there is no code 'repetition"):
        named_code("repetition(12,6)")


def test_every_odd_number_of_copies_that_fits_is_there():
    names = set(COMPARED_WITH["repetition"])
    assert names == {(n, k) for k in range(1, 43) for n in range(3 * k, 129, 2 * k) if 3 <= n // k <= 31}


def test_copies_with_checks_have_the_distance_of_both():
    """Three copies of a byte and the checks of [16,8,5]: a data word of weight w adds 2w to its weight there."""
    code, checked = named_code("checked-copies(32,8)"), named_code("tabulated(16,8)")
    data = np.arange(256, dtype=np.uint8)
    weights = np.bitwise_count(code.encode(data)).astype(int)
    assert np.array_equal(weights, np.bitwise_count(checked.encode(data)).astype(int) + 2 * np.bitwise_count(data))
    assert code.d == weights[1:].min() == 7
    words = code.encode(data)
    assert np.array_equal(decode_nearest(code, words ^ np.uint32(0b10010001)).data, data)


# --- the vote


@pytest.mark.parametrize("name", [name for name in NAMES if "uncoded" not in name])
def test_every_minority_of_flipped_copies_is_outvoted(name):
    code = named_code(name)
    copies = code.n // code.k
    patterns = np.arange(1 << min(copies, 11))
    patterns = patterns[np.bitwise_count(patterns) <= copies // 2]
    # Every bit meets every pattern, all bits at once, each another one.
    of_bit = (np.arange(len(patterns))[:, None] * 7 + np.arange(code.k)) % len(patterns)
    flips = (patterns[of_bit][:, None, :] >> np.arange(copies)[None, :, None] & 1).reshape(len(patterns), code.n)
    data = sent(code, len(patterns))
    decoded = decode_majority(code, code.encode(pack(data)) ^ pack(flips))
    assert np.array_equal(decoded.data, pack(data))
    assert decoded.corrected_bits == flips.sum()
    assert decoded.corrected_words == flips.any(axis=1).sum()
    assert len(decoded.detected) == 0


@pytest.mark.parametrize("name", [name for name in NAMES if "uncoded" not in name])
def test_a_majority_of_flipped_copies_flips_that_bit_alone(name):
    code = named_code(name)
    copies, needed = code.n // code.k, code.n // code.k // 2 + 1
    data = sent(code, code.k)
    flips = np.zeros((code.k, code.n), dtype=np.uint8)
    for bit in range(code.k):
        flips[bit, bit + code.k * np.random.default_rng(bit).permutation(copies)[:needed]] = 1
    decoded = decode_majority(code, code.encode(pack(data)) ^ pack(flips))
    assert np.array_equal(decoded.data, pack(data ^ np.eye(code.k, dtype=np.uint8)))
    # What was outvoted are the copies that were right.
    assert decoded.corrected_bits == code.k * (copies - needed)


@pytest.mark.parametrize("name", NAMES)
def test_any_word_is_decoded_as_the_obvious_vote_says(name):
    code = named_code(name)
    bits = np.random.default_rng(4).integers(0, 2, (3_000, code.n), dtype=np.uint8)
    data, outvoted = vote(bits, code)
    decoded = decode_majority(code, pack(bits))
    assert decoded.data.dtype == packed_dtype(code.k)
    assert np.array_equal(decoded.data, pack(data))
    assert decoded.corrected_bits == outvoted.sum()
    assert decoded.corrected_words == np.count_nonzero(outvoted)
    assert len(decoded.detected) == 0


@pytest.mark.parametrize("name", NAMES)
def test_bits_above_the_code_are_ignored(name):
    code = named_code(name)
    bits = np.random.default_rng(5).integers(0, 2, (500, code.n), dtype=np.uint8)
    clean = pack(bits)
    # As in memory: words of 32 or 64 bits, or two of 64.
    width = 32 if code.n <= 32 else 64 if code.n <= 64 else 128
    spill = np.zeros((len(bits), width), dtype=np.uint8)
    spill[:, code.n :] = 1
    dirty = pack(spill) | clean.astype(pack(spill).dtype)
    assert (dirty != clean).any() == (code.n != 64)
    found, expected = decode_majority(code, dirty), decode_majority(code, clean)
    assert np.array_equal(found.data, expected.data)
    assert (found.corrected_bits, found.corrected_words) == (expected.corrected_bits, expected.corrected_words)


@pytest.mark.parametrize("name", ["uncoded(8,8)", "repetition(30,6)", "repetition(87,29)"])
def test_no_words_and_words_that_may_not_be_written(name):
    code = named_code(name)
    words = code.encode(pack(sent(code, 20)))
    words.setflags(write=False)
    strided = np.repeat(words, 2, axis=0)[::2]
    assert np.array_equal(decode_majority(code, words).data, decode_majority(code, strided).data)
    none = decode_majority(code, words[:0])
    assert (len(none.data), none.corrected_bits, none.corrected_words) == (0, 0, 0)


# --- in networks

FIVE = RolePlan(3, "repetition(30,6)", "keep", decoder="majority")
FUSED = RolePlan(4, "repetition(87,29)", "keep", "fused", "majority")
REPEATED = Plan({"weights": FIVE, "other": FIVE, "batchnorm": FUSED})
BARE = RolePlan(4, "uncoded(13,13)", "keep", decoder="majority")
UNCODED = Plan({"weights": BARE, "other": BARE, "batchnorm": BARE})


@pytest.fixture
def fitted(small_network):
    """Tensors and words of a small network, and a function that fits a plan to them."""
    random = np.random.default_rng(3)
    tensors = parameter_tensors(small_network())
    values = random.normal(scale=0.2, size=tensors[-1].span.stop)
    for tensor in tensors:
        if tensor.kind == "running_var":
            values[tensor.span] = random.uniform(0.1, 3, tensor.values)
    words = nearest_words(values, BINARY32)
    return tensors, words, lambda plan: fit_scheme(plan, tensors, words, BINARY32, {"norm": 1e-5})


def as_kept(scheme, words, tensors) -> np.ndarray:
    """The words as the layouts keep them, no code involved."""
    spans = {tensor.name: tensor.span for tensor in tensors}
    kept = np.empty_like(words)
    for group in scheme.groups:
        parts = quantise_group(group, [words[spans[name]] for name in group.tensors])
        for name, part in zip(group.tensors, parts, strict=True):
            kept[spans[name]] = part
    return kept


@pytest.mark.parametrize("plan", [REPEATED, UNCODED], ids=["repetition", "uncoded"])
def test_words_come_back_as_the_layouts_keep_them(fitted, plan):
    tensors, words, fit = fitted
    scheme = fit(plan)
    stored = protect_words(scheme, words, tensors)
    recovered = recover_words(scheme, stored, tensors)
    assert np.array_equal(recovered.words, as_kept(scheme, words, tensors))
    assert (recovered.corrected_bits, recovered.corrected_words, recovered.detected_words) == (0, 0, 0)
    repaired, reports = repair_words(scheme, stored, tensors)
    assert np.array_equal(repaired, stored)
    assert sum(report.corrected_bits for report in reports) == 0


def test_copies_in_the_minority_are_repaired_and_bits_without_use_too(fitted):
    tensors, words, fit = fitted
    scheme = fit(REPEATED)
    stored = protect_words(scheme, words, tensors)
    hit = stored.copy()
    spans = {tensor.name: tensor.span for tensor in tensors}
    flipped = code_words = 0
    for group in scheme.groups:
        if group.span == "word":
            # Two of five copies of all six bits, and the two bits that the code leaves.
            hit[spans[group.tensors[0]]] ^= np.uint32(0b11 << 30 | 0b111111 << 24 | 0b111111 << 6)
            flipped += 14 * (spans[group.tensors[0]].stop - spans[group.tensors[0]].start)
            code_words += spans[group.tensors[0]].stop - spans[group.tensors[0]].start
        else:
            # The middle copy, which lies in the words 29..57 of four: bits 29-31 of the first, 0-25 of the second.
            hit[spans[group.tensors[0]]] ^= np.uint32(0b111 << 29)
            hit[spans[group.tensors[1]]] ^= np.uint32((1 << 26) - 1)
            hit[spans[group.tensors[3]]] ^= np.uint32(1 << 31)
            flipped += 30 * (spans[group.tensors[0]].stop - spans[group.tensors[0]].start)
            code_words += spans[group.tensors[0]].stop - spans[group.tensors[0]].start
    assert np.bitwise_count(hit ^ stored).sum() == flipped
    recovered = recover_words(scheme, hit, tensors)
    assert np.array_equal(recovered.words, as_kept(scheme, words, tensors))
    assert recovered.corrected_words == code_words == sum(report.words for report in recovered.groups)
    repaired, reports = repair_words(scheme, hit, tensors)
    assert np.array_equal(repaired, stored)
    assert sum(report.corrected_bits for report in reports) == flipped
    assert sum(report.corrected_words for report in reports) == code_words


def test_uncoded_bits_are_read_as_they_are_and_others_do_nothing(fitted):
    tensors, words, fit = fitted
    scheme = fit(UNCODED)
    stored = protect_words(scheme, words, tensors)
    kept = as_kept(scheme, words, tensors)
    above = recover_words(scheme, stored ^ np.uint32(~np.uint32((1 << 13) - 1)), tensors)
    assert np.array_equal(above.words, kept)
    assert above.corrected_bits == 0
    for bit in range(13):
        below = recover_words(scheme, stored ^ np.uint32(1 << bit), tensors)
        # Every data word stands for another value, but for that of no sign.
        differs = (below.words != kept).mean()
        assert differs > 0.9
        assert (below.corrected_bits, below.detected_words) == (0, 0)


@pytest.mark.parametrize("rule", ["thesis", "derived"])
def test_forced_layouts_without_a_code_keep_every_variable_bit(fitted, rule):
    """Uncoded, any number of data bits fits, so the layout alone decides what is kept."""
    tensors, words, _ = fitted
    choice = Choice(floor=0x60, depth=-1)
    scheme = forced_scheme(choice, rule, uncoded, "keep", tensors, words, BINARY32, "majority")
    found = recover_words(scheme, protect_words(scheme, words, tensors), tensors).words
    floor = np.uint32(0x60 << 23)
    small = (words & np.uint32(0x7FFFFFFF)) < floor
    assert np.array_equal(found[~small], words[~small])


def test_most_data_bits_gives_up_low_bits_of_the_mantissa(fitted):
    tensors, words, _ = fitted
    choice = Choice(floor=0x60, depth=8)
    of = {
        most: forced_scheme(choice, "derived", uncoded, "keep", tensors, words, BINARY32, "majority", most)
        for most in (None, 32, 10)
    }
    for all_bits, same, few in zip(*(scheme.groups for scheme in of.values()), strict=True):
        assert same.layouts[0].data_bits == all_bits.layouts[0].data_bits
        assert few.layouts[0].data_bits == min(10, all_bits.layouts[0].data_bits)
    errors = {}
    for most in (None, 10):
        found = recover_words(of[most], protect_words(of[most], words, tensors), tensors).words
        errors[most] = np.abs(found.view(np.float32).astype(float) - words.view(np.float32)).sum()
    assert errors[10] > errors[None]
