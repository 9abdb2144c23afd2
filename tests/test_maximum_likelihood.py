"""Maximum likelihood: the nearest codeword, ties reported, never more failed words than within bounded distance."""

from time import perf_counter

import numpy as np
import pytest
from scipy.stats import binomtest

from sparebits.codes.catalogue import named_code
from sparebits.codes.packing import pack
from sparebits.decoding.bounded_distance import decoder_for
from sparebits.decoding.majority import decode_majority
from sparebits.decoding.maximum_likelihood import decode_nearest
from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS, ber_mask

CODES = [
    "hamming(7,4)",
    "secded(15,10)",
    "extended-bch(16,7)",
    "tabulated(16,8)",
    "golay(24,12)",
    "bch(31,6)",
    "reed-muller(32,6)",
    "tabulated(32,8)",
    "extended-bch(32,11)",
    "reed-muller(64,7)",
]


def random_words(code, count: int, seed: int = 1) -> np.ndarray:
    """Words at any distance from the code, of its packed type."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 1 << code.n, count, dtype=np.uint64, endpoint=False).astype(code.codewords().dtype)


def flipped_codewords(code, count: int, ber: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random data words, and their codewords with bits flipped at a rate."""
    data = np.random.default_rng(seed).integers(0, 1 << code.k, count).astype(code.data_of(code.codewords()).dtype)
    words = code.encode(data)
    mask = ber_mask(seed, PARAMETERS, count, 8 * words.itemsize, ber) & words.dtype.type((1 << code.n) - 1)
    return data, words ^ mask


def failed_words(decoded, data: np.ndarray) -> int:
    """Words that are detected, or wrong."""
    failed = decoded.data != data
    failed[decoded.detected] = True
    return int(failed.sum())


@pytest.mark.parametrize("name", CODES)
def test_the_nearest_codeword_is_taken_and_ties_are_reported(name):
    code = named_code(name)
    words = random_words(code, 2_000)
    distances = np.bitwise_count(words[:, None] ^ code.codewords()[None, :])
    nearest = distances.min(axis=1)
    is_tie = (distances == nearest[:, None]).sum(axis=1) > 1
    decoded = decode_nearest(code, words)
    assert np.array_equal(decoded.detected, np.flatnonzero(is_tie))
    assert decoded.detected.dtype == np.int64
    assert np.array_equal(decoded.data, np.where(is_tie, code.data_of(words), distances.argmin(axis=1)))
    assert decoded.corrected_bits == nearest[~is_tie].sum()
    assert decoded.corrected_words == (nearest[~is_tie] > 0).sum()
    # Both outcomes occur, except in a perfect code, where no word is equally far from two codewords.
    assert is_tie.any() == (name != "hamming(7,4)")
    assert not is_tie.all()


def test_codewords_far_more_than_a_cache_holds():
    code = named_code("tabulated(32,17)")
    words = random_words(code, 200)
    decoded = decode_nearest(code, words)
    distances = np.bitwise_count(words[:, None] ^ code.codewords()[None, :])
    assert np.array_equal(decoded.detected, np.flatnonzero((distances == distances.min(1)[:, None]).sum(1) > 1))
    solved = np.setdiff1d(np.arange(200), decoded.detected)
    assert np.array_equal(decoded.data[solved], distances.argmin(axis=1)[solved])


@pytest.mark.parametrize("name", ["reed-muller(32,6)", "tabulated(32,8)", "extended-bch(32,11)", "tabulated(32,13)"])
@pytest.mark.parametrize("ber", [0.05, 0.08, 0.12])
def test_no_more_words_fail_than_within_bounded_distance(name, ber):
    code = named_code(name)
    data, words = flipped_codewords(code, 50_000, ber, seed=8)
    bounded, nearest = decoder_for(code).decode(words), decode_nearest(code, words)
    # Word by word: what bounded distance restores, maximum likelihood restores too.
    restored = bounded.data == data
    restored[bounded.detected] = False
    assert (nearest.data[restored] == data[restored]).all()
    assert not np.isin(nearest.detected, np.flatnonzero(restored)).any()
    assert failed_words(nearest, data) < failed_words(bounded, data)


@pytest.mark.parametrize("name", ["hamming(7,4)", "hamming(15,11)", "golay(23,12)"])
def test_for_perfect_codes_it_is_bounded_distance(name):
    code = named_code(name)
    words = random_words(code, 20_000)
    bounded, nearest = decoder_for(code).decode(words), decode_nearest(code, words)
    assert np.array_equal(nearest.data, bounded.data)
    assert (nearest.corrected_bits, nearest.corrected_words) == (bounded.corrected_bits, bounded.corrected_words)
    assert len(nearest.detected) == len(bounded.detected) == 0


@pytest.mark.parametrize("name", ["secded(8,4)", "tabulated(16,8)", "extended-bch(16,7)", "reed-muller(16,5)"])
@pytest.mark.parametrize("p", [0.05, 0.15])
def test_word_errors_are_as_frequent_as_all_patterns_say(name, p):
    code = named_code(name)
    # By linearity a codeword's patterns are those of zero: restored where zero is nearer than every other codeword.
    patterns = np.arange(1 << code.n, dtype=code.codewords().dtype)
    weights = np.bitwise_count(patterns).astype(int)
    to_others = np.bitwise_count(patterns[:, None] ^ code.codewords()[None, 1:])
    two_nearest = np.sort(np.column_stack([weights, to_others]), axis=1)[:, :2]
    is_tie = two_nearest[:, 0] == two_nearest[:, 1]
    probability = p**weights * (1.0 - p) ** (code.n - weights)
    fails, ties = probability[weights >= to_others.min(axis=1)].sum(), probability[is_tie].sum()
    data, words = flipped_codewords(code, 100_000, p, seed=21)
    decoded = decode_nearest(code, words)
    assert binomtest(failed_words(decoded, data), len(words), fails).pvalue > 1e-4
    assert binomtest(len(decoded.detected), len(words), ties).pvalue > 1e-4


def test_bits_above_the_code_are_ignored():
    code = named_code("secded(15,10)")
    words = random_words(code, 5_000)
    clean, dirty = decode_nearest(code, words), decode_nearest(code, words | np.uint16(1 << 15))
    assert np.array_equal(clean.data, dirty.data)
    assert np.array_equal(clean.detected, dirty.detected)
    assert clean.corrected_bits == dirty.corrected_bits


def test_adjacent_doubles_that_a_code_corrects_stay_corrected():
    code = named_code("sec-daec(16,11)")
    words = np.array([3 << position for position in range(code.n - 1)], dtype=np.uint16)
    decoded = decode_nearest(code, words)
    assert not decoded.data.any()
    assert len(decoded.detected) == 0


def test_no_words_and_words_that_may_not_be_written():
    code = named_code("extended-bch(32,11)")
    assert len(decode_nearest(code, np.empty(0, dtype=np.uint32)).data) == 0
    words = random_words(code, 100)
    words.setflags(write=False)
    strided = np.repeat(words, 2)[::2]
    assert np.array_equal(decode_nearest(code, words).data, decode_nearest(code, strided).data)


# --- codes of more than 64 bits, whose codewords are searched


@pytest.fixture(scope="module")
def long_code():
    """[128,22,48], and its 2^22 codewords."""
    code = named_code("extended-bch(128,22)")
    return code, code.codewords()


def with_flips(words: np.ndarray, counts, seed: int) -> np.ndarray:
    """Words of two limbs with so many flips each, anywhere."""
    generator = np.random.default_rng(seed)
    masks = np.zeros((len(words), 128), dtype=np.uint8)
    for mask, count in zip(masks, counts, strict=True):
        mask[generator.choice(128, size=count, replace=False)] = 1
    return words ^ pack(masks)


def among_all(word: np.ndarray, codewords: np.ndarray) -> tuple[int, int, int]:
    """Data word of a nearest codeword, its distance, and how many are as near, by listing all of them."""
    distances = np.bitwise_count(codewords ^ word).sum(axis=1, dtype=np.int64)
    nearest = int(distances.argmin())
    return nearest, int(distances[nearest]), int((distances == distances[nearest]).sum())


def test_the_nearest_of_all_codewords_of_a_long_code(long_code):
    code, codewords = long_code
    sent = np.random.default_rng(2).integers(0, 1 << 22, 12)
    flips = [0, 1, 23, 24, 24, 25, 26, 27, 28, 29, 30, 30]
    words = with_flips(codewords[sent], flips, seed=3)
    # Far from every codeword too.
    words = np.concatenate([words, np.random.default_rng(4).integers(0, 1 << 64, (6, 2), dtype=np.uint64)])
    decoded = decode_nearest(code, words)
    corrected_bits = corrected_words = 0
    for number, word in enumerate(words):
        nearest, distance, count = among_all(word, codewords)
        assert (number in decoded.detected) == (count > 1)
        if count == 1:
            assert decoded.data[number] == nearest
            corrected_bits += distance
            corrected_words += distance > 0
        else:
            assert decoded.data[number] == code.data_of(word[None])[0]
    assert (decoded.corrected_bits, decoded.corrected_words) == (corrected_bits, corrected_words)
    # Up to 30 flips the word that was sent is the nearest in all of these.
    assert np.array_equal(decoded.data[:12], sent)


def test_ties_between_long_codewords_are_seen_wherever_they_stand(long_code):
    code, codewords = long_code
    # From half of the ones of a lightest codeword the zero word is as far as that codeword.
    weights = np.bitwise_count(codewords).sum(axis=1, dtype=np.int64)
    lightest = np.flatnonzero(weights == 48)
    generator = np.random.default_rng(5)
    # Anywhere in the list, or with the same low or the same high data bits, which are two tables of the search.
    same_low, same_high = lightest[lightest % (1 << 12) == 0], lightest[lightest < 1 << 12]
    picked = [same_low[0], same_high[0], lightest[-1], *generator.choice(lightest, 4)]
    halves, more = [], []
    for index in picked:
        ones = np.flatnonzero(np.unpackbits(codewords[index].view(np.uint8), bitorder="little"))
        ones = generator.permutation(ones)
        mask = np.zeros((2, 128), dtype=np.uint8)
        mask[0, ones[:24]] = 1
        mask[1, ones[:25]] = 1
        half, past = pack(mask)
        halves.append(half)
        more.append(past)
    offset = codewords[0x2A5A5A]
    decoded = decode_nearest(code, np.array(halves) ^ offset)
    assert decoded.detected.tolist() == list(range(len(picked)))
    assert (decoded.corrected_bits, decoded.corrected_words) == (0, 0)
    # One flip more, and that codeword is the nearer by two.
    decoded = decode_nearest(code, np.array(more) ^ offset)
    assert len(decoded.detected) == 0
    assert np.array_equal(decoded.data, np.array(picked) ^ 0x2A5A5A)
    assert decoded.corrected_bits == 23 * len(picked)


@pytest.mark.parametrize("name", ["repetition(66,22)", "repetition(110,22)", "repetition(124,4)"])
def test_the_nearest_of_repeated_words_is_the_majority(name):
    code = named_code(name)
    bits = np.random.default_rng(6).integers(0, 2, (12, 128), dtype=np.uint8)
    # Bits above the code are set in some.
    nearest, voted = decode_nearest(code, pack(bits)), decode_majority(code, pack(bits))
    assert np.array_equal(nearest.data, voted.data)
    assert len(nearest.detected) == 0
    assert (nearest.corrected_bits, nearest.corrected_words) == (voted.corrected_bits, voted.corrected_words)


@pytest.mark.parametrize(("name", "t"), [("reed-muller(128,8)", 31), ("extended-bch(128,29)", 21)])
def test_long_codes_of_other_sizes_correct_one_flip_more_than_t(name, t):
    code = named_code(name)
    assert code.t == t
    sent = np.random.default_rng(7).integers(0, 1 << code.k, 3).astype(code.data_of(np.zeros((1, 2), "u8")).dtype)
    words = with_flips(code.encode(sent), [t, t + 1, t + 1], seed=8)
    assert len(decoder_for(code).decode(words).detected) == 2
    decoded = decode_nearest(code, words)
    assert np.array_equal(decoded.data, sent)
    assert len(decoded.detected) == 0
    assert (decoded.corrected_bits, decoded.corrected_words) == (3 * t + 2, 3)


def test_a_search_is_faster_than_a_list(long_code):
    code, codewords = long_code
    words = with_flips(codewords[:4], [26] * 4, seed=9)
    decode_nearest(code, words)  # compiles
    searching, listing = [], []
    for _ in range(3):
        start = perf_counter()
        decode_nearest(code, words)
        searching.append((perf_counter() - start) / len(words))
        start = perf_counter()
        among_all(words[0], codewords)
        listing.append(perf_counter() - start)
    assert min(searching) < min(listing) / 2
    # Words within t flips, nearly all of them, are not searched for.
    many = with_flips(codewords[:2_000], [23] * 2_000, seed=10)
    start = perf_counter()
    decode_nearest(code, many)
    assert perf_counter() - start < 2_000 * min(listing) / 20


@pytest.mark.parametrize("name", ["extended-bch(32,21)", "extended-bch(128,43)"])
def test_a_code_too_large_is_refused(name):
    with pytest.raises(InputError, match="decode within t flips instead"):
        decode_nearest(named_code(name), np.zeros(1, dtype=np.uint32))
