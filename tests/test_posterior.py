"""Posterior mean: Bayes' rule over all codewords, a prior that follows the data, a bit error rate without bias."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, norm

from sparebits.codes.catalogue import named_code
from sparebits.codes.packing import packed_dtype
from sparebits.decoding.bit_error_rate import CorrectionCount, estimate_ber
from sparebits.decoding.maximum_likelihood import decode_nearest
from sparebits.decoding.posterior import posterior_means, prior_of, silverman_bandwidth, smooth
from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS, ber_mask

CODES = ["hamming(7,4)", "extended-bch(16,7)", "tabulated(32,8)", "extended-bch(32,11)", "reed-muller(64,7)"]


def means_by_definition(codewords, words, values, prior, p) -> np.ndarray:
    """The matrix of all weights (N, 2^k), as logarithms until the largest of each word is 1."""
    distances = np.bitwise_count(words[:, None] ^ codewords[None, :]).astype(float)
    with np.errstate(divide="ignore"):
        logarithms = np.log(prior) + distances * np.log(p / (1 - p))
    weights = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return weights @ values / weights.sum(axis=1)


def example(name: str, count: int = 300):
    """A code's words, random words of its type, and random values and prior."""
    generator = np.random.default_rng(5)
    code = named_code(name)
    codewords = code.codewords()
    words = generator.integers(0, 1 << code.n, count, dtype=np.uint64).astype(codewords.dtype)
    values = generator.normal(size=1 << code.k)
    return codewords, words, values, generator.random(1 << code.k) ** 4


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("p", [1e-300, 1e-9, 1e-3, 0.05, 0.3, 0.5])
def test_the_mean_is_that_of_all_weights(name, p):
    codewords, words, values, prior = example(name)
    expected = means_by_definition(codewords, words, values, prior, p)
    assert posterior_means(codewords, words, values, prior, p) == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_the_mean_in_exact_fractions():
    codewords = named_code("secded(8,4)").codewords()
    p, prior = Fraction(1, 8), [Fraction(1 + i * i, 1) for i in range(16)]
    values = np.arange(16) - 5.5
    for word in range(0, 256, 7):
        odds = [prior[i] * (p / (1 - p)) ** (int(c) ^ word).bit_count() for i, c in enumerate(codewords)]
        exact = sum(o * Fraction(v) for o, v in zip(odds, values, strict=True)) / sum(odds)
        words = np.array([word], dtype=np.uint8)
        mean = posterior_means(codewords, words, values, np.array(prior, dtype=float), float(p))
        assert mean[0] == pytest.approx(float(exact), rel=1e-13, abs=1e-14)


def test_bits_that_say_nothing_leave_the_prior():
    codewords, words, values, prior = example("extended-bch(16,7)")
    mean = values @ prior / prior.sum()
    assert posterior_means(codewords, words, values, prior, 0.5) == pytest.approx(np.full(len(words), mean))
    # More than half of all bits flipped is taken for half.
    assert posterior_means(codewords, words, values, prior, 0.9) == pytest.approx(np.full(len(words), mean))


def test_bits_that_never_flip_leave_the_nearest():
    codewords, words, values, prior = example("extended-bch(16,7)")
    distances = np.bitwise_count(words[:, None] ^ codewords[None, :])
    is_nearest = distances == distances.min(axis=1, keepdims=True)
    expected = (is_nearest * prior) @ values / (is_nearest @ prior)
    assert posterior_means(codewords, words, values, prior, 0.0) == pytest.approx(expected)
    assert posterior_means(codewords, codewords, values, prior, 0.0) == pytest.approx(values, rel=1e-15)


def test_what_the_prior_excludes_never_counts():
    codewords, words, values, prior = example("tabulated(32,8)")
    prior[values > 0] = 0
    values[values > 0] = 1e300
    assert (posterior_means(codewords, words, values, prior, 0.01) <= 0).all()
    prior[:] = 0
    prior[77] = 1e-200
    assert (posterior_means(codewords, words, values, prior, 0.01) == values[77]).all()


def test_only_the_shape_of_the_prior_counts():
    codewords, words, values, prior = example("tabulated(32,8)")
    reference = posterior_means(codewords, words, values, prior, 0.01)
    for scale in (1e-300, 1e300):
        assert posterior_means(codewords, words, values, scale * prior, 0.01) == pytest.approx(reference)


def test_bits_above_the_code_do_not_matter():
    codewords, words, values, prior = example("golay(24,12)")
    flipped = words ^ np.uint32(0xA5000000)
    reference = posterior_means(codewords, words, values, prior, 0.03)
    assert np.array_equal(posterior_means(codewords, flipped, values, prior, 0.03), reference)


def test_memory_does_not_grow_with_the_codewords():
    example_ = example("extended-bch(32,11)", 20_000)
    posterior_means(*example_, 0.05)
    tracemalloc.start()
    posterior_means(*example_, 0.05)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The words' means take 0.16 MB; a byte a word and codeword would be 41 MB.
    assert peak < 1e6


def test_it_is_the_best_guess_for_words_beyond_the_code():
    """Errors average out, do not depend on the guess, and are smaller than those of the nearest codeword and zero."""
    code = named_code("extended-bch(32,11)")
    values = np.sign(np.arange(2048) - 1023.5) * 2 ** (abs(np.arange(2048) - 1023.5) / 64 - 16)
    generator = np.random.default_rng(6)
    data = np.searchsorted(values, generator.normal(scale=0.1, size=300_000)).astype(np.uint16)
    ber = 0.08
    words = code.encode(data) ^ ber_mask(6, PARAMETERS, len(data), 32, ber)
    distances = np.concatenate(
        [np.bitwise_count(part[:, None] ^ code.codewords()).min(axis=1) for part in np.array_split(words[:30_000], 30)]
    )
    beyond = np.flatnonzero(distances > code.t)
    truth, words = values[data[beyond]], words[beyond]
    guess = posterior_means(code.codewords(), words, values, prior_of(data[30_000:], np.arange(2048), 1024), ber)

    error = guess - truth
    for regressor in (np.ones(len(error)), guess, np.sign(guess)):
        product = error * regressor
        assert abs(product.mean()) < 4 * product.std() / np.sqrt(len(product))
    squared = (error**2).mean()
    nearest = decode_nearest(code, words)
    assert squared < 0.7 * ((values[nearest.data] - truth) ** 2).mean()
    assert squared < 0.7 * (truth**2).mean()


@pytest.mark.parametrize(
    ("position", "wrong", "error"),
    [
        (0, np.zeros(1 << 18, dtype=np.uint32), InputError),
        (1, np.zeros(3, dtype=np.uint64), ValueError),
        (2, np.zeros(5), ValueError),
        (2, np.full(256, np.inf), ValueError),
        (3, np.zeros(256), ValueError),
        (3, np.full(256, -1.0), ValueError),
        (3, np.full(256, np.nan), ValueError),
    ],
)
def test_wrong_arguments_are_refused(position, wrong, error):
    arguments = list(example("tabulated(32,8)"))
    arguments[position] = wrong
    with pytest.raises(error):
        posterior_means(*arguments, 0.01)


# --- prior ---


def decoded_words(count: int, seed: int = 3) -> np.ndarray:
    """Data words of 11 bits by value: two modes, one of each sign, as ranks of weights have."""
    generator = np.random.default_rng(seed)
    magnitudes = np.clip(generator.normal(700, 60, count), 0, 1023).astype(np.uint16)
    return np.where(generator.random(count) < 0.5, 1024 + magnitudes, 1023 - magnitudes).astype(np.uint16)


@pytest.mark.parametrize("count", [0, 1, 2, 17, 1_000, 100_000])
def test_a_prior_is_a_distribution_that_excludes_nothing(count):
    prior = prior_of(decoded_words(count), np.arange(2048), 1024)
    assert prior.shape == (2048,)
    assert prior.sum() == pytest.approx(1)
    assert prior.min() >= (1 - 1e-9) / (count + 1) / 2048


def test_a_prior_without_data_is_uniform():
    assert np.array_equal(prior_of(np.empty(0, dtype=np.uint16), np.arange(64), 32), np.full(64, 1 / 64))


def test_a_prior_follows_the_values_not_the_data_words():
    data = decoded_words(100)
    names = np.random.default_rng(1).permutation(2048)
    plain = prior_of(data, np.arange(2048), 1024)
    renamed = prior_of(names[data], names, 1024)
    assert renamed[names] == pytest.approx(plain)


def test_a_constant_tensor_stays_sharp():
    prior = prior_of(np.full(1_000, 1234, dtype=np.uint16), np.arange(2048), 1024)
    assert prior[1234] > 0.998
    assert prior[1233] == prior[0]


def test_a_mostly_constant_tensor_is_smoothed_elsewhere():
    data = np.concatenate([np.full(60, 1500), [1300, 1350, 1400, 1450]]).astype(np.uint16)
    prior = prior_of(data, np.arange(2048), 1024)
    assert prior[1425] > 10 * prior[400]


@pytest.mark.parametrize("count", [30, 300, 3_000])
def test_smoothing_is_nearer_to_the_truth_than_counting(count):
    modes = np.diff(norm.cdf(np.arange(2049), 1724, 60)) + np.diff(norm.cdf(np.arange(2049), 324, 60))
    for seed in range(5):
        data = decoded_words(count, seed)
        counted = np.bincount(data, minlength=2048) / count
        smoothed = prior_of(data, np.arange(2048), 1024)
        assert abs(smoothed - modes / 2).sum() < 0.6 * abs(counted - modes / 2).sum()


def test_with_much_data_the_prior_is_the_histogram():
    data = decoded_words(2_000_000)
    counted = np.bincount(data, minlength=2048) / len(data)
    assert abs(prior_of(data, np.arange(2048), 1024) - counted).sum() < 0.03


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 7.5, 40.0])
def test_smoothing_adds_its_variance_and_keeps_the_mean(bandwidth):
    spike = np.zeros(1024)
    spike[400] = 1
    smoothed = smooth(spike, bandwidth)
    ranks = np.arange(1024)
    assert smoothed.sum() == pytest.approx(1)
    assert smoothed @ ranks == pytest.approx(400)
    assert smoothed @ (ranks - 400.0) ** 2 == pytest.approx(bandwidth**2, rel=1e-6)
    assert (np.diff(smoothed)[:400] >= -1e-15).all()
    assert smoothed[401] > 0
    if bandwidth > 5:
        assert smoothed == pytest.approx(norm.pdf(ranks, 400, bandwidth), abs=1e-3 / bandwidth)


def test_smoothing_reflects_at_the_ends():
    spike = np.zeros(256)
    spike[0] = 1
    smoothed = smooth(spike, 20.0)
    assert smoothed.sum() == pytest.approx(1)
    assert smoothed == pytest.approx(norm.pdf(np.arange(256), -0.5, 20) * 2, abs=1e-4)


def test_the_bandwidth_is_silvermans():
    # For a normal sample: 0.9 sigma N^(-1/5), of the magnitudes alone if there are two signs.
    counts = np.bincount(decoded_words(100_000), minlength=2048)
    assert silverman_bandwidth(counts, 1024) == pytest.approx(0.9 * 60 / 10, rel=0.02)
    assert silverman_bandwidth(counts, 0) > 500 / 10
    # Outliers widen the deviation, not the interquartile range.
    counts[:1024] = 0
    counts[2047] += 500
    assert silverman_bandwidth(counts, 1024) == pytest.approx(0.9 * 60 / 50_000**0.2, rel=0.03)


# --- bit error rate ---


def count_within(name: str, words: int, p: float, seed: int) -> CorrectionCount:
    """What bounded-distance decoding counts in flipped words of zeros; miscorrected ones as well if k <= 6."""
    code = named_code(name)
    dtype = packed_dtype(code.n)
    mask = ber_mask(seed, PARAMETERS, words, 8 * dtype.itemsize, p) & dtype.type((1 << code.n) - 1)
    flips = np.bitwise_count(mask).astype(int)
    if code.k <= 6:
        flips = np.min([np.bitwise_count(mask ^ codeword) for codeword in code.codewords()], axis=0).astype(int)
    within = flips <= code.t
    return CorrectionCount(code.n, code.t, int(within.sum()), int(flips[within].sum()))


def standard_error(counts: list[CorrectionCount], p: float) -> float:
    """Of the estimate: the spread of the corrected bits divided by how fast their expectation grows with p."""

    def moments(p):
        mean = variance = 0
        for n, t, words, _ in counts:
            flips = np.arange(t + 1)
            weights = binom.pmf(flips, n, p)
            weights /= weights.sum()
            mean += words * (weights @ flips)
            variance += words * (weights @ flips**2 - (weights @ flips) ** 2)
        return mean, variance

    step = p / 100
    slope = (moments(p + step)[0] - moments(p - step)[0]) / (2 * step)
    return np.sqrt(moments(p)[1]) / slope


@pytest.mark.parametrize(
    "names",
    [
        ["extended-bch(32,11)"],
        ["reed-muller(32,6)"],
        ["secded(22,16)"],
        ["extended-bch(16,7)", "extended-bch(32,11)", "extended-bch(64,24)"],
    ],
    ids=lambda names: "+".join(names),
)
@pytest.mark.parametrize("p", [1e-3, 1e-2, 5e-2, 1e-1])
def test_the_estimated_rate_is_the_rate(names, p):
    errors = []
    for seed in range(20):
        counts = [count_within(name, 20_000, p, seed * 10 + i) for i, name in enumerate(names)]
        errors.append((estimate_ber(counts) - p) / standard_error(counts, p))
    assert np.abs(errors).max() < 4.5
    assert abs(np.mean(errors)) * np.sqrt(20) < 4
    assert 0.5 < np.std(errors) < 1.6


def test_bits_corrected_per_bit_read_are_too_few():
    count = count_within("extended-bch(32,11)", 100_000, 0.1, 1)
    plain = count.corrected_bits / (count.n * count.words)
    assert plain == pytest.approx(0.0891, abs=5e-4)
    assert estimate_ber([count]) == pytest.approx(0.1, abs=1e-3)


def test_the_rate_of_a_hundred_million_words_with_one_flip():
    assert estimate_ber([CorrectionCount(32, 5, 10**8, 1)]) == pytest.approx(1 / 32e8, rel=1e-6)


def test_the_ends_of_the_estimate():
    assert estimate_ber([]) == 0
    assert estimate_ber([CorrectionCount(32, 5, 1_000, 0), CorrectionCount(8, 0, 10, 0)]) == 0
    # All words at the last correctable distance: more than half of the bits flipped would explain it best.
    assert estimate_ber([CorrectionCount(32, 5, 1_000, 5_000)]) == 0.5


def test_more_corrections_mean_a_higher_rate():
    rates = [
        estimate_ber([CorrectionCount(32, 7, 1_000, bits), CorrectionCount(16, 2, 500, 990)])
        for bits in range(1, 7_000, 100)
    ]
    assert (np.diff(rates)[: np.argmax(rates)] > 0).all()
    assert rates[-1] == 0.5


@pytest.mark.parametrize("corrected_bits", [-1, 501])
def test_impossible_counts_are_refused(corrected_bits):
    with pytest.raises(ValueError, match="100 words of 32 bits with t = 5"):
        estimate_ber([CorrectionCount(32, 5, 100, corrected_bits)])
