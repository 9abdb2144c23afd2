"""The schemes of the comparison: which there are, under which names, and which are left out."""

import numpy as np
import pytest
from stored_schemes import CHOICE, NEAREST, PLANS, trained

from sparebits.choices import Choice
from sparebits.faults.ber import CHECK_WORDS
from sparebits.parameters import FlatParameters
from sparebits.protection.default_plan import default_plan
from sparebits.schemes.clipping import clippable_modules
from sparebits.schemes.names import (
    CHOSEN,
    CLIPPED,
    EQUAL_MEMORY,
    GENTLE,
    OURS,
    PARTS,
    POLICIES,
    base_name,
    is_published,
)
from sparebits.schemes.registry import ENTRIES, Settings, build_schemes

NAMES = [entry.name for entry in ENTRIES]
PUBLISHED = {
    "parity-zero",
    "MSET",
    "CEP",
    "in-place TMR",
    "WOT-like",
    "thesis",
    "thesis SEC-DED",
    "SEC-DED (72,64)",
    "replication c=1",
    "replication c=2",
    "replication c=4",
    "range restriction",
}


@pytest.fixture
def parameters(small_network):
    return trained(small_network())


@pytest.fixture
def settings(parameters):
    modules = len(clippable_modules(parameters.model))
    return Settings(PLANS["fused"], CHOICE, np.tile([-1.0, 1.0], (modules, 1)), NEAREST)


def test_names_tell_ours_parts_rivals_and_published_schemes_apart():
    assert len(set(NAMES)) == len(NAMES)
    assert {name for name in NAMES if is_published(name)} == PUBLISHED
    assert set(NAMES) == PUBLISHED | {*OURS, *PARTS, *EQUAL_MEMORY}
    assert OURS == (CHOSEN, GENTLE, CLIPPED)


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_behind_the_name_does_not_make_it_another_scheme(name):
    assert base_name(name) == name
    for policy in POLICIES:
        assert base_name(f"{name}, {policy}") == name
        assert is_published(f"{name}, {policy}") == is_published(name)
    assert base_name(f"{name}, mode") == f"{name}, mode"


def test_all_schemes_are_built_once_in_order(parameters, settings, capsys):
    schemes = list(build_schemes(parameters, settings))
    assert [stored.name for stored in schemes] == NAMES
    assert capsys.readouterr().out == ""
    policies = {entry.name: entry.policy for entry in ENTRIES}
    for stored in schemes:
        assert len(stored.clean) == len(parameters.golden)
        if policies[stored.name]:
            assert stored.policy == policies[stored.name]
    beside = {stored.name for stored in schemes if CHECK_WORDS in stored.memory}
    assert beside == {"SEC-DED (72,64)", "replication c=1", "replication c=2", "replication c=4"}


def test_schemes_that_detect_are_built_with_every_policy(parameters, settings):
    built = {stored.name: stored for stored in build_schemes(parameters, settings, every_policy=True)}
    expected = []
    for entry in ENTRIES:
        if entry.policy is None:
            expected.append(entry.name)
        else:
            expected += [entry.name if policy == entry.policy else f"{entry.name}, {policy}" for policy in POLICIES]
    assert list(built) == expected
    for name, stored in built.items():
        if name != base_name(name):
            assert stored.policy == name.rpartition(", ")[2]
    for entry in ENTRIES:
        own = [stored.clean for name, stored in built.items() if base_name(name) == entry.name]
        assert all(np.array_equal(clean, own[0]) for clean in own)


def test_what_was_not_asked_for_is_left_out_and_told(parameters, capsys):
    names = [stored.name for stored in build_schemes(parameters, Settings(NEAREST, CHOICE))]
    left_out = ("range restriction", GENTLE, CLIPPED)
    assert names == [name for name in NAMES if name not in left_out]
    assert capsys.readouterr().out.splitlines() == [f"{name} is left out: it was not asked for" for name in left_out]


def test_what_does_not_fit_is_left_out_and_told(parameters, settings, small_network, capsys):
    large = Settings(settings.plan, Choice(0, 1), settings.bounds, settings.gentle)
    names = {stored.name for stored in build_schemes(parameters, large)}
    assert set(NAMES) - names == {"thesis", "thesis SEC-DED"}
    assert capsys.readouterr().out.count("do not fit into 32") == 2
    model = small_network()
    half = FlatParameters(model, {name: value.half() for name, value in model.state_dict().items()})
    names = {stored.name for stored in build_schemes(half, Settings(default_plan(half.fmt), Choice(0x0E, 6)))}
    assert {"CEP", "int8 three times", "bfloat16 + code"}.isdisjoint(names)
    assert {CHOSEN, "MSET", "parity-zero", "WOT-like", "unprotected"} <= names
    assert capsys.readouterr().out.count("defined for binary32, not for binary16") >= 2
