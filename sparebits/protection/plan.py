"""A plan says by role how tensors are protected."""

from dataclasses import asdict, dataclass

from sparebits.errors import InputError
from sparebits.protection.scheme import DECODERS, POLICIES

SPANS = ("word", "channel", "fused")
WINDOWS = ("tensor", "channel")


@dataclass(frozen=True)
class RolePlan:
    """How the tensors of a role are protected.

    Attributes:
        exponent_bits: of the window; the code's other data bits hold the sign, where there is one, and the mantissa.
        code: name in the catalogue.
        policy: what a detected word becomes, one of POLICIES.
        span: "word", or for BatchNorms "channel" (the four words of a channel in one code) or "fused" (their scale and
            shift in the four words).
        decoder: one of DECODERS.
    """

    exponent_bits: int
    code: str
    policy: str
    span: str = "word"
    decoder: str = "bounded distance"

    def __post_init__(self):
        named = ((self.policy, POLICIES), (self.span, SPANS), (self.decoder, DECODERS))
        if type(self.exponent_bits) is not int or not all(value in allowed for value, allowed in named):
            raise InputError(
                f"{self}: expected a number of exponent bits, a policy of {POLICIES}, a span of {SPANS} and a decoder "
                f"of {DECODERS}"
            )


@dataclass(frozen=True)
class Plan:
    """How a network is protected.

    Attributes:
        roles: by role; "word" stands for BatchNorms too that lack some of the four tensors.
        window: "tensor", or "channel" where powers of two were taken out of the channels before (layouts/channels.py).
    """

    roles: dict[str, RolePlan]
    window: str = "tensor"

    def __post_init__(self):
        if self.window not in WINDOWS:
            raise InputError(f"the window of a plan is one of {WINDOWS}, not {self.window!r}")

    def as_dict(self) -> dict:
        """What JSON can hold; `plan_from_dict` is the inverse."""
        return {"window": self.window, "roles": {role: asdict(plan) for role, plan in self.roles.items()}}


def plan_from_dict(entry: dict) -> Plan:
    """The inverse of `Plan.as_dict`.

    Raises:
        InputError: it is none.
    """
    try:
        return Plan({role: RolePlan(**plan) for role, plan in entry["roles"].items()}, entry["window"])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"a plan is not understood ({type(error).__name__}: {error}): {entry}") from None
