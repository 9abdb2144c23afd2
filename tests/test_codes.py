"""Codes: every correctable error is corrected, distances and weights are the published ones, probabilities exact."""

from itertools import combinations, pairwise
from math import comb

import galois
import komm
import numpy as np
import pytest
from scipy.stats import binom

from sparebits.codes.adjacent import correcting_check_bits, detecting_check_bits, find_columns
from sparebits.codes.bch import bch_code, designed_distance, extended_bch_code
from sparebits.codes.catalogue import best_code, code_names, named_code
from sparebits.codes.cyclic import cyclic_code
from sparebits.codes.gf2 import null_space, rank
from sparebits.codes.hamming import hamming_code
from sparebits.codes.linear import LinearCode
from sparebits.codes.modify import augment, extend, lengthen, puncture, shorten, subcode
from sparebits.codes.packing import pack, unpack
from sparebits.codes.probabilities import (
    patterns_by_weight,
    probability_corrected,
    probability_not_corrected,
    word_probabilities,
)
from sparebits.codes.reed_muller import reed_muller_code
from sparebits.codes.tabulated import read_generators
from sparebits.codes.weights import enumerate_weights, is_doubly_even, macwilliams
from sparebits.errors import InputError

NAMES = code_names()
SHORT = [name for name in NAMES if named_code(name).n <= 32]

# Best known distances (Brouwer & Grassl, codetables.de), for lengths 32 and 16.
BEST_KNOWN = {
    32: {6: 16, 7: 14, 8: 13, 9: 12, 10: 12, 11: 12, 12: 10, 13: 10, 14: 8, 15: 8, 16: 8, 17: 8, 21: 6, 26: 4},
    16: {5: 8, 6: 6, 7: 6, 8: 5, 9: 4, 10: 4, 11: 4},
}
BEST_SIZES = [(n, k, d) for n, dimensions in BEST_KNOWN.items() for k, d in dimensions.items()]
PUBLISHED_DISTANCES = {
    **{f"hamming({n},{k})": 3 for n, k in ((14, 10), (15, 11), (17, 12), (19, 14), (21, 16), (20, 15), (63, 57))},
    **{f"secded({n},{k})": 4 for n, k in ((15, 10), (16, 11), (18, 12), (20, 14), (22, 16), (64, 57), (72, 64))},
    **{f"hsiao({n},{k})": 4 for n, k in ((22, 16), (39, 32), (64, 57), (72, 64))},
    **{"bch(31,21)": 5, "bch(31,16)": 7, "bch(31,11)": 11, "bch(31,6)": 15, "golay(23,12)": 7, "golay(24,12)": 8},
    **{"extended-bch(64,36)": 12, "extended-bch(64,24)": 16},
    **{"extended-bch(64,10)": 28, "extended-bch(64,16)": 24, "extended-bch(64,18)": 22, "extended-bch(64,30)": 14},
    **{"extended-bch(128,43)": 32, "extended-bch(128,29)": 44, "extended-bch(128,22)": 48},
    "shortened(30,9)": 12,
}
# MacWilliams & Sloane 1977, ch. 2, 14 and 15, and OEIS A010081 for [32,26,4].
PUBLISHED_WEIGHTS = {
    "golay(23,12)": {0: 1, 7: 253, 8: 506, 11: 1288, 12: 1288, 15: 506, 16: 253, 23: 1},
    "golay(24,12)": {0: 1, 8: 759, 12: 2576, 16: 759, 24: 1},
    "reed-muller(32,6)": {0: 1, 16: 62, 32: 1},
    "reed-muller(32,16)": {0: 1, 8: 620, 12: 13888, 16: 36518, 20: 13888, 24: 620, 32: 1},
    "extended-bch(32,16)": {0: 1, 8: 620, 12: 13888, 16: 36518, 20: 13888, 24: 620, 32: 1},
    "extended-bch(32,11)": {0: 1, 12: 496, 16: 1054, 20: 496, 32: 1},
    "reed-muller(32,26)": {
        **{0: 1, 4: 1240, 6: 27776, 8: 330460, 10: 2011776, 12: 7063784, 14: 14721280, 16: 18796230},
        **{18: 14721280, 20: 7063784, 22: 2011776, 24: 330460, 26: 27776, 28: 1240, 32: 1},
    },
}


def patterns_of_weight(n: int, weight: int) -> np.ndarray:
    """All words of that weight, uint64, by adding a higher position to every pattern of one less."""
    patterns = np.zeros(1, dtype=np.uint64)
    for _ in range(weight):
        patterns = np.concatenate(
            [patterns[patterns < 1 << position] | np.uint64(1 << position) for position in range(n)]
        )
    return patterns


def leaders_by_syndrome(code: LinearCode) -> tuple[np.ndarray, np.ndarray]:
    """Syndromes, ascending, of all errors of weight <= t, and these errors."""
    leaders = np.concatenate([patterns_of_weight(code.n, weight) for weight in range(code.t + 1)])
    syndromes = code.syndrome(leaders.astype(code.encode(np.zeros(1, dtype=np.uint8)).dtype))
    order = np.argsort(syndromes, kind="stable")
    return syndromes[order], leaders[order]


def places_of(found: np.ndarray, syndromes: np.ndarray) -> np.ndarray:
    return np.minimum(np.searchsorted(syndromes, found), len(syndromes) - 1)


def decode(code: LinearCode, words: np.ndarray, table: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Bounded distance, the obvious way: the corrected words, and which were detected instead."""
    syndromes, leaders = table
    found = code.syndrome(words)
    places = places_of(found, syndromes)
    detected = syndromes[places] != found
    return words ^ np.where(detected, 0, leaders[places]).astype(words.dtype), detected


@pytest.mark.parametrize("name", SHORT)
def test_every_error_of_weight_t_is_corrected_and_the_next_are_detected(name):
    # A syndrome does not depend on the codeword, so the zero codeword stands for all; where that is quick, a random one
    # is tried as well.
    code = named_code(name)
    table = leaders_by_syndrome(code)
    data = np.random.default_rng(1).integers(1 << code.k, dtype=np.uint64)
    sent = code.encode(np.array([data]))
    for weight in range(code.t + 1):
        errors = patterns_of_weight(code.n, weight).astype(sent.dtype)
        assert len(errors) == comb(code.n, weight)
        assert set(np.bitwise_count(errors)) == {weight}
        for codeword in (np.zeros_like(sent), sent) if len(errors) < 100_000 else (np.zeros_like(sent),):
            decoded, detected = decode(code, errors ^ codeword, table)
            assert not detected.any()
            assert (decoded == codeword).all()
    for weight in range(code.t + 1, code.detects_beside_correction + 1):
        # Sorted, because a search for millions of syndromes in random order is slow.
        found = np.sort(code.syndrome(patterns_of_weight(code.n, weight).astype(sent.dtype)))
        assert (table[0][places_of(found, table[0])] != found).all()


@pytest.mark.parametrize("name", NAMES)
def test_generator_and_parity_check_are_dual(name):
    code = named_code(name)
    assert not (code.generator.astype(int) @ code.parity_check.T % 2).any()
    assert code.generator.shape == (code.k, code.n)
    assert rank(code.generator) == code.k
    assert rank(code.parity_check) == code.n - code.k
    assert name.endswith(f"({code.n},{code.k})")
    assert code.name == name


@pytest.mark.parametrize("name", NAMES)
def test_data_survive_encoding(name):
    code = named_code(name)
    data = np.random.default_rng(2).integers(0, (1 << code.k) - 1, 50, dtype=np.uint64, endpoint=True)
    words = code.encode(data)
    assert (code.data_of(words) == data).all()
    assert not code.syndrome(words).any()
    bits = unpack(words, code.n)
    assert (bits == unpack(data, code.k).astype(int) @ code.generator % 2).all()
    assert (pack(bits) == words).all()
    flipped = bits ^ np.random.default_rng(3).integers(0, 2, bits.shape, dtype=np.uint8)
    assert (
        unpack(code.syndrome(pack(flipped)), code.check_bits) == flipped.astype(int) @ code.parity_check.T % 2
    ).all()


@pytest.mark.parametrize(("n", "k", "d"), BEST_SIZES)
def test_the_best_known_distances_are_reached(n, k, d):
    assert best_code(n, k).d == d


@pytest.mark.parametrize(("name", "d"), PUBLISHED_DISTANCES.items())
def test_distances_are_the_published_ones(name, d):
    assert named_code(name).d == d


@pytest.mark.parametrize("k", [*range(1, 58), 64])
def test_hamming_and_secded_exist_for_every_k(k):
    by_family = {
        family: next(named_code(name) for name in code_names(family) if name.endswith(f",{k})"))
        for family in ("hamming", "secded", "hsiao")
    }
    assert {family: code.d for family, code in by_family.items()} == {"hamming": 3, "secded": 4, "hsiao": 4}
    assert by_family["secded"].n == by_family["hsiao"].n == by_family["hamming"].n + 1
    loads = by_family["hsiao"].parity_check.sum(axis=1, dtype=int)
    assert (by_family["hsiao"].parity_check.sum(axis=0) % 2 == 1).all()
    assert loads.max() - loads.min() <= 1


def test_hsiao_codes_have_the_ones_of_the_paper():
    # Hsiao 1970: ones in the parity check.
    ones = {name: int(named_code(name).parity_check.sum(dtype=int)) for name in ("hsiao(22,16)", "hsiao(39,32)")}
    assert ones == {"hsiao(22,16)": 54, "hsiao(39,32)": 103}
    assert (named_code("hsiao(72,64)").parity_check.sum(axis=1) == 27).all()


@pytest.mark.parametrize(("name", "weights"), PUBLISHED_WEIGHTS.items())
def test_weights_are_the_published_ones(name, weights):
    counted = named_code(name).weight_distribution
    assert {weight: count for weight, count in enumerate(counted) if count} == weights


@pytest.mark.parametrize("name", [name for name in SHORT if named_code(name).k <= 22])
def test_weights_agree_with_the_listed_codewords_and_with_the_dual(name):
    code = named_code(name)
    listed = np.bincount(np.bitwise_count(code.codewords()), minlength=code.n + 1)
    assert tuple(listed) == code.weight_distribution == macwilliams(enumerate_weights(null_space(code.generator)))


def test_the_dual_of_the_dual_has_the_weights_of_the_code():
    weights = named_code("extended-bch(64,24)").weight_distribution
    assert macwilliams(macwilliams(weights)) == weights


def test_enumeration_agrees_with_listing_beyond_64_bits():
    code = subcode(named_code("extended-bch(128,29)"), "subcode", 14)
    weights = np.bitwise_count(code.codewords()).sum(axis=1)
    assert tuple(np.bincount(weights, minlength=129)) == enumerate_weights(code.generator)


@pytest.mark.parametrize("n", [31, 63, 127])
def test_bch_codes_are_those_of_galois(n):
    for k in {31: (21, 16, 11, 6), 63: (36, 24), 127: (43, 29, 22)}[n]:
        theirs = galois.BCH(n, k)
        ours = bch_code(n, k)
        assert designed_distance(n, k) == theirs.d
        # Both systematise: theirs at the other end, so only the row spaces compare, by what they check.
        assert not (np.array(theirs.G)[:, ::-1].astype(int) @ ours.parity_check.T % 2).any()


def test_distances_agree_with_komm():
    theirs = {
        "hamming(15,11)": komm.HammingCode(4),
        "secded(16,11)": komm.HammingCode(4, extended=True),
        "hamming(31,26)": komm.HammingCode(5),
        "golay(23,12)": komm.GolayCode(),
        "golay(24,12)": komm.GolayCode(extended=True),
        "reed-muller(16,5)": komm.ReedMullerCode(1, 4),
        "reed-muller(32,6)": komm.ReedMullerCode(1, 5),
        "reed-muller(32,16)": komm.ReedMullerCode(2, 5),
        "bch(31,11)": komm.BCHCode(5, 11),
    }
    for name, code in theirs.items():
        ours = named_code(name)
        assert (ours.n, ours.k, ours.d) == (code.length, code.dimension, code.minimum_distance()), name


def test_shortened_hamming_distances_agree_with_galois():
    assert named_code("hamming(31,26)").d == galois.BCH(31, 26).d
    assert (
        shorten(named_code("hamming(31,26)"), "shortened", 10).weight_distribution
        == hamming_code(16).weight_distribution
    )


def test_the_distance_of_the_long_code_is_proven():
    code = named_code("extended-bch(128,43)")
    assert code.weight_distribution is None
    assert designed_distance(127, 43) == 29
    assert is_doubly_even(code.generator)
    # A codeword of weight 32, found without the constructor: the field elements below 32, a subspace of GF(128).
    field = galois.GF(2**7, irreducible_poly="x^7 + x^3 + 1")
    positions = np.append(np.array(field.primitive_element ** np.arange(127)), 0)
    word = pack(positions < 32)
    assert np.bitwise_count(word).sum() == 32
    assert not code.syndrome(word).any()
    sample = code.encode(np.random.default_rng(4).integers(0, 1 << 43, 100_000, dtype=np.uint64))
    weights = np.bitwise_count(sample).sum(axis=1)
    assert (weights % 4 == 0).all()
    assert weights[weights > 0].min() >= code.d == 32
    assert code.distance_proof.startswith("BCH bound and weights that are multiples of 4")


def test_divisibility_proves_what_enumeration_finds():
    # Where both ways exist they agree: RM(1,5) as an extended BCH code.
    code = extended_bch_code(32, 6)
    assert code.known_distance.d == code.d == 16
    assert not is_doubly_even(named_code("extended-bch(32,21)").generator)
    assert code.weight_distribution == named_code("reed-muller(32,6)").weight_distribution


@pytest.mark.parametrize("name", code_names("sec-daed") + code_names("sec-daec"))
def test_adjacent_doubles_are_detected_or_corrected(name):
    code = named_code(name)
    columns = [int(column) for column in pack(code.parity_check.T)]
    doubles = [a ^ b for a, b in pairwise(columns)]
    assert len(set(columns) - {0}) == code.n
    assert not set(doubles) & {0, *columns}
    assert code.adjacent_doubles == ("corrected" if name.startswith("sec-daec") else "detected")
    if code.adjacent_doubles == "corrected":
        assert len(set(doubles)) == code.n - 1


def test_adjacent_codes_have_the_fewest_check_bits():
    for k in range(4, 20):
        r = detecting_check_bits(k) - 1
        # With 5 check bits the search is exhaustive: it finds none with 4.
        assert find_columns(k + r, r, correct=False) is None
        r = correcting_check_bits(k) - 1
        enough_syndromes = 2 * (k + r) - 1 <= (1 << r) - 1
        assert not enough_syndromes or find_columns(k + r, r, correct=True) is None


def every_outcome(code: LinearCode) -> np.ndarray:
    """Corrected, detected and miscorrected by weight (3, n + 1), from all 2^n error patterns."""
    errors = np.arange(1 << code.n, dtype=np.uint32).astype(code.codewords().dtype)
    decoded, detected = decode(code, errors, leaders_by_syndrome(code))
    corrected = ~detected & (decoded == 0)
    weights = np.bitwise_count(errors)
    return np.array(
        [
            np.bincount(weights[outcome], minlength=code.n + 1)
            for outcome in (corrected, detected, ~detected & ~corrected)
        ]
    )


@pytest.mark.parametrize(
    "name", ["tabulated(16,8)", "extended-bch(16,7)", "secded(13,8)", "hamming(15,11)", "bch(15,7)"]
)
def test_probabilities_agree_with_all_patterns(name):
    code = named_code(name)
    counted = every_outcome(code)
    assert np.array_equal(counted, patterns_by_weight(code))
    p = 0.03
    by_pattern = counted @ (p ** np.arange(code.n + 1) * (1 - p) ** np.arange(code.n, -1, -1))
    exact = word_probabilities(code, p)
    np.testing.assert_allclose([exact.corrected, exact.detected, exact.miscorrected], by_pattern, rtol=1e-12)


@pytest.mark.parametrize("name", ["extended-bch(32,11)", "tabulated(32,13)", "reed-muller(32,16)", "secded(22,16)"])
def test_probabilities_agree_with_a_simulation(name):
    code = named_code(name)
    p, words = 0.12, 400_000
    rng = np.random.default_rng(5)
    sent = code.encode(rng.integers(0, 1 << code.k, words, dtype=np.uint64))
    errors = pack(rng.random((words, code.n)) < p)
    decoded, detected = decode(code, sent ^ errors, leaders_by_syndrome(code))
    right = decoded == sent
    counts = [(right & ~detected).sum(), detected.sum(), (~right & ~detected).sum()]
    exact = word_probabilities(code, p)
    for count, probability in zip(counts, (exact.corrected, exact.detected, exact.miscorrected), strict=True):
        # Both tails of the exact binomial distribution, 1e-6 each.
        assert binom.ppf(1e-6, words, probability) <= count <= binom.isf(1e-6, words, probability)


@pytest.mark.parametrize("name", ["golay(23,12)", "extended-bch(64,36)", "extended-bch(128,22)", "hsiao(72,64)"])
def test_probabilities_add_up_and_agree_where_both_are_exact(name):
    code = named_code(name)
    assert all(min(outcome) >= 0 for outcome in patterns_by_weight(code))
    for p in (0, 1e-6, 0.01, 0.2, 0.5, 1):
        exact = word_probabilities(code, p)
        assert exact.corrected + exact.detected + exact.miscorrected == pytest.approx(1, abs=1e-12)
        assert exact.corrected == probability_corrected(code, p)
        assert exact.detected + exact.miscorrected == pytest.approx(probability_not_corrected(code, p), rel=1e-12)
    # A perfect code detects nothing; a decoder that only detects misses the codewords alone.
    assert word_probabilities(named_code("golay(23,12)"), 0.1).detected == 0
    assert sum(patterns_by_weight(code, radius=0)[2]) == 2**code.k - 1


def test_the_simplex_code_lengthens_to_reed_muller():
    simplex = cyclic_code(
        "simplex", 31, int("".join(map(str, galois.BCH(31, 26).parity_check_poly.coeffs)), 2), "simplex"
    )
    assert (simplex.n, simplex.k, simplex.d) == (31, 5, 16)
    longer = lengthen(simplex, "lengthened")
    assert longer.weight_distribution == reed_muller_code(1, 5).weight_distribution
    with pytest.raises(InputError, match="already has the all-one word"):
        augment(longer, "again")


def test_modified_codes_have_the_sizes_and_distances_of_the_book():
    golay = named_code("golay(24,12)")
    sizes = [
        puncture(golay, "p", 5),
        shorten(golay, "s", 3),
        subcode(golay, "c", 4),
        extend(named_code("bch(31,21)"), "e"),
    ]
    assert [(code.n, code.k) for code in sizes] == [(23, 12), (21, 9), (24, 4), (32, 21)]
    assert [code.d >= d for code, d in zip(sizes, (7, 8, 8, 6), strict=True)] == [True] * 4
    assert sizes[0].weight_distribution == named_code("golay(23,12)").weight_distribution


def test_the_cost_of_a_decoder():
    code = named_code("extended-bch(32,11)")
    assert code.leader_table_bytes == 8 << 20
    assert code.correlations == 2048
    assert named_code("subcode(32,9)").leader_table_bytes == 32 << 20
    assert (code.t, code.detects, code.detects_beside_correction) == (5, 11, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_code(32, 27), r"n = 32 and k = 27.*k = 6, 7, 8"),
        (lambda: best_code(33, 2), r"n = 33 and k = 2: .*k = 27"),
        (lambda: best_code(1000, 2), r"n = 1000.*the catalogue has n = 3, 4"),
        (lambda: named_code("turbo(32,11)"), r"'turbo\(32,11\)': the families are reed-muller"),
        (lambda: named_code("golay(23,13)"), r"'golay\(23,13\)'.*golay\(23,12\), golay\(24,12\)"),
        (lambda: bch_code(31, 20), r"no BCH code with n = 31 and k = 20; k can be 1, 6, 11, 16, 21, 26"),
        (lambda: bch_code(30, 20), r"length 7, 15, 31, 63, 127 .*not 30"),
        (lambda: hamming_code(0), "at least one data bit, not 0"),
        (lambda: reed_muller_code(6, 5), r"not RM\(6, 5\)"),
        (lambda: subcode(named_code("golay(24,12)"), "x", 13), r"reduced to 1..12 data bits, not 13"),
        (lambda: cyclic_code("x", 31, 0b111, "x"), r"0x7 does not divide x\^31 - 1"),
        (lambda: bch_code(127, 64).d, "distance of bch.127,64. is not known"),
        (lambda: named_code("reed-muller(32,26)").codewords(), r"2\^26 codewords; at most 2\^22"),
        (lambda: word_probabilities(named_code("extended-bch(128,43)"), 0.1), "only probability_corrected"),
        (lambda: word_probabilities(named_code("golay(24,12)"), 1.5), r"lies in 0..1, got 1.5"),
        (lambda: word_probabilities(named_code("golay(24,12)"), 0.1, radius=4), r"radius of 4 is not in 0..3"),
    ],
)
def test_impossible_requests_say_what_exists(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "codes.txt"
    path.write_text("[4,2]\n1010\n012\n")
    with pytest.raises(InputError, match=r"codes.txt: the code \[4,2\] does not have 2 rows of 4 digits"):
        read_generators(path)


def test_words_must_be_unsigned_and_fit():
    code = named_code("hamming(7,4)")
    with pytest.raises(TypeError, match="unsigned integers, got int64"):
        code.syndrome(np.array([1]))
    with pytest.raises(ValueError, match="at position 7 or above"):
        code.syndrome(np.array([128], dtype=np.uint8))
    with pytest.raises(ValueError, match="last axis of 2 limbs"):
        named_code("hsiao(72,64)").syndrome(np.zeros(3, dtype=np.uint64))


def test_all_pairs_of_neighbours_and_others_of_a_detecting_code():
    # The name promises neighbours only: some other pair of a distance 3 code is miscorrected.
    code = named_code("sec-daed(13,8)")
    columns = [int(column) for column in pack(code.parity_check.T)]
    assert any(a ^ b in columns for a, b in combinations(columns, 2))
