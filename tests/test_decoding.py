"""Decoding: every correctable error is corrected, others are told, and every version agrees with the obvious one."""

from itertools import pairwise
from math import comb

import komm
import numba
import numpy as np
import pytest
import torch
from scipy.stats import binom

from sparebits.codes.bch import extended_bch_code
from sparebits.codes.catalogue import code_names, named_code
from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import as_limbs, from_limbs, limbs_of, pack, packed_dtype, unpack
from sparebits.codes.probabilities import word_probabilities
from sparebits.codes.reed_muller import reed_muller_code
from sparebits.decoding.algebraic import AlgebraicDecoder, algebraic_decoder
from sparebits.decoding.bounded_distance import BoundedDistanceDecoder, DecodedWords, decoder_for
from sparebits.decoding.correlation import Correlation, correlation
from sparebits.decoding.gpu import torch_decoder
from sparebits.decoding.leaders import LeaderTable
from sparebits.decoding.minifloat_words import encode_values
from sparebits.decoding.oracle import decode_by_distances
from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.layouts.minifloat import Minifloat

SHORT = [name for name in code_names() if named_code(name).n <= 32]
OF_64_BITS = ["extended-bch(64,10)", "extended-bch(64,16)", "extended-bch(64,18)", "extended-bch(64,24)"]
OF_128_BITS = ["extended-bch(128,22)", "extended-bch(128,29)", "extended-bch(128,43)"]
ALGEBRAIC = [*OF_64_BITS[1:], "extended-bch(64,30)", "extended-bch(64,36)", "reed-muller(64,22)", *OF_128_BITS]


def random_data(code: LinearCode, count: int, seed: int) -> np.ndarray:
    last = (1 << code.k) - 1
    data = np.random.default_rng(seed).integers(0, last, count, dtype=np.uint64, endpoint=True)
    return data.astype(packed_dtype(code.k))


def random_words(code: LinearCode, count: int, seed: int) -> np.ndarray:
    """Any bit patterns of the words' type, bits above n among them."""
    dtype = packed_dtype(code.n)
    shape = (count,) if code.n <= 64 else (count, limbs_of(code.n))
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def random_errors(code: LinearCode, weight: int, count: int, seed: int) -> np.ndarray:
    """Error patterns of that weight, packed like words."""
    bits = np.zeros((count, code.n), dtype=np.uint8)
    positions = np.random.default_rng(seed).random((count, code.n)).argsort(axis=1)[:, :weight]
    np.put_along_axis(bits, positions, 1, axis=1)
    return pack(bits)


def every_error(code: LinearCode, weight: int) -> np.ndarray:
    """All error patterns of that weight, packed, by adding a higher position to every pattern of one less."""
    patterns = np.zeros(1, dtype=np.uint32)
    for _ in range(weight):
        patterns = np.concatenate(
            [patterns[patterns < 1 << position] | np.uint32(1 << position) for position in range(code.n)]
        )
    return patterns.astype(packed_dtype(code.n))


def flipped(code: LinearCode, words: np.ndarray, ber: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return words ^ pack(rng.random((len(words), code.n), dtype=np.float32) < ber)


def assert_same(found: DecodedWords, expected: DecodedWords) -> None:
    assert np.array_equal(found.data, expected.data)
    assert np.array_equal(found.detected, expected.detected)
    assert (found.corrected_bits, found.corrected_words) == (expected.corrected_bits, expected.corrected_words)


@pytest.mark.parametrize("name", SHORT)
def test_every_error_of_up_to_t_flips_is_corrected(name):
    code = named_code(name)
    decoder = decoder_for(code)
    for weight in range(code.t + 1):
        errors = every_error(code, weight)
        assert len(errors) == comb(code.n, weight)
        data = random_data(code, len(errors), seed=weight)
        decoded = decoder.decode(decoder.encode(data) ^ errors)
        assert np.array_equal(decoded.data, data)
        assert len(decoded.detected) == 0
        assert decoded.corrected_bits == weight * len(errors)
        assert decoded.corrected_words == (len(errors) if weight else 0)


@pytest.mark.parametrize("name", SHORT)
def test_more_flips_than_t_are_detected_as_far_as_the_distance_promises(name):
    code = named_code(name)
    decoder = decoder_for(code)
    for weight in range(code.t + 1, code.detects_beside_correction + 1):
        quick = comb(code.n, weight) <= 100_000
        errors = every_error(code, weight) if quick else random_errors(code, weight, 20_000, seed=weight)
        if code.adjacent_doubles == "corrected":
            errors = errors[errors & (errors >> errors.dtype.type(1)) == 0]
        data = random_data(code, len(errors), seed=weight)
        received = decoder.encode(data) ^ errors
        decoded = decoder.decode(received)
        assert np.array_equal(decoded.detected, np.arange(len(errors)))
        assert (decoded.corrected_bits, decoded.corrected_words) == (0, 0)
        # The data bits of detected words stay as they are.
        assert np.array_equal(decoded.data, code.data_of(received))


@pytest.mark.parametrize("name", ALGEBRAIC)
def test_errors_in_long_words_are_corrected_up_to_t_and_then_detected(name):
    code = named_code(name)
    decoder = decoder_for(code)
    assert isinstance(decoder.way, AlgebraicDecoder)
    for weight in range(code.detects_beside_correction + 1):
        data = random_data(code, 500, seed=weight)
        received = decoder.encode(data) ^ random_errors(code, weight, 500, seed=weight)
        decoded = decoder.decode(received)
        if weight <= code.t:
            assert np.array_equal(decoded.data, data)
            assert (decoded.corrected_bits, len(decoded.detected)) == (500 * weight, 0)
        else:
            assert np.array_equal(decoded.detected, np.arange(500))
            assert np.array_equal(decoded.data, code.data_of(received))


@pytest.mark.parametrize("parity_is_hit", [False, True])
@pytest.mark.parametrize("name", OF_128_BITS)
def test_the_parity_bit_may_be_one_of_t_errors_or_not(name, parity_is_hit):
    # [128,43,32] has only the power sums for 14 errors: 15 that spare the last position need the guess.
    code = named_code(name)
    decoder = decoder_for(code)
    bits = np.zeros((2000, 128), dtype=np.uint8)
    positions = np.random.default_rng(11).random((2000, 127)).argsort(axis=1)[:, : code.t - parity_is_hit]
    np.put_along_axis(bits, positions, 1, axis=1)
    bits[:, 127] = parity_is_hit
    assert (bits.sum(axis=1) == code.t).all()
    data = random_data(code, 2000, seed=12)
    decoded = decoder.decode(decoder.encode(data) ^ pack(bits))
    assert np.array_equal(decoded.data, data)
    assert (decoded.corrected_bits, decoded.corrected_words, len(decoded.detected)) == (2000 * code.t, 2000, 0)


def test_the_long_code_needs_one_guess_and_no_other_does():
    solved = {name: algebraic_decoder(named_code(name)).solved for name in OF_128_BITS}
    assert solved == {"extended-bch(128,22)": 23, "extended-bch(128,29)": 21, "extended-bch(128,43)": 14}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("hamming(7,4)", LeaderTable),
        ("reed-muller(16,5)", LeaderTable),
        ("tabulated(16,8)", LeaderTable),
        ("golay(23,12)", LeaderTable),
        ("bch(31,11)", LeaderTable),
        ("extended-bch(32,11)", LeaderTable),
        ("shortened(30,9)", LeaderTable),
        ("subcode(32,12)", LeaderTable),
        ("reed-muller(32,6)", Correlation),
        ("bch(31,6)", Correlation),
        ("tabulated(32,8)", Correlation),
        ("reed-muller(64,7)", Correlation),
        ("extended-bch(64,10)", Correlation),
    ],
)
def test_words_at_any_distance_are_decoded_like_the_obvious_version(name, way):
    code = named_code(name)
    decoder = decoder_for(code)
    assert isinstance(decoder.way, way)
    near = flipped(code, decoder.encode(random_data(code, 2000, seed=1)), ber=code.t / code.n, seed=2)
    words = np.concatenate([near, random_words(code, 500, seed=3)])
    assert_same(decoder.decode(words), decode_by_distances(code, words))


@pytest.mark.parametrize(
    "code",
    [
        *(named_code(name) for name in ("extended-bch(16,7)", "extended-bch(32,11)", "reed-muller(32,6)")),
        *(named_code(name) for name in ("subcode(32,9)", "reed-muller(64,7)", "extended-bch(64,10)")),
        extended_bch_code(8, 4),
    ],
    ids=lambda code: code.name,
)
def test_solving_for_the_error_finds_what_comparing_finds(code):
    solving = BoundedDistanceDecoder(code, algebraic_decoder(code))
    comparing = BoundedDistanceDecoder(code, correlation(code))
    data = random_data(code, 100, seed=4)
    for weight in range(code.n + 1):
        words = solving.encode(data) ^ random_errors(code, weight, 100, seed=weight)
        found = solving.decode(words)
        assert_same(found, decode_by_distances(code, words))
        assert_same(found, comparing.decode(words))


def test_guessing_finds_what_solving_finds():
    # With one power sum less than it has, [64,16,24] must guess as [128,43,32] does, and loses nothing.
    code = named_code("extended-bch(64,16)")
    full = algebraic_decoder(code)
    less = AlgebraicDecoder(**{**vars(full), "solved": full.solved - 1})
    words = np.concatenate(
        [
            decoder_for(code).encode(random_data(code, 300, seed=weight)) ^ random_errors(code, weight, 300, weight)
            for weight in range(code.t - 2, code.d)
        ]
    )
    assert_same(BoundedDistanceDecoder(code, less).decode(words), BoundedDistanceDecoder(code, full).decode(words))


def test_other_codes_are_not_solved_for():
    assert algebraic_decoder(named_code("tabulated(32,8)")) is None
    assert algebraic_decoder(named_code("bch(31,11)")) is None
    assert algebraic_decoder(named_code("hsiao(72,64)")) is None


@pytest.mark.parametrize("name", [name for name in code_names("sec-daec") if named_code(name).k in (4, 11, 17)])
def test_neighbouring_double_errors_are_corrected_where_the_code_does_so(name):
    code = named_code(name)
    decoder = decoder_for(code)
    doubles = pack(np.array([[i in pair for i in range(code.n)] for pair in pairwise(range(code.n))]))
    data = random_data(code, code.n - 1, seed=5)
    decoded = decoder.decode(decoder.encode(data) ^ doubles)
    assert np.array_equal(decoded.data, data)
    assert (decoded.corrected_bits, decoded.corrected_words) == (2 * (code.n - 1), code.n - 1)


@pytest.mark.parametrize("name", ["secded(64,57)", "secded(72,64)", "hsiao(72,64)", "hsiao(64,57)"])
def test_wide_words_have_singles_corrected_and_doubles_detected(name):
    code = named_code(name)
    decoder = decoder_for(code)
    bits = np.eye(code.n, dtype=np.uint8)
    data = random_data(code, code.n, seed=6)
    decoded = decoder.decode(decoder.encode(data) ^ pack(bits))
    assert np.array_equal(decoded.data, data)
    assert decoded.corrected_bits == code.n
    doubles = np.array([bits[i] ^ bits[j] for i in range(code.n) for j in range(i)])
    decoded = decoder.decode(decoder.encode(random_data(code, len(doubles), seed=7)) ^ pack(doubles))
    assert len(decoded.detected) == len(doubles) == comb(code.n, 2)


@pytest.mark.parametrize("name", [*SHORT[::7], *ALGEBRAIC, "reed-muller(128,8)", "hsiao(72,64)"])
def test_encoding_is_that_of_the_code(name):
    code = named_code(name)
    data = random_data(code, 300, seed=8)
    words = decoder_for(code).encode(data)
    assert words.dtype == packed_dtype(code.n)
    assert np.array_equal(words, code.encode(data))
    assert np.array_equal(decoder_for(code).encode(data.astype(np.uint64), out=np.empty_like(words)), words)


@pytest.mark.parametrize("name", ["hamming(21,16)", "bch(31,6)", "shortened(30,9)", "secded(72,64)", "hamming(24,19)"])
def test_bits_above_the_word_are_ignored(name):
    code = named_code(name)
    decoder = decoder_for(code)
    sent = decoder.encode(random_data(code, 1000, seed=9))
    received = flipped(code, sent, ber=0.03, seed=10)
    limbs = as_limbs(received, code.n)
    spare = np.uint64(np.iinfo(packed_dtype(code.n)).max) & ~np.uint64((1 << (code.n % 64)) - 1)
    limbs[:, -1] |= random_words(code, 1000, seed=11).reshape(1000, -1)[:, -1].astype(np.uint64) & spare
    disturbed = from_limbs(limbs, code.n)
    assert (disturbed != received).any()
    assert_same(decoder.decode(disturbed), decoder.decode(received))


# Words, and a bit error rate at which all three outcomes are frequent.
RATES = {
    **{"tabulated(16,8)": 0.1, "extended-bch(32,11)": 0.15, "tabulated(32,8)": 0.2, "reed-muller(32,6)": 0.25},
    **{"tabulated(32,13)": 0.12, "hamming(21,16)": 0.03, "hsiao(64,57)": 0.02, "extended-bch(32,21)": 0.08},
    **{"extended-bch(64,24)": 0.11, "extended-bch(64,36)": 0.08, "extended-bch(128,29)": 0.16},
}


@pytest.mark.parametrize(("name", "ber"), RATES.items())
def test_outcomes_are_as_frequent_as_computed(name, ber):
    code = named_code(name)
    decoder = decoder_for(code)
    count = 100_000
    data = random_data(code, count, seed=13)
    decoded = decoder.decode(flipped(code, decoder.encode(data), ber, seed=14))
    is_detected = np.zeros(count, dtype=bool)
    is_detected[decoded.detected] = True
    is_right = ~is_detected & (decoded.data == data)
    expected = word_probabilities(code, ber)
    for outcome, probability in (
        (is_right, expected.corrected),
        (is_detected, expected.detected),
        (~is_right & ~is_detected, expected.miscorrected),
    ):
        low, high = binom.ppf(5e-5, count, probability), binom.isf(5e-5, count, probability)
        assert low <= outcome.sum() <= high


@pytest.mark.parametrize(("k", "designed"), [(11, 11), (21, 5)])
def test_komm_corrects_to_the_same_codewords(k, designed):
    code = named_code(f"bch(31,{k})")
    theirs = komm.BCHCode(5, designed)
    berlekamp = komm.BerlekampDecoder(theirs)
    sent = decoder_for(code).encode(random_data(code, 40, seed=15))
    words = np.concatenate([sent ^ random_errors(code, weight, 40, seed=weight) for weight in range(code.t + 1)])
    codewords = [theirs.encode(berlekamp.decode(word)) for word in unpack(words, 31).astype(int)]
    decoded = decoder_for(code).decode(words)
    assert len(decoded.detected) == 0
    assert np.array_equal(decoded.data, code.data_of(pack(np.array(codewords))))


@pytest.mark.parametrize("name", ["extended-bch(32,11)", "reed-muller(32,6)", "extended-bch(64,24)"])
def test_threads_do_not_change_the_result(name, monkeypatch):
    code = named_code(name)
    decoder = decoder_for(code)
    # Three blocks, the last of them not full.
    data = np.resize(random_data(code, 1000, seed=16), 600_001)
    words = decoder.encode(data) ^ np.resize(random_errors(code, code.t + 2, 999, seed=17), 600_001)
    words[::3] = random_words(code, 200_001, seed=18)
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        assert np.array_equal(decoder.encode(data), code.encode(data))
        results.append(decoder.decode(words))
    assert_same(*results)
    assert (np.diff(results[0].detected) > 0).all()
    middle = slice(262_100, 262_200)
    inside = (results[0].detected >= middle.start) & (results[0].detected < middle.stop)
    part = decoder.decode(words[middle])
    assert np.array_equal(results[0].detected[inside] - middle.start, part.detected)
    assert np.array_equal(results[0].data[middle], part.data)


@pytest.mark.parametrize("name", ["extended-bch(32,11)", "extended-bch(64,24)", "extended-bch(128,43)", "hsiao(72,64)"])
def test_any_array_of_words_will_do(name):
    code = named_code(name)
    decoder = decoder_for(code)
    words = flipped(code, decoder.encode(random_data(code, 100, seed=19)), ber=0.05, seed=20)
    expected = decoder.decode(words)
    read_only = words.copy()
    read_only.flags.writeable = False
    assert_same(decoder.decode(read_only), expected)
    assert_same(decoder.decode(np.repeat(words, 2, axis=0)[::2]), expected)
    assert np.array_equal(words, read_only)
    nothing = decoder.decode(words[:0])
    assert (len(nothing.data), nothing.corrected_bits, nothing.corrected_words, len(nothing.detected)) == (0, 0, 0, 0)
    assert nothing.detected.dtype == np.int64
    assert len(decoder.encode(nothing.data)) == 0


@pytest.mark.parametrize("name", ["extended-bch(32,11)", "reed-muller(32,6)", "reed-muller(16,5)"])
def test_values_are_what_the_data_stand_for(name):
    code = named_code(name)
    decoder = decoder_for(code)
    words = flipped(code, decoder.encode(random_data(code, 5000, seed=21)), ber=0.1, seed=22)
    table = np.random.default_rng(23).standard_normal(1 << code.k).astype(np.float32)
    out = np.empty(len(words), dtype=np.float32)
    corrections = decoder.decode_values(words, table, out)
    decoded = decoder.decode(words)
    assert np.array_equal(out, table[decoded.data])
    assert corrections[:2] == (decoded.corrected_bits, decoded.corrected_words)
    assert np.array_equal(corrections.detected, decoded.detected)


# By width of the format: a code, and the exponent and mantissa bits of layouts of as many data bits, a sign besides.
LAYOUTS = {
    8: ("hsiao(8,4)", [(2, 1), (3, 0)]),
    16: ("extended-bch(16,7)", [(0, 6), (2, 4), (3, 3), (5, 1)]),
    32: ("extended-bch(32,11)", [(0, 10), (1, 9), (4, 6), (8, 2)]),
    64: ("extended-bch(64,10)", [(0, 9), (4, 5), (9, 0)]),
}


def test_values_are_encoded_in_one_pass_like_in_two(fmt, words):
    name, sizes = LAYOUTS[fmt.width]
    decoder = decoder_for(named_code(name))
    finite = words[fmt.exponents(words) < (1 << fmt.exponent_bits) - 1]
    values = np.concatenate([finite, fmt.word_dtype.type(1) << np.arange(fmt.sign_bit, dtype=fmt.word_dtype)])
    values = values[fmt.exponents(values) < (1 << fmt.exponent_bits) - 1]
    for e, m in sizes:
        for base in {0, 1, fmt.leading_exponent - (1 << e >> 1), (1 << fmt.exponent_bits) - 1 - (1 << e)}:
            if base < 0 or (base and e == fmt.exponent_bits):
                continue
            for layout, kept in ((Minifloat(fmt, e, m, base), values), (Minifloat(fmt, e, m + 1, base, False), None)):
                # Without a sign there is a mantissa bit more, and only positive values have a place.
                kept = values[values >> fmt.word_dtype.type(fmt.sign_bit) == 0] if kept is None else kept
                expected = decoder.encode(layout.quantise(kept))
                assert np.array_equal(encode_values(layout, decoder, kept), expected)


def test_values_that_have_no_place_are_told_in_one_pass_too():
    fmt = FORMATS["float32"]
    decoder = decoder_for(named_code("extended-bch(32,11)"))
    signed, unsigned = Minifloat(fmt, 4, 6, 100), Minifloat(fmt, 4, 7, 100, signed=False)
    one, infinite = np.array([1, np.inf], dtype=np.float32).view(np.uint32)
    with pytest.raises(InputError, match="infinite or NaN"):
        encode_values(signed, decoder, np.array([one, infinite]))
    with pytest.raises(InputError, match="sign bit set"):
        encode_values(unsigned, decoder, np.array([one, one | np.uint32(1 << 31)]))
    with pytest.raises(InputError, match=r"expected a code of 10 data bits, those of the layout 1-4-5"):
        encode_values(Minifloat(fmt, 4, 5, 100), decoder, np.array([one]))
    with pytest.raises(ValueError, match=r"expected words of uint32 \(N,\), got uint64"):
        encode_values(signed, decoder, np.array([1], dtype=np.uint64))


@pytest.mark.parametrize(
    "name",
    [
        *("reed-muller(16,5)", "extended-bch(16,7)", "extended-bch(32,11)", "tabulated(32,13)", "hamming(21,16)"),
        *("reed-muller(32,6)", "tabulated(32,8)", "reed-muller(64,7)", "extended-bch(64,10)", "sec-daec(16,11)"),
    ],
)
def test_torch_decodes_like_the_kernels(name):
    code = named_code(name)
    decoder, on_torch = decoder_for(code), torch_decoder(code, "cpu")
    data = random_data(code, 3000, seed=24)
    integers = f"int{8 * packed_dtype(code.n).itemsize}"
    sent = on_torch.encode(torch.from_numpy(data.astype(np.int64)))
    assert np.array_equal(sent.numpy().view(packed_dtype(code.n)), decoder.encode(data))
    words = np.concatenate([flipped(code, decoder.encode(data), code.t / code.n, 25), random_words(code, 1000, 26)])
    expected = decoder.decode(words)
    found = on_torch.decode(torch.from_numpy(words.view(integers)))
    on_cpu = DecodedWords(found.data.numpy(), found.corrected_bits, found.corrected_words, found.detected.numpy())
    assert_same(on_cpu, expected)
    table = np.random.default_rng(27).standard_normal(1 << code.k)
    out = torch.empty(len(words), dtype=torch.float64)
    on_torch.decode_values(torch.from_numpy(words.view(integers)), torch.from_numpy(table), out)
    assert np.array_equal(out.numpy(), table[expected.data])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda d: d.decode(np.zeros(3, dtype=np.uint64)),
            TypeError,
            r"words of extended-bch\(32,11\) are uint32, got uint64",
        ),
        (lambda d: d.decode(np.zeros((3, 2), dtype=np.uint32)), ValueError, r"have the shape \(3,\), got \(3, 2\)"),
        (lambda d: d.encode(np.array([5])), TypeError, "unsigned integers, got int64"),
        (lambda d: d.encode(np.array([5, 2048], dtype=np.uint16)), ValueError, "has 11 bits, got 0x800"),
        (lambda d: d.encode(np.zeros((2, 2), dtype=np.uint16)), ValueError, r"one-dimensional, got shape \(2, 2\)"),
    ],
)
def test_wrong_arrays_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(decoder_for(named_code("extended-bch(32,11)")))


def test_wrong_tables_and_outputs_are_refused():
    decoder = decoder_for(named_code("extended-bch(32,11)"))
    words = decoder.encode(np.arange(4, dtype=np.uint16))
    table, out = np.zeros(2048, dtype=np.float32), np.zeros(4, dtype=np.float32)
    with pytest.raises(ValueError, match=r"the shape \(2048,\), got \(4,\)"):
        decoder.decode_values(words, out, out)
    with pytest.raises(ValueError, match=r"out of float32 \(4,\), got float64 \(4,\)"):
        decoder.decode_values(words, table, out.astype(np.float64))
    with pytest.raises(ValueError, match=r"got float32 \(4,\), strided"):
        decoder.decode_values(words, table, np.zeros(8, dtype=np.float32)[::2])
    with pytest.raises(ValueError, match="has 24 bits, got 0x1000000"):
        decoder_for(named_code("extended-bch(64,24)")).encode(np.array([1 << 24], dtype=np.uint32))


def test_what_cannot_be_decoded_is_told():
    checks = np.random.default_rng(28).integers(0, 2, (30, 34), dtype=np.uint8)
    generator = np.concatenate([np.eye(30, dtype=np.uint8), checks], axis=1)
    with pytest.raises(InputError, match=r"random\(64,30\) is not decoded here: .*22 check bits.*power sums"):
        decoder_for(LinearCode("random(64,30)", generator, tuple(range(30)), "random"))
    with pytest.raises(InputError, match=r"reed-muller\(128,99\) is not decoded here: at most 64 data bits"):
        decoder_for(reed_muller_code(4, 7))
    with pytest.raises(InputError, match=r"extended-bch\(64,24\) has more than 17 data bits"):
        decoder_for(named_code("extended-bch(64,24)")).decode_values(np.zeros(1, dtype=np.uint64), None, None)
    with pytest.raises(InputError, match=r"extended-bch\(64,24\) is not decoded with torch"):
        torch_decoder(named_code("extended-bch(64,24)"))
