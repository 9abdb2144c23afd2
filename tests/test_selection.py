"""The selection: what is offered, what failing words cost, shortlist and frontier against brute force."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from sparebits.campaign.held import held_ber
from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
from sparebits.codes.probabilities import word_probabilities
from sparebits.decoding.maximum_likelihood import decode_nearest
from sparebits.evaluation import Variant
from sparebits.faults.patterns import exact_flips
from sparebits.formats import FORMATS
from sparebits.protection.plan import Plan, RolePlan, plan_from_dict
from sparebits.protection.windows import batchnorm_eps, windows_of, words_of_window
from sparebits.sampling import calibration_split
from sparebits.schemes.coded import planned
from sparebits.selection.choice import Candidate, choose
from sparebits.selection.expected_loss import (
    MOST_ANY_FAILS,
    Combination,
    CostCurve,
    RoleOption,
    ber_held,
    best_by_weights_code,
    frontier,
    gentlest,
    role_options,
    shortlist,
)
from sparebits.selection.failed_words import SAMPLES, failed_word_variants
from sparebits.selection.layout_stage import layout_variants, roles_of
from sparebits.selection.losses import measure_losses
from sparebits.selection.options import data_bits_worth_trying, layout_options, reference_option, role_plan
from sparebits.selection.seeds import CAMPAIGN, MAPS_OF_A_PURPOSE, SELECTION, first_seed
from sparebits.selection.selection import GENTLE_FAILURE_LOSSES, select
from sparebits.selection.trials import run_trials

BERS = np.geomspace(1e-3, 0.2, 25)


# --- calibration images


@pytest.mark.parametrize(("population", "share"), [(2, 0.2), (10, 0.01), (10, 0.99), (898, 0.2), (1000, 0.5)])
def test_the_split_covers_every_image_once(population, share):
    calibration, others = calibration_split(population, share, seed=4)
    assert sorted([*calibration, *others]) == list(range(population))
    assert len(calibration) == min(max(1, round(share * population)), population - 1)
    assert len(others) >= 1


def test_a_larger_share_contains_a_smaller_one_and_seeds_differ():
    small, large = (calibration_split(500, share, seed=1)[0] for share in (0.1, 0.3))
    assert set(small) < set(large)
    assert set(small) != set(calibration_split(500, 0.1, seed=2)[0])


def test_maps_of_selection_are_never_those_of_the_campaign():
    first = [first_seed(seed, purpose) for seed in range(50) for purpose in (SELECTION, CAMPAIGN)]
    assert len(set(first)) == len(first)
    assert np.diff(sorted(first)).min() >= MAPS_OF_A_PURPOSE


# --- what is offered


def test_data_bits_are_those_of_the_best_codes():
    assert data_bits_worth_trying(FORMATS["float32"], "word") == (6, 7, 8, 11, 13, 17)
    assert data_bits_worth_trying(FORMATS["float32"], "channel") == (43,)
    assert data_bits_worth_trying(FORMATS["float32"], "fused") == (22, 29)
    assert data_bits_worth_trying(FORMATS["float16"], "word") == (5, 7, 8, 11)


@pytest.mark.parametrize(
    ("code", "span", "decoder"),
    [
        ("extended-bch(128,22)", "fused", "maximum likelihood"),
        ("extended-bch(128,29)", "fused", "maximum likelihood"),
        ("extended-bch(128,43)", "channel", "bounded distance"),
        ("extended-bch(64,24)", "fused", "bounded distance"),
        ("extended-bch(64,36)", "channel", "bounded distance"),
        ("reed-muller(32,6)", "word", "bounded distance"),
        ("extended-bch(64,16)", "word", "bounded distance"),
    ],
)
def test_only_long_words_of_fused_batchnorms_are_searched(code, span, decoder):
    plan = role_plan(4, code, "median", span)
    assert plan == RolePlan(4, code, "median", span, decoder)


def test_options_are_decoded_as_the_codes_allow(fmt):
    """Every option's decoder takes its code's words, whatever the format."""
    for option in layout_options("batchnorm", fmt):
        plan = option.role_plan("median")
        assert plan.span == option.span
        if plan.decoder == "maximum likelihood":
            code = named_code(plan.code)
            assert option.span == "fused"
            assert len(decode_nearest(code, np.zeros((1, 2), dtype=np.uint64)).detected) == 0


@pytest.mark.parametrize("role", ["weights", "batchnorm", "other"])
def test_every_option_fits_its_code_and_format(fmt, role):
    options = list(layout_options(role, fmt, ("tensor", "channel")))
    assert len(set(options)) == len(options) >= 4
    for option in options:
        code = named_code(option.code)
        assert code.k == option.data_bits
        assert code.n == fmt.width * (1 if option.span == "word" else 4)
        assert 0 <= option.mantissa_bits <= fmt.mantissa_bits


def test_layout_variants_alter_only_their_role_and_by_less_the_more_bits(evaluator):
    parameters = evaluator.parameters
    words = {window: words_of_window(window, parameters) for window in windows_of(parameters)}
    assert set(words) == {"tensor", "channel"}
    for role in roles_of(parameters.tensors):
        options = [option for option in layout_options(role, parameters.fmt) if option.exponent_bits == 4]
        variants = layout_variants(parameters, options, words, batchnorm_eps(parameters.model))
        own = np.zeros(len(parameters.golden), dtype=bool)
        for tensor in parameters.tensors:
            own[tensor.span] = tensor.role == role
        errors = {}
        for option, variant in zip(options, variants, strict=True):
            altered = variant.words()
            assert np.array_equal(altered[~own], parameters.golden[~own])
            if option.span == "word":
                moved = altered[own].view(np.float32).astype(float) - parameters.golden[own].view(np.float32)
                errors[option.data_bits] = np.abs(moved).sum()
        assert list(errors.values()) == sorted(errors.values(), reverse=True)
        assert min(errors.values()) < 0.01 * max(errors.values())


def test_losses_come_with_how_far_the_margins_moved(evaluator, golden):
    """In layouts.csv, so that layouts that lose nothing can be told apart: the more bits kept, the less they move."""
    parameters = evaluator.parameters
    options = [option for option in layout_options("weights", parameters.fmt) if option.exponent_bits == 3]
    words = {window: words_of_window(window, parameters) for window in windows_of(parameters)}
    variants = [Variant("golden", {"data_bits": 32}, lambda: parameters.golden)]
    variants += [
        Variant(variant.id, {"data_bits": option.data_bits}, variant.words)
        for option, variant in zip(options, layout_variants(parameters, options, words, None), strict=True)
    ]
    table = measure_losses(evaluator, variants, golden, np.arange(80)).sort_values("data_bits", ascending=False)
    assert table["margin_shift"].iloc[0] == 0
    assert table["margin_shift"].is_monotonic_increasing
    assert table["margin_shift"].iloc[-1] > 10 * table["margin_shift"].iloc[1] > 0


# --- failed words


@pytest.mark.parametrize(("n", "width", "flips"), [(32, 32, 6), (21, 32, 3), (128, 32, 16), (7, 16, 7)])
def test_exact_flips_are_exact_and_uniform(n, width, flips):
    masks = exact_flips(np.random.default_rng(1), 4000, flips, n, width)
    assert masks.dtype == np.dtype(f"uint{width}")
    assert masks.shape == (4000, -(-n // width))
    assert (np.bitwise_count(masks).sum(axis=1) == flips).all()
    counts = np.array([((masks[:, bit // width] >> (bit % width)) & 1).sum() for bit in range(width * masks.shape[1])])
    assert not counts[n:].any()
    p = flips / n
    assert np.abs(counts[:n] - 4000 * p).max() <= 5 * np.sqrt(4000 * p * (1 - p))


@pytest.mark.parametrize("role", ["weights", "batchnorm", "other"])
def test_failed_words_fail_alone_and_alike_for_every_policy(evaluator, role):
    parameters = evaluator.parameters
    variants = failed_word_variants(parameters, role, 0.05, seed=3)
    assert {variant.columns["trial"] for variant in variants} == set(range(SAMPLES))
    altered_by = {}
    for variant in variants:
        columns = variant.columns
        assert columns["failed"] / columns["code_words"] == columns["fraction"]
        moved = np.flatnonzero(variant.words() != parameters.golden)
        own = [tensor for tensor in parameters.tensors if tensor.role == role]
        assert all(any(t.span.start <= index < t.span.stop for t in own) for index in moved)
        assert len(moved) <= columns["failed"] * (4 if columns["span"] == "channel" else 1)
        key = (columns["span"], columns["failed"], columns["trial"])
        altered_by.setdefault(key, {})[columns["policy"]] = set(moved)
    # Every policy meets the same words: what any of them altered are no more than failed.
    for (span, failed, _), by_policy in altered_by.items():
        assert len(by_policy) == (3 if span == "word" else 2)
        assert 1 <= len(set.union(*by_policy.values())) <= failed * (4 if span == "channel" else 1)


# --- expected loss


def synthetic_options() -> dict[str, list[RoleOption]]:
    """Layout losses fall with data bits, failure costs differ by policy."""
    options = {}
    for role, scale in (("weights", 1.0), ("batchnorm", 5.0), ("other", 0.1)):
        options[role] = [
            RoleOption(
                role,
                RolePlan(e, code, policy),
                "tensor",
                scale * (loss + more),
                curve(scale * slope),
                curve(20 * scale),
            )
            for code, loss in (
                ("reed-muller(32,6)", 0.4),
                ("tabulated(32,8)", 0.2),
                ("extended-bch(32,11)", 0.02),
                ("tabulated(32,17)", 0.0),
            )
            for e, more in ((3, 0.0), (4, 0.05))
            for policy, slope in (("median", 30.0), ("posterior mean", 8.0))
        ]
    return options


def curve(slope: float) -> CostCurve:
    fractions = np.array([0.0, 0.001, 0.01, 0.1])
    return CostCurve(fractions, slope * fractions)


def every(options: dict[str, list[RoleOption]]) -> list[Combination]:
    return [Combination(chosen) for chosen in product(*options.values())]


def test_cost_curves_are_linear_between_and_beyond():
    measured = CostCurve(np.array([0.0, 0.01, 0.1]), np.array([0.0, 1.0, 4.0]))
    assert measured.at(0) == 0
    assert measured.at(0.005) == pytest.approx(0.5)
    assert measured.at(0.055) == pytest.approx(2.5)
    assert measured.at(0.2) == pytest.approx(8.0)


def test_failure_loss_takes_the_codes_exact_probabilities():
    option = synthetic_options()["weights"][0]
    found = word_probabilities(named_code(option.plan.code), 0.08)
    assert option.failure_loss(0.08) == pytest.approx(30 * found.detected + 20 * found.miscorrected)


@pytest.mark.parametrize("ber", [0.005, 0.03, 0.08])
@pytest.mark.parametrize("tolerance", [0.01, 1.0, 100.0])
def test_shortlist_is_headed_by_the_best_of_all_within_the_tolerance(ber, tolerance):
    options = synthetic_options()
    short = shortlist(options, ber, tolerance, 5)
    allowed = [c for c in every(options) if c.layout_loss <= tolerance] or every(options)
    best = min(c.expected_loss(ber) for c in allowed)
    assert short[0].expected_loss(ber) == pytest.approx(best, abs=1e-3)
    assert len(short) == (1 if tolerance == 0.01 else 5)
    losses = [round(c.expected_loss(ber), 3) for c in short]
    assert losses == sorted(losses)
    codes = [tuple(option.plan.code for option in c.options[:2]) for c in short]
    assert len(set(codes)) == len(short)


def test_frontier_is_what_no_combination_beats():
    options = synthetic_options()
    found = frontier(options, BERS, 1.0)
    rates = [ber for ber, _ in found]
    losses = [c.layout_loss for _, c in found]
    assert len(found) >= 3
    assert rates == sorted(set(rates))
    assert losses == sorted(set(losses))
    held = [(ber_held(c, BERS, 1.0), c.layout_loss) for c in every(options)]
    for ber, combination in found:
        assert combination.expected_loss(ber) <= 1.0
        assert not any(h > ber * (1 + 1e-9) and loss < combination.layout_loss - 1e-12 for h, loss in held)


def test_best_by_weights_code_has_each_code_once():
    options = synthetic_options()
    best = best_by_weights_code(options, 0.03)
    assert sorted(best) == sorted({option.plan.code for option in options["weights"]})
    for code, combination in best.items():
        rivals = [c for c in every(options) if c.options[0].plan.code == code]
        assert combination.expected_loss(0.03) == pytest.approx(min(c.expected_loss(0.03) for c in rivals), abs=1e-3)


def test_role_options_take_losses_from_the_tables():
    layouts = pd.DataFrame(
        [
            ("weights", 3, "word", "tensor", "tabulated(32,8)", 0.25, 0.02),
            ("batchnorm", 4, "fused", "tensor", "extended-bch(128,22)", 0.5, 0.03),
        ],
        columns=["role", "exponent_bits", "span", "window", "code", "expected_loss_pp", "margin_shift"],
    )
    rows = [
        (role, span, policy, fraction, trial, loss * fraction * (1 + 0.1 * trial))
        for role, span, policy, loss in (
            ("weights", "word", "keep", 100),
            ("weights", "word", "zero", 50),
            ("weights", "word", "posterior mean", 10),
            ("batchnorm", "word", "keep", 1e6),
            ("batchnorm", "channel", "keep", 900),
            ("batchnorm", "channel", "median", 300),
        )
        for fraction in (0.01, 0.1)
        for trial in (0, 2)
    ]
    failed = pd.DataFrame(rows, columns=["role", "span", "policy", "fraction", "trial", "expected_loss_pp"])
    # Four words of a channel are one code word.
    failed["code_words"] = np.where(failed["span"] == "channel", 70, 280)
    options = role_options(layouts, failed)
    assert {o.plan.policy for o in options["weights"]} == {"zero", "posterior mean"}
    (norm,) = options["batchnorm"]
    assert (norm.plan.policy, norm.plan.span, norm.layout_loss) == ("median", "fused", 0.5)
    assert (norm.plan.decoder, norm.margin_shift) == ("maximum likelihood", 0.03)
    assert norm.code_words == 70
    assert {o.code_words for o in options["weights"]} == {280}
    assert {(o.plan.decoder, o.margin_shift) for o in options["weights"]} == {("bounded distance", 0.02)}
    # The mean of factors 1.0 and 1.2.
    assert norm.detected_cost.at(0.1) == pytest.approx(33)
    assert norm.miscorrected_cost.at(0.01) == pytest.approx(9.9)
    plan = Combination((options["weights"][0], norm)).plan
    assert plan_from_dict(plan.as_dict()) == plan
    assert plan.roles["other"] == options["weights"][0].plan


# --- gentle choice


def gentle_options() -> dict[str, list[RoleOption]]:
    """The more data bits, the weaker the code and the less a layout moves the network."""
    shifts = {
        "reed-muller(32,6)": 0.4,
        "tabulated(32,8)": 0.1,
        "extended-bch(32,11)": 0.02,
        "tabulated(32,13)": 0.005,
        "tabulated(32,17)": 0.0003,
    }
    return {
        role: [
            RoleOption(
                role, RolePlan(e, code, "median"), "tensor", 0.0, curve(scale), curve(20 * scale), (1 + wide) * shift
            )
            for code, shift in shifts.items()
            for e, wide in ((3, 0.0), (4, 0.5))
        ]
        for role, scale in (("weights", 30.0), ("batchnorm", 300.0), ("other", 1.0))
    }


@pytest.mark.parametrize("ber", [1e-4, 0.003, 0.01, 0.05])
@pytest.mark.parametrize("most", [1e-1, 1e-3, 1e-6])
def test_a_gentle_combination_moves_least_of_those_that_fail_seldom(ber, most):
    options = gentle_options()
    (combination,) = gentlest(options, ber, [most])
    assert [option.role for option in combination.options] == list(options)
    for option in combination.options:
        of_role = options[option.role]
        strong = [other for other in of_role if other.failure_loss(ber) <= most]
        if strong:
            assert option in strong
            assert option.margin_shift == min(other.margin_shift for other in strong)
        else:
            assert option.failure_loss(ber) == min(other.failure_loss(ber) for other in of_role)


@pytest.mark.parametrize("ber", [1e-4, 1e-3, 0.01, 0.03])
def test_every_word_of_gentle_batchnorms_and_biases_is_safe(ber):
    """Whatever failures cost on average, one spoilt word in a hundred maps is too many there; of weights it is not."""
    plain = gentle_options()
    counted = {role: [replace(option, code_words=100) for option in of_role] for role, of_role in plain.items()}
    (free,), (safe,) = gentlest(plain, ber, [10.0]), gentlest(counted, ber, [10.0])
    before, after = ({option.role: option for option in found.options} for found in (free, safe))
    for role in ("batchnorm", "other"):
        assert after[role].any_fails(ber) <= MOST_ANY_FAILS
        kind = [o for o in counted[role] if o.failure_loss(ber) <= 10.0 and o.any_fails(ber) <= MOST_ANY_FAILS]
        assert after[role].margin_shift == min(option.margin_shift for option in kind)
    assert after["weights"].plan == before["weights"].plan


def test_that_any_word_fails_is_bounded_by_all_of_them():
    option = replace(gentle_options()["weights"][0], code_words=300)
    found = word_probabilities(named_code(option.plan.code), 0.05)
    fails = found.detected + found.miscorrected
    assert 1 - (1 - fails) ** 300 <= option.any_fails(0.05) <= 1
    assert option.any_fails(0.05) == pytest.approx(300 * fails)
    assert option.any_fails(0.4) == 1


def test_gentle_combinations_grow_stronger_and_none_is_twice():
    options = gentle_options()
    found = gentlest(options, 0.01, [1e-1, 1e-1, 1e-3, 1e-6, 0.0])
    plans = [combination.plan.as_dict() for combination in found]
    assert 2 <= len(found) < 5
    assert all(plan not in plans[:place] for place, plan in enumerate(plans))
    shifts = [sum(option.margin_shift for option in combination.options) for combination in found]
    failures = [combination.expected_loss(0.01) for combination in found]
    assert shifts == sorted(shifts)
    assert failures == sorted(failures, reverse=True)


def test_a_layout_that_moved_all_margins_out_of_sight_is_not_gentle():
    """NaN, where no margin was finite, is further than any number, wherever it stands in the table."""
    options = gentle_options()
    for of_role in options.values():
        of_role.insert(0, replace(of_role[-1], margin_shift=float("nan")))
    (combination,) = gentlest(options, 1e-4, [0.1])
    assert not any(np.isnan(option.margin_shift) for option in combination.options)


@pytest.fixture(scope="module")
def measured_options():
    """layouts.csv and failed_words.csv in short: losses that fall with data bits, costs of failing words."""
    layouts = pd.DataFrame(
        [
            (role, 3, "word", "tensor", code, loss, loss / 10)
            for role in ("weights", "batchnorm", "other")
            for code, loss in (("reed-muller(32,6)", 0.3), ("extended-bch(32,11)", 0.01), ("tabulated(32,17)", 0.001))
        ],
        columns=["role", "exponent_bits", "span", "window", "code", "expected_loss_pp", "margin_shift"],
    )
    failed = pd.DataFrame(
        [
            (role, "word", policy, fraction, 0, cost * fraction)
            for role in ("weights", "batchnorm", "other")
            for policy, cost in (("keep", 5000), ("median", 500))
            for fraction in (1e-3, 1e-1)
        ],
        columns=["role", "span", "policy", "fraction", "trial", "expected_loss_pp"],
    )
    return role_options(layouts, failed.assign(code_words=100))


def test_a_gentle_choice_is_made_among_gentle_finalists(evaluator, golden, measured_options):
    def chosen(gentle: bool, ber: float):
        calibration, others = calibration_split(80, 0.5, seed=1)
        thesis = Choice(floor=0x60, depth=14)
        return select(
            evaluator, measured_options, thesis, golden, calibration, others, ber, 100.0, 2, seed=1, gentle=gentle
        )

    strong, gentle = chosen(False, 0.05), chosen(True, 0.001)
    offered = gentlest(measured_options, 0.001, GENTLE_FAILURE_LOSSES)
    plans = [entry["plan"] for entry in gentle.description["finalists"]]
    assert plans == [combination.plan.as_dict() for combination in offered]
    assert gentle.description["plan"] in plans
    # Few faults are met with less of the word spent on the code, and the network moves less.
    bits = {
        name: named_code(plan_from_dict(found.description["plan"]).roles["weights"].code).k
        for name, found in (("strong", strong), ("gentle", gentle))
    }
    assert bits["gentle"] > bits["strong"]
    assert (gentle.description["ber"], strong.description["ber"]) == (0.001, 0.05)
    assert set(gentle.description) == set(strong.description)


# --- choice


def candidate(name: str, fault_free: float, losses: list[float]) -> Candidate:
    trials = pd.DataFrame({"expected_loss_pp": losses, "drop_pp": losses})
    row = pd.Series({"drop_pp": fault_free, "expected_loss_pp": max(fault_free, 0)})
    return Candidate(name, Combination(()), None, row, trials)


def test_the_choice_loses_least_in_the_trials_within_the_tolerance():
    candidates = [candidate("a", 0.1, [0.4, 0.6]), candidate("b", 0.2, [0.1, 0.3]), candidate("c", 0.9, [0.0, 0.0])]
    assert choose(candidates, 0.5).name == "b"
    assert choose(candidates, 1.0).name == "c"
    assert choose(candidates, 0.05).name == "a"
    assert choose([candidates[0], candidate("d", 0.1, [0.6, 0.4])], 0.5).name == "a"


def test_of_two_that_lose_as_much_the_steadier_is_chosen():
    wild, steady = candidate("wild", 0.1, [0.0, 0.9, 0.0]), candidate("steady", 0.1, [0.4, 0.4, 0.4])
    assert choose([wild, steady], 0.5).name == "steady"
    # The mean still counts.
    assert (
        choose([candidate("steady", 0.1, [0.9, 0.9, 0.9]), candidate("less", 0.1, [0.1, 0.2, 0.3])], 0.5).name == "less"
    )


def test_a_high_loss_is_exceeded_by_one_map_in_a_hundred():
    losses = np.random.default_rng(3).normal(2.0, 0.5, 100_000)
    assert (losses > candidate("a", 0.0, list(losses)).high_loss).mean() == pytest.approx(0.01, abs=0.002)


@pytest.mark.parametrize(
    ("worst", "held"),
    [([0.0, 0.9, 1.0, 1.1], 0.03), ([0.0, 1.5, 0.0, 0.0], 0.001), ([2.0, 0.0, 0.0, 0.0], 0.0), ([0.0] * 4, 0.1)],
)
def test_a_rate_is_held_only_if_every_lower_one_is(worst, held):
    rates = [0.001, 0.01, 0.03, 0.1]
    rows = [(0.0, 0.0), *((ber, drop) for ber, drop in zip(rates, worst, strict=True)), *((ber, -1.0) for ber in rates)]
    assert held_ber(pd.DataFrame(rows, columns=["ber", "drop_pp"])) == held


# --- trials


def plan_of(fmt) -> Plan:
    roles = ("weights", "batchnorm", "other")
    return Plan({role: reference_option(role, "word", fmt).role_plan("median") for role in roles})


def test_trials_count_every_flip_and_meet_all_schemes_alike(evaluator, golden):
    parameters = evaluator.parameters
    contenders = [planned("a", plan_of(parameters.fmt), parameters), planned("b", plan_of(parameters.fmt), parameters)]
    indices = np.arange(0, 80, 2)
    table = run_trials(evaluator, contenders, [0.0, 0.01, 0.02], 4, 77, golden, indices)
    assert len(table) == 2 * (1 + 4 + 4)
    assert (table["images"] == 40).all()
    a, b = (table[table["scheme"] == name].reset_index(drop=True) for name in "ab")
    assert a.drop(columns="scheme").equals(b.drop(columns="scheme"))
    clean = a[a["ber"] == 0].iloc[0]
    assert clean["flips"] == 0
    hit = a[a["ber"] > 0]
    assert hit["flips"].min() > 0
    # t = 5 of 32 bits: all flips are corrected and the outcome is that without faults.
    assert (hit["detected"] + hit["miscorrected"] == 0).all()
    assert (hit["corrected"] == hit["flips"]).all()
    assert (hit[["hits", "lost", "gained"]] == clean[["hits", "lost", "gained"]]).all(axis=None)
    # Seeds count up, the same at every rate; maps nest.
    assert hit["seed"].tolist() == [77, 78, 79, 80] * 2
    low, high = (hit.loc[hit["ber"] == ber, "flips"].to_numpy() for ber in (0.01, 0.02))
    assert (high > low).all()
    assert hit["map_hash"].nunique() == 8


def test_detected_and_miscorrected_words_are_told_apart(evaluator, golden):
    parameters = evaluator.parameters
    kept = RolePlan(4, "extended-bch(32,11)", "keep")
    contender = planned("kept", Plan({"weights": kept, "batchnorm": kept, "other": kept}), parameters)
    table = run_trials(evaluator, [contender], [0.3], 6, 5, golden, np.arange(80))
    code, words = named_code("extended-bch(32,11)"), len(parameters.golden)
    found = word_probabilities(code, 0.3)
    for column, p in (("detected", found.detected), ("miscorrected", found.miscorrected)):
        mean, deviation = 6 * words * p, np.sqrt(6 * words * p * (1 - p))
        assert abs(table[column].sum() - mean) <= 4 * deviation + 1
        assert mean > 5 * deviation or column == "miscorrected"
