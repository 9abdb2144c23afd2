"""All schemes by name, in the order in which tables and charts show them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sparebits.choices import Choice
from sparebits.errors import InputError
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan
from sparebits.schemes.bfloat16_code import bfloat16_with_code
from sparebits.schemes.cep import CEP
from sparebits.schemes.coded import planned
from sparebits.schemes.force_only import ForceOnly
from sparebits.schemes.hsiao import Hsiao
from sparebits.schemes.in_place_tmr import in_place_tmr
from sparebits.schemes.int8_copies import int8_three_times
from sparebits.schemes.minifloats import repeated, truncate_only
from sparebits.schemes.mset import MSET
from sparebits.schemes.names import CHOSEN, CLIPPED, GENTLE, POLICIES
from sparebits.schemes.parity_zero import ParityZero
from sparebits.schemes.range_restriction import RangeRestricted
from sparebits.schemes.replication import Replication
from sparebits.schemes.stored import StoredNetwork
from sparebits.schemes.thesis import thesis_hamming, thesis_secded
from sparebits.schemes.unprotected import Unprotected
from sparebits.schemes.wot import WotLike


@dataclass(frozen=True)
class Settings:
    """What schemes need to know of a network.

    Attributes:
        plan: the chosen one.
        choice: the thesis' floor and depth.
        bounds: of the layers' outputs over the calibration images, float64 (modules, 2); None leaves out the schemes
            that clip.
        gentle: the plan for a low bit error rate, if there is one.
    """

    plan: Plan
    choice: Choice
    bounds: np.ndarray | None = None
    gentle: Plan | None = None


@dataclass(frozen=True)
class Entry:
    """A scheme of the comparison.

    Attributes:
        name: in tables.
        policy: what a word beyond repair becomes by definition; None where none is ever detected.
        build: makes it; raises InputError where it does not fit the network.
    """

    name: str
    policy: str | None
    build: Callable[[str, FlatParameters, Settings, str], StoredNetwork]


ENTRIES = (
    Entry("unprotected", None, lambda n, p, s, _: Unprotected(p, n)),
    Entry("truncate-only", None, lambda n, p, s, _: truncate_only(n, s.plan, p)),
    Entry("force-only", None, lambda n, p, s, _: ForceOnly(n, s.choice, p)),
    Entry("parity-zero", "zero", lambda n, p, s, policy: ParityZero(p, policy, n)),
    Entry("MSET", None, lambda n, p, s, _: MSET(p, name=n)),
    Entry("CEP", "zero", lambda n, p, s, policy: CEP(p, policy, n)),
    Entry("in-place TMR", None, lambda n, p, s, _: in_place_tmr(n, s.choice, p)),
    Entry("WOT-like", "keep", lambda n, p, s, policy: WotLike(p, policy, n)),
    Entry("thesis", "keep", lambda n, p, s, policy: thesis_hamming(n, s.choice, p, policy)),
    Entry("thesis SEC-DED", "keep", lambda n, p, s, policy: thesis_secded(n, s.choice, p, policy)),
    Entry("SEC-DED (72,64)", "keep", lambda n, p, s, policy: Hsiao(p, policy, n)),
    Entry("replication c=1", "keep", lambda n, p, s, policy: Replication(p, policy, n, copies=1)),
    Entry("replication c=2", None, lambda n, p, s, _: Replication(p, name=n, copies=2)),
    Entry("replication c=4", None, lambda n, p, s, _: Replication(p, name=n, copies=4)),
    Entry("range restriction", None, lambda n, p, s, _: _clipped(n, Unprotected(p), s)),
    Entry("int8 three times", "keep", lambda n, p, s, policy: int8_three_times(n, p, policy)),
    Entry("bfloat16 + code", "keep", lambda n, p, s, policy: bfloat16_with_code(n, p, policy)),
    Entry("same-layout repetition", None, lambda n, p, s, _: repeated(n, s.plan, p)),
    Entry(GENTLE, None, lambda n, p, s, _: planned(n, _given(s.gentle), p)),
    Entry(CLIPPED, None, lambda n, p, s, _: _clipped(n, planned(CHOSEN, s.plan, p), s)),
    Entry(CHOSEN, None, lambda n, p, s, _: planned(n, s.plan, p)),
)


def build_schemes(
    parameters: FlatParameters, settings: Settings, every_policy: bool = False
) -> Iterator[StoredNetwork]:
    """The schemes that fit a network; why others do not is printed.

    Args:
        parameters: of the network.
        settings: of the schemes.
        every_policy: schemes that detect also with the other policies, named "SCHEME, POLICY".
    """
    for entry in ENTRIES:
        policies = POLICIES if every_policy and entry.policy else (entry.policy,)
        for policy in policies:
            name = entry.name if policy == entry.policy else f"{entry.name}, {policy}"
            try:
                yield entry.build(name, parameters, settings, policy)
            except InputError as error:
                print(f"{name} is left out: {error}", flush=True)


def _clipped(name: str, inner: StoredNetwork, settings: Settings) -> StoredNetwork:
    return RangeRestricted(name, inner, _given(settings.bounds))


def _given(setting):
    if setting is None:
        raise InputError("it was not asked for")
    return setting
