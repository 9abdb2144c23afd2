"""Layout, code and policy apart: every combination of them that fits into a word, each really encoded and decoded.

{raw, forced, minifloat} x {none, repetition, SEC-DED, best code} x {keep, zero, median, posterior mean}. Raw words have
no room for any code; policies only make a difference where words are detected, so none and repetition have one row
each.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sparebits.codes.catalogue import best_code, code_sizes
from sparebits.codes.linear import LinearCode
from sparebits.codes.modify import shorten
from sparebits.errors import InputError
from sparebits.parameters import FlatParameters
from sparebits.protection.thesis import forced_scheme, secded_of
from sparebits.schemes.coded import Coded, planned
from sparebits.schemes.force_only import uncoded
from sparebits.schemes.in_place_tmr import in_place_tmr
from sparebits.schemes.minifloats import repeated, truncate_only, with_policy, with_secded
from sparebits.schemes.names import POLICIES
from sparebits.schemes.registry import Settings
from sparebits.schemes.stored import StoredNetwork
from sparebits.schemes.unprotected import Unprotected

LAYOUTS = ("raw", "forced", "minifloat")
CODES = ("none", "repetition", "SEC-DED", "best code")


class Parts(NamedTuple):
    """What a scheme of the ablation consists of; `policy` is "none" where nothing is detected."""

    layout: str
    code: str
    policy: str

    @property
    def name(self) -> str:
        return " / ".join(self)


def ablation_schemes(parameters: FlatParameters, settings: Settings) -> Iterator[tuple[Parts, StoredNetwork]]:
    """The combinations that fit a network; why others do not is printed.

    Args:
        parameters: of the network.
        settings: the chosen plan and the thesis' choice.
    """
    for parts, build in _combinations(parameters, settings):
        try:
            yield parts, build(parts.name)
        except InputError as error:
            print(f"{parts.name} is left out: {error}", flush=True)


def _combinations(
    parameters: FlatParameters, settings: Settings
) -> Iterator[tuple[Parts, Callable[[str], StoredNetwork]]]:
    plan, choice, width = settings.plan, settings.choice, parameters.fmt.width
    yield Parts("raw", "none", "none"), lambda name: Unprotected(parameters, name)
    yield Parts("forced", "none", "none"), lambda name: _forced(name, parameters, settings, uncoded, "keep", "majority")
    yield Parts("forced", "repetition", "none"), lambda name: in_place_tmr(name, choice, parameters)
    yield Parts("minifloat", "none", "none"), lambda name: truncate_only(name, plan, parameters)
    yield Parts("minifloat", "repetition", "none"), lambda name: repeated(name, plan, parameters)

    def strongest(k: int) -> LinearCode:
        return strongest_code(k, width)

    for policy in POLICIES:
        yield (
            Parts("forced", "SEC-DED", policy),
            lambda name, policy=policy: _forced(name, parameters, settings, secded_of, policy),
        )
        yield (
            Parts("forced", "best code", policy),
            lambda name, policy=policy: _forced(name, parameters, settings, strongest, policy),
        )
        yield (
            Parts("minifloat", "SEC-DED", policy),
            lambda name, policy=policy: with_secded(name, plan, parameters, policy),
        )
        yield (
            Parts("minifloat", "best code", policy),
            lambda name, policy=policy: planned(name, with_policy(plan, policy), parameters),
        )


def strongest_code(k: int, n: int) -> LinearCode:
    """The code of the catalogue with n bits, at least k of them data, and the largest distance, shortened to k.

    Raises:
        InputError: there is none.
    """
    sizes = [data for length, data in code_sizes() if length == n and data >= k]
    if not sizes:
        raise InputError(f"no code of {n} bits in the catalogue has {k} data bits")
    code = max((best_code(n, data) for data in sizes), key=lambda code: (code.d, -code.k))
    return code if code.k == k else shorten(code, f"shortened {code.name} to {k}", code.k - k)


def _forced(
    name: str,
    parameters: FlatParameters,
    settings: Settings,
    code_of: Callable[[int], LinearCode],
    policy: str,
    decoder: str = "bounded distance",
) -> Coded:
    words, tensors = parameters.golden, parameters.tensors
    scheme = forced_scheme(settings.choice, "derived", code_of, policy, tensors, words, parameters.fmt, decoder)
    return Coded(name, scheme, words, tensors)
