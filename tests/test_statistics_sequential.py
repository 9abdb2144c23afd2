"""Stopping early keeps both errors, and looking again and again without it does not."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta, binom

from sparebits.errors import InputError
from sparebits.statistics.intervals import exact_lower_bound, exact_upper_bound
from sparebits.statistics.planning import trials_needed
from sparebits.statistics.sequential import PRIOR, StoppingRule, Verdict, log_evidence

RUNS = 20_000


def simulated(rule, probability, seed=0):
    """Verdicts of 20,000 runs and the trials that each took, as a loop would that asks after every trial."""
    most = 40
    said = {
        (failures, trials): rule.verdict(failures, trials)
        for trials in range(1, rule.trials + 1)
        for failures in range(min(most, trials) + 1)
    }
    not_held = np.array(
        [
            next((k for k in range(min(most, n) + 1) if said[k, n] is Verdict.NOT_HELD), rule.trials + 1)
            for n in range(1, rule.trials + 1)
        ]
    )
    failed = np.random.default_rng(seed).random((RUNS, rule.trials), dtype=np.float32) < probability
    failures = failed.cumsum(axis=1, dtype=np.int16)
    stopped = failures >= not_held
    is_not_held = stopped.any(axis=1)
    taken = np.where(is_not_held, stopped.argmax(axis=1) + 1, rule.trials)
    is_held = ~is_not_held & (failures[:, -1] <= rule.most_failures)
    return is_not_held, is_held, taken


@pytest.fixture(scope="module", params=[299, 628])
def at_the_limit(request):
    return simulated(StoppingRule(trials=request.param), 0.01)


def test_not_held_is_wrong_with_alpha_at_most(at_the_limit):
    assert 0 < at_the_limit[0].mean() <= 0.05


def test_held_is_wrong_with_the_rest_of_the_confidence_at_most(at_the_limit):
    # 0.05 and three standard deviations of 20,000 runs.
    assert 0.04 < at_the_limit[1].mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("probability", [0.001, 0.005])
def test_not_held_is_rarer_below_the_limit(probability):
    is_not_held, is_held, _ = simulated(StoppingRule(), probability, seed=1)
    assert is_not_held.mean() < 0.012
    assert is_held.mean() == pytest.approx((1 - probability) ** 299, abs=0.02)


def test_hopeless_cells_stop_early():
    for probability, at_most in ((0.1, 40), (0.5, 6)):
        is_not_held, is_held, taken = simulated(StoppingRule(), probability, seed=2)
        assert is_not_held.mean() > 0.999
        assert not is_held.any()
        assert taken.mean() < at_most


def test_peeking_with_an_exact_interval_would_not_hold():
    """A look after each of 299 trials: the lower bound is above the limit somewhere far too often."""
    failures = (np.random.default_rng(3).random((RUNS, 299), dtype=np.float32) < 0.01).cumsum(axis=1)
    fewest = [np.argmax(exact_lower_bound(np.arange(n + 1), n) > 0.01) for n in range(1, 300)]
    assert (failures >= fewest).any(axis=1).mean() > 0.10


def test_peeking_for_held_would_not_hold():
    """Claiming as soon as the upper bound lies below the limit, with up to 2,000 trials."""
    failures = (np.random.default_rng(4).random((4000, 2000), dtype=np.float32) < 0.01).cumsum(axis=1)
    looks = {trials_needed(0.01, allowed): allowed for allowed in range(13)}
    assert max(looks) <= 2000
    claimed = np.any([failures[:, trials - 1] <= allowed for trials, allowed in looks.items()], axis=0)
    assert claimed.mean() > 0.08


@pytest.mark.parametrize("trials", [1, 10, 100, 299])
@pytest.mark.parametrize("limit", [0.01, 0.1])
def test_evidence_is_a_martingale_at_the_limit(trials, limit):
    """Its mean over all outcomes is 1 at the limit, less below and more above: what Ville's inequality rests on."""
    failures = np.arange(trials + 1)
    found = log_evidence(failures, trials, limit)
    means = [np.exp(binom.logpmf(failures, trials, p) + found).sum() for p in (limit / 2, limit, limit * 2)]
    assert means[1] == pytest.approx(1)
    assert means[0] < 1 < means[2]


@pytest.mark.parametrize(("failures", "trials"), [(0, 0), (0, 50), (1, 1), (3, 40), (20, 299)])
def test_evidence_is_the_average_likelihood_ratio(failures, trials):
    def weighted(p):
        return beta.pdf(p, *PRIOR) * (p / 0.01) ** failures * ((1 - p) / 0.99) ** (trials - failures)

    expected = quad(weighted, 0.01, 0.3, limit=200)[0] + quad(weighted, 0.3, 1, limit=200)[0]
    expected /= beta.sf(0.01, *PRIOR)
    assert np.exp(log_evidence(failures, trials, 0.01)) == pytest.approx(expected, rel=1e-6)


def test_evidence_grows_with_failures_and_stays_finite():
    assert (np.diff(log_evidence(np.arange(51), 50, 0.01)) > 0).all()
    assert np.isfinite(log_evidence([0, 300, 5000], [5000, 300, 5000], 0.01)).all()


def test_verdicts_of_a_cell():
    rule = StoppingRule()
    assert rule.verdict(0, 0) is Verdict.CONTINUE
    assert rule.verdict(0, 298) is Verdict.CONTINUE
    assert rule.verdict(0, 299) is Verdict.HELD
    assert rule.verdict(1, 299) is Verdict.UNDECIDED
    assert rule.verdict(2, 2) is Verdict.NOT_HELD
    assert rule.verdict(299, 299) is Verdict.NOT_HELD


@pytest.mark.parametrize(("trials", "most"), [(298, -1), (299, 0), (472, 0), (473, 1), (628, 2)])
def test_most_failures_of_a_plan(trials, most):
    rule = StoppingRule(trials=trials)
    assert rule.most_failures == most
    if most >= 0:
        assert rule.verdict(most, trials) is Verdict.HELD
        assert exact_upper_bound(most, trials) < 0.01
    assert rule.verdict(most + 1, trials) is Verdict.UNDECIDED


def test_trials_beyond_the_plan_are_told():
    with pytest.raises(InputError, match="299 trials were planned, got 300"):
        StoppingRule().verdict(0, 300)
    with pytest.raises(InputError, match="got 3 of 2"):
        StoppingRule().verdict(3, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"limit": 0}, "limit"), ({"confidence": 1}, "confidence"), ({"alpha": 5}, "alpha"), ({"trials": 0}, "one trial")],
)
def test_impossible_rules_are_told(options, message):
    with pytest.raises(InputError, match=message):
        StoppingRule(**options)
