"""The chosen layout with other codes: without one, repeated, with SEC-DED; what the layout alone is worth.

Truncate-only is the layout without a code: bits that inference does not need are not stored, so flips of them do
nothing. Same-layout repetition has the layout's k bits as often as they fit, an odd number of times, decided by
majority (6 bits five times in a word, a fused BatchNorm's 29 three times in its 128 bits). Neither is a published
scheme.
"""

from collections.abc import Callable
from dataclasses import replace

from sparebits.codes.catalogue import named_code
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan, RolePlan
from sparebits.protection.thesis import secded_of
from sparebits.schemes.coded import Coded, planned

WORDS_OF_SPAN = {"word": 1, "channel": 4, "fused": 4}


def truncate_only(name: str, plan: Plan, parameters: FlatParameters) -> Coded:
    """The layout without a code."""
    return planned(name, recoded(plan, parameters.fmt.width, uncoded, "keep", "majority"), parameters)


def repeated(name: str, plan: Plan, parameters: FlatParameters) -> Coded:
    """The layout's bits an odd number of times."""
    return planned(name, recoded(plan, parameters.fmt.width, repetition, "keep", "majority"), parameters)


def with_secded(name: str, plan: Plan, parameters: FlatParameters, policy: str) -> Coded:
    """The layout's bits in a SEC-DED code."""
    return planned(name, recoded(plan, parameters.fmt.width, secded, policy, "bounded distance"), parameters)


def with_policy(plan: Plan, policy: str) -> Plan:
    """The plan with another policy; codes over several words take the median for the posterior mean."""
    roles = {}
    for role, of_role in plan.roles.items():
        joint = of_role.span != "word"
        roles[role] = replace(of_role, policy="median" if joint and policy == "posterior mean" else policy)
    return Plan(roles, plan.window)


def recoded(plan: Plan, width: int, code_of: Callable[[int, int], str], policy: str, decoder: str) -> Plan:
    """The plan's layouts with other codes.

    Args:
        width: bits of a word of the network.
        code_of: name of the code for so many data bits in so many bits.
        policy, decoder: of all roles.
    """

    def with_code(of_role: RolePlan) -> RolePlan:
        code = code_of(named_code(of_role.code).k, width * WORDS_OF_SPAN[of_role.span])
        return replace(of_role, code=code, decoder=decoder)

    return with_policy(Plan({role: with_code(of_role) for role, of_role in plan.roles.items()}, plan.window), policy)


def uncoded(k: int, n: int) -> str:
    return f"uncoded({k},{k})"


def repetition(k: int, n: int) -> str:
    copies = n // k - (n // k + 1) % 2
    return f"repetition({k * copies},{k})" if copies > 1 else uncoded(k, n)


def secded(k: int, n: int) -> str:
    return secded_of(k).name
