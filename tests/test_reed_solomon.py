"""Reed–Solomon codes: those of galois, every error and erasure within the bound corrected, all else reported."""

from contextlib import contextmanager

import galois
import numba
import numpy as np
import pytest

from sparebits.errors import InputError
from sparebits.long_codes.additive_transform import evaluate, transform_of
from sparebits.long_codes.galois_field import field_of
from sparebits.long_codes.reed_solomon import ReedSolomon, reed_solomon

FIELDS = range(3, 14)
# Of every field, full and shortened, of high and low rate, with an odd and an even number of check symbols.
CODES = [
    *[(7, 3, 3), (6, 3, 3), (5, 1, 3), (15, 9, 4), (12, 5, 4), (31, 21, 5), (40, 23, 6), (127, 64, 7), (255, 223, 8)],
    *[(100, 37, 8), (300, 250, 9), (700, 600, 10), (900, 700, 11), (1500, 1300, 12), (2000, 1700, 13)],
]
LARGEST = reed_solomon(8190, 6301, 13)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def random_symbols(rng, rows: int, columns: int, m: int) -> np.ndarray:
    return rng.integers(0, 1 << m, (rows, columns), dtype=np.uint16)


def hit(rng, sent: np.ndarray, m: int, errors: int, erasures: int) -> tuple[np.ndarray, np.ndarray]:
    """Words with so many wrong symbols, and as many others erased and filled with anything; and the erasures."""
    words, erased = sent.copy(), np.zeros(sent.shape, dtype=bool)
    for word, gone in zip(words, erased, strict=True):
        places = rng.permutation(sent.shape[1])[: errors + erasures]
        word[places[:errors]] ^= rng.integers(1, 1 << m, errors, dtype=np.uint16)
        word[places[errors:]] = rng.integers(0, 1 << m, erasures, dtype=np.uint16)
        gone[places[errors:]] = True
    return words, erased


def all_messages(k: int, m: int) -> np.ndarray:
    """uint16 (2^(m k), k)."""
    return (np.arange(1 << m * k)[:, None] >> m * np.arange(k) & (1 << m) - 1).astype(np.uint16)


def nearest_within_bound(code: ReedSolomon, words: np.ndarray, erased: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The obvious way: which of `all_messages` has 2 errors + erasures <= n - k, -1 if none does; and the errors."""
    codewords = code.encode(all_messages(code.k, code.m))
    found, errors = np.full(len(words), -1), np.zeros(len(words), dtype=np.int64)
    for row, (word, gone) in enumerate(zip(words, erased, strict=True)):
        wrong = ((codewords != word) & ~gone).sum(axis=1)
        near = np.flatnonzero(2 * wrong + gone.sum() <= code.checks)
        assert len(near) <= 1
        if len(near):
            found[row], errors[row] = near[0], wrong[near[0]]
    return found, errors


@contextmanager
def galois_field(m: int):
    """GF(2^m) of galois, interpreted, as compiling it would take longer than all the tests. Arrays are of objects."""
    field = galois.GF(2**m, compile="python-calculate")
    try:
        yield field
    finally:
        field.compile("auto")


def evaluate_slowly(coefficients: np.ndarray, points: np.ndarray, m: int) -> np.ndarray:
    """Horner's rule, the highest coefficient first."""
    values = np.zeros(len(points), dtype=np.uint16)
    for coefficient in coefficients:
        values = field_of(m).multiply(values, points) ^ coefficient
    return values


@pytest.mark.parametrize("m", FIELDS)
def test_fields_are_those_of_galois(m, rng):
    field = field_of(m)
    a, b = random_symbols(rng, 2, 300, m)
    a[:20], b[10:30] = 0, 0
    with galois_field(m) as expected:
        assert (field.multiply(a, b) == expected(a) * expected(b)).all()
        assert (field.divide(a, b | 1) == expected(a) / expected(b | 1)).all()
        assert int(expected.primitive_element) == field.exp[1]
    assert sorted(field.exp[: field.order]) == list(range(1, 1 << m))


@pytest.mark.parametrize("m", FIELDS)
def test_transform_evaluates_polynomials_of_every_length(m, rng):
    points = np.arange(1 << m, dtype=np.uint16)
    for count in {0, 1, 2, 3, 5, (1 << m) // 2 + 1, 1 << m}:
        values = np.zeros(1 << m, dtype=np.uint16)
        values[:count] = rng.integers(0, 1 << m, count)
        chosen = points if m < 9 else rng.choice(points, 50)
        expected = evaluate_slowly(values[:count][::-1], chosen, m)
        evaluate(values, count, transform_of(m))
        assert (values[chosen] == expected).all()


@pytest.mark.parametrize(("n", "k", "m"), [code for code in CODES if code[2] < 10])
def test_codewords_and_corrections_are_those_of_galois(n, k, m, rng):
    code, full = ReedSolomon(n, k, m), 2**m - 1
    messages = random_symbols(rng, 2, k, m)
    words = code.encode(messages)
    damaged, erased = hit(rng, words, m, code.checks // 2, 0)
    decoded = code.decode(damaged, erased)
    with galois_field(m) as field:
        expected = galois.ReedSolomon(full, full - n + k, field=field)
        assert (words == expected.encode(field(messages))).all()
        corrected, errors = expected.decode(field(damaged), output="codeword", errors=True)
    assert (decoded.words == corrected).all()
    assert (decoded.errors == errors).all()


@pytest.mark.parametrize("code", [LARGEST, ReedSolomon(4095, 3000, 12), ReedSolomon(2047, 1, 11)])
def test_long_codewords_have_the_message_in_front_and_all_the_zeros(code, rng):
    # Of codes as long as these galois builds matrices of hundreds of megabytes.
    messages = random_symbols(rng, 1, code.k, code.m)
    word = code.encode(messages)[0]
    assert (word[: code.k] == messages[0]).all()
    zeros = field_of(code.m).exp[1 : code.checks + 1]
    assert not evaluate_slowly(word, zeros, code.m).any()
    assert evaluate_slowly(word, field_of(code.m).exp[code.checks + 1 :][:1], code.m).all()


@pytest.mark.parametrize(("n", "k", "m"), CODES)
def test_every_pattern_within_the_bound_is_corrected(n, k, m, rng):
    code = reed_solomon(n, k, m)
    sent = code.encode(random_symbols(rng, 3, k, m))
    assert code.passes(sent).all()
    for erasures in sorted({0, 1, 2, code.checks // 3, code.checks // 2, code.checks - 2, code.checks}):
        most = (code.checks - erasures) // 2
        for errors in sorted({0, 1, most // 2, most - 1, most} & set(range(most + 1))):
            words, erased = hit(rng, sent, m, errors, erasures)
            decoded = code.decode(words, erased)
            assert not decoded.failed.any()
            assert (decoded.words == sent).all()
            assert (decoded.errors == errors).all()


@pytest.mark.parametrize(("errors", "erasures"), [(150, 1000), (444, 1000), (944, 0), (0, 1889), (1, 1887), (0, 0)])
def test_the_largest_code_corrects_up_to_its_bound(errors, erasures, rng):
    sent = LARGEST.encode(random_symbols(rng, 3, LARGEST.k, 13))
    words, erased = hit(rng, sent, 13, errors, erasures)
    decoded = LARGEST.decode(words, erased)
    assert (decoded.words == sent).all()
    assert (decoded.errors == errors).all()
    assert (LARGEST.passes(words) == (errors + erasures == 0)).all()


@pytest.mark.parametrize(("errors", "erasures"), [(445, 1000), (600, 1000), (945, 0), (3000, 0), (1, 1888), (0, 1890)])
def test_the_largest_code_reports_what_is_beyond_it(errors, erasures, rng):
    sent = LARGEST.encode(random_symbols(rng, 2, LARGEST.k, 13))
    words, erased = hit(rng, sent, 13, errors, erasures)
    decoded = LARGEST.decode(words, erased)
    assert decoded.failed.all()
    assert (decoded.words == words).all()
    assert not decoded.errors.any()


def test_errors_beside_as_many_erasures_as_check_symbols_go_unnoticed(rng):
    code = ReedSolomon(40, 30, 6)
    sent = code.encode(random_symbols(rng, 20, 30, 6))
    words, erased = hit(rng, sent, 6, 1, 10)
    decoded = code.decode(words, erased)
    assert not decoded.failed.any()
    assert (decoded.words != sent).any(axis=1).all()
    assert code.passes(decoded.words, 10).all()


@pytest.mark.parametrize(("n", "k"), [(7, 3), (7, 2), (6, 2), (5, 2), (5, 1), (4, 3), (3, 1), (7, 1)])
def test_whatever_is_received_the_codeword_within_the_bound_is_found_or_the_word_fails(n, k, rng):
    code = ReedSolomon(n, k, 3)
    words = random_symbols(rng, 3000, n, 3)
    erased = rng.random(words.shape) < rng.choice([0, 0.2, 0.4, 0.6], 3000)[:, None]
    # Near codewords as well, as most words are near none.
    sent = code.encode(random_symbols(rng, 1500, k, 3))
    words[:1500] = np.where(rng.random(sent.shape) < 0.25, words[:1500], sent)
    found, errors = nearest_within_bound(code, words, erased)
    decoded = code.decode(words, erased)
    assert (decoded.failed == (found < 0)).all()
    assert 0 < decoded.failed.sum() < 3000
    expected = np.where(decoded.failed[:, None], words, code.encode(all_messages(k, 3))[found])
    assert (decoded.words == expected).all()
    assert (decoded.errors == errors).all()


def test_as_many_words_are_decoded_as_the_spheres_around_codewords_hold():
    code = ReedSolomon(6, 2, 3)
    words = all_messages(6, 3)
    decoded = code.decode(words, np.zeros(words.shape, dtype=bool))
    spheres = [6**0, 6 * 7, 15 * 7**2]
    for errors, size in enumerate(spheres):
        assert ((decoded.errors == errors) & ~decoded.failed).sum() == 8**2 * size
    assert (~decoded.failed).sum() == 8**2 * sum(spheres)


def test_erased_symbols_may_be_right(rng):
    code = ReedSolomon(60, 40, 8)
    sent = code.encode(random_symbols(rng, 4, 40, 8))
    erased = np.zeros(sent.shape, dtype=bool)
    erased[:, 5:15] = True
    words = sent.copy()
    words[1:, 20:25] ^= 1
    words[2:, 8:12] ^= 77
    decoded = code.decode(words, erased)
    assert (decoded.words == sent).all()
    assert decoded.errors.tolist() == [0, 5, 5, 5]
    erased[:, :21] = True
    assert code.decode(sent, erased).failed.all()


@pytest.mark.parametrize("syndromes", [1, 2, 4])
def test_the_quick_check_notices_so_many_wrong_symbols_and_misses_others_as_rarely_as_chance(syndromes, rng):
    code = ReedSolomon(7, 2, 3)
    sent = code.encode(random_symbols(rng, 40_000, 2, 3))
    assert code.passes(sent, syndromes).all()
    for errors in range(1, syndromes + 1):
        words, _ = hit(rng, sent[:3000], 3, errors, 0)
        assert not code.passes(words, syndromes).any()
    missed = code.passes(random_symbols(rng, 40_000, 7, 3), syndromes).sum()
    expected = 40_000 / 8**syndromes
    assert abs(missed - expected) < 5 * expected**0.5


def test_codes_without_check_symbols_accept_every_word_and_no_erasure(rng):
    code = ReedSolomon(20, 20, 5)
    words = random_symbols(rng, 3, 20, 5)
    assert (code.encode(words) == words).all()
    assert code.passes(words).all()
    erased = np.zeros(words.shape, dtype=bool)
    erased[1, 4] = True
    decoded = code.decode(words, erased)
    assert decoded.failed.tolist() == [False, True, False]
    assert (decoded.words == words).all()


def test_a_single_message_symbol_survives_all_but_one_erasure(rng):
    code = ReedSolomon(8191, 1, 13)
    sent = code.encode(np.array([[4711]], dtype=np.uint16))
    erased = np.ones(sent.shape, dtype=bool)
    erased[0, 5000] = False
    assert (code.decode(np.where(erased, 0, sent).astype(np.uint16), erased).words == sent).all()


def test_a_code_of_one_symbol_and_no_words_at_all():
    code = ReedSolomon(1, 1, 3)
    assert code.encode(np.array([[5]], dtype=np.uint16)).tolist() == [[5]]
    none = np.empty((0, 8190), dtype=np.uint16)
    assert LARGEST.encode(none[:, :6301]).shape == (0, 8190)
    assert LARGEST.passes(none).shape == (0,)
    decoded = LARGEST.decode(none, none.astype(bool))
    assert (decoded.words.shape, decoded.failed.shape, decoded.errors.shape) == ((0, 8190), (0,), (0,))


def test_arrays_in_any_order_are_taken_and_left_as_they_are(rng):
    code = ReedSolomon(50, 30, 6)
    sent = code.encode(np.asfortranarray(random_symbols(rng, 6, 30, 6)))
    words, erased = hit(rng, sent, 6, 5, 10)
    given = np.asfortranarray(words)
    given.flags.writeable = False
    decoded = code.decode(given[::2], np.asfortranarray(erased)[::2])
    assert (decoded.words == sent[::2]).all()
    assert (given == words).all()
    assert not code.passes(given).any()


def test_threads_do_not_change_the_results(rng, monkeypatch):
    code = ReedSolomon(2000, 1700, 13)
    found = []
    messages = random_symbols(rng, 40, code.k, 13)
    words, erased = hit(rng, code.encode(messages), 13, 100, 101)
    words[::3], erased[::3] = hit(rng, code.encode(messages[::3]), 13, 90, 101)
    for threads in (1, 3):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        decoded = code.decode(words, erased)
        results = (code.encode(messages), code.passes(words), decoded.words, decoded.failed, decoded.errors)
        found.append([result.tolist() for result in results])
    assert found[0] == found[1]
    assert decoded.failed.sum() == 40 - 14


@pytest.mark.parametrize(
    ("n", "k", "m", "message"),
    [
        (8, 3, 3, "1 <= k <= n <= 7"),
        (7, 0, 3, "1 <= k <= n"),
        (7, 8, 3, "1 <= k <= n"),
        (0, 0, 3, "1 <= k <= n"),
        (3, 1, 2, r"not GF\(2\^2\)"),
        (100, 50, 14, r"not GF\(2\^14\)"),
    ],
)
def test_impossible_codes_are_refused(n, k, m, message):
    with pytest.raises(InputError, match=message):
        ReedSolomon(n, k, m)


def test_wrong_arrays_are_refused():
    code = ReedSolomon(15, 9, 4)
    words, erased = np.zeros((2, 15), dtype=np.uint16), np.zeros((2, 15), dtype=bool)
    for call in (code.passes, code.encode, lambda words: code.decode(words, erased)):
        with pytest.raises(TypeError, match="int64, not uint16"):
            call(words.astype(np.int64))
        with pytest.raises(ValueError, match="have the shape"):
            call(words[:, :5])
        with pytest.raises(ValueError, match="have the shape"):
            call(words[0])
    for call in (code.passes, lambda words: code.decode(words, erased), lambda words: code.encode(words[:, :9])):
        with pytest.raises(ValueError, match=r"over GF\(2\^4\) have a symbol 16"):
            call(np.full((2, 15), 16, dtype=np.uint16))
    with pytest.raises(TypeError, match="erased are uint16, not bool"):
        code.decode(words, words)
    with pytest.raises(ValueError, match=r"erased have the shape \(1, 15\), not \(2, 15\)"):
        code.decode(words, erased[:1])
