"""Layout, code and policy apart: every combination is there, and only what differs makes a difference."""

import numpy as np
import pytest
from stored_schemes import CHOICE, NEAREST, PLANS, at_rate, trained

from sparebits.choices import Choice
from sparebits.codes.catalogue import best_code
from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS
from sparebits.schemes.ablation import CODES, LAYOUTS, Parts, ablation_schemes, strongest_code
from sparebits.schemes.names import POLICIES
from sparebits.schemes.registry import Settings

CORRECTING = ("SEC-DED", "best code")
DISTANCES = {6: 16, 7: 14, 8: 13, 9: 12, 10: 12, 11: 12, 12: 10, 13: 10, 14: 8, 15: 8, 16: 8, 17: 8, 21: 6, 26: 4}
"""Of the best codes of 32 bits known, by data bits (codetables.de)."""


@pytest.fixture
def parameters(small_network):
    return trained(small_network())


@pytest.fixture(params=PLANS)
def schemes(request, parameters):
    """All combinations, for each of some plans."""
    return dict(ablation_schemes(parameters, Settings(PLANS[request.param], CHOICE)))


def of_layout(schemes, layout, code=None):
    return {parts: stored for parts, stored in schemes.items() if parts.layout == layout and code in (None, parts.code)}


def test_all_combinations_are_there(schemes):
    without_policy = {("raw", "none"), ("forced", "none"), ("minifloat", "none")}
    without_policy |= {("forced", "repetition"), ("minifloat", "repetition")}
    expected = {Parts(*pair, "none") for pair in without_policy}
    expected |= {
        Parts(layout, code, policy) for layout in ("forced", "minifloat") for code in CORRECTING for policy in POLICIES
    }
    assert set(schemes) == expected
    assert {parts.layout for parts in schemes} == set(LAYOUTS)
    assert {parts.code for parts in schemes} == set(CODES)
    names = [stored.name for stored in schemes.values()]
    assert len(set(names)) == len(names)
    assert names == [parts.name for parts in schemes]
    assert Parts("forced", "SEC-DED", "keep").name == "forced / SEC-DED / keep"


def test_policies_are_those_of_the_name(schemes):
    for parts, stored in schemes.items():
        if parts.code in CORRECTING:
            # A posterior mean is computed for codes of single words only.
            joint = [group for group in stored.scheme.groups if group.span != "word"]
            assert {group.policy for group in stored.scheme.groups if group.span == "word"} == {parts.policy}
            expected = "median" if parts.policy == "posterior mean" else parts.policy
            assert {group.policy for group in joint} <= {expected}
        elif parts.layout != "raw":
            assert {group.decoder for group in stored.scheme.groups} == {"majority"}


def test_nothing_is_lost_to_a_code(schemes, parameters):
    raw = schemes[Parts("raw", "none", "none")]
    np.testing.assert_array_equal(raw.clean, parameters.golden)
    for layout in ("forced", "minifloat"):
        alone = schemes[Parts(layout, "none", "none")]
        for parts, stored in of_layout(schemes, layout).items():
            if parts != Parts("forced", "repetition", "none"):
                np.testing.assert_array_equal(stored.clean, alone.clean)
            assert len(stored.memory[PARAMETERS]) == len(parameters.golden)
    # The repetition of a forced layout has room for ten bits only, the more significant ones.
    coarse, fine = (
        schemes[Parts("forced", code, "none")].clean.view(np.float32).astype(float) for code in ("repetition", "none")
    )
    np.testing.assert_array_less(np.abs(coarse - fine), np.abs(fine) * 2**-3)


def test_policies_make_a_difference_for_detected_words_alone(schemes):
    for layout in ("forced", "minifloat"):
        for code in CORRECTING:
            by_policy = of_layout(schemes, layout, code)
            kept = by_policy[Parts(layout, code, "keep")]
            memory, _ = at_rate(kept, 0.1)
            words = memory[PARAMETERS]
            reference = kept.read(memory)
            is_detected = np.isin(kept.code_word_of, reference.detected)
            assert is_detected.any()
            readings = []
            for stored in by_policy.values():
                np.testing.assert_array_equal(stored.memory[PARAMETERS], kept.memory[PARAMETERS])
                # Metadata, which not all policies need, is as it was.
                reading = stored.read({**stored.memory, PARAMETERS: words})
                np.testing.assert_array_equal(reading.detected, reference.detected)
                np.testing.assert_array_equal(reading.words[~is_detected], reference.words[~is_detected])
                readings.append(reading.words[is_detected].tobytes())
            assert len(set(readings)) == len(POLICIES)


def test_stronger_codes_leave_fewer_words_wrong(schemes):
    for layout in ("forced", "minifloat"):
        wrong = {}
        for code in CODES:
            stored = next(iter(of_layout(schemes, layout, code).values()))
            reading = stored.read({**stored.memory, PARAMETERS: at_rate(stored, 0.02)[0][PARAMETERS]})
            wrong[code] = np.count_nonzero(reading.words != stored.clean)
        assert wrong["best code"] < wrong["SEC-DED"] < wrong["none"]
        assert wrong["best code"] <= wrong["repetition"] <= wrong["none"]


@pytest.mark.parametrize("k", DISTANCES)
def test_the_strongest_code_has_the_best_distance_known(k):
    code = strongest_code(k, 32)
    assert (code.k, code.d) == (k, DISTANCES[k])
    assert code.n <= 32


def test_sizes_without_a_code_are_shortened_from_a_larger_one():
    codes = [strongest_code(k, 32) for k in range(1, 27)]
    assert [code.k for code in codes] == list(range(1, 27))
    assert all(code.n <= 32 for code in codes)
    distances = [code.d for code in codes]
    assert distances == sorted(distances, reverse=True)
    assert (codes[18].n, codes[18].d) == (30, 6)  # of 19 bits: [32,21,6] without two
    for k in (5, 6, 7, 8, 9, 11):
        assert strongest_code(k, 16).d >= best_code(16, k).d
    with pytest.raises(InputError, match="no code of 32 bits in the catalogue has 27 data bits"):
        strongest_code(27, 32)


def test_what_does_not_fit_is_left_out_and_told(parameters, capsys):
    found = {parts for parts, _ in ablation_schemes(parameters, Settings(NEAREST, Choice(0, 2)))}
    left_out = {Parts("forced", code, policy) for code in CORRECTING for policy in POLICIES}
    assert not found & left_out
    assert len(found) == 21 - len(left_out)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(left_out)
    for parts in left_out:
        assert any(line.startswith(f"{parts.name} is left out: ") for line in printed)
